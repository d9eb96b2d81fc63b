"""A recording as a blob's bytes, and back: one deterministic writer and its exact inverse.

`recstore help format` describes the bytes. The writer puts the request first, and each member of a body, each
message and each stream event on a line of its own, so that a person can read a diff of two blobs.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, get_args

import orjson

from recstore.content.deltas import DeltaError, expand, shrink
from recstore.content.json_text import LAYOUTS, compact_lines, compact_text, refuse_unsayable
from recstore.errors import DamagedBlob, NewerVersion, UsageError
from recstore.model import Body, Framing, Headers, Json, JsonBody, RawBody, Recording, Request, Response, StreamBody

BLOB_VERSION: Final = 1

LLAMA_STACK: Final = "llama-stack"
VCR: Final = "vcr"

_MINTED_LENGTH: Final = 12
_HASH: Final = re.compile(rf"[0-9a-f]{{{_MINTED_LENGTH},}}")

PLACEHOLDER: Final = b"rec-*"
"""Stands in a blob for the id that a recorder made up for the response."""

_PLACEHOLDER_MEMBER: Final = b'"placeholder":"rec-*",\n'
_RESPONSE_START: Final = b'\n"response":{'
_FIELD_TYPES: Final = frozenset((str, dict, list))
_FRAMINGS: Final = frozenset(get_args(Framing))


def encode_recording(recording: Recording, generated_id: str = "") -> bytes:
    """Return the blob of `recording`; `placeholder` is the id that its recorder made up for the response."""
    response = _response_text(recording.response)
    start = _RESPONSE_START
    if generated_id and generated_id.encode() in response and PLACEHOLDER not in response:
        response = response.replace(generated_id.encode(), PLACEHOLDER)
        start += _PLACEHOLDER_MEMBER
    request = _request_text(recording.request)
    return b'{"recstore":%d,\n"request":{%b},%b%b}}\n' % (BLOB_VERSION, request, start, response)


def encode_checked(recording: Recording) -> bytes:
    """Return the blob of a recording that somebody put together by hand.

    Raises: UsageError: a body holds what JSON cannot say: NaN, an integer beyond 64 bits, a lone surrogate.
    """
    try:
        for body in (recording.request.body, recording.response.body):
            if isinstance(body, JsonBody | StreamBody):
                refuse_unsayable(body.value if isinstance(body, JsonBody) else body.events)
        refuse_unsayable(recording.response.error)
        data = encode_recording(recording)
        decode_recording(data, "recording")
    except (ValueError, TypeError, RecursionError, DamagedBlob) as error:
        reason = f"a body holds what JSON cannot say: {error}"
        raise UsageError("recording", reason, "Give the body's text, as a RawBody.") from error
    return data


def decode_recording(data: bytes, subject: str, generated_id: str = "") -> Recording:
    """Return the recording of the blob `data`, the placeholder replaced by `placeholder` if there is one.

    `subject` is the blob's file name, for errors.

    Raises: DamagedBlob: the bytes are not in the format. NewerVersion: a later recstore wrote them.
    """
    before, mark, after = data.partition(_RESPONSE_START + _PLACEHOLDER_MEMBER)
    if generated_id and mark:
        data = before + _RESPONSE_START + after.replace(PLACEHOLDER, generated_id.encode())
    with _document_of(data, subject) as document:
        return Recording(_read_request(document["request"]), _read_response(document["response"]))


def decode_request(data: bytes, subject: str) -> Request:
    """Return the request of the blob `data` alone.

    Raises: DamagedBlob, NewerVersion: as `decode_recording`.
    """
    with _document_of(data, subject) as document:
        return _read_request(document["request"])


def is_imported(origin: dict[str, Json]) -> bool:
    """Return whether the recording with this origin came from another recorder's file."""
    return "format" in origin


def origin_path(origin: dict[str, Json]) -> str:
    """Return the path of the file that the recording was imported from, "" if it was not."""
    path = origin.get("path", "")
    return path if isinstance(path, str) else ""


def placeholder_id(origin: dict[str, Json]) -> str:
    """Return the id that the recorder made up for the response, "" where it made up none.

    Source: llama-stack's recorder: `rec-` and the first 12 digits of the hash that names the file.
    """
    if origin.get("format") != LLAMA_STACK:
        return ""
    stem = origin_path(origin).rpartition("/")[2].partition(".")[0]
    return f"rec-{stem[:_MINTED_LENGTH]}" if _HASH.fullmatch(stem) else ""


@contextmanager
def _document_of(data: bytes, subject: str) -> Iterator[dict[str, Any]]:
    """Yield the blob's document; what whoever reads it finds amiss is damage of the blob `subject`."""
    try:
        document = orjson.loads(data)
        version = document.get("recstore") if isinstance(document, dict) else None
        if type(version) is int and version > BLOB_VERSION:
            raise NewerVersion(subject, f"is a blob of format {version}; this recstore reads up to {BLOB_VERSION}")
        if version != BLOB_VERSION:
            raise DamagedBlob(subject, "is JSON, but not a recstore blob")
        if not all(type(document.get(part)) is dict for part in ("request", "response")):
            raise DamagedBlob(subject, "is a blob without a request or without a response")
        yield document
    except orjson.JSONDecodeError as error:
        raise DamagedBlob(subject, f"is not JSON: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        what = str(error) if isinstance(error, DeltaError | binascii.Error) else repr(error)
        raise DamagedBlob(subject, f"is not in the format of a blob: {what}") from error


# -- writing


def _request_text(request: Request) -> bytes:
    members = [_member(name, getattr(request, name)) for name in ("method", "upstream", "path")]
    if request.query:
        members.append(_member("query", request.query))
    if request.headers:
        members.append(_member("headers", [list(pair) for pair in request.headers]))
    head = b",".join(members)
    return head + b",\n" + _body_text(request.body) if request.body is not None else head


def _response_text(response: Response) -> bytes:
    headers = [list(pair) for pair in response.headers]
    values = {"status": response.status, "reason": response.reason, "headers": headers, "type": response.type_name}
    members = [_member(name, value, _lines) for name, value in values.items() if value not in (None, "", [])]
    if response.error is not None:
        members.append(_member("error", response.error, _lines))
    if response.body is not None:
        members.append(_body_text(response.body))
    return b",\n".join(members)


def _body_text(body: Body) -> bytes:
    if isinstance(body, RawBody):
        try:
            return _member("text", body.data.decode())
        except UnicodeDecodeError:
            return _member("base64", base64.b64encode(body.data).decode())
    layout = _member("layout", body.layout) + b"," if body.layout else b""
    if isinstance(body, JsonBody):
        return layout + _member("json", body.value, _lines)
    return b"%b%b,%b" % (layout, _member("stream", body.framing), _member("events", shrink(body.events), _lines))


def _member(key: str, value: Any, text_of: Callable[[Any], bytes] = compact_text) -> bytes:
    return b'"%b":%b' % (key.encode(), text_of(value))


def _lines(value: Any) -> bytes:
    """Return `value` with a line for each member, and for each element of an array of containers."""
    if type(value) is dict and value:
        members = [orjson.dumps(key) + b":" + _value_text(member) for key, member in value.items()]
        return b"{\n" + b",\n".join(members) + b"\n}"
    return _value_text(value)


def _value_text(value: Any) -> bytes:
    if type(value) is list and value and type(value[0]) in (dict, list):
        return b"[\n" + compact_lines(value) + b"\n]"
    return compact_text(value)


# -- reading


def _read_request(document: dict[str, Any]) -> Request:
    method, upstream, path = (_text(document[name]) for name in ("method", "upstream", "path"))
    query = _text(document.get("query", ""))
    return Request(method, upstream, path, query, _read_headers(document), _read_body(document))


def _read_response(document: dict[str, Any]) -> Response:
    status, error = document.get("status"), document.get("error")
    if not (status is None or type(status) is int) or not (error is None or type(error) is dict):
        raise ValueError("status or error of the response is of a wrong type")
    reason, type_name = (_text(document.get(name, "")) for name in ("reason", "type"))
    return Response(status, reason, _read_headers(document), type_name, _read_body(document), error)


def _read_headers(document: dict[str, Any]) -> Headers:
    headers = document.get("headers", [])
    if type(headers) is not list or not all(type(pair) is list and len(pair) == 2 for pair in headers):  # noqa: PLR2004 - name, value
        raise ValueError("the headers are not pairs")
    return tuple((_text(name), _text(value)) for name, value in headers)


def _read_body(document: dict[str, Any]) -> Body | None:
    layout = _text(document.get("layout", ""))
    if layout and layout not in LAYOUTS:
        raise ValueError(f"the layout is not known: {layout!r:.40}")
    if "json" in document:
        return JsonBody(document["json"], layout)
    if "events" in document:
        framing, events = document["stream"], document["events"]
        if framing not in _FRAMINGS or type(events) is not list:
            raise ValueError("the framing of the stream is not known")
        events = expand(events)
        for event in events if framing.startswith("sse") else ():
            if type(event) is not dict or not all(type(value) in _FIELD_TYPES for value in event.values()):
                raise ValueError("an event of the stream is not an object of fields")
        return StreamBody(framing, events, layout)
    if "text" in document:
        return RawBody(_text(document["text"]).encode())
    return RawBody(base64.b64decode(document["base64"], validate=True)) if "base64" in document else None


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!r:.40} is not text")
    return value

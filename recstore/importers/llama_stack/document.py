"""llama-stack's recordings: one JSON file each, as its recorder's `json.dump(..., indent=2)` writes it.

A file becomes a recording, the test it belongs to, and an origin: what the file holds and the recording does not.
`write_file` predicts the file from these; the difference from the prediction is a delta in the origin, so that a shape
never seen before is still written back byte for byte.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, October 2025 to May 2026.
"""

from __future__ import annotations

from typing import Any, Final

from recstore.content.bodies import body_bytes, parse_event_stream
from recstore.content.deltas import delta_between, expand
from recstore.content.json_text import LAYOUTS, python_indented
from recstore.importers import SourceRecording
from recstore.importers.llama_stack.wire import (
    BODY_MEMBERS,
    extra_members,
    form_of,
    from_wire_body,
    from_wire_request,
    to_wire_request,
    with_raw_body,
)
from recstore.model import Body, Json, JsonBody, RawBody, Recording, Response, StreamBody
from recstore.store.blob import LLAMA_STACK
from recstore.upstreams import UpstreamMap

_NOT_IN_VERBATIM: Final = ("document", "extra", "arguments", "added")
"""Members that the origin does not need where the file's bytes are stored."""

_LIST: Final = "list["
"""How the type of a list begins; its elements' type and a bracket follow."""


def is_recording(document: Any) -> bool:
    """Return whether a JSON document has the shape of a llama-stack recording."""
    return (
        type(document) is dict
        and type(document.get("request")) is dict
        and type(document.get("response")) is dict
        and "body" in document["response"]
    )


def read_document(document: dict[str, Any], path: str, upstreams: UpstreamMap) -> SourceRecording:
    """Return the recording in a file that holds `document`; `path` is the file's, as the origin is to name it."""
    request, endpoint_base = to_wire_request(document["request"], upstreams)
    recording = Recording(request, _read_response(document["response"]))
    origin: dict[str, Json] = {"format": LLAMA_STACK, "path": path, "form": _shape_of(document), **endpoint_base}
    extra = extra_members(document["request"])
    if extra:
        origin["extra"] = extra
    test_id = document.get("test_id")
    test_id = test_id if isinstance(test_id, str) and test_id else None
    difference = delta_between(_envelope(recording, test_id, origin), _without_bodies(document))
    if difference:
        origin["document"] = difference
    return SourceRecording(test_id, recording, origin, is_union="/models-" in f"/{path}")


def read_verbatim(document: dict[str, Any], data: bytes, path: str, upstreams: UpstreamMap) -> SourceRecording:
    """Return a recording that carries the file's bytes as they are: for a file that JSON values cannot carry."""
    source = read_document({**document, "response": {"body": None, "is_streaming": False}}, path, upstreams)
    origin = {name: value for name, value in source.origin.items() if name not in _NOT_IN_VERBATIM}
    origin["form"] = "verbatim"
    recording = Recording(with_raw_body(source.recording.request), Response(body=RawBody(data)))
    return SourceRecording(source.test_id, recording, origin, source.is_union)


def write_file(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> bytes:
    """Return the bytes of the file that the recording was imported from."""
    if origin["form"] == "verbatim":
        return body_bytes(recording.response.body)
    document = _document(recording, test_id, origin)
    layout = origin.get("layout")
    return LAYOUTS[layout](document) if layout else python_indented(document) + b"\n"


# -- the document


def _shape_of(document: dict[str, Any]) -> str:
    """Return the form of the request, and how many of the two members that releases added the document has."""
    return f"{form_of(document['request'])}/{('test_id' in document) + ('id_normalization_mapping' in document)}"


def _document(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return the document that the file holds: the one predicted, with the origin's corrections, and the bodies."""
    document = _envelope(recording, test_id, origin)
    if "document" in origin:
        [document] = expand([document, origin["document"]])[1:]  # type: ignore[assignment]
    member = BODY_MEMBERS[origin["form"].partition("/")[0]]
    if document["request"].get(member, 0) is None:
        document["request"][member] = from_wire_body(recording.request, origin)
    if document["response"].get("body", 0) is None:
        document["response"]["body"] = _response_body(recording.response)
    return document


def _envelope(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return that document with null in place of the bodies, which the blob carries."""
    form, _, members = origin["form"].partition("/")
    request = from_wire_request(form, recording.request, test_id, origin)
    request.update(origin.get("extra", {}))
    document: dict[str, Any] = {"request": request, "response": _predicted_response(recording.response)}
    if members != "0":
        document = {"test_id": test_id, **document}
    if members == "2":
        document["id_normalization_mapping"] = {}
    return document


def _without_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `document` in which the bodies, which the blob carries, are null."""
    request, response = dict(document["request"]), dict(document["response"], body=None)
    member = BODY_MEMBERS[form_of(request)]
    if member in request:
        request[member] = None
    return dict(document, request=request, response=response)


# -- the response: typed objects of client libraries, streams of them, lines, errors


def _read_response(response: dict[str, Any]) -> Response:
    """Return the response in the `response` member of a recording."""
    body, type_name = _read_body(response["body"], is_streaming=response.get("is_streaming") is True)
    status, error = response.get("status"), response.get("exception_data")
    return Response(
        status=status if type(status) is int else None,
        type_name=type_name,
        body=body,
        error=error if response.get("is_exception") is True and type(error) is dict else None,
    )


def _read_body(body: Any, *, is_streaming: bool) -> tuple[Body | None, str]:
    if body is None:
        return None, ""
    if _is_typed(body):
        return JsonBody(body["__data__"]), body["__type__"]
    if type(body) is not list or not body:
        return JsonBody(body), ""
    if is_streaming and all(type(line) is str for line in body):
        return _read_lines(body), ""
    values, type_name = body, ""
    if all(map(_is_typed, body)) and all(item["__type__"] == body[0]["__type__"] for item in body):
        values, type_name = [item["__data__"] for item in body], body[0]["__type__"]
    if is_streaming:
        return StreamBody("objects", values), type_name
    return JsonBody(values), f"{_LIST}{type_name}]" if type_name else ""


def _is_typed(value: Any) -> bool:
    return type(value) is dict and list(value) == ["__type__", "__data__"] and type(value["__type__"]) is str


def _read_lines(lines: list[str]) -> Body:
    try:
        stream = parse_event_stream("".join(f"{line}\n" for line in lines).encode())
    except UnicodeEncodeError:
        stream = None
    if stream is None or stream.framing != "sse" or _stream_lines(stream) != lines:
        return StreamBody("objects", list(lines))
    return stream


def _stream_lines(stream: StreamBody) -> list[str]:
    return body_bytes(stream).decode().removesuffix("\n").split("\n")


def _response_body(response: Response) -> Json:
    """Return the `body` that the recorder writes for the response."""
    body = response.body
    if isinstance(body, JsonBody) and isinstance(body.value, list) and response.type_name.startswith(_LIST):
        return [_typed(value, response.type_name[len(_LIST) : -1]) for value in body.value]
    if isinstance(body, JsonBody):
        return _typed(body.value, response.type_name)
    if isinstance(body, StreamBody) and body.framing == "objects":
        return [_typed(event, response.type_name) for event in body.events]
    return list(_stream_lines(body)) if isinstance(body, StreamBody) else None


def _typed(value: Json, type_name: str) -> Json:
    return {"__type__": type_name, "__data__": value} if type_name else value


def _predicted_response(response: Response) -> dict[str, Any]:
    """Return the `response` member as the recorder writes it, with null in place of the body."""
    document: dict[str, Any] = {"body": None, "is_streaming": isinstance(response.body, StreamBody)}
    if response.status is not None:
        document = {"status": response.status, **document}
    if response.error is not None:
        document["is_exception"] = True
        document["exception_data"] = response.error
        document["exception_message"] = response.error.get("message")
    return document

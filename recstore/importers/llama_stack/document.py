"""llama-stack's recordings: one JSON file each, as its recorder's `json.dump(..., indent=2)` writes it.

A file becomes a recording, the test it belongs to, and an origin: what the recording does not say and the
file did. `write_file` predicts the file from these; whatever the prediction gets wrong is kept in the origin
as a delta, so that a shape never seen before is still written back byte for byte.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, October 2025 to May 2026.
"""

from __future__ import annotations

from typing import Any, Final

from recstore.content.bodies import body_bytes
from recstore.content.deltas import delta_between, expand
from recstore.content.json_text import LAYOUTS, python_indented
from recstore.importers import SourceRecording
from recstore.importers.llama_stack.request import (
    BODY_MEMBERS,
    extra_members,
    kind_of,
    predicted_request,
    read_request,
    storable,
    written_request_body,
)
from recstore.importers.llama_stack.response import predicted_response, read_response, written_body
from recstore.model import Json, RawBody, Recording, Response
from recstore.store.blob import LLAMA_STACK
from recstore.upstreams import UpstreamMap

_NEEDLESS: Final = ("document", "extra", "arguments", "added")
"""What the origin need not say of a file that is kept by its bytes."""


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
    request, endpoint_base = read_request(document["request"], upstreams)
    recording = Recording(request, read_response(document["response"]))
    origin: dict[str, Json] = {"format": LLAMA_STACK, "path": path, "form": _form(document), **endpoint_base}
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
    """Return a recording that carries the file's bytes as they are: for what no JSON value can stand for."""
    source = read_document({**document, "response": {"body": None, "is_streaming": False}}, path, upstreams)
    origin = {name: value for name, value in source.origin.items() if name not in _NEEDLESS}
    origin["form"] = "verbatim"
    recording = Recording(storable(source.recording.request), Response(body=RawBody(data)))
    return SourceRecording(source.test_id, recording, origin, source.is_union)


def write_file(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> bytes:
    """Return the bytes of the file that the recording was imported from."""
    if origin["form"] == "verbatim":
        return body_bytes(recording.response.body)
    document = _document(recording, test_id, origin)
    layout = origin.get("layout")
    return LAYOUTS[layout](document) if layout else python_indented(document) + b"\n"


# -- the document


def _form(document: dict[str, Any]) -> str:
    kind = kind_of(document["request"])
    members = (1 if "test_id" in document else 0) + (1 if "id_normalization_mapping" in document else 0)
    return f"{kind}/{members}"


def _document(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return the document that the file holds: the one predicted, with the origin's corrections, and the bodies."""
    document = _envelope(recording, test_id, origin)
    if "document" in origin:
        [document] = expand([document, origin["document"]])[1:]  # type: ignore[assignment]
    member = BODY_MEMBERS[origin["form"].partition("/")[0]]
    if document["request"].get(member, 0) is None:
        document["request"][member] = written_request_body(recording.request, origin)
    if document["response"].get("body", 0) is None:
        document["response"]["body"] = written_body(recording.response)
    return document


def _envelope(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return that document with null in place of the bodies, which the blob carries."""
    kind, _, members = origin["form"].partition("/")
    request = predicted_request(kind, recording.request, test_id, origin)
    request.update(origin.get("extra", {}))
    document: dict[str, Any] = {"request": request, "response": predicted_response(recording.response)}
    if members != "0":
        document = {"test_id": test_id, **document}
    if members == "2":
        document["id_normalization_mapping"] = {}
    return document


def _without_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `document` in which the bodies, which the blob carries, are null."""
    request, response = dict(document["request"]), dict(document["response"], body=None)
    member = BODY_MEMBERS[kind_of(request)]
    if member in request:
        request[member] = None
    return dict(document, request=request, response=response)

"""A stored response, made into what a client is to receive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, cast, get_args

from recstore.content.bodies import body_bytes, split_events
from recstore.model import Headers, Json, JsonBody, RawBody, Response, StreamBody
from recstore.record.sent import header
from recstore.record.wire import ErrorKind, WireError, WireResponse
from recstore.record.yielded import listed, sent_chunks, united

_KINDS: Final = frozenset(get_args(ErrorKind))
_BODILESS: Final = (204, 304)
_OK: Final = 200
_ERROR: Final = 400


def as_one(responses: list[Response]) -> Response:
    """Return the response that the recordings of one time give together; there are several for lists of models alone."""
    if len(responses) == 1:
        return responses[0]
    values = [response.body.value for response in responses if isinstance(response.body, JsonBody)]
    if not values:
        return responses[0]
    layout = responses[0].body.layout if isinstance(responses[0].body, JsonBody) else ""
    return replace(responses[0], body=JsonBody(united(values), layout))


def wire_response(response: Response, method: str, path: str) -> WireResponse:
    """Return what answers a request of that method and path."""
    if response.error is not None:
        return _failed(response, response.error, path)
    content_type, chunks = _chunks(response, path)
    return _complete(response, content_type, chunks, method)


def with_chunks(answer: WireResponse, chunks: tuple[bytes, ...]) -> WireResponse:
    """Return the answer with other chunks, of which a stated length tells the truth."""
    if chunks == answer.chunks:
        return answer
    length = str(sum(map(len, chunks)))
    headers = ((name, length if name == "content-length" else value) for name, value in answer.headers)
    return replace(answer, headers=tuple(headers), chunks=chunks)


def _complete(response: Response, content_type: str, chunks: tuple[bytes, ...], method: str) -> WireResponse:
    headers = response.headers
    if content_type and not header(headers, "content-type"):
        headers = (("content-type", content_type), *headers)
    status = _OK if response.status is None else response.status
    if not _is_stream(response, headers) and status not in _BODILESS and method != "HEAD":
        headers = (*headers, ("content-length", str(sum(map(len, chunks)))))
    return WireResponse(status, response.reason, headers, chunks)


def _chunks(response: Response, path: str) -> tuple[str, tuple[bytes, ...]]:
    """Return the content type that the body has where no header says it, and the body in the pieces that it comes in."""
    body = response.body
    if isinstance(body, JsonBody):
        if body.layout:
            return "", (body_bytes(body),)
        return "application/json", (body_bytes(JsonBody(listed(body.value, path))),)
    if isinstance(body, StreamBody):
        if body.framing == "objects":
            return sent_chunks(body, response.type_name)
        return "", tuple(body_bytes(StreamBody(body.framing, [event], body.layout)) for event in body.events)
    return "", _raw_chunks(body, response.headers)


def _raw_chunks(body: RawBody | None, headers: Headers) -> tuple[bytes, ...]:
    """Return the events of a stream that is stored as its bytes: broken off, or written unusually."""
    if body is None or not body.data:
        return ()
    if header(headers, "content-encoding") or not _has_events(headers):
        return (body.data,)
    return split_events(body.data)


def _has_events(headers: Headers) -> bool:
    return header(headers, "content-type").startswith("text/event-stream")


def _is_stream(response: Response, headers: Headers) -> bool:
    return isinstance(response.body, StreamBody) or _has_events(headers)


# -- errors


def _failed(response: Response, error: dict[str, Any], path: str) -> WireResponse:
    raised = WireError(_kind(error), str(error.get("type", "")), str(error.get("message", "")))
    if error.get("kind") in _KINDS:  # a recording of our own
        _, chunks = _chunks(response, path)
        return WireResponse(response.status, response.reason, response.headers, chunks, raised)
    status = next((code for code in (response.status, error.get("status_code")) if type(code) is int), None)
    if status is not None and status >= _ERROR:
        body: Json = error.get("body") or {"error": {"message": raised.message, "type": raised.type_name}}
        answer = Response(status, "", (), "", JsonBody(body))
        return _complete(answer, *_chunks(answer, path), "POST")
    content_type, chunks = _chunks(response, path)
    if not chunks:
        return WireResponse(None, "", (), (), raised)
    return WireResponse(_OK, "", (("content-type", content_type),) if content_type else (), chunks, raised)


def _kind(error: dict[str, Any]) -> ErrorKind:
    return cast("ErrorKind", error["kind"]) if error.get("kind") in _KINDS else "other"

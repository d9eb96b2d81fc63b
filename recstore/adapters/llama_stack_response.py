"""The response of a llama-stack recording: typed objects of client libraries, streams of them, lines, errors."""

from __future__ import annotations

from typing import Any

from recstore.bodies import body_bytes, parse_event_stream
from recstore.model import Body, Json, JsonBody, Recording, Response, StreamBody

__all__ = ["predicted_response", "read_response", "written_body"]


def read_response(response: dict[str, Any]) -> Response:
    """Return the response in the `response` member of a recording."""
    body, type_name = _read_body(response["body"])
    status, error = response.get("status"), response.get("exception_data")
    return Response(
        status=status if type(status) is int else None,
        type_name=type_name,
        body=body,
        error=error if response.get("is_exception") is True and type(error) is dict else None,
    )


def _read_body(body: Any) -> tuple[Body | None, str]:
    if body is None:
        return None, ""
    if _is_typed(body):
        return JsonBody(body["__data__"]), body["__type__"]
    if type(body) is not list or not body:
        return JsonBody(body), ""
    if all(map(_is_typed, body)) and all(event["__type__"] == body[0]["__type__"] for event in body):
        return StreamBody("objects", [event["__data__"] for event in body]), body[0]["__type__"]
    if all(type(line) is str for line in body):
        return _read_lines(body), ""
    return StreamBody("objects", body), ""


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


def written_body(response: Response) -> Json:
    """Return the `body` that the recorder writes for the response."""
    body = response.body
    if isinstance(body, JsonBody):
        return _typed(body.value, response.type_name)
    if isinstance(body, StreamBody) and body.framing == "objects":
        return [_typed(event, response.type_name) for event in body.events]
    return list(_stream_lines(body)) if isinstance(body, StreamBody) else None


def _typed(value: Json, type_name: str) -> Json:
    return {"__type__": type_name, "__data__": value} if type_name else value


def predicted_response(recording: Recording) -> dict[str, Any]:
    """Return the `response` member as the recorder writes it, with null in place of the body."""
    response = recording.response
    is_streaming = isinstance(response.body, StreamBody) and not recording.request.path.endswith("/models")
    document: dict[str, Any] = {"body": None, "is_streaming": is_streaming}
    if response.status is not None:
        document = {"status": response.status, **document}
    if response.error is not None:
        document["is_exception"] = True
        document["exception_data"] = response.error
        document["exception_message"] = response.error.get("message")
    return document

"""The response of a llama-stack recording: typed objects of client libraries, streams of them, lines, errors."""

from __future__ import annotations

from typing import Any, Final

from recstore.content.bodies import body_bytes, parse_event_stream
from recstore.model import Body, Json, JsonBody, Response, StreamBody

_LIST: Final = "list["
"""How the type of a list begins; its elements' type and a bracket follow."""


def read_response(response: dict[str, Any]) -> Response:
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


def written_body(response: Response) -> Json:
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


def predicted_response(response: Response) -> dict[str, Any]:
    """Return the `response` member as the recorder writes it, with null in place of the body."""
    document: dict[str, Any] = {"body": None, "is_streaming": isinstance(response.body, StreamBody)}
    if response.status is not None:
        document = {"status": response.status, **document}
    if response.error is not None:
        document["is_exception"] = True
        document["exception_data"] = response.error
        document["exception_message"] = response.error.get("message")
    return document

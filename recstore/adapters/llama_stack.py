"""llama-stack's recordings: one JSON file each, as its recorder's `json.dump(..., indent=2)` writes it.

A file becomes a recording, the test it belongs to, and an origin: what the recording does not say and the
file did. `write_file` predicts the file from these; whatever the prediction gets wrong is kept in the origin
as a delta, so that a shape never seen before is still written back byte for byte.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, October 2025 to May 2026.
"""

from __future__ import annotations

from typing import Any, Final

from recstore.adapters.source import SourceRecording
from recstore.bodies import body_bytes, parse_event_stream
from recstore.deltas import delta_between, expand
from recstore.json_text import LAYOUTS, python_indented
from recstore.model import Body, Json, JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.store.origins import LLAMA_STACK
from recstore.upstreams import UpstreamMap

__all__ = ["is_recording", "read_document", "read_verbatim", "write_file"]

_LISTINGS: Final = ("/models", "/api/ps", "/api/tags")
"""Endpoints whose requests the recorder writes down as POST with an empty body, and the client sent as GET."""

_CALL: Final = frozenset(("method", "url", "headers", "body", "endpoint", "model"))
_HTTP: Final = frozenset(("test_id", "url", "method", "payload"))
_TOOL: Final = frozenset(("test_id", "provider", "tool_name", "kwargs"))
_VERSION_SEGMENT: Final = "/v1"


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
    request, endpoint_base = _read_request(document["request"], upstreams)
    recording = Recording(request, _read_response(document["response"]))
    origin: dict[str, Json] = {"format": LLAMA_STACK, "path": path, "form": _form(document), **endpoint_base}
    extra = _extra_members(document)
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
    origin = {name: value for name, value in source.origin.items() if name not in ("document", "extra")}
    origin["form"] = "verbatim"
    recording = Recording(_storable(source.recording.request), Response(body=RawBody(data)))
    return SourceRecording(source.test_id, recording, origin, source.is_union)


def write_file(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> bytes:
    """Return the bytes of the file that the recording was imported from."""
    if origin["form"] == "verbatim":
        return body_bytes(recording.response.body)
    document = _document(recording, test_id, origin)
    layout = origin.get("layout")
    return LAYOUTS[layout](document) if layout else python_indented(document) + b"\n"


# -- the request


def _read_request(request: dict[str, Any], upstreams: UpstreamMap) -> tuple[Request, dict[str, Json]]:
    if type(request.get("url")) is not str:
        return _read_tool_call(request), {}
    url, endpoint = request["url"], request.get("endpoint", "")
    address = upstreams.address(_sent_url(url, endpoint if type(endpoint) is str else ""))
    body = request.get("payload" if "payload" in request else "body")
    method = str(request.get("method", "POST"))
    is_listing = method == "POST" and body == {} and address.path.endswith(_LISTINGS)
    base: dict[str, Json] = {"base": address.base}
    if endpoint and endpoint != _usual_endpoint(address.path):
        base["endpoint"] = endpoint
    sent = Request(
        method="GET" if is_listing else method,
        upstream=address.upstream,
        path=address.path,
        query=address.query,
        body=None if is_listing or body is None else JsonBody(body),
    )
    return sent, base


def _read_tool_call(request: dict[str, Any]) -> Request:
    name = request.get("tool_name") or request.get("api") or ""
    arguments = request.get("kwargs")
    if arguments is None:
        arguments = {key: value for key, value in request.items() if key not in ("test_id", "provider", "api")}
    return Request("CALL", str(request.get("provider", "")), f"/{name}", body=JsonBody(arguments))


def _storable(request: Request) -> Request:
    """Return `request` with a body that a blob can hold: its text, where its value is no plain JSON."""
    if not isinstance(request.body, JsonBody):
        return request
    import json

    text = json.dumps(request.body.value, ensure_ascii=True, separators=(",", ":")).encode()
    return Request(request.method, request.upstream, request.path, request.query, request.headers, RawBody(text))


def _sent_url(url: str, endpoint: str) -> str:
    """Return the URL that the client called: the recorder joins a base that ends in /v1 and an endpoint that begins so."""
    if endpoint.startswith(_VERSION_SEGMENT + "/") and url.endswith(endpoint):
        return url.removesuffix(endpoint) + endpoint.removeprefix(_VERSION_SEGMENT)
    return url


def _recorded_url(base: str, path: str, endpoint: str) -> str:
    suffix = endpoint.removeprefix(_VERSION_SEGMENT)
    if endpoint.startswith(_VERSION_SEGMENT + "/") and path.endswith(suffix):
        return base + path.removesuffix(suffix) + endpoint
    return base + path


def _usual_endpoint(path: str) -> str:
    start = path.rfind(_VERSION_SEGMENT + "/")
    return path[start:] if start >= 0 else path


# -- the response


def _read_response(response: dict[str, Any]) -> Response:
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


def _written_request_body(request: Request) -> Json:
    """Return the request body as recorded; the recorder notes down `{}` for a listing, which has none."""
    if isinstance(request.body, JsonBody):
        return request.body.value
    return {} if request.method == "GET" and request.path.endswith(_LISTINGS) else None


def _written_body(response: Response) -> Json:
    body = response.body
    if isinstance(body, JsonBody):
        return _typed(body.value, response.type_name)
    if isinstance(body, StreamBody) and body.framing == "objects":
        return [_typed(event, response.type_name) for event in body.events]
    return list(_stream_lines(body)) if isinstance(body, StreamBody) else None


def _typed(value: Json, type_name: str) -> Json:
    return {"__type__": type_name, "__data__": value} if type_name else value


# -- the document


def _form(document: dict[str, Any]) -> str:
    kind = _kind_of(document["request"])
    members = (1 if "test_id" in document else 0) + (1 if "id_normalization_mapping" in document else 0)
    return f"{kind}/{members}"


def _kind_of(request: dict[str, Any]) -> str:
    return "http" if "payload" in request else "call" if "url" in request else "tool"


def _extra_members(document: dict[str, Any]) -> dict[str, Json]:
    """Return the members of the request that no known form has, such as `provider_metadata`."""
    known = {"http": _HTTP, "call": _CALL, "tool": _TOOL}[_form(document).partition("/")[0]]
    return {name: value for name, value in document["request"].items() if name not in known}


def _document(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return the document that the file holds: the one predicted, with the origin's corrections, and the bodies."""
    document = _envelope(recording, test_id, origin)
    if "document" in origin:
        [document] = expand([document, origin["document"]])[1:]  # type: ignore[assignment]
    member = _BODY_MEMBERS[origin["form"].partition("/")[0]]
    if document["request"].get(member, 0) is None:
        document["request"][member] = _written_request_body(recording.request)
    if document["response"].get("body", 0) is None:
        document["response"]["body"] = _written_body(recording.response)
    return document


def _envelope(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return that document with null in place of the bodies, which the blob carries."""
    kind, _, members = origin["form"].partition("/")
    request = _REQUESTS[kind](recording.request, test_id, origin)
    request.update(origin.get("extra", {}))
    document: dict[str, Any] = {"request": request, "response": _predicted_response(recording)}
    if members != "0":
        document = {"test_id": test_id, **document}
    if members == "2":
        document["id_normalization_mapping"] = {}
    return document


def _predicted_call(request: Request, _test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    endpoint = origin.get("endpoint") or _usual_endpoint(request.path)
    body = request.body.value if isinstance(request.body, JsonBody) else {}
    return {
        "method": "POST",
        "url": _recorded_url(origin["base"], request.path, endpoint) + _question(request.query),
        "headers": {},
        "body": None,
        "endpoint": endpoint,
        "model": body.get("model", "") if type(body) is dict else "",
    }


def _predicted_http(request: Request, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    return {
        "test_id": test_id,
        "url": origin["base"] + request.path + _question(request.query),
        "method": request.method,
        "payload": None,
    }


def _predicted_tool(request: Request, test_id: str | None, _origin: dict[str, Any]) -> dict[str, Any]:
    return {
        "test_id": test_id,
        "provider": request.upstream,
        "tool_name": request.path.removeprefix("/"),
        "kwargs": None,
    }


_REQUESTS: Final = {"call": _predicted_call, "http": _predicted_http, "tool": _predicted_tool}


def _question(query: str) -> str:
    return f"?{query}" if query else ""


def _predicted_response(recording: Recording) -> dict[str, Any]:
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


_BODY_MEMBERS: Final = {"call": "body", "http": "payload", "tool": "kwargs"}


def _without_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `document` in which the bodies, which the blob carries, are null."""
    request, response = dict(document["request"]), dict(document["response"], body=None)
    member = _BODY_MEMBERS[_kind_of(request)]
    if member in request:
        request[member] = None
    return dict(document, request=request, response=response)

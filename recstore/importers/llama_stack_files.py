"""llama-stack's recordings: one JSON file each, as its recorder's `json.dump(..., indent=2)` writes it.

`write_file` predicts the file from the recording, its test and its origin; the difference from the prediction is a delta
in the origin, so that a shape never seen before is still written back byte for byte. Of a call the recorder notes the
client method's arguments and an endpoint of its own choice: the request is what went over the wire instead, where a
client that no recorder has patched is to find it.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, June 2025 to May 2026; openai-python, `_base_client.py`;
ollama-python, `_client.py`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from recstore.content.bodies import body_bytes, parse_event_stream
from recstore.content.deltas import delta_between, expand
from recstore.content.json_text import LAYOUTS, python_indented
from recstore.importers import SourceRecording
from recstore.model import Body, Json, JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.store.blob import LLAMA_STACK
from recstore.upstreams import UpstreamMap

_LIST: Final = "list["  # how the type of a list begins; its elements' type and a bracket follow

_BODY_MEMBERS: Final = {"call": "body", "http": "payload", "tool": "kwargs"}  # which hold a noted request's body
_MEMBERS: Final = {
    "call": frozenset(("method", "url", "headers", "body", "endpoint", "model")),
    "http": frozenset(("test_id", "url", "method", "payload")),
    "tool": frozenset(("test_id", "provider", "tool_name", "kwargs")),
}
# Endpoints whose requests the recorder notes as POST with an empty body, and the client sent as GET.
_LISTINGS: Final = ("/models", "/api/ps", "/api/tags")
# Arguments that the openai client does not send as they are: it adds those of the first to the body, of the second to
# the query.
_EXTRAS: Final = frozenset(("extra_body", "extra_query", "extra_headers", "timeout"))
# An endpoint as noted, the argument that shows it is another, and where the request went: the ollama client's `embed` has
# an endpoint of its own, and early recordings of chats have that of plain completions.
_SENT_TO: Final = (("/api/embeddings", "input", "/api/embed"), ("/v1/completions", "messages", "/chat/completions"))


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
    noted = document["request"]
    form = _form_of(noted)
    request, endpoint_base = to_wire_request(noted, upstreams)
    noted_response = document["response"]
    body, type_name = _read_body(noted_response["body"], is_streaming=noted_response.get("is_streaming") is True)
    status, error = noted_response.get("status"), noted_response.get("exception_data")
    status = status if type(status) is int else None
    error = error if noted_response.get("is_exception") is True and type(error) is dict else None
    recording = Recording(request, Response(status=status, type_name=type_name, body=body, error=error))
    added = ("test_id" in document) + ("id_normalization_mapping" in document)  # the members that releases added
    origin: dict[str, Json] = {"format": LLAMA_STACK, "path": path, "form": f"{form}/{added}", **endpoint_base}
    extra = {name: value for name, value in noted.items() if name not in _MEMBERS[form]}
    if extra:  # such as `provider_metadata`
        origin["extra"] = extra
    test_id = document.get("test_id")
    test_id = test_id if isinstance(test_id, str) and test_id else None
    bare = {name: None if name == _BODY_MEMBERS[form] else value for name, value in noted.items()}
    without_bodies = {**document, "request": bare, "response": {**noted_response, "body": None}}
    difference = delta_between(_envelope(recording, test_id, origin), without_bodies)
    if difference:
        origin["document"] = difference
    return SourceRecording(test_id, recording, origin, is_union="/models-" in f"/{path}")


def read_verbatim(document: dict[str, Any], data: bytes, path: str, upstreams: UpstreamMap) -> SourceRecording:
    """Return a recording that carries the file's bytes as they are: for a file that JSON values cannot carry."""
    source = read_document({**document, "response": {"body": None, "is_streaming": False}}, path, upstreams)
    of_file = ("document", "extra", "arguments", "added")  # which the stored bytes say
    origin = {name: value for name, value in source.origin.items() if name not in of_file} | {"form": "verbatim"}
    request = source.recording.request
    if isinstance(request.body, JsonBody):  # as text: a blob can hold that where the value is not plain JSON
        text = json.dumps(request.body.value, ensure_ascii=True, separators=(",", ":")).encode()
        request = replace(request, body=RawBody(text))
    return SourceRecording(source.test_id, Recording(request, Response(body=RawBody(data))), origin, source.is_union)


def write_file(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> bytes:
    """Return the bytes of the file that the recording was imported from."""
    if origin["form"] == "verbatim":
        return body_bytes(recording.response.body)
    document = _envelope(recording, test_id, origin)
    if "document" in origin:
        [document] = expand([document, origin["document"]])[1:]  # type: ignore[assignment]
    member = _BODY_MEMBERS[origin["form"].partition("/")[0]]
    if document["request"].get(member, 0) is None:
        document["request"][member] = from_wire_body(recording.request, origin)
    if document["response"].get("body", 0) is None:
        document["response"]["body"] = _response_body(recording.response)
    layout = origin.get("layout")
    return LAYOUTS[layout](document) if layout else python_indented(document) + b"\n"


def _envelope(recording: Recording, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return the document that the recorder writes, with null in place of the bodies, which the blob carries."""
    form, _, members = origin["form"].partition("/")
    request = from_wire_request(form, recording.request, test_id, origin)
    request.update(origin.get("extra", {}))
    response: dict[str, Any] = {"body": None, "is_streaming": isinstance(recording.response.body, StreamBody)}
    if recording.response.status is not None:
        response = {"status": recording.response.status, **response}
    if recording.response.error is not None:
        error = recording.response.error
        response |= {"is_exception": True, "exception_data": error, "exception_message": error.get("message")}
    document: dict[str, Any] = {"request": request, "response": response}
    if members != "0":
        document = {"test_id": test_id, **document}
    if members == "2":
        document["id_normalization_mapping"] = {}
    return document


# -- the request: what the recorder noted of it, and what went over the wire


def _form_of(noted: dict[str, Any]) -> str:
    if type(noted.get("url")) is not str:
        return "tool"
    return "http" if "payload" in noted else "call"


def to_wire_request(noted: dict[str, Any], upstreams: UpstreamMap) -> tuple[Request, dict[str, Json]]:
    """Return the request that the client sent, and what the origin must hold to write the noted one again."""
    if _form_of(noted) == "tool":
        name, arguments = noted.get("tool_name") or noted.get("api") or "", noted.get("kwargs")
        if arguments is None:
            arguments = {key: value for key, value in noted.items() if key not in ("test_id", "provider", "api")}
        return Request("CALL", str(noted.get("provider", "")), f"/{name}", body=JsonBody(arguments)), {}
    url, endpoint, arguments = noted["url"], noted.get("endpoint"), noted.get("body")
    endpoint = endpoint if type(endpoint) is str else ""
    if endpoint and url.endswith(endpoint):
        names = arguments if type(arguments) is dict else {}
        sent_to = (
            path for other, sign, path in _SENT_TO if other == endpoint and sign in names and "prompt" not in names
        )
        url = url.removesuffix(endpoint) + next(sent_to, _without_version(endpoint))
    address = upstreams.address(url)
    body, origin = (noted["payload"], {}) if "payload" in noted else _to_wire_body(arguments, endpoint)
    origin = {"base": address.base, **origin}
    method = str(noted.get("method", "POST"))
    is_listing = method == "POST" and body == {} and address.path.endswith(_LISTINGS)
    if endpoint and endpoint != _usual_endpoint(address.path):
        origin["endpoint"] = endpoint
    query, added = address.query, arguments.get("extra_query") if type(arguments) is dict else None
    if type(added) is dict and all(type(value) in (str, int, float) for value in added.values()):
        query = "&".join(filter(None, (query, urlencode(added))))
    method, sent = ("GET", None) if is_listing else (method, None if body is None else JsonBody(body))
    return Request(method, address.upstream, address.path, query, body=sent), origin


def from_wire_request(form: str, request: Request, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return the request as the recorder notes it, with null in place of its body."""
    query = f"?{request.query}" if request.query else ""
    if form == "tool":
        name = request.path.removeprefix("/")
        return {"test_id": test_id, "provider": request.upstream, "tool_name": name, "kwargs": None}
    if form == "http":
        url = origin["base"] + request.path + query
        return {"test_id": test_id, "url": url, "method": request.method, "payload": None}
    endpoint = origin.get("endpoint") or _usual_endpoint(request.path)
    endings = [*(path for other, _, path in _SENT_TO if other == endpoint), _without_version(endpoint)]
    ending = next(filter(request.path.endswith, endings), "")
    path = request.path.removesuffix(ending) + endpoint if ending else request.path
    body = request.body.value if isinstance(request.body, JsonBody) else {}
    return {
        "method": "POST",
        "url": origin["base"] + path + query,
        "headers": {},
        "body": None,
        "endpoint": endpoint,
        "model": body.get("model", "") if type(body) is dict else "",
    }


def from_wire_body(request: Request, origin: dict[str, Any]) -> Json:
    """Return the request body as noted; the recorder notes `{}` for a listing, which has none."""
    extras, added = origin.get("arguments", {}), origin.get("added")
    is_listing = request.method == "GET" and request.path.endswith(_LISTINGS)
    body: Json = request.body.value if isinstance(request.body, JsonBody) else {} if is_listing else None
    if not isinstance(body, dict):
        return dict(extras) if extras else body
    plain = {name: value for name, value in body.items() if name != added and name not in _sent_extras(extras)}
    return {**plain, **extras}


def _to_wire_body(arguments: Any, endpoint: str) -> tuple[Any, dict[str, Json]]:
    """Return the body that the client makes of its arguments, and what the origin must hold to give those again.

    The recorder notes those that are not sent as they are last. Anywhere else, or where both name the same member,
    nothing is certain, and the arguments stand for the body.
    """
    if type(arguments) is not dict:
        return arguments, {}
    if endpoint == "/api/chat" and "tools" not in arguments:  # the ollama client sends an empty list
        return {**arguments, "tools": []}, {"added": "tools"}
    if _EXTRAS.isdisjoint(arguments):
        return arguments, {}
    plain = {name: value for name, value in arguments.items() if name not in _EXTRAS}
    extras = {name: value for name, value in arguments.items() if name in _EXTRAS}
    members = _sent_extras(extras)
    if list(arguments) != [*plain, *extras] or not plain.keys().isdisjoint(members):
        return arguments, {}
    return {**plain, **members}, {"arguments": extras}


def _sent_extras(extras: dict[str, Any]) -> dict[str, Json]:
    members = extras.get("extra_body")
    return members if type(members) is dict else {}


def _usual_endpoint(path: str) -> str:
    start = path.rfind("/v1/")
    return path[start:] if start >= 0 else path


def _without_version(endpoint: str) -> str:
    return endpoint.removeprefix("/v1") if endpoint.startswith("/v1/") else endpoint


# -- the response: typed objects of client libraries, streams of them, lines, errors


def _read_body(body: Any, *, is_streaming: bool) -> tuple[Body | None, str]:
    if body is None:
        return None, ""
    if _is_typed(body):
        return JsonBody(body["__data__"]), body["__type__"]
    if type(body) is not list or not body:
        return JsonBody(body), ""
    if is_streaming and all(type(line) is str for line in body):
        with suppress(UnicodeEncodeError):
            stream = parse_event_stream("".join(f"{line}\n" for line in body).encode())
            if stream is not None and stream.framing == "sse" and _stream_lines(stream) == body:
                return stream, ""
        return StreamBody("objects", list(body)), ""
    values, type_name = body, ""
    if all(map(_is_typed, body)) and all(item["__type__"] == body[0]["__type__"] for item in body):
        values, type_name = [item["__data__"] for item in body], body[0]["__type__"]
    if is_streaming:
        return StreamBody("objects", values), type_name
    return JsonBody(values), f"{_LIST}{type_name}]" if type_name else ""


def _is_typed(value: Any) -> bool:
    return type(value) is dict and list(value) == ["__type__", "__data__"] and type(value["__type__"]) is str


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

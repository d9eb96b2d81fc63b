"""The request of a llama-stack recording: what the recorder noted of it, and what went over the wire.

The recorder notes calls of client libraries (`call`), plain HTTP requests (`http`) and invocations of tools (`tool`),
each in a form of its own. Of a call it notes the arguments of the client's method, and an endpoint that it has chosen
for the method. Neither is always what goes over the wire, where another client, which no recorder has patched, is to
find the recording.

Source: openai-python, `_base_client.py`; ollama-python, `_client.py`; the recorder, June 2025 to May 2026.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

from recstore.model import Json, JsonBody, RawBody, Request
from recstore.upstreams import UpstreamMap

RequestForm: TypeAlias = Literal["call", "http", "tool"]

BODY_MEMBERS: Final[dict[RequestForm, str]] = {"call": "body", "http": "payload", "tool": "kwargs"}
"""The member of a noted request that holds its body."""

_MEMBERS: Final = {
    "call": frozenset(("method", "url", "headers", "body", "endpoint", "model")),
    "http": frozenset(("test_id", "url", "method", "payload")),
    "tool": frozenset(("test_id", "provider", "tool_name", "kwargs")),
}
_LISTINGS: Final = ("/models", "/api/ps", "/api/tags")
"""Endpoints whose requests the recorder notes as POST with an empty body, and the client sent as GET."""

_VERSION: Final = "/v1"

_EXTRAS: Final = frozenset(("extra_body", "extra_query", "extra_headers", "timeout"))
"""Arguments that the openai client does not send as they are: it adds those of the first to the body, of the second to the query."""

_SENT_TO: Final = (("/api/embeddings", "input", "/api/embed"), ("/v1/completions", "messages", "/chat/completions"))
"""An endpoint as noted, the argument that shows it is another, and where the request went.

The ollama client's `embed` has an endpoint of its own, and early recordings of chats have that of plain completions.
"""

_ADDED: Final = {"/api/chat": "tools"}
"""Endpoint -> the list that the ollama client sends, empty, where it was not among the arguments."""


def form_of(noted: dict[str, Any]) -> RequestForm:
    """Return the form of a noted request."""
    if type(noted.get("url")) is not str:
        return "tool"
    return "http" if "payload" in noted else "call"


def extra_members(noted: dict[str, Any]) -> dict[str, Json]:
    """Return the members of the request that no known form has, such as `provider_metadata`."""
    return {name: value for name, value in noted.items() if name not in _MEMBERS[form_of(noted)]}


def to_wire_request(noted: dict[str, Any], upstreams: UpstreamMap) -> tuple[Request, dict[str, Json]]:
    """Return the request that the client sent, and what the origin must hold to write the noted one again."""
    if form_of(noted) == "tool":
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
    request = Request(
        method="GET" if is_listing else method,
        upstream=address.upstream,
        path=address.path,
        query=query,
        body=None if is_listing or body is None else JsonBody(body),
    )
    return request, origin


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
    body: Json = None
    if isinstance(request.body, JsonBody):
        body = request.body.value
    elif request.method == "GET" and request.path.endswith(_LISTINGS):
        body = {}
    if not isinstance(body, dict):
        return dict(extras) if extras else body
    plain = {name: value for name, value in body.items() if name != added and name not in _sent_extras(extras)}
    return {**plain, **extras}


def with_raw_body(request: Request) -> Request:
    """Return `request` with its body as text: a blob can hold that where the value is not plain JSON."""
    if not isinstance(request.body, JsonBody):
        return request
    text = json.dumps(request.body.value, ensure_ascii=True, separators=(",", ":")).encode()
    return Request(request.method, request.upstream, request.path, request.query, request.headers, RawBody(text))


def _to_wire_body(arguments: Any, endpoint: str) -> tuple[Any, dict[str, Json]]:
    """Return the body that the client makes of its arguments, and what the origin must hold to give those again.

    The recorder notes those that are not sent as they are last. Anywhere else, or where both name the same member,
    nothing is certain, and the arguments stand for the body.
    """
    if type(arguments) is not dict:
        return arguments, {}
    added = _ADDED.get(endpoint)
    if added is not None and added not in arguments:
        return {**arguments, added: []}, {"added": added}
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
    start = path.rfind(f"{_VERSION}/")
    return path[start:] if start >= 0 else path


def _without_version(endpoint: str) -> str:
    return endpoint.removeprefix(_VERSION) if endpoint.startswith(f"{_VERSION}/") else endpoint

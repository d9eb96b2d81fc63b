"""The request of a llama-stack recording: what the recorder wrote of it, and what the client really sent.

The recorder writes down calls of client libraries (`call`), plain HTTP requests (`http`) and invocations of
tools (`tool`), each in a form of its own.
"""

from __future__ import annotations

import json
from typing import Any, Final

from recstore.importers.llama_stack.wire import recorded_body, recorded_url, sent_body, sent_query, sent_url
from recstore.model import Json, JsonBody, RawBody, Request
from recstore.upstreams import UpstreamMap

_LISTINGS: Final = ("/models", "/api/ps", "/api/tags")
"""Endpoints whose requests the recorder writes down as POST with an empty body, and the client sent as GET."""

_CALL: Final = frozenset(("method", "url", "headers", "body", "endpoint", "model"))
_HTTP: Final = frozenset(("test_id", "url", "method", "payload"))
_TOOL: Final = frozenset(("test_id", "provider", "tool_name", "kwargs"))
_VERSION_SEGMENT: Final = "/v1"


BODY_MEMBERS: Final = {"call": "body", "http": "payload", "tool": "kwargs"}


def kind_of(request: dict[str, Any]) -> str:
    """Return which form a recorded request has: `call`, `http` or `tool`."""
    if type(request.get("url")) is not str:
        return "tool"
    return "http" if "payload" in request else "call"


def extra_members(request: dict[str, Any]) -> dict[str, Json]:
    """Return the members of the request that no known form has, such as `provider_metadata`."""
    known = {"http": _HTTP, "call": _CALL, "tool": _TOOL}[kind_of(request)]
    return {name: value for name, value in request.items() if name not in known}


def read_request(request: dict[str, Any], upstreams: UpstreamMap) -> tuple[Request, dict[str, Json]]:
    """Return the request that the client sent, and what the origin must say to write the recorded one again."""
    if kind_of(request) == "tool":
        return _read_tool_call(request), {}
    url, endpoint = request["url"], request.get("endpoint")
    endpoint = endpoint if type(endpoint) is str else ""
    arguments = request.get("body")
    address = upstreams.address(sent_url(url, endpoint, arguments))
    body, origin = (request["payload"], {}) if "payload" in request else sent_body(arguments, endpoint)
    base: dict[str, Json] = {"base": address.base, **origin}
    method = str(request.get("method", "POST"))
    is_listing = method == "POST" and body == {} and address.path.endswith(_LISTINGS)
    if endpoint and endpoint != _usual_endpoint(address.path):
        base["endpoint"] = endpoint
    sent = Request(
        method="GET" if is_listing else method,
        upstream=address.upstream,
        path=address.path,
        query=sent_query(address.query, arguments),
        body=None if is_listing or body is None else JsonBody(body),
    )
    return sent, base


def _read_tool_call(request: dict[str, Any]) -> Request:
    name = request.get("tool_name") or request.get("api") or ""
    arguments = request.get("kwargs")
    if arguments is None:
        arguments = {key: value for key, value in request.items() if key not in ("test_id", "provider", "api")}
    return Request("CALL", str(request.get("provider", "")), f"/{name}", body=JsonBody(arguments))


def storable(request: Request) -> Request:
    """Return `request` with a body that a blob can hold: its text, where its value is no plain JSON."""
    if not isinstance(request.body, JsonBody):
        return request
    text = json.dumps(request.body.value, ensure_ascii=True, separators=(",", ":")).encode()
    return Request(request.method, request.upstream, request.path, request.query, request.headers, RawBody(text))


def _usual_endpoint(path: str) -> str:
    start = path.rfind(_VERSION_SEGMENT + "/")
    return path[start:] if start >= 0 else path


def written_request_body(request: Request, origin: dict[str, Any]) -> Json:
    """Return the request body as recorded; the recorder notes down `{}` for a listing, which has none."""
    if isinstance(request.body, JsonBody):
        return recorded_body(request.body.value, origin)
    is_listing = request.method == "GET" and request.path.endswith(_LISTINGS)
    return recorded_body({} if is_listing else None, origin)


def _predicted_call(request: Request, _test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    endpoint = origin.get("endpoint") or _usual_endpoint(request.path)
    body = request.body.value if isinstance(request.body, JsonBody) else {}
    return {
        "method": "POST",
        "url": recorded_url(origin["base"], request.path, endpoint) + _question(request.query),
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


def predicted_request(kind: str, request: Request, test_id: str | None, origin: dict[str, Any]) -> dict[str, Any]:
    """Return the request as the recorder writes it, with null in place of its body."""
    return _FORMS[kind](request, test_id, origin)


_FORMS: Final = {"call": _predicted_call, "http": _predicted_http, "tool": _predicted_tool}


def _question(query: str) -> str:
    return f"?{query}" if query else ""

"""A request as a client sends it, made into the request that is keyed, looked up and stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from recstore.content.bodies import parse_body
from recstore.content.canonical import identity_headers, request_key
from recstore.content.encodings import UndecodableError, decoded
from recstore.model import Headers, JsonBody, RawBody, Request, RequestKey
from recstore.record.multipart import is_multipart, with_constant_boundary
from recstore.record.server_ids import Names
from recstore.record.wire import WireRequest
from recstore.secrets.redact import Redaction, looks_made_up
from recstore.upstreams import UpstreamMap

_CREDENTIAL_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "x-auth-token")
)
_SHORTEST_CREDENTIAL = 12
_COOKIE_VALUE = re.compile(r"=\"?([^;\"]+)")
_NO_PATH = re.compile(r"\A([^:/?#]+://[^/?#]+)(?=[?#]|\Z)")
"""Some clients leave away what all of them send: `/`, where a URL has no path."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, secrets and ids replaced, and its key. The body is bytes still: looking it up needs no structure."""

    request: Request
    key: RequestKey
    content_type: str

    def storable(self) -> Request:
        """Return the request as it is stored: its body in the form that reads best, its type where that tells more."""
        body = parse_body(self.request.body.data) if isinstance(self.request.body, RawBody) else None
        tells_more = self.content_type and body is not None and not isinstance(body, JsonBody)
        kept: Headers = (("content-type", self.content_type),) if tells_more else ()
        return replace(self.request, headers=tuple(sorted((*self.request.headers, *kept))), body=body)

    def text(self) -> bytes:
        """Return the bytes in which the request can name an id."""
        data = self.request.body.data if isinstance(self.request.body, RawBody) else b""
        return f"{self.request.path}?{self.request.query}\n".encode("utf-8", "replace") + data


def read_request(wire: WireRequest, upstreams: UpstreamMap, redaction: Redaction, names: Names) -> Sent:
    """Return what is to be looked up for `wire`."""
    address = upstreams.address(_NO_PATH.sub(r"\1/", wire.url))
    content_type = header(wire.headers, "content-type")
    content_type, body = _body(wire, content_type, redaction)
    body = names.to_stored(body)
    request = Request(
        method=wire.method.upper(),
        upstream=address.upstream,
        path=_text_to_stored(redaction.path_text(address.path), names),
        query=_text_to_stored(redaction.query_text(address.query), names),
        headers=redaction.header_pairs(identity_headers(wire.headers)),
        body=RawBody(body) if body else None,
    )
    return Sent(request, request_key(request), content_type)


def credentials_of(wire: WireRequest, redaction: Redaction) -> tuple[bytes, ...]:
    """Return what the request's headers and its query prove who is asking with: servers repeat it in their errors."""
    names = _CREDENTIAL_HEADERS.union(redaction.headers)
    values = [value for name, value in wire.headers if name.lower() in names]
    found = [word for value in values for word in value.split()]
    found += filter(looks_made_up, _COOKIE_VALUE.findall(header(wire.headers, "cookie")))
    found += redaction.secret_parameters(wire.url.partition("#")[0].partition("?")[2])
    words = {word for word in found if len(word) >= _SHORTEST_CREDENTIAL}
    return tuple(word.encode("utf-8", "replace") for word in sorted(words, key=len, reverse=True))


def header(headers: Headers, name: str) -> str:
    """Return the value of the header of that name, in small letters; "" where there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


def _body(wire: WireRequest, content_type: str, redaction: Redaction) -> tuple[str, bytes]:
    body = wire.body
    if not body:
        return content_type, body
    encoding = header(wire.headers, "content-encoding")
    if encoding:
        try:
            body = decoded(body, encoding)
        except UndecodableError:
            return content_type, body
    if is_multipart(content_type):
        content_type, body = with_constant_boundary(content_type, body)
        return content_type, redaction.parts(body)
    if content_type.startswith("application/x-www-form-urlencoded"):
        return content_type, redaction.query_text(body.decode("latin-1")).encode("latin-1", "replace")
    return content_type, redaction.text(body)


def _text_to_stored(text: str, names: Names) -> str:
    return names.to_stored(text.encode()).decode() if text else text

"""From the wire to the store: a request as it is keyed and stored, a response as it is stored.

Transport encodings, boundaries, secrets, volatile values and generated ids are taken out, in this order.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from recstore.content.bodies import body_bytes, parse_body
from recstore.content.canonical import identity_headers, request_key
from recstore.content.encodings import UndecodableError, decoded
from recstore.content.volatile import scrub_volatile, stable_headers
from recstore.model import Json, RawBody, Request, Response, StreamBody
from recstore.record.exchange import Exchange, NormalisedRequest, WireRequest, header_value
from recstore.record.server_ids import IdMap, IdRewriter
from recstore.secrets.redact import REDACTED, Redaction, SecretScan, looks_made_up, redacted_stream
from recstore.upstreams import UpstreamMap

BOUNDARY: Final = "recstore-boundary"
"""Replaces the boundary that a client makes up for each body of several parts."""

_STATED_BOUNDARY: Final = re.compile(r'(?i)(;\s*boundary=)(?:"([^"]+)"|([^\s;,"]+))')
_CREDENTIAL_HEADERS: Final = frozenset(
    ("authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "x-auth-token")
)
_MIN_CREDENTIAL_LENGTH: Final = 12
_COOKIE_VALUE: Final = re.compile(r"=\"?([^;\"]+)")
_NO_PATH: Final = re.compile(r"\A([^:/?#]+://[^/?#]+)(?=[?#]|\Z)")
"""A URL without a path: some clients leave away the `/` that all of them send."""


def normalise_request(wire: WireRequest, upstreams: UpstreamMap, redaction: Redaction, ids: IdMap) -> NormalisedRequest:
    """Return the request that is looked up, and stored, for `wire`."""
    content_type, body = header_value(wire.headers, "content-type"), wire.body
    try:
        body = decoded(body, header_value(wire.headers, "content-encoding"))
        if content_type.lstrip()[:10].lower() == "multipart/":
            content_type, body = with_constant_boundary(content_type, body)
            body = redaction.parts(body)
        elif content_type.startswith("application/x-www-form-urlencoded"):
            body = redaction.query_text(body.decode("latin-1")).encode("latin-1", "replace")
        else:
            body = redaction.text(body)
    except UndecodableError:
        pass  # it is keyed and stored as it is sent
    body = ids.to_stored(body)
    address = upstreams.address(_NO_PATH.sub(r"\1/", wire.url))
    request = Request(
        method=wire.method.upper(),
        upstream=address.upstream,
        path=ids.to_stored(redaction.path_text(address.path).encode()).decode(),
        query=ids.to_stored(redaction.query_text(address.query).encode()).decode() if address.query else "",
        headers=redaction.header_pairs(identity_headers(wire.headers)),
        body=RawBody(body) if body else None,
    )
    return NormalisedRequest(request, request_key(request), content_type)


def with_constant_boundary(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return both with the boundary replaced; unchanged, if none is stated or the new one occurs in the body."""
    stated = _STATED_BOUNDARY.search(content_type)
    if stated is None or BOUNDARY.encode() in body:
        return content_type, body
    boundary = (stated[2] or stated[3]).encode("latin-1", "replace")
    delimiter = re.compile(rb"(?:\A|(?<=\n))--" + re.escape(boundary) + rb"(?=\s|--)")
    content_type = _STATED_BOUNDARY.sub(rf"\g<1>{BOUNDARY}", content_type, count=1)
    return content_type, delimiter.sub(b"--" + BOUNDARY.encode(), body)


def normalise_response(exchange: Exchange, redaction: Redaction, ids: IdMap) -> Response:
    """Return the response that is stored for the answer so far, and enter its generated ids in `ids`.

    A body that cannot be decoded is stored with its encoding, untouched.
    """
    credentials = find_credentials(exchange.wire, redaction)

    def clean(text: str) -> str:
        text = text.encode("utf-8", "replace").decode()  # clients make lone surrogates of bytes that are not text
        for credential in credentials:
            text = text.replace(credential.decode("utf-8", "replace"), REDACTED)
        return text

    method, headers, data = exchange.request.request.method, exchange.headers, b"".join(exchange.chunks)
    encoding = header_value(headers, "content-encoding")
    try:
        if encoding and data:
            data = decoded(data, encoding)
            headers = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
        rewriter = IdRewriter(ids, exchange.request.key, exchange.request.text(), is_lookup=method in ("GET", "HEAD"))
        body = parse_body(data)
        redacted = data
        if isinstance(body, StreamBody):
            # Secrets that come in pieces go first: an event that has lost its part of one does not show the next one's.
            own = (re.escape(credential.decode("utf-8", "replace")) for credential in credentials)
            stream = redacted_stream(body, SecretScan(patterns=(*redaction.patterns, *own)))
            redacted = data if stream is body else body_bytes(stream)
        for credential in credentials:
            redacted = redacted.replace(credential, REDACTED.encode())
        redacted = redaction.text(redacted)
        if redacted != data:
            body = parse_body(redacted)
        body = scrub_volatile(body, rewriter.stored, partial(rewriter.stored, is_generated=True))
    except UndecodableError:
        body = parse_body(data)
    headers = redaction.header_pairs(stable_headers(headers, with_length=method == "HEAD"))
    error: dict[str, Json] | None = None
    if exchange.error is not None:
        message = redaction.query_in(clean(exchange.error.message))
        error = {"type": clean(exchange.error.type_name), "message": message, "kind": exchange.error.kind}
    return Response(
        status=exchange.status,
        reason=clean(exchange.reason),
        headers=tuple((name, clean(value)) for name, value in headers),
        body=body,
        error=error,
    )


def find_credentials(wire: WireRequest, redaction: Redaction) -> tuple[bytes, ...]:
    """Return the credentials in the request's headers and query, the longest first: servers repeat them in their errors."""
    names = _CREDENTIAL_HEADERS.union(redaction.headers)
    words = [word for name, value in wire.headers if name.lower() in names for word in value.split()]
    words += filter(looks_made_up, _COOKIE_VALUE.findall(header_value(wire.headers, "cookie")))
    words += redaction.secret_parameters(wire.url.partition("#")[0].partition("?")[2])
    credentials = {word for word in words if len(word) >= _MIN_CREDENTIAL_LENGTH}
    return tuple(word.encode("utf-8", "replace") for word in sorted(credentials, key=len, reverse=True))

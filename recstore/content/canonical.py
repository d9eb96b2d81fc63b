"""What is the same request: the canonical form of a request, and the key made of it.

`recstore help format` states the rule. It has a version, because a key is a file name: changing what follows
without a new `RULE_VERSION` would orphan every store there is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import blake3

from recstore.content.bodies import body_bytes
from recstore.content.json_text import NotExactError, parse_exact, sorted_text
from recstore.model import Headers, Json, JsonBody, Request, RequestKey

RULE_VERSION: Final = 1

IDENTITY_HEADERS: Final = frozenset(
    (
        *("accept", "accept-language", "if-match", "if-none-match", "range", "soapaction", "x-http-method-override"),
        *("anthropic-beta", "anthropic-version", "openai-beta"),
    )
)
"""The only headers that can make two requests differ."""

_INDIFFERENT_MEDIA_TYPES: Final = frozenset(("*/*", "application/json", "text/event-stream"))


def request_key(request: Request) -> RequestKey:
    """Return the key of `request`."""
    return RequestKey(blake3.blake3(canonical_form(request)).hexdigest())


def canonical_form(request: Request) -> bytes:
    """Return the bytes that two requests have in common exactly if they are the same request.

    Shape: a canonical JSON array `["recstore-request", 1, method, upstream, path, query, headers,
    kind]`, a line feed, and the body: canonical JSON where `kind` is "json", its bytes for "bytes".
    """
    data = b"" if isinstance(request.body, JsonBody) else body_bytes(request.body)
    kind, body = ("bytes", data) if data else ("none", b"")
    if isinstance(request.body, JsonBody):
        kind, body = "json", sorted_text(request.body.value)
    elif data.lstrip()[:1] in (b"{", b"["):
        with suppress(NotExactError):
            kind, body = "json", sorted_text(parse_exact(data))
    parts = request.query.split("&") if request.query else []
    head: list[Json] = [
        "recstore-request",
        RULE_VERSION,
        request.method.upper(),
        request.upstream,
        request.path,
        [*sorted(parts, key=lambda part: part.partition("=")[0])],  # equal names keep their order
        [list(pair) for pair in identity_headers(request.headers)],
        kind,
    ]
    return sorted_text(head) + b"\n" + body


def identity_headers(headers: Headers) -> Headers:
    """Return the headers that count, names in lower case, sorted by name.

    An `Accept` that names nothing but JSON, event streams or anything at all says what every client
    says, and does not count.
    """
    pairs = (
        (name.lower(), value.strip())
        for name, value in headers
        if name.lower() in IDENTITY_HEADERS
        and not (name.lower() == "accept" and _INDIFFERENT_MEDIA_TYPES.issuperset(map(str.strip, value.split(","))))
    )
    return tuple(sorted(pairs, key=lambda pair: pair[0]))

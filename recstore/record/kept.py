"""A live answer, made into the response that is stored: decoded, without secrets, without what changes by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recstore.content.bodies import body_bytes, parse_body
from recstore.content.encodings import UndecodableError, decoded
from recstore.content.volatile import scrub_volatile, stable_headers
from recstore.model import Body, Headers, Json, Response, StreamBody
from recstore.record.sent import header
from recstore.record.server_ids import Minter
from recstore.record.wire import WireError
from recstore.secrets.redact import REDACTED, Redaction, SecretScan, redacted_stream


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """What came back over the wire: bodies as they came, still encoded; `times_s` are when, where anybody asked."""

    status: int | None
    reason: str
    headers: Headers
    chunks: tuple[bytes, ...]
    times_s: tuple[float, ...] = ()
    error: WireError | None = None


def kept_response(
    answer: LiveAnswer,
    redaction: Redaction,
    minter: Minter,
    credentials: tuple[bytes, ...] = (),
    *,
    is_head: bool = False,
) -> Response:
    """Return what is stored of a live answer; `credentials` are taken out wherever the server repeats them."""
    headers = answer.headers
    data = b"".join(answer.chunks)
    encoding = header(headers, "content-encoding")
    is_readable = True
    if encoding and data:
        try:
            data = decoded(data, encoding)
            headers = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
        except UndecodableError:
            is_readable = False
    headers = redaction.header_pairs(stable_headers(headers, with_length=is_head))
    body = _body(data, redaction, credentials) if is_readable else parse_body(data)
    return Response(
        status=answer.status,
        reason=_storable(answer.reason),
        headers=tuple((name, _text_without(value, credentials)) for name, value in headers),
        body=scrub_volatile(body, minter.stored, minter.made_up) if is_readable else body,
        error=None if answer.error is None else _as_json(answer.error, redaction, credentials),
    )


def _as_json(error: WireError, redaction: Redaction, credentials: tuple[bytes, ...]) -> dict[str, Json]:
    message = redaction.query_in(_text_without(error.message, credentials))
    return {"type": _storable(error.type_name), "message": message, "kind": error.kind}


def _body(data: bytes, redaction: Redaction, credentials: tuple[bytes, ...]) -> Body | None:
    """Return the body without secrets.

    Those that come in pieces go first: once an event has lost its part of one, nothing tells what the next one's part is.
    """
    body = parse_body(data)
    clean = data
    if isinstance(body, StreamBody):
        own = (re.escape(credential.decode("utf-8", "replace")) for credential in credentials)
        stream = redacted_stream(body, SecretScan(patterns=(*redaction.patterns, *own)))
        clean = data if stream is body else body_bytes(stream)
    clean = _without_secrets(clean, redaction, credentials)
    return body if clean == data else parse_body(clean)


def _without_secrets(data: bytes, redaction: Redaction, credentials: tuple[bytes, ...]) -> bytes:
    for credential in credentials:
        data = data.replace(credential, REDACTED.encode())
    return redaction.text(data)


def _text_without(text: str, credentials: tuple[bytes, ...]) -> str:
    text = _storable(text)
    for credential in credentials:
        text = text.replace(credential.decode("utf-8", "replace"), REDACTED)
    return text


def _storable(text: str) -> str:
    """Return `text` without lone surrogates, which clients make of bytes that are no text."""
    return text.encode("utf-8", "replace").decode()

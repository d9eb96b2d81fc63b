"""HTTP/1.1 messages as bytes: a request that was held back, the head of an answer, chunks.

Source: RFC 9112. What is read here was written by a client of this very process.
"""

from __future__ import annotations

from collections.abc import Iterator

from recstore.model import Headers
from recstore.session.wire import WireRequest, WireResponse

__all__ = ["dechunked", "read_request", "response_head"]


def read_request(data: bytes, base: str) -> WireRequest:
    """Return the request that `data` is; `base` is the URL of its connection, without a path."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if _is_chunked(headers):
        body = b"".join(dechunked(body))
    return WireRequest(method, target if "://" in target else base + target, headers, body)


def dechunked(data: bytes) -> Iterator[bytes]:
    """Yield the chunks of a body in chunked transfer coding, as far as it goes."""
    place = 0
    while (end := data.find(b"\r\n", place)) >= 0:
        try:
            size_bytes = int(data[place:end].partition(b";")[0], 16)
        except ValueError:
            return
        if not size_bytes:
            return
        yield data[end + 2 : end + 2 + size_bytes]
        place = end + 2 + size_bytes + 2


def response_head(answer: WireResponse) -> bytes:
    """Return the status line and headers of a recorded answer; without a length it ends with its connection."""
    lines = [
        f"HTTP/1.1 {answer.status} {answer.reason}".rstrip(),
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    if not any(name.lower() == "content-length" for name, _ in answer.headers):
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _is_chunked(headers: Headers) -> bool:
    return any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers)

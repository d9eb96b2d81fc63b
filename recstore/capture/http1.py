"""HTTP/1.1 messages as bytes: a request that was held back, chunks, a recorded response as a server would send it.

Source: RFC 9112. The messages read here were written by a client of this very process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from recstore.record.exchange import WireRequest, WireResponse, header_value

_CUT_SHORT: Final = re.compile(
    r"IncompleteRead\(\d+ bytes read, (?P<more>\d+) more expected\)|"
    r"\(received (?P<received>\d+) bytes, expected (?P<all>\d+)\)"
)
"""The messages of http.client and httpx where a body is shorter than was promised."""


def read_request(data: bytes, base: str) -> WireRequest:
    """Return the request that `data` is; `base` is the URL of its connection, without a path."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if "chunked" in header_value(headers, "transfer-encoding").lower():
        body = b"".join(ChunkedDecoder().feed(body))
    return WireRequest(method, target if "://" in target else base + target, headers, body)


class ChunkedDecoder:
    """Decodes a body in chunked transfer coding as it comes."""

    def __init__(self) -> None:
        self.is_whole = False
        self._line = b""
        self._left_bytes = 0
        self._is_after_chunk = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the pieces of the body in the next bytes."""
        while data and not self.is_whole:
            if self._left_bytes:
                piece, data = data[: self._left_bytes], data[self._left_bytes :]
                self._left_bytes -= len(piece)
                yield piece
            else:
                line, mark, data = (self._line + data).partition(b"\n")
                self._line = b"" if mark else line
                if mark and self._is_after_chunk:
                    self._is_after_chunk = False
                elif mark:  # the length of the next chunk: zero ends the body
                    try:
                        self._left_bytes = int(line.partition(b";")[0], 16)
                    except ValueError:
                        self._left_bytes = 0  # the client will have its own opinion
                    self._is_after_chunk = self._left_bytes > 0
                    self.is_whole = not self._left_bytes


def encode_chunk(data: bytes) -> bytes:
    """Return one chunk of a body; an empty one is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def serialize_response(answer: WireResponse, method: str, charset: str = "latin-1") -> list[bytes]:
    """Return the recorded answer as a server would send it: the head, then chunk after chunk of the body.

    A body of no stated length goes in chunks. One that broke off breaks off in the same way: bytes that were promised
    do not come, or the last chunk does not. `charset` is that of the headers.
    """
    headers = [(name, value) for name, value in answer.headers if name.lower() != "transfer-encoding"]
    cut_short = _CUT_SHORT.search(answer.error.message) if answer.error else None
    if cut_short is not None:
        more, received, promised = cut_short.group("more", "received", "all")
        missing = int(more) if more else int(promised) - int(received)
        headers.append(("Content-Length", str(sum(map(len, answer.chunks)) + max(missing, 1))))
    body: list[bytes] = []
    if method != "HEAD" and answer.status not in (204, 304):  # these have no body
        body = [data for data in answer.chunks if data]
        if not header_value(tuple(headers), "content-length"):
            headers.append(("Transfer-Encoding", "chunked"))
            body = [*map(encode_chunk, body), *([] if answer.error else [encode_chunk(b"")])]
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}".rstrip(), *(f"{name}: {value}" for name, value in headers)]
    return ["\r\n".join([*lines, "", ""]).encode(charset, "replace"), *body]

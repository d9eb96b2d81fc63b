"""HTTP/1.1 messages as bytes: a request that was held back, the head of an answer, chunks.

Source: RFC 9112. What is read here was written by a client of this very process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from recstore.model import Headers
from recstore.record.wire import WireRequest, WireResponse

_BODILESS: Final = (204, 304)
_CUT_SHORT: Final = re.compile(
    r"IncompleteRead\(\d+ bytes read, (?P<more>\d+) more expected\)|"
    r"\(received (?P<received>\d+) bytes, expected (?P<all>\d+)\)"
)
"""What http.client and httpx say where a body is shorter than was promised."""


def read_request(data: bytes, base: str) -> WireRequest:
    """Return the request that `data` is; `base` is the URL of its connection, without a path."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if _is_chunked(headers):
        body = b"".join(Unchunking().feed(body))
    return WireRequest(method, target if "://" in target else base + target, headers, body)


class Unchunking:
    """A body in chunked transfer coding, undone as it comes."""

    def __init__(self) -> None:
        self.is_whole = False
        self._line = b""
        self._left_bytes = 0
        self._is_after_chunk = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes hold of the body."""
        while data and not self.is_whole:
            if self._left_bytes:
                piece, data = data[: self._left_bytes], data[self._left_bytes :]
                self._left_bytes -= len(piece)
                yield piece
            else:
                line, mark, data = (self._line + data).partition(b"\n")
                self._line = b"" if mark else line
                if mark:
                    self._end_line(line.strip())

    def _end_line(self, line: bytes) -> None:
        """Take the line that ends a chunk, or the one that says how long the next is: one of nothing is the last."""
        if self._is_after_chunk:
            self._is_after_chunk = False
            return
        try:
            self._left_bytes = int(line.partition(b";")[0], 16)
        except ValueError:
            self._left_bytes = 0  # the client will have its own opinion
        self._is_after_chunk = self._left_bytes > 0
        self.is_whole = not self._left_bytes


def chunk(data: bytes) -> bytes:
    """Return one chunk of a body; one of nothing is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def response_pieces(answer: WireResponse, method: str) -> list[bytes]:
    """Return the recorded answer as a server would send it: the head, then chunk after chunk of the body.

    A body of no stated length goes in chunks. One that broke off breaks off in the same way: bytes that were promised
    do not come, or the last chunk does not.
    """
    headers = _with_promise(answer)
    if method == "HEAD" or answer.status in _BODILESS:
        return [_head(answer, headers)]
    if any(name.lower() == "content-length" for name, _ in headers):
        return [_head(answer, headers), *answer.chunks]
    headers = (*headers, ("Transfer-Encoding", "chunked"))
    end = [] if answer.error else [chunk(b"")]
    return [_head(answer, headers), *map(chunk, filter(None, answer.chunks)), *end]


def _with_promise(answer: WireResponse) -> Headers:
    """Return the headers; with the length that was promised, where that is how the client saw that the body broke off."""
    told = _CUT_SHORT.search(answer.error.message) if answer.error else None
    if told is None:
        return answer.headers
    missing = int(told["more"]) if told["more"] else int(told["all"]) - int(told["received"])
    length = sum(map(len, answer.chunks)) + max(missing, 1)
    return (*answer.headers, ("Content-Length", str(length)))


def _head(answer: WireResponse, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}".rstrip(), *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _is_chunked(headers: Headers) -> bool:
    return any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers)

"""One exchange: a request as a client sends it, and the answer as it comes over the wire."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from recstore.content.bodies import parse_body
from recstore.model import Headers, JsonBody, RawBody, Request, RequestKey, Response

ErrorKind: TypeAlias = Literal[
    "connect",
    "connect-timeout",
    "read",
    "read-timeout",
    "write",
    "write-timeout",
    "pool-timeout",
    "protocol",
    "proxy",
    "other",
]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as a client is about to send it; `url` is absolute."""

    method: str
    url: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class WireError:
    """The error that a client raised: its kind in recstore's words, its class in the client's (`httpx.ReadTimeout`)."""

    kind: ErrorKind
    type_name: str
    message: str


@dataclass(frozen=True, slots=True)
class WireResponse:
    """The answer that a client is to receive.

    `status` None: the error is raised instead of a response. `error` with a status: it is raised after the
    last chunk, where the stream broke.

    Shape: the chunks of a stream are its events, one by one; any other body is one chunk, or none. There is no
    Content-Encoding and no Transfer-Encoding, because bodies are stored decoded; a Content-Length fits.
    Units: `delays_s`, the wait before each chunk, is in seconds; it is empty unless timing is replayed.
    """

    status: int | None
    reason: str
    headers: Headers
    chunks: tuple[bytes, ...]
    error: WireError | None = None
    delays_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class NormalisedRequest:
    """A request without secrets and with stored ids, and its key. Its body is bytes: looking it up needs no structure."""

    request: Request
    key: RequestKey
    content_type: str

    def storable(self) -> Request:
        """Return the request as it is stored: its body in the most readable form, its type if the body does not tell it."""
        body = parse_body(self.request.body.data) if isinstance(self.request.body, RawBody) else None
        needs_type = self.content_type and body is not None and not isinstance(body, JsonBody)
        headers = (*self.request.headers, ("content-type", self.content_type)) if needs_type else self.request.headers
        return replace(self.request, headers=tuple(sorted(headers)), body=body)

    def text(self) -> bytes:
        """Return the bytes in which the request can name an id."""
        data = self.request.body.data if isinstance(self.request.body, RawBody) else b""
        return f"{self.request.path}?{self.request.query}\n".encode("utf-8", "replace") + data


@dataclass(slots=True, eq=False)
class Exchange:
    """A request under way, and its answer so far. `Session.begin` makes it, `Session.complete` ends it.

    `replayed` is the recorded answer; None: the client makes the request, and notes here what comes back. A new recording
    is of that `occurrence` of the test's equal requests; the live answer is compared with the one `expected`.

    Units: `times_s` are seconds of a monotonic clock: when the exchange began, then when each chunk came.
    """

    wire: WireRequest
    request: NormalisedRequest
    number: int = 1
    occurrence: int = 1
    replayed: WireResponse | None = None
    expected: Response | None = None
    status: int | None = None
    reason: str = ""
    headers: Headers = ()
    chunks: list[bytes] = field(default_factory=list)
    error: WireError | None = None
    is_complete: bool = False
    times_s: list[float] = field(default_factory=lambda: [time.monotonic()])

    def on_headers(self, status: int, reason: str, headers: Headers) -> None:
        """Note the head of the live response."""
        self.status, self.reason, self.headers = status, reason, headers

    def on_chunk(self, chunk: bytes) -> None:
        """Note the next bytes of the live body as they came over the wire, still content-encoded."""
        if chunk and not self.is_complete:
            self.chunks.append(bytes(chunk))
            self.times_s.append(time.monotonic())


def header_value(headers: Headers, name: str) -> str:
    """Return the value of the header of that name, which is in lower case; "" where there is none."""
    return next((value for key, value in headers if key.lower() == name), "")

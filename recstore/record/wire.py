"""What crosses the wire, as whoever intercepts an HTTP client sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from recstore.model import Headers

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
    """What a client raised: the kind in recstore's words, the class in the client's (`httpx.ReadTimeout`)."""

    kind: ErrorKind
    type_name: str
    message: str


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What a client is to receive.

    `status` None: the error is raised instead of a response. `error` with a status: it is raised after the
    last chunk, where the stream broke. The chunks of a stream are its events, one by one; any other body is
    one chunk, or none. There is no Content-Encoding and no Transfer-Encoding, because bodies are stored
    decoded; a Content-Length fits. `delays_s` is empty unless timing is replayed: the wait before each chunk.
    """

    status: int | None
    reason: str
    headers: Headers
    chunks: tuple[bytes, ...]
    error: WireError | None = None
    delays_s: tuple[float, ...] = ()

"""Values that cross doors: requests, responses, and how a manifest names them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, NewType, Self, TypeAlias

import blake3

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Headers: TypeAlias = tuple[tuple[str, str], ...]
Framing: TypeAlias = Literal["objects", "sse", "sse-crlf", "ndjson"]

RequestKey = NewType("RequestKey", str)
"""64 hexadecimal digits: BLAKE3 of a request's canonical form."""

_BLOB_NAME: Final = re.compile(r"([0-9a-f]{64})-([0-9a-f]{64})")


class Digest(str):
    """64 hexadecimal digits: BLAKE3 of a file's bytes."""

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return the digest of `data`."""
        return cls(blake3.blake3(data).hexdigest())


class Mode(StrEnum):
    """What a session does with requests."""

    REPLAY = "replay"
    RECORD = "record"
    RECORD_IF_MISSING = "record-if-missing"
    LIVE = "live"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that is carried by its bytes alone."""

    data: bytes


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON value, and the name in `json_text.LAYOUTS` of the layout in which it was sent; "": it never had bytes of its own."""

    value: Json
    layout: str = ""


@dataclass(frozen=True, slots=True)
class StreamBody:
    """A streamed body as its events, in order.

    Shape: with framing `objects` any JSON values that a client library yielded; with `ndjson` one JSON value a line; with `sse`
    (or `sse-crlf`, by its line ends) an object of each event's fields in the order sent, its `data` being an object or array
    where the text was JSON of `layout`, else the text itself.
    """

    framing: Framing
    events: list[Json]
    layout: str = ""


Body: TypeAlias = RawBody | JsonBody | StreamBody


@dataclass(frozen=True, slots=True)
class Request:
    """One request as sent, without credentials, volatile headers, host or loopback port."""

    method: str
    upstream: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What the upstream answered, or the error that the client raised instead: a JSON object with at least `type` and `message`.

    `type_name` is what a recorder said the body's (or each event's) type was: data, never imported.
    """

    status: int | None = None
    reason: str = ""
    headers: Headers = ()
    type_name: str = ""
    body: Body | None = None
    error: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One request and the response it got."""

    request: Request
    response: Response


@dataclass(frozen=True, slots=True, order=True)
class BlobName:
    """The two halves of a blob's name: the request that it answers, and the bytes that it holds."""

    key: RequestKey
    digest: Digest

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the name that `text` spells as `str` does, None if it spells none."""
        match = _BLOB_NAME.fullmatch(text)
        return cls(RequestKey(match[1]), Digest(match[2])) if match else None

    @classmethod
    def from_path(cls, path: str) -> Self | None:
        """Return the name of the blob file at `path`, in whatever folder; None if its file name is not a blob's."""
        return cls.parse(path.rpartition("/")[2][:-5]) if path.endswith(".json") else None

    @property
    def path(self) -> str:
        """The blob's path below the store's folder."""
        return f"blobs/{self.key[:2]}/{self.key}-{self.digest}.json"

    def fits(self, data: bytes) -> bool:
        """Return whether `data` are the bytes that the name promises; the request inside is not looked at."""
        return Digest.of(data) == self.digest

    def __str__(self) -> str:
        """Return the file name without its suffix."""
        return f"{self.key}-{self.digest}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a manifest: the blob that the n-th call (from 1) of this request by a test got.

    Unions of one key and one n answer together. `origin` tells where an imported recording came from: docs/format.md.
    """

    blob: BlobName
    n: int
    is_union: bool = False
    origin: dict[str, Json] = field(default_factory=dict, compare=False)

    @property
    def call(self) -> tuple[RequestKey, int]:
        """Which of the test's calls it answers: the request, and n."""
        return self.blob.key, self.n


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which blobs one test uses, or with `test_id` None one blob of no test; `digest` is of the text that it was read from."""

    test_id: str | None
    entries: tuple[Entry, ...]
    digest: Digest = field(default=Digest(""), compare=False)

    @property
    def blobs(self) -> frozenset[BlobName]:
        """The blobs that it names."""
        return frozenset(entry.blob for entry in self.entries)

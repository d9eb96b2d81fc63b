"""Ids that a server makes up: stored under names that do not change, and handed out under names that never repeat.

    live         chatcmpl-BxT3kq...                         what the server said
    stored       chatcmpl-recstore<12 digits>               from the request's key and the id's place in the answer
    presented    chatcmpl-recstore<12 digits><12 digits>    the same, and which test was answered, and which time

What is signed or encrypted for the model alone (a thought, say) is treated alike: both names of it are base64, too.

Clients send ids back. A presented id says of itself what it is stored as; what a live one is stored as, the session
remembers that heard it. So a request is keyed and stored with stored ids alone, whoever made it, and when.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import blake3

from recstore.model import RequestKey

_DIGITS: Final = 12
_MARK: Final = b"recstore"
_STORED: Final = re.compile(rb"recstore([0-9a-f]{12})(?![0-9a-f])")
_PRESENTED: Final = re.compile(rb"recstore([0-9a-f]{12})([0-9a-f]{12})(?![0-9a-f])")

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PREFIX: Final = (
    "(?:chatcmpl-tool-|chatcmpl-|cmpl-|embd-|gen-|"
    "file-|modr-|modelperm-|"
    "(?:resp|msg|call|fc|fco|rs|toolu|srvtoolu|mcptoolu|ws|fs|ci|cu|cuo|ig|mcp|mcpl|mcpr|mcp_list|ctc|ctco|lsh|sh|req|"
    "apc|apco|batch|msgbatch|cmp|cntr|container|conv|vs)_)"
    "(?:bdrk_|vrtx_)?"
)
_WHOLE: Final = re.compile(f"({_PREFIX})(?:{_UUID}|[A-Za-z0-9]{{8,}})|({_UUID}|[0-9a-f]{{32}})")
_MADE_UP: Final = re.compile(f"({_PREFIX}|function-call-)?.+", re.DOTALL)
_LONG_BYTES: Final = 64
"""From here on, what was made up is known by itself wherever it stands; what is shorter, only where it stands alone."""
_FOR_URLS: Final = bytes.maketrans(b"+/", b"-_")
"""Google's client sends base64 back in its other alphabet."""
_ANYWHERE: Final = re.compile(
    f"{_PREFIX}(?:{_UUID}|[A-Za-z0-9]{{8,}})|(?<![A-Za-z0-9]){_UUID}|(?<![A-Za-z0-9])[0-9a-f]{{32}}".encode()
)


def looks_minted(text: str) -> bool:
    """Return whether `text` is what servers of language models make up as an id."""
    return _WHOLE.fullmatch(text) is not None


class Names:
    """The ids that one session has heard of: what live ones are stored as, and how stored ones were last presented.

    `known_before` are those of the scopes that this one lives in: what a fixture was given, its tests send back.
    """

    def __init__(self, scope_id: str | None, known_before: Iterable[Names] = ()) -> None:
        self._scope_id = scope_id
        self._before = tuple(known_before)
        self._stored: dict[bytes, bytes] = {}
        self._odd: dict[bytes, bytes] = {}
        self._suffixes: dict[bytes, bytes] = {}

    def know_too(self, other: Names) -> None:
        """Know the ids of one more scope that this one lives in."""
        self._before = (*self._before, other)

    def to_stored(self, data: bytes) -> bytes:
        """Return the bytes of a request with each id that a client was given replaced by what it is stored as."""
        if _MARK in data:
            data = _PRESENTED.sub(self._heard_again, data)
        if self.has_live:
            data = _ANYWHERE.sub(lambda match: self.stored_as(match[0]) or match[0], data)
        for live, stored in self._odd_ones():
            if live in data:
                data = _replaced(data, live, stored)
        return data

    def _odd_ones(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the ids that do not look like any, and what they are stored as."""
        yield from self._odd.items()
        for names in self._before:
            yield from names._odd_ones()  # noqa: SLF001 - its own class

    @property
    def has_live(self) -> bool:
        """Whether any live id has been heard of, here or before: a replay hears of none."""
        return bool(self._stored) or any(names.has_live for names in self._before)

    def unknown_in(self, data: bytes) -> frozenset[bytes]:
        """Return what looks like a minted id in the bytes of a request, and this session has not heard of."""
        return frozenset(found for found in _ANYWHERE.findall(data) if self.stored_as(found) is None)

    def stored_as(self, live: bytes) -> bytes | None:
        """Return what a live id is stored as, None if no answer had it."""
        stored = self._stored.get(live)
        return stored or next(filter(None, (names.stored_as(live) for names in self._before)), None)

    def remember(self, live: bytes, stored: bytes) -> None:
        """Know what a live id is stored as."""
        self._stored[live] = stored
        if _ANYWHERE.fullmatch(live) is None:
            self._odd[live] = stored
            if len(live) >= _LONG_BYTES:
                self._odd[live.translate(_FOR_URLS)] = stored

    def presented(self, chunks: tuple[bytes, ...], key: RequestKey, n: int) -> tuple[bytes, ...]:
        """Return the answer to the n-th request of that key, with each stored id replaced by a presented one.

        An id that this answer minted is new each time; one that it repeats from before is what it was before.
        """
        tokens = {token for chunk in chunks if _MARK in chunk for token in _STORED.findall(chunk)}
        if not tokens:
            return chunks
        own = {_token(key, place) for place in range(len(tokens))}
        suffix = _digits(f"{self._scope_id}\n{n}")
        for token in tokens:
            self._suffixes[token] = suffix if token in own else self._suffix_of(token) or suffix
        given = {token: self._suffixes[token] for token in tokens}
        return tuple(_STORED.sub(lambda match: match[0] + given[match[1]], chunk) for chunk in chunks)

    def _suffix_of(self, token: bytes) -> bytes | None:
        suffix = self._suffixes.get(token)
        return suffix or next(filter(None, (names._suffix_of(token) for names in self._before)), None)  # noqa: SLF001 - its own class

    def _heard_again(self, match: re.Match[bytes]) -> bytes:
        self._suffixes[match[1]] = match[2]
        return _MARK + match[1]


class Minter:
    """Gives the ids of one live answer the names under which they are stored.

    `sent` is what the request said, ids as they are stored. An answer to one that `looks_up` speaks of what is there;
    any other makes something new, though a server may call it as it called something before.
    """

    def __init__(self, names: Names, key: RequestKey, sent: bytes, *, looks_up: bool = False) -> None:
        self._names = names
        self._key = key
        self._sent = sent
        self._looks_up = looks_up
        self._own: dict[str, str] = {}

    def stored(self, text: str) -> str:
        """Return what the id is stored as; `text` itself where it is none that a server makes up.

        An id that the request names, or that is looked up, keeps the name it has.
        """
        if text in self._own:
            return self._own[text]
        return self._renamed(text, _WHOLE.fullmatch(text))

    def made_up(self, text: str) -> str:
        """Return what is stored in place of `text`, which the server has made up whatever it looks like."""
        return self._own.get(text) or self._renamed(text, _MADE_UP.fullmatch(text))

    def _renamed(self, text: str, match: re.Match[str] | None) -> str:
        live = text.encode("utf-8", "replace")
        if match is None or _MARK in live or self._is_sent(live):
            return text
        known = self._names.stored_as(live)
        if known is None or not (self._looks_up or known in self._sent):
            known = (match[1] or "").encode() + _MARK + _token(self._key, len(self._own))
            self._own[text] = known.decode()
            self._names.remember(live, known)
        return known.decode()

    def _is_sent(self, live: bytes) -> bool:
        is_odd = _ANYWHERE.fullmatch(live) is None
        return live in self._sent and (not is_odd or _replaced(self._sent, live, b"") != self._sent)


def _replaced(data: bytes, odd: bytes, stored: bytes) -> bytes:
    """Return `data` with an id that does not look like one replaced."""
    if len(odd) >= _LONG_BYTES:
        return data.replace(odd, stored)
    return re.sub(rb"(?<![^\"/=])" + re.escape(odd) + rb"(?=\\*\"|[/?&\n]|\Z)", lambda _: stored, data)


def _token(key: RequestKey, place: int) -> bytes:
    return _digits(f"{key}\n{place}")


def _digits(text: str) -> bytes:
    return blake3.blake3(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS].encode()

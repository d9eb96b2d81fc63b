"""Generated ids: stored under names that never change, and replayed under names that never repeat.

    live        chatcmpl-BxT3kq...                         as the server generated it
    stored      chatcmpl-recstore<12 digits>               from the request's key and the id's place in the answer
    replayed    chatcmpl-recstore<12 digits><12 digits>    the same, then digits of the test and the occurrence

Values that are signed or encrypted for the model alone (a thought, say) are treated alike: both names are base64, too.

Clients send ids back. A replayed id encodes its stored form; for live ids the session has a map. So a request is keyed and
stored with stored ids alone, whoever made it, and whenever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import blake3

from recstore.model import RequestKey

_DIGITS: Final = 12
_MARK: Final = b"recstore"
_STORED: Final = re.compile(rb"recstore([0-9a-f]{12})(?![0-9a-f])")
_REPLAYED: Final = re.compile(rb"recstore([0-9a-f]{12})([0-9a-f]{12})(?![0-9a-f])")

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PREFIX: Final = (
    "(?:chatcmpl-tool-|chatcmpl-|cmpl-|embd-|gen-|"
    "file-|modr-|modelperm-|"
    "(?:resp|msg|call|fc|fco|rs|toolu|srvtoolu|mcptoolu|ws|fs|ci|cu|cuo|ig|mcp|mcpl|mcpr|mcp_list|ctc|ctco|lsh|sh|req|"
    "apc|apco|batch|msgbatch|cmp|cntr|container|conv|vs)_)"
    "(?:bdrk_|vrtx_)?"
)
_WHOLE: Final = re.compile(f"({_PREFIX})(?:{_UUID}|[A-Za-z0-9]{{8,}})|({_UUID}|[0-9a-f]{{32}})")
_GENERATED: Final = re.compile(f"({_PREFIX}|function-call-)?.+", re.DOTALL)
_LONG_BYTES: Final = 64
"""Generated values of this length or more are recognised anywhere in a text; shorter ones only where they stand alone."""
_FOR_URLS: Final = bytes.maketrans(b"+/", b"-_")
"""Google's client sends base64 back in its other alphabet."""
_ANYWHERE: Final = re.compile(
    f"{_PREFIX}(?:{_UUID}|[A-Za-z0-9]{{8,}})|(?<![A-Za-z0-9]){_UUID}|(?<![A-Za-z0-9])[0-9a-f]{{32}}".encode()
)


def looks_generated(text: str) -> bool:
    """Return whether `text` looks like an id that servers of language models generate."""
    return _WHOLE.fullmatch(text) is not None


@dataclass(slots=True)
class IdMap:
    """The ids that one session knows: how live ones are stored, and under which suffix stored ones were last replayed.

    `parents` are those of the scopes that this one lives in: an id that a fixture was given, its tests send back.
    `unstructured` has those ids of `stored` that do not look like ids.
    """

    scope_id: str | None
    parents: list[IdMap] = field(default_factory=list)
    stored: dict[bytes, bytes] = field(default_factory=dict)
    unstructured: dict[bytes, bytes] = field(default_factory=dict)
    suffixes: dict[bytes, bytes] = field(default_factory=dict)

    def to_stored(self, data: bytes) -> bytes:
        """Return the bytes of a request with each id that a client was given in its stored form."""
        if _MARK in data:
            self.suffixes.update(_REPLAYED.findall(data))
            data = _REPLAYED.sub(_MARK + rb"\1", data)
        if any(scope.stored for scope in self.scopes()):
            data = _ANYWHERE.sub(lambda match: self.stored_as(match[0]) or match[0], data)
            for scope in self.scopes():
                for live, stored in scope.unstructured.items():
                    data = _replace_alone(data, live, stored) if live in data else data
        return data

    def unknown_in(self, data: bytes) -> frozenset[bytes]:
        """Return what looks like a generated id in the bytes of a request, and is not known here."""
        return frozenset(live for live in _ANYWHERE.findall(data) if self.stored_as(live) is None)

    def stored_as(self, live: bytes) -> bytes | None:
        """Return the stored form of a live id, None if no answer had it."""
        return next((scope.stored[live] for scope in self.scopes() if live in scope.stored), None)

    def to_replayed(self, chunks: tuple[bytes, ...], key: RequestKey, occurrence: int) -> tuple[bytes, ...]:
        """Return the answer to that occurrence of a request with each stored id in its replayed form.

        An id of an earlier answer, which this one only repeats, is replayed as it was there.
        """
        tokens = {token: None for chunk in chunks if _MARK in chunk for token in _STORED.findall(chunk)}
        if not tokens:
            return chunks
        own = {_digits(key, place) for place in range(len(tokens))}
        suffix = _digits(str(self.scope_id), occurrence)
        suffixes = {}
        for token in tokens:
            known = (scope.suffixes[token] for scope in self.scopes() if token in scope.suffixes)
            suffixes[token] = suffix if token in own else next(known, suffix)
        self.suffixes.update(suffixes)
        return tuple(_STORED.sub(lambda match: match[0] + suffixes[match[1]], chunk) for chunk in chunks)

    def scopes(self) -> Iterator[IdMap]:
        """Yield the map itself, and those of the scopes that it lives in, the nearest first."""
        yield self
        for parent in self.parents:
            yield from parent.scopes()


@dataclass(slots=True)
class IdRewriter:
    """Gives the generated ids of one live answer their stored form.

    `sent` is the text of the request, with stored ids. An answer to a look-up (`is_lookup`) speaks of what is there;
    any other makes something new, though a server may call it as it called something before.
    """

    ids: IdMap
    key: RequestKey
    sent: bytes
    is_lookup: bool = False
    own: dict[str, str] = field(default_factory=dict)

    def stored(self, text: str, *, is_generated: bool = False) -> str:
        """Return the stored form of the id; `text` itself if it does not look generated, unless `is_generated` says it.

        An id that the request names, or that is looked up, keeps the name it has.
        """
        if text in self.own:
            return self.own[text]
        live, match = text.encode("utf-8", "replace"), (_GENERATED if is_generated else _WHOLE).fullmatch(text)
        if match is None or _MARK in live:
            return text
        is_structured = _ANYWHERE.fullmatch(live) is not None  # any other may be part of a word in the request
        if live in self.sent and (is_structured or _replace_alone(self.sent, live, b"") != self.sent):
            return text
        stored = self.ids.stored_as(live)
        if stored is None or not (self.is_lookup or stored in self.sent):
            stored = (match[1] or "").encode() + _MARK + _digits(self.key, len(self.own))
            self.own[text] = stored.decode()
            self.ids.stored[live] = stored
            if not is_structured:
                self.ids.unstructured[live] = stored
                if len(live) >= _LONG_BYTES:
                    self.ids.unstructured[live.translate(_FOR_URLS)] = stored
        return stored.decode()


def _replace_alone(data: bytes, live: bytes, stored: bytes) -> bytes:
    """Return `data` with an id that does not look like one replaced: wherever it is if it is long, else where it stands alone."""
    if len(live) >= _LONG_BYTES:
        return data.replace(live, stored)
    return re.sub(rb"(?<![^\"/=])" + re.escape(live) + rb"(?=\\*\"|[/?&\n]|\Z)", lambda _: stored, data)


def _digits(source: str, number: int) -> bytes:
    text = f"{source}\n{number}"
    return blake3.blake3(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS].encode()

"""What is secret, and bytes, texts, recordings and streams without it: before anything is hashed or written, and after.

A secret is found by the name it stands under (a query parameter, a member of a JSON object, a field of a form) or
by its own shape (`sk-...`, `AKIA...`, a JSON Web Token, a private key). Both work on the bytes of a body, so that
everything else of them stays as it was: JSON in whatever layout, event streams, JSON inside of a JSON string.

Not under a name: `token`, `key`, `signature` and the like of a JSON body, which mean something else in the answers of
language models (the token of a log probability, a filter's key, the signature of a thought that has to be sent back).
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote_plus

from recstore.content.deltas import JsonPath
from recstore.model import Body, Digest, Headers, Json, JsonBody, RawBody, Recording, StreamBody
from recstore.secrets.shapes import SHAPES, Shape

REDACTED: Final = "REDACTED"
"""Stands where a secret stood."""

ALLOWED_DIGITS: Final = 16
"""So many digits of a secret's digest an allow-list has."""

TextChange: TypeAlias = Callable[[str, list[bytes]], list[bytes]]
"""Place and text, a stream's text in the pieces of its events -> as many pieces."""

_FIELD_ENDINGS: Final = (
    "api[_-]?keys?",
    "(?:access|refresh|auth|id|session|security|bearer|csrf|private)[_-]?token",
    "pass(?:word|wd|phrase)",
    "secret",
    "(?:secret|private)(?:[_-]?access)?[_-]?key(?:[_-]?pem)?",
    "authorization",
)
"""How a name ends whose value is a secret, in a body, a form or a query; what stands before does not count."""

_FIELD_SIGNS: Final = tuple(
    ending + quote
    for ending in (b"key", b"keys", b"pem", b"token", b"word", b"passwd", b"phrase", b"secret", b"authorization")
    for quote in (b'"', b"\\")
)
"""Without one of these, in small letters, no such name is there: finding that out costs next to nothing."""

_QUERY_NAMES: Final = ("key", "token", "sig", "signature", "jwt", "x-amz-.*", "x-goog-(?:signature|credential)")
"""Names that are a secret's in a query or a form alone."""

_HEADER_NAMES: Final = frozenset(
    ("authorization", "proxy-authorization", "authentication-info", "cookie", "set-cookie", "set-cookie2")
)
"""Headers that are dropped altogether."""


_MADE_UP: Final = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/]{16,}={0,2}|[0-9a-f]{32,}")


def looks_made_up(value: str) -> bool:
    """Return whether `value` is letters and digits as only a machine mixes them: no path, no date, no words."""
    return _MADE_UP.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class SecretScan:
    """What to look for: the usual shapes and the project's own patterns, but not what is allowed, by digest."""

    allowed: Collection[str] = ()
    patterns: tuple[str, ...] = ()
    _shapes: tuple[Shape, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the patterns once."""
        own = (Shape("what a pattern of the project says", b"", re.compile(text.encode())) for text in self.patterns)
        object.__setattr__(self, "_shapes", (*SHAPES, *own))

    def spans(self, data: bytes) -> list[tuple[str, int, int]]:
        """Return the kind of each secret in `data`, its start and its end, in order; overlapping ones are joined."""
        matches = [
            (shape.kind, *match.span())
            for shape in self._shapes
            if shape.sign in data
            for match in shape.pattern.finditer(data)
            if match[0]
        ]
        if not matches:
            return []
        joined: list[tuple[str, int, int]] = []
        for kind, start, end in sorted(matches, key=lambda match: match[1:]):
            if joined and start < joined[-1][2]:
                first_kind, first_start, last_end = joined[-1]
                joined[-1] = first_kind, first_start, max(last_end, end)
            else:
                joined.append((kind, start, end))
        texts = [data[start:end] for _, start, end in joined]
        return [
            span
            for span, text in zip(joined, texts, strict=True)
            if text != b"REDACTED" and Digest.of(text)[:ALLOWED_DIGITS] not in self.allowed
        ]

    def clean(self, data: bytes) -> bytes:
        """Return `data` with `REDACTED` in place of every secret."""
        return self.clean_pieces([data])[0]

    def clean_pieces(self, pieces: list[bytes]) -> list[bytes]:
        """Return the pieces of one text without the secrets of the whole: `REDACTED` stands where one begins."""
        cleaned = list(pieces)
        for _, start, end in reversed(self.spans(b"".join(pieces))):
            offset = 0
            for number, piece in enumerate(pieces):
                first, last = max(start - offset, 0), min(end - offset, len(piece))
                if first < last:
                    stand_in = REDACTED.encode() if start >= offset else b""
                    cleaned[number] = cleaned[number][:first] + stand_in + cleaned[number][last:]
                offset += len(piece)
        return cleaned


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a project takes for secret besides what everybody does: names in small letters, and regular expressions.

    A name is that of a header, of a query's parameter, or of a member of a JSON object or a form; patterns are looked
    for in the bytes of every body, path, query and response header.
    """

    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    _names: _NamePatterns = field(init=False, repr=False, compare=False)
    _shapes: SecretScan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the expressions once."""
        object.__setattr__(self, "_names", _compile_names(self.fields, self.query))
        object.__setattr__(self, "_shapes", SecretScan(patterns=self.patterns))

    def text(self, data: bytes) -> bytes:
        """Return the bytes of a body without the secrets in it."""
        lower = data.lower()
        if self.fields or any(sign in lower for sign in _FIELD_SIGNS):
            data = self._names.member.sub(_redacted_member, data)
            data = self._names.escaped_member.sub(rb"\1\3REDACTED\3", data)
        return self._shapes.clean(data)

    def query_text(self, query: str) -> str:
        """Return a query, or a form that is written as one, without the values of secret parameters."""
        if not query:
            return query
        return self.path_text("&".join(map(self._parameter, query.split("&"))))

    def secret_parameters(self, query: str) -> tuple[str, ...]:
        """Return the values of parameters that are secret wherever they occur, raw and percent-decoded.

        `key` and its like name an object as often as a secret: there, the value has to look made up.
        """
        secrets: list[str] = []
        for raw_name, _, raw in (parameter.partition("=") for parameter in query.split("&")):
            name, value = unquote_plus(raw_name).lower(), unquote_plus(raw)
            is_secret = self._names.parameter.fullmatch(name) is not None
            if is_secret and (self._names.field.fullmatch(name) or looks_made_up(value)):
                secrets += [raw, value]
        return tuple(dict.fromkeys(secrets))

    def path_text(self, path: str) -> str:
        """Return a path without what has the shape of a secret."""
        return self._shapes.clean(path.encode("utf-8", "replace")).decode()

    def parts(self, data: bytes) -> bytes:
        """Return the body of a multipart form without the values of secret fields."""
        return self.text(self._names.part.sub(rb"\1REDACTED", data))

    def header_pairs(self, headers: Headers) -> Headers:
        """Return `headers` without those that are secret, the values of others without what has a secret's shape."""
        dropped = _HEADER_NAMES.union(self.headers)
        return tuple(
            (name, REDACTED if self._names.field.fullmatch(name.lower()) else self.query_in(value))
            for name, value in headers
            if name.lower() not in dropped
        )

    def query_in(self, value: str) -> str:
        """Return text that may be a URL, its query and everything else of it without secrets."""
        start, mark, query = value.partition("?")
        return self.path_text(start) + mark + self.query_text(query) if mark else self.path_text(value)

    def _parameter(self, parameter: str) -> str:
        name, mark, value = parameter.partition("=")
        is_secret = bool(value) and self._names.parameter.fullmatch(unquote_plus(name).lower())
        return f"{name}{mark}{REDACTED}" if is_secret else parameter


class _NamePatterns(NamedTuple):
    """The expressions that find what stands under a secret's name."""

    field: re.Pattern[str]
    parameter: re.Pattern[str]
    member: re.Pattern[bytes]
    escaped_member: re.Pattern[bytes]
    part: re.Pattern[bytes]


def _compile_names(fields: tuple[str, ...], parameters: tuple[str, ...]) -> _NamePatterns:
    own = "".join(f"|{re.escape(name)}" for name in fields)
    ending = f"(?:[\\w.-]{{0,80}}?(?:{'|'.join(_FIELD_ENDINGS)}){own})"
    own_parameters = "".join(f"|{re.escape(name)}" for name in parameters)
    name = ending.encode()
    return _NamePatterns(
        re.compile(ending),
        re.compile(f"{ending}|{'|'.join(_QUERY_NAMES)}{own_parameters}"),
        re.compile(rb'(?i)((?<!\\)"' + name + rb'"\s*:\s*)' + _VALUE),
        re.compile(rb'(?i)((?<!\\)(\\+)"' + name + rb'\2"\s*:\s*)(\2")(?:[^"\\]|\\+(?!["\\]))+\2"'),
        re.compile(
            rb'(?im)(^content-disposition:[^\r\n]{0,400}?\bname="?'
            + name
            + rb'"?(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n){0,9}\r\n)'
            rb"(?:(?!\r\n--)[\s\S])+"
        ),
    )


_VALUE: Final = rb'("(?:[^"\\]|\\.)+"|-?\d[\d.eE+-]*|\[\s*"(?:[^"\\]|\\.)*"(?:\s*,\s*"(?:[^"\\]|\\.)*")*\s*\])'
"""A JSON string with something in it, a number, or an array of strings: an object says what a name means, no secret."""


def _redacted_member(match: re.Match[bytes]) -> bytes:
    return match[1] + (b'["REDACTED"]' if match[2].startswith(b"[") else b'"REDACTED"')


# -- recordings


def redacted_recording(recording: Recording, scan: SecretScan) -> Recording:
    """Return the recording without the secrets in it, also those that no single event of a stream has whole."""
    return map_texts(recording, lambda _place, pieces: scan.clean_pieces(pieces))


def redacted_stream(body: StreamBody, scan: SecretScan) -> StreamBody:
    """Return the stream without the secrets in it; `body` itself where there is none, as there hardly ever is."""
    events = _map_values("", body.events, lambda _place, pieces: scan.clean_pieces(pieces))
    return body if events is body.events else replace(body, events=events)


def map_texts(recording: Recording, change: TextChange) -> Recording:
    """Return the recording with each of its texts as `change` returns it; names of headers and members stay."""
    request, response = recording.request, recording.response
    (path,) = change("request path", [request.path.encode()])
    (query,) = change("request query", [b"?" + request.query.encode()])
    sent = replace(
        request,
        path=path.decode(),
        query=query[1:].decode(),
        headers=_map_headers("request", request.headers, change),
        body=_map_body("request", request.body, change),
    )
    received = replace(
        response,
        headers=_map_headers("response", response.headers, change),
        body=_map_body("response", response.body, change),
        error=_map_values("response error", [response.error], change)[0],
    )
    return Recording(sent, received)


def _map_headers(where: str, headers: Headers, change: TextChange) -> Headers:
    return tuple((name, change(f"{where} header {name}", [value.encode()])[0].decode()) for name, value in headers)


def _map_body(where: str, body: Body | None, change: TextChange) -> Body | None:
    if isinstance(body, RawBody):
        return RawBody(change(f"{where} body", [body.data])[0])
    if isinstance(body, JsonBody):
        return replace(body, value=_map_values(where, [body.value], change)[0])
    return None if body is None else replace(body, events=_map_values(where, body.events, change))


def _map_values(where: str, values: list[Any], change: TextChange) -> list[Any]:
    """Return the values of one stream, the texts at each path changed as one.

    A text that only repeats that of the event before says nothing new, and is left out. `values` itself is returned where
    nothing changes: copying takes longer than looking.
    """
    texts: dict[JsonPath, list[tuple[int, str]]] = defaultdict(list)
    for number, event in enumerate(values):
        waiting: list[tuple[JsonPath, Json]] = [((), event)]
        while waiting:
            path, value = waiting.pop()
            if isinstance(value, str):
                parts = texts[path]
                if not (parts and parts[-1] == (number - 1, value)):
                    parts.append((number, value))
            elif isinstance(value, dict):
                waiting += [((*path, name), member) for name, member in reversed(value.items())]
            elif isinstance(value, list):
                waiting += [((*path, index), value[index]) for index in range(len(value) - 1, -1, -1)]
    copied = values
    for path, parts in texts.items():
        old = [text.encode("utf-8", "surrogatepass") for _, text in parts]
        new = change(f"{where} /{'/'.join(map(str, path))}", old)
        for (number, _), before, after in zip(parts, old, new, strict=True):
            if before != after:
                copied = copy.deepcopy(values) if copied is values else copied
                holder: Any = copied
                *steps, last = (number, *path)
                for step in steps:
                    holder = holder[step]
                holder[last] = after.decode("utf-8", "surrogatepass")
    return copied

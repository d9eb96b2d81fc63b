"""What is secret, and bytes without it: before anything is hashed or written.

A secret is found by the name it stands under (a query parameter, a member of a JSON object, a field of a form) or
by its own shape (`sk-...`, `AKIA...`, a JSON Web Token, a private key). Both work on the bytes of a body, so that
everything else of them stays as it was: JSON in whatever layout, event streams, JSON inside of a JSON string.

Not under a name: `token`, `key`, `signature` and the like of a JSON body, which mean something else in the answers of
language models (the token of a log probability, a filter's key, the signature of a thought that has to be sent back).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

from recstore.model import Headers
from recstore.secrets.shapes import SHAPES

REDACTED: Final = "REDACTED"
"""Stands where a secret stood."""

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

_QUERY_NAMES: Final = (
    "key",
    "token",
    "sig",
    "signature",
    "jwt",
    "x-amz-.*",
    "x-goog-(?:signature|credential)",
)
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
class Redaction:
    """What a project takes for secret besides what everybody does: names in small letters, and regular expressions.

    A name is one of a header, of a query's parameter, or of a member of a JSON object or a form; a pattern is looked
    for in the bytes of every body, path, query and response header.
    """

    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    _names: _Names = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the expressions once."""
        object.__setattr__(self, "_names", _Names.of(self))

    def text(self, data: bytes) -> bytes:
        """Return the bytes of a body without the secrets in it."""
        lower = data.lower()
        if self.fields or any(sign in lower for sign in _FIELD_SIGNS):
            data = self._names.member.sub(_redacted_member, data)
            data = self._names.escaped_member.sub(rb"\1\3REDACTED\3", data)
        return self.shapes(data)

    def shapes(self, data: bytes) -> bytes:
        """Return `data` without what has the shape of a secret."""
        for shape in SHAPES:
            if shape.sign in data:
                data = shape.pattern.sub(_REDACTED_BYTES, data)
        for pattern in self._names.patterns:
            data = pattern.sub(_REDACTED_BYTES, data)
        return data

    def query_text(self, query: str) -> str:
        """Return a query, or a form that is written as one, without the values of secret parameters."""
        if not query:
            return query
        text = "&".join(map(self._parameter, query.split("&")))
        return self.path_text(text)

    def secret_parameters(self, query: str) -> tuple[str, ...]:
        """Return the values of parameters that are secret wherever they occur, as they were sent and as they are meant.

        `key` and its like name an object as often as a secret: there, the value has to look made up.
        """
        found: list[str] = []
        for stated, _, value in (parameter.partition("=") for parameter in query.split("&")):
            name, meant = unquote_plus(stated).lower(), unquote_plus(value)
            is_secret = self._names.parameter.fullmatch(name) is not None
            if is_secret and (self._names.field.fullmatch(name) or looks_made_up(meant)):
                found += [value, meant]
        return tuple(dict.fromkeys(found))

    def path_text(self, path: str) -> str:
        """Return a path without what has the shape of a secret."""
        return self.shapes(path.encode("utf-8", "replace")).decode()

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


@dataclass(frozen=True, slots=True)
class _Names:
    """The expressions that find what stands under a secret's name."""

    field: re.Pattern[str]
    parameter: re.Pattern[str]
    member: re.Pattern[bytes]
    escaped_member: re.Pattern[bytes]
    part: re.Pattern[bytes]
    patterns: tuple[re.Pattern[bytes], ...]

    @classmethod
    def of(cls, redaction: Redaction) -> _Names:
        own = "".join(f"|{re.escape(name)}" for name in redaction.fields)
        ending = f"(?:[\\w.-]{{0,80}}?(?:{'|'.join(_FIELD_ENDINGS)}){own})"
        query = "".join(f"|{re.escape(name)}" for name in redaction.query)
        name = ending.encode()
        return cls(
            field=re.compile(ending),
            parameter=re.compile(f"{ending}|{'|'.join(_QUERY_NAMES)}{query}"),
            member=re.compile(rb'(?i)((?<!\\)"' + name + rb'"\s*:\s*)' + _VALUE),
            escaped_member=re.compile(
                rb'(?i)((?<!\\)(\\+)"' + name + rb'\2"\s*:\s*)(\2")(?:[^"\\]|\\+(?!["\\]))+\2"',
            ),
            part=re.compile(
                rb'(?im)(^content-disposition:[^\r\n]{0,400}?\bname="?'
                + name
                + rb'"?(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n){0,9}\r\n)'
                rb"(?:(?!\r\n--)[\s\S])+"
            ),
            patterns=tuple(re.compile(pattern.encode()) for pattern in redaction.patterns),
        )


_VALUE: Final = rb'("(?:[^"\\]|\\.)+"|-?\d[\d.eE+-]*|\[\s*"(?:[^"\\]|\\.)*"(?:\s*,\s*"(?:[^"\\]|\\.)*")*\s*\])'
"""A JSON string with something in it, a number, or an array of strings: an object says what a name means, no secret."""

_REDACTED_BYTES: Final = REDACTED.encode()


def _redacted_member(match: re.Match[bytes]) -> bytes:
    return match[1] + (b'["REDACTED"]' if match[2].startswith(b"[") else b'"REDACTED"')

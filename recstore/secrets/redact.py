"""What is secret, and bytes, texts, recordings and streams without it: before anything is hashed or written, and after.

A secret is found by the name it stands under (`password`, `api_key`) or by its own shape (`sk-...`, a private key).
Both work on the bytes of a body, so that everything else of them stays as it was: layouts, event streams, JSON in strings.

Not under a name: `token`, `key`, `signature` and the like of a JSON body, which mean something else in the answers of
language models (the token of a log probability, a filter's key, the signature of a thought that has to be sent back).
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_plus

from recstore.content.deltas import JsonPath
from recstore.model import Digest, Headers, Json, JsonBody, RawBody, Recording, StreamBody

REDACTED: Final = "REDACTED"
"""Stands where a secret stood."""

ALLOWED_DIGITS: Final = 16
"""So many digits of a secret's digest an allow-list has."""

_START: Final = rb"(?<![A-Za-z0-9])"
_DIGIT: Final = rb"(?=[A-Za-z_-]{0,80}\d)"
_PEM: Final = rb"PRIVATE KEY-----(?:[A-Za-z0-9+/=\\\s:,]|-(?!-))*+"
_AWS_NAME: Final = rb"(?i)(?<=secret)(?:_?access)?_?key[\"'\\\s]{0,8}[=:][\"'\\\s]{0,8}"
_SHAPES: Final = (
    ("a key of OpenAI, Anthropic or another that writes them so", b"sk-", _START + b"sk-" + _DIGIT + rb"[\w-]{16,}"),
    ("a key of Stripe or Groq", b"k_", _START + rb"(?:[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|gsk_[A-Za-z0-9]{32,})"),
    ("a key of Google's", b"AIza", _START + rb"AIza[A-Za-z0-9_-]{35}"),
    ("a token of GitHub's", b"gh", _START + rb"gh[pousr]_[A-Za-z0-9]{36,}"),
    ("a token of GitHub's", b"github_pat_", _START + rb"github_pat_[A-Za-z0-9_]{22,}"),
    ("a token of GitLab's", b"glpat-", _START + rb"glpat-[A-Za-z0-9_-]{20,}"),
    ("an access key of AWS", b"AKIA", _START + rb"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("an access key of AWS", b"ASIA", _START + rb"ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("a token of Slack's", b"xox", _START + rb"xox[abeprs]-[A-Za-z0-9-]{10,}"),
    ("a token of Hugging Face's", b"hf_", _START + rb"hf_[A-Za-z0-9]{30,}"),
    ("a token of Replicate's", b"r8_", _START + rb"r8_[A-Za-z0-9]{36,}"),
    ("a key of xAI or NVIDIA", b"i-", _START + rb"(?:xai|nvapi)-" + _DIGIT + rb"[A-Za-z0-9_-]{40,}"),
    ("a key of Tavily's", b"ly-", _START + rb"tvly-" + _DIGIT + rb"[A-Za-z0-9_-]{20,}"),
    ("a key of Perplexity's", b"pplx-", _START + rb"pplx-[A-Za-z0-9]{40,}"),
    ("a token of npm's", b"npm_", _START + rb"npm_[A-Za-z0-9]{36}"),
    ("a key of SendGrid's", b"SG.", _START + rb"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("a JSON Web Token", b"eyJ", rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"),
    ("a bearer token", b"earer ", rb"(?<=[Bb]earer )(?=[A-Za-z._~+/-]*\d)[A-Za-z0-9._~+/-]{16,}=*"),
    ("a password in a URL", b"://", rb"(?<=://)[^\s/:@\"'\\?#]{0,256}:[^\s/@\"'\\?#]{1,256}(?=@)"),
    ("a private key", b"PRIVATE KEY", rb"-----BEGIN [A-Z ]{0,40}" + _PEM + rb"-----END [A-Z ]{0,40}PRIVATE KEY-----"),
    ("a token of Google's", b"ya29.", _START + rb"ya29\.[A-Za-z0-9_-]{30,}"),
    ("a secret key of AWS", b"ecret", _AWS_NAME + rb"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
    ("a key of Azure storage", b"AccountKey=", rb"(?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}"),
    ("a signature of Azure's", b"sig=", rb"(?<=[?&;]sig=)[A-Za-z0-9%+/]{30,}={0,2}"),
    ("a key of Azure's", b"SharedAccessKey=", rb"(?<=SharedAccessKey=)[A-Za-z0-9+/]{30,}={0,2}"),
    ("a webhook of Slack's", b"hooks.slack.com/", rb"(?<=hooks\.slack\.com/)(?:services|workflows)/[A-Za-z0-9/]{20,}"),
)
"""Kind of secret; what has to be there, a look that costs next to nothing; and its shape, asked for only then.

Source: the vendors' documentation of their formats, and GitHub's list of the patterns that it scans for. detect-secrets 1.5
was some 50 times slower on 54 MB of real recordings, and is not used.
"""

_COMPILED: Final = tuple((kind, sign, re.compile(pattern)) for kind, sign, pattern in _SHAPES)

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
    _shapes: tuple[tuple[str, bytes, re.Pattern[bytes]], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the patterns once."""
        own = (("what a pattern of the project says", b"", re.compile(text.encode())) for text in self.patterns)
        object.__setattr__(self, "_shapes", (*_COMPILED, *own))

    def spans(self, data: bytes) -> list[tuple[str, int, int]]:
        """Return the kind of each secret in `data`, its start and its end, in order; overlapping ones are joined."""
        searches = ((kind, pattern.finditer(data)) for kind, sign, pattern in self._shapes if sign in data)
        matches = [(*match.span(), kind) for kind, found in searches for match in found if match[0]]
        joined: list[tuple[str, int, int]] = []
        for start, end, kind in sorted(matches, key=lambda match: match[:2]):
            if joined and start < joined[-1][2]:
                joined[-1] = (*joined[-1][:2], max(joined[-1][2], end))
            else:
                joined.append((kind, start, end))
        return [
            (kind, start, end)
            for kind, start, end in joined
            if data[start:end] != REDACTED.encode() and Digest.of(data[start:end])[:ALLOWED_DIGITS] not in self.allowed
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
    """What a project takes for secret besides what everybody does: names, in small letters, and regular expressions.

    `fields` are members of a JSON object or a form; `patterns` are for every body, path, query and response header.
    """

    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    _names: _NamePatterns = field(init=False, repr=False, compare=False)
    _shapes: SecretScan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the expressions once."""
        object.__setattr__(self, "_names", _NamePatterns(self.fields, self.query))
        object.__setattr__(self, "_shapes", SecretScan(patterns=self.patterns))

    def text(self, data: bytes) -> bytes:
        """Return the bytes of a body without the secrets in it."""
        lower = data.lower()
        if self.fields or any(sign in lower for sign in _FIELD_SIGNS):
            stand_ins = {b"[": b'["REDACTED"]'}
            data = self._names.member.sub(lambda match: match[1] + stand_ins.get(match[2][:1], b'"REDACTED"'), data)
            data = self._names.escaped_member.sub(rb"\1\3REDACTED\3", data)
        return self._shapes.clean(data)

    def query_text(self, query: str) -> str:
        """Return a query, or a form that is written as one, without the values of secret parameters."""
        parameters = []
        for parameter in query.split("&"):
            name, mark, value = parameter.partition("=")
            is_secret = value and self._names.parameter.fullmatch(unquote_plus(name).lower())
            parameters.append(f"{name}{mark}{REDACTED}" if is_secret else parameter)
        return self.path_text("&".join(parameters))

    def secret_parameters(self, query: str) -> tuple[str, ...]:
        """Return the values of secret parameters, raw and percent-decoded; of `key` and its like only what looks made up."""
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


class _NamePatterns:
    """The expressions that find what stands under a secret's name."""

    def __init__(self, fields: tuple[str, ...], parameters: tuple[str, ...]) -> None:
        usual = f"[\\w.-]{{0,80}}?(?:{'|'.join(_FIELD_ENDINGS)})"
        ending = f"(?:{'|'.join((usual, *map(re.escape, fields)))})"
        name = ending.encode()
        self.field = re.compile(ending)
        self.parameter = re.compile("|".join((ending, *_QUERY_NAMES, *map(re.escape, parameters))))
        self.member = re.compile(rb'(?i)((?<!\\)"' + name + rb'"\s*:\s*)' + _VALUE)
        self.escaped_member = re.compile(
            rb'(?i)((?<!\\)(\\+)"' + name + rb'\2"\s*:\s*)(\2")(?:[^"\\]|\\+(?!["\\]))+\2"'
        )
        self.part = re.compile(
            rb'(?im)(^content-disposition:[^\r\n]{0,400}?\bname="?'
            + name
            + rb'"?(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n){0,9}\r\n)(?:(?!\r\n--)[\s\S])+'
        )


_VALUE: Final = rb'("(?:[^"\\]|\\.)+"|-?\d[\d.eE+-]*|\[\s*"(?:[^"\\]|\\.)*"(?:\s*,\s*"(?:[^"\\]|\\.)*")*\s*\])'
"""A JSON string with something in it, a number, or an array of strings: an object says what a name means, no secret."""


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
    changed: list[dict[str, Any]] = []
    for where, message in (("request", request), ("response", response)):
        pairs = message.headers
        headers = tuple((name, change(f"{where} header {name}", [text.encode()])[0].decode()) for name, text in pairs)
        body = message.body
        if isinstance(body, RawBody):
            body = RawBody(change(f"{where} body", [body.data])[0])
        elif isinstance(body, JsonBody):
            body = replace(body, value=_map_values(where, [body.value], change)[0])
        elif body is not None:
            body = replace(body, events=_map_values(where, body.events, change))
        changed.append({"headers": headers, "body": body})
    (error,) = _map_values("response error", [response.error], change)
    sent = replace(request, path=path.decode(), query=query[1:].decode(), **changed[0])
    return Recording(sent, replace(response, error=error, **changed[1]))


def _map_values(where: str, values: list[Any], change: TextChange) -> list[Any]:
    """Return the values of one stream, the texts at each path changed as one; `values` itself where nothing changes.

    A text that only repeats that of the event before says nothing new, and is left out.
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

"""The kinds of rules, and what each does to a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote_plus

from recstore.content.bodies import body_bytes
from recstore.content.canonical import request_key
from recstore.content.json_text import NotExactError, parse_exact
from recstore.model import Body, Entry, Json, JsonBody, RawBody, Request

Place: TypeAlias = Literal["body", "path", "query"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which requests a rule is for: those of which every named part matches its shell pattern.

    A path is what follows the upstream's base URL; `*` in a pattern also stands for slashes.
    """

    patterns: tuple[tuple[Literal["upstream", "path", "method"], str], ...] = ()

    def covers(self, request: Request) -> bool:
        """Return whether the rule is for `request`."""
        parts = {"upstream": request.upstream, "path": request.path, "method": request.method.upper()}
        return all(fnmatchcase(parts[part], pattern) for part, pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class IgnoreJson:
    """Ignores what a JSON Pointer names in the body: a member is dropped, an element of an array becomes null.

    `steps` are the pointer's; a step `*` stands for every member or element, a step `**` for any number of
    steps, none included. No steps: the whole body, of whatever kind.
    """

    steps: tuple[str, ...]
    scope: Scope = Scope()

    def applied(self, request: Request) -> Request:
        """Return `request` without what the rule ignores."""
        if not self.steps:
            return replace(request, body=None)
        if not isinstance(request.body, JsonBody):
            return request
        return replace(request, body=JsonBody(_without(request.body.value, self.steps), request.body.layout))


@dataclass(frozen=True, slots=True)
class IgnoreQuery:
    """Ignores the query's parameters whose name, decoded, matches the shell pattern `name`."""

    name: str
    scope: Scope = Scope()

    def applied(self, request: Request) -> Request:
        """Return `request` without what the rule ignores."""
        parts = [part for part in request.query.split("&") if not self._ignores(part)]
        return replace(request, query="&".join(parts))

    def _ignores(self, part: str) -> bool:
        return fnmatchcase(unquote_plus(part.partition("=")[0]), self.name)


@dataclass(frozen=True, slots=True)
class IgnoreHeader:
    """Ignores the headers whose name matches the shell pattern `name`, in whatever case."""

    name: str
    scope: Scope = Scope()

    def applied(self, request: Request) -> Request:
        """Return `request` without what the rule ignores."""
        pattern = self.name.lower()
        kept = (pair for pair in request.headers if not fnmatchcase(pair[0].lower(), pattern))
        return replace(request, headers=tuple(kept))


@dataclass(frozen=True, slots=True)
class Round:
    """Rounds the body's reals to `digits` after the point, and integers never.

    With `text_from`, decimals in strings that have so many digits or more after the point are written with
    exactly `digits` of them.
    """

    digits: int
    text_from: int | None = None
    scope: Scope = Scope()

    def applied(self, request: Request) -> Request:
        """Return `request` with its numbers rounded."""
        return replace(request, body=_changed(request.body, self._text(), lambda number: round(number, self.digits)))

    def _text(self) -> Callable[[str], str]:
        if self.text_from is None:
            return _as_it_is
        # The look-behind spares a long run of digits a new search from each of its digits.
        decimal = re.compile(rf"(?:-|(?<!\d))\d++\.\d{{{self.text_from},}}")
        return lambda text: decimal.sub(lambda match: f"{float(match[0]):.{self.digits}f}", text)


@dataclass(frozen=True, slots=True)
class Replace:
    r"""Replaces what matches `pattern` by `replacement` (`\1` being the first group) in the given places.

    In a JSON body that is every string but the names of members; in a body of other text the text.
    """

    pattern: re.Pattern[str]
    replacement: str
    places: tuple[Place, ...] = ("body",)
    scope: Scope = Scope()

    def applied(self, request: Request) -> Request:
        """Return `request` with every match replaced."""
        return replace(
            request,
            body=_changed(request.body, self._text) if "body" in self.places else request.body,
            path=self._text(request.path) if "path" in self.places else request.path,
            query=self._text(request.query) if "query" in self.places else request.query,
        )

    def _text(self, text: str) -> str:
        return self.pattern.sub(self.replacement, text)


Rule: TypeAlias = IgnoreJson | IgnoreQuery | IgnoreHeader | Round | Replace


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order in which they are applied."""

    rules: tuple[Rule, ...] = ()

    def normalised(self, request: Request) -> Request:
        """Return what `request` has in common with every request that is close enough; `request` stays as it is."""
        rules = [rule for rule in self.rules if rule.scope.covers(request)]
        if not rules:
            return request
        normal = replace(request, body=_as_json(request.body))
        for rule in rules:
            normal = rule.applied(normal)
        return normal


def close_enough(rules: RuleSet, request: Request, candidates: Iterable[tuple[Entry, Request]]) -> tuple[Entry, ...]:
    """Return the entries, in their order, whose stored request is the same as `request` under the rules."""
    key = request_key(rules.normalised(request))
    return tuple(entry for entry, stored in candidates if request_key(rules.normalised(stored)) == key)


# -- what the rules do to a body


def _as_json(body: Body | None) -> Body | None:
    """Return `body` as the JSON value that its key is made of; as it is, if that is made of its bytes."""
    data = b"" if body is None or isinstance(body, JsonBody) else body_bytes(body)
    if data.lstrip()[:1] not in (b"{", b"["):
        return body
    try:
        return JsonBody(parse_exact(data))
    except NotExactError:
        return body


def _as_it_is(value: Any) -> Any:
    return value


def _changed(
    body: Body | None, text: Callable[[str], str], number: Callable[[float], float] = _as_it_is
) -> Body | None:
    """Return `body` with its strings and reals changed; a body of other text is one string."""
    if isinstance(body, JsonBody):
        return JsonBody(_mapped(body.value, text, number), body.layout)
    try:
        data = body_bytes(body).decode()
    except UnicodeDecodeError:
        return body
    return RawBody(text(data).encode()) if data else body


def _mapped(value: Json, text: Callable[[str], str], number: Callable[[float], float]) -> Json:
    if isinstance(value, dict):
        return {name: _mapped(member, text, number) for name, member in value.items()}
    if isinstance(value, list):
        return [_mapped(element, text, number) for element in value]
    if isinstance(value, str):
        return text(value)
    return number(value) if isinstance(value, float) else value


def _without(value: Json, steps: tuple[str, ...]) -> Json:
    step, rest = steps[0], steps[1:]
    if step == "**":
        value, step, rest = _without(value, rest), "*", steps
    if isinstance(value, dict):
        return {
            name: _without(member, rest) if step in ("*", name) else member
            for name, member in value.items()
            if rest or step not in ("*", name)
        }
    if isinstance(value, list):
        return [
            (_without(element, rest) if rest else None) if step in ("*", str(index)) else element
            for index, element in enumerate(value)
        ]
    return value

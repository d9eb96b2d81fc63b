r"""When two requests are close enough: rules that a look-up applies to both of them before it compares them.

What a request *is* (`canonical`) knows none of them, so changing one changes no file. A rule is a table of
the configuration, of one of these kinds:

    ignore = "/metadata/request_id"      what a JSON Pointer names in the body, wildcards included
    ignore_query = "api-version"         the query parameters of that name, a shell pattern
    ignore_header = "accept-language"    the headers of that name, a shell pattern
    round = 5                            reals, to 5 digits; with `text_from = 4` also decimals in strings
    replace = 'id-\d+'                    a regular expression in strings, by `with = "id-*"`; with
                                         `in = ["body", "path", "query"]` elsewhere than in the body
    preset = "llama-stack"               the rules of that name

It may be limited by shell patterns: `upstream = "azure*"`, `path = "/v1/chat/*"`, `method = "POST"`. A path
is what follows the upstream's base URL.

May know: the model, the canonical form. May not know: files, stores, the environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Literal, TypeAlias
from urllib.parse import unquote_plus

from recstore.content.bodies import body_bytes
from recstore.content.canonical import request_key
from recstore.content.json_text import NotExactError, parse_exact
from recstore.model import Body, Entry, Json, JsonBody, RawBody, Request

RequestPart: TypeAlias = Literal["body", "path", "query"]
"""Where `replace` looks."""


@dataclass(frozen=True, slots=True)
class RuleScope:
    """Which requests a rule is for: every named part has to match its shell pattern, in which `*` also stands for slashes."""

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
    scope: RuleScope = RuleScope()


@dataclass(frozen=True, slots=True)
class IgnoreQuery:
    """Ignores the query's parameters whose name, decoded, matches the shell pattern `name`."""

    name: str
    scope: RuleScope = RuleScope()


@dataclass(frozen=True, slots=True)
class IgnoreHeader:
    """Ignores the headers whose name matches the shell pattern `name`, in whatever case."""

    name: str
    scope: RuleScope = RuleScope()


@dataclass(frozen=True, slots=True)
class Round:
    """Rounds the body's reals to `digits` after the point, and integers never.

    With `text_from`, decimals in strings that have so many digits or more after the point are written with
    exactly `digits` of them.
    """

    digits: int
    text_from: int | None = None
    scope: RuleScope = RuleScope()


@dataclass(frozen=True, slots=True)
class Replace:
    r"""Replaces what matches `pattern` by `replacement` (`\1` being the first group) in the given parts of a request.

    In a JSON body that is every string but the names of members; in a body of other text the text.
    """

    pattern: re.Pattern[str]
    replacement: str
    parts: tuple[RequestPart, ...] = ("body",)
    scope: RuleScope = RuleScope()


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
            normal = _applied(rule, normal)
        return normal


def close_enough(rules: RuleSet, request: Request, candidates: Iterable[tuple[Entry, Request]]) -> tuple[Entry, ...]:
    """Return the entries, in their order, whose stored request is the same as `request` under the rules."""
    key = request_key(rules.normalised(request))
    return tuple(entry for entry, stored in candidates if request_key(rules.normalised(stored)) == key)


def _applied(rule: Rule, request: Request) -> Request:
    if isinstance(rule, IgnoreQuery):
        parameters = ((unquote_plus(part.partition("=")[0]), part) for part in request.query.split("&"))
        return replace(request, query="&".join(part for name, part in parameters if not fnmatchcase(name, rule.name)))
    if isinstance(rule, IgnoreHeader):
        headers = (pair for pair in request.headers if not fnmatchcase(pair[0].lower(), rule.name.lower()))
        return replace(request, headers=tuple(headers))
    if isinstance(rule, IgnoreJson):
        if not rule.steps:
            return replace(request, body=None)
        if not isinstance(request.body, JsonBody):
            return request
        return replace(request, body=JsonBody(_without(request.body.value, rule.steps), request.body.layout))
    if isinstance(rule, Round):
        text: Callable[[str], str] = str
        if rule.text_from is not None:
            # The look-behind spares a long run of digits a new search from each of its digits.
            decimal = re.compile(rf"(?:-|(?<!\d))\d++\.\d{{{rule.text_from},}}")
            text = partial(decimal.sub, lambda match: f"{float(match[0]):.{rule.digits}f}")
        return replace(request, body=_changed(request.body, text, lambda number: round(number, rule.digits)))
    change = partial(rule.pattern.sub, rule.replacement)
    return replace(
        request,
        body=_changed(request.body, change) if "body" in rule.parts else request.body,
        path=change(request.path) if "path" in rule.parts else request.path,
        query=change(request.query) if "query" in rule.parts else request.query,
    )


def _as_json(body: Body | None) -> Body | None:
    """Return `body` as the JSON value that its key is made of; unchanged, if the key is made of its bytes."""
    if body is None or isinstance(body, JsonBody) or body_bytes(body).lstrip()[:1] not in (b"{", b"["):
        return body
    try:
        return JsonBody(parse_exact(body_bytes(body)))
    except NotExactError:
        return body


def _changed(
    body: Body | None, text: Callable[[str], str], number: Callable[[float], float] = lambda number: number
) -> Body | None:
    """Return `body` with its strings and reals changed; a body of other text is one string."""

    def changed(value: Json) -> Json:
        if isinstance(value, dict):
            return {name: changed(member) for name, member in value.items()}
        if isinstance(value, list):
            return [changed(element) for element in value]
        if isinstance(value, str):
            return text(value)
        return number(value) if isinstance(value, float) else value

    if isinstance(body, JsonBody):
        return JsonBody(changed(body.value), body.layout)
    try:
        data = body_bytes(body).decode()
    except UnicodeDecodeError:
        return body
    return RawBody(text(data).encode()) if data else body


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

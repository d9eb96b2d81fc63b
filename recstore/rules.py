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
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, AnyStr, Final, Literal, TypeAlias, get_args
from urllib.parse import unquote_plus

from recstore.content.bodies import body_bytes
from recstore.content.canonical import request_key
from recstore.content.json_text import NotExactError, parse_exact
from recstore.errors import UsageError
from recstore.model import Body, Entry, Json, JsonBody, RawBody, Request

RequestPart: TypeAlias = Literal["body", "path", "query"]
"""Where `replace` looks."""

_SCOPE_NAMES: Final = ("upstream", "path", "method")
RuleScope: TypeAlias = tuple[tuple[str, str], ...]
"""Which requests a rule is for: shell patterns, in which `*` also stands for slashes, for some of `_SCOPE_NAMES`."""

_OPTIONS: Final = {
    **dict.fromkeys(("ignore", "ignore_query", "ignore_header", "preset"), ()),
    "round": ("text_from",),
    "replace": ("with", "in"),
}
"""Each kind of rule, and the names that only it has."""

_MAX_DIGITS: Final = 15
"""As many as a double preserves of any decimal number."""

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LLAMA_STACK: Final = (
    {"ignore": "/extra_body/project_id"},
    {"ignore": "/extra_query/project_id"},
    {"ignore": "/project_id"},  # where the client has put it into what it sends
    {"ignore_query": "project_id"},
    {"ignore": "/stream_options", "upstream": "*bedrock*"},
    {"replace": r"score:\s*[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", "with": "score: __NORMALIZED__"},
    # Begins at the first of several blanks only: a page of them would be searched from each.
    {"replace": r"(?:,|(?<![,\s]))\s*+attributes:\s*+\{[^}]*+\}", "with": ""},
    {"replace": rf"document_id:\s*{_UUID}", "with": "document_id: __NORMALIZED__"},
    {"replace": rf"<\|{_UUID}\|>", "with": "<|__NORMALIZED__|>"},
    {"round": 5, "text_from": 4},
)
"""The changes that llama-stack's recorder makes to a request before it hashes it for the file's name.

Two searches with the same passages as result differ in the texts that are replaced. Arguments of tools, which no HTTP
request carries, stay as they are. Bedrock is an upstream that has the word in its label, or in its host where it has no
label of its own.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, May 2026.
"""

PRESETS: Final = {"llama-stack": [{**table, "method": "POST"} for table in _LLAMA_STACK]}
"""The tables of the rules of each name."""


@dataclass(frozen=True, slots=True)
class IgnoreJson:
    """Ignores what a JSON Pointer names in the body: a member is dropped, an element of an array becomes null.

    `steps` are the pointer's; a step `*` stands for every member or element, a step `**` for any number of
    steps, none included. No steps: the whole body, of whatever kind.
    """

    steps: tuple[str, ...]
    scope: RuleScope = ()


@dataclass(frozen=True, slots=True)
class IgnoreQuery:
    """Ignores the query's parameters whose name, decoded, matches the shell pattern `name`."""

    name: str
    scope: RuleScope = ()


@dataclass(frozen=True, slots=True)
class IgnoreHeader:
    """Ignores the headers whose name matches the shell pattern `name`, in whatever case."""

    name: str
    scope: RuleScope = ()


@dataclass(frozen=True, slots=True)
class Round:
    """Rounds the body's reals to `digits` after the point, and integers never.

    With `text_from`, decimals in strings that have so many digits or more after the point are written with
    exactly `digits` of them.
    """

    digits: int
    text_from: int | None = None
    scope: RuleScope = ()


@dataclass(frozen=True, slots=True)
class Replace:
    r"""Replaces what matches `pattern` by `replacement` (`\1` being the first group) in the given parts of a request.

    In a JSON body that is every string but the names of members; in a body of other text the text.
    """

    pattern: re.Pattern[str]
    replacement: str
    parts: tuple[RequestPart, ...] = ("body",)
    scope: RuleScope = ()


Rule: TypeAlias = IgnoreJson | IgnoreQuery | IgnoreHeader | Round | Replace


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order in which they are applied."""

    rules: tuple[Rule, ...] = ()

    def normalised(self, request: Request) -> Request:
        """Return what `request` has in common with every request that is close enough; `request` stays as it is."""
        parts = {"upstream": request.upstream, "path": request.path, "method": request.method.upper()}
        rules = [rule for rule in self.rules if all(fnmatchcase(parts[name], text) for name, text in rule.scope)]
        if rules and request.body is not None and not isinstance(request.body, JsonBody):
            data = body_bytes(request.body)
            with suppress(NotExactError):  # else the request's key is made of the bytes, and so are the rules'
                if data.lstrip()[:1] in (b"{", b"["):
                    request = replace(request, body=JsonBody(parse_exact(data)))
        for rule in rules:
            request = _applied(rule, request)
        return request


def close_enough(rules: RuleSet, request: Request, candidates: Iterable[tuple[Entry, Request]]) -> tuple[Entry, ...]:
    """Return the entries, in their order, whose stored request is the same as `request` under the rules."""
    key = request_key(rules.normalised(request))
    return tuple(entry for entry, stored in candidates if request_key(rules.normalised(stored)) == key)


def _applied(rule: Rule, request: Request) -> Request:
    body = request.body
    if isinstance(rule, IgnoreQuery):
        parameters = ((unquote_plus(part.partition("=")[0]), part) for part in request.query.split("&"))
        return replace(request, query="&".join(part for name, part in parameters if not fnmatchcase(name, rule.name)))
    if isinstance(rule, IgnoreHeader):
        headers = (pair for pair in request.headers if not fnmatchcase(pair[0].lower(), rule.name.lower()))
        return replace(request, headers=tuple(headers))
    if isinstance(rule, IgnoreJson):
        if not rule.steps:
            return replace(request, body=None)
        if not isinstance(body, JsonBody):
            return request
        return replace(request, body=JsonBody(_without(body.value, rule.steps), body.layout))
    if isinstance(rule, Round):
        text: Callable[[str], str] = str
        if rule.text_from is not None:
            # The look-behind spares a long run of digits a new search from each of its digits.
            decimal = re.compile(rf"(?:-|(?<!\d))\d++\.\d{{{rule.text_from},}}")
            text = partial(decimal.sub, lambda match: f"{float(match[0]):.{rule.digits}f}")
        return replace(request, body=_changed(body, text, lambda number: round(number, rule.digits)))
    change = partial(rule.pattern.sub, rule.replacement)
    return replace(
        request,
        body=_changed(body, change) if "body" in rule.parts else body,
        path=change(request.path) if "path" in rule.parts else request.path,
        query=change(request.query) if "query" in rule.parts else request.query,
    )


def _changed(body: Body | None, text: Callable[[str], str], number: Callable[[float], float] = float) -> Body | None:
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
    with suppress(UnicodeDecodeError):
        data = body_bytes(body).decode()
        return RawBody(text(data).encode()) if data else body
    return body


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


def parse_rules(config: Any, subject: str) -> RuleSet:
    """Return the rules that `config` states: an array of tables, as TOML gives it.

    Shape: `[{"ignore": "/run/id"}, {"round": 5, "path": "/v1/*"}]`; `subject` says where it stands, for errors.

    Raises: UsageError: one of them is not a rule.
    """
    if not isinstance(config, list) or not all(isinstance(table, dict) for table in config):
        remedy = "A rule is a table `[[tool.recstore.rules]]`."
        raise UsageError(subject, "the rules are not an array of tables", remedy)
    tables = [_RuleTable(table, f"{subject}: rule {number}") for number, table in enumerate(config, start=1)]
    return RuleSet(tuple(rule for table in tables for rule in table.rules()))


def parse_expression(text: AnyStr) -> re.Pattern[AnyStr]:
    """Return the regular expression that `text` spells.

    Raises: ValueError: it is not one, or one that a later Python will read differently.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def refuse_unknown(names: Collection[str], known: Collection[str], subject: str) -> None:
    """Raise UsageError if one of `names` is not `known`; it names the nearest known one."""
    for name in names:
        if name not in known:
            from difflib import get_close_matches

            nearest = get_close_matches(name, known, n=1)
            remedy = f"Did you mean `{nearest[0]}`?" if nearest else f"Known are: {', '.join(known)}."
            raise UsageError(subject, f"`{name}` is not known here", remedy)


@dataclass(frozen=True, slots=True)
class _RuleTable:
    """A rule's table, and what to call it in errors."""

    members: Mapping[str, Any]
    subject: str

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule that the table states, or all of a preset, limited to the table's scope too."""
        kinds = [name for name in self.members if name in _OPTIONS]
        if len(kinds) != 1:
            options = (option for options in _OPTIONS.values() for option in options)
            refuse_unknown(self.members, (*_OPTIONS, *options, *_SCOPE_NAMES), self.subject)
            stated = " and ".join(f"`{kind}`" for kind in kinds) or "none"
            raise UsageError(self.subject, f"a rule has one of {', '.join(_OPTIONS)}; this one has {stated}")
        kind = kinds[0]
        refuse_unknown(self.members, (kind, *_OPTIONS[kind], *_SCOPE_NAMES), self.subject)
        scope = tuple((name, self._text(name)) for name in _SCOPE_NAMES if name in self.members)
        if kind == "ignore":
            return (IgnoreJson(self._pointer(), scope),)
        if kind == "round":
            text_from = self._digits("text_from") if "text_from" in self.members else None
            return (Round(self._digits(kind), text_from, scope),)
        if kind == "replace":
            return (self._replacement(scope),)
        name = self._text(kind)
        if kind != "preset":
            return (IgnoreQuery(name, scope) if kind == "ignore_query" else IgnoreHeader(name, scope),)
        refuse_unknown((name,), PRESETS, f"{self.subject}: preset")
        rules = parse_rules(PRESETS[name], name).rules
        return tuple(replace(rule, scope=(*scope, *rule.scope)) for rule in rules)

    def _error(self, name: str, reason: str, remedy: str = "") -> UsageError:
        return UsageError(self.subject, f"{name} = {self.members.get(name)!r}: {reason}", remedy)

    def _text(self, name: str) -> str:
        value = self.members.get(name)
        if isinstance(value, str):
            return value
        raise self._error(name, "is not a string")

    def _digits(self, name: str) -> int:
        value = self.members[name]
        if type(value) is not int or not 0 <= value <= _MAX_DIGITS:
            raise self._error(name, f"is not a number of digits, 0 to {_MAX_DIGITS}")
        return value

    def _pointer(self) -> tuple[str, ...]:
        begin, *steps = self._text("ignore").split("/")
        if begin:
            raise self._error("ignore", "is not a JSON Pointer", "One begins with a slash: `/metadata/request_id`.")
        if any(re.search("~(?![01])", step) for step in steps):
            raise self._error("ignore", "is not a JSON Pointer", "A `~` in a name is written `~0`, a slash `~1`.")
        if steps[-1:] == ["**"]:
            raise self._error("ignore", "ends in `**`", 'It would ignore the whole body: `ignore = ""` says so.')
        return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)

    def _replacement(self, scope: RuleScope) -> Replace:
        try:
            pattern = parse_expression(self._text("replace"))
        except ValueError as error:
            raise self._error("replace", f"is not a regular expression: {error}") from error
        replacement, parts, known = self._text("with"), self.members.get("in", ["body"]), get_args(RequestPart)
        try:
            pattern.sub(replacement, "")
        except (re.error, IndexError) as error:
            raise self._error("with", f"does not fit the expression: {error}") from error
        if not isinstance(parts, list) or not parts or not all(part in known for part in parts):
            raise self._error("in", f"is not an array of parts of a request; they are {', '.join(known)}")
        return Replace(pattern, replacement, tuple(parts), scope)

"""When two requests are close enough: rules that a look-up applies to both of them before it compares them.

What a request *is* (`canonical`) knows none of them, so changing one changes no file. A rule is a table of the
configuration, which shell patterns may limit: docs/configuration.md shows every kind.

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

Arguments of tools, which no HTTP request carries, stay as they are. Bedrock is an upstream with that word in its label or host.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, May 2026.
"""

PRESETS: Final = {"llama-stack": [{**table, "method": "POST"} for table in _LLAMA_STACK]}
"""The tables of the rules of each name."""


@dataclass(frozen=True, slots=True)
class IgnoreJson:
    """Ignores what a JSON Pointer names in the body: a member is dropped, an element of an array becomes null.

    A step `*` stands for every member or element, a step `**` for any number of steps. No steps: the whole body.
    """

    steps: tuple[str, ...]
    scope: RuleScope = ()


@dataclass(frozen=True, slots=True)
class IgnoreNamed:
    """Ignores the query's parameters (decoded), or the headers (in whatever case), whose name matches a shell pattern."""

    part: Literal["query", "headers"]
    name: str
    scope: RuleScope = ()


@dataclass(frozen=True, slots=True)
class Round:
    """Rounds the body's reals to `digits` after the point; with `text_from`, also decimals in strings of so many or more."""

    digits: int
    text_from: int | None = None
    scope: RuleScope = ()


@dataclass(frozen=True, slots=True)
class Replace:
    r"""Replaces what matches `pattern` by `replacement` (`\1`: the first group), in a JSON body in all strings but names."""

    pattern: re.Pattern[str]
    replacement: str
    parts: tuple[RequestPart, ...] = ("body",)
    scope: RuleScope = ()


Rule: TypeAlias = IgnoreJson | IgnoreNamed | Round | Replace


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
    if isinstance(rule, IgnoreNamed):
        if rule.part == "query":
            parameters = ((unquote_plus(part.partition("=")[0]), part) for part in request.query.split("&"))
            left = (part for name, part in parameters if not fnmatchcase(name, rule.name))
            return replace(request, query="&".join(left))
        headers = (pair for pair in request.headers if not fnmatchcase(pair[0].lower(), rule.name.lower()))
        return replace(request, headers=tuple(headers))
    if isinstance(rule, IgnoreJson):
        if rule.steps and isinstance(body, JsonBody):
            return replace(request, body=JsonBody(_without(body.value, rule.steps), body.layout))
        return request if rule.steps else replace(request, body=None)
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
        raise UsageError(subject, "the rules are not an array of tables", "One begins with `[[tool.recstore.rules]]`.")
    tables = ((table, f"{subject}: rule {number}") for number, table in enumerate(config, start=1))
    return RuleSet(tuple(rule for table, name in tables for rule in _parse_rule(table, name)))


def parse_expression(text: AnyStr) -> re.Pattern[AnyStr]:
    """Return the regular expression that `text` spells.

    Raises: ValueError: it is not one, or one that a later Python will read differently.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression: {error}") from error


def refuse_unknown(names: Collection[str], known: Collection[str], subject: str) -> None:
    """Raise UsageError if one of `names` is not `known`; it names the nearest known one."""
    for name in names:
        if name not in known:
            from difflib import get_close_matches

            nearest = get_close_matches(name, known, n=1)
            remedy = f"Did you mean `{nearest[0]}`?" if nearest else f"Known are: {', '.join(known)}."
            raise UsageError(subject, f"`{name}` is not known here", remedy)


# -- values of a rule's table: each reader raises ValueError with the reason, and perhaps the remedy


def _parse_rule(table: Mapping[str, Any], subject: str) -> tuple[Rule, ...]:
    """Return the rule that the table states, or all of a preset, limited to the table's scope too."""
    kinds = [name for name in table if name in _OPTIONS]
    if len(kinds) != 1:
        refuse_unknown(table, _READERS, subject)
        stated = " and ".join(f"`{kind}`" for kind in kinds) or "none"
        raise UsageError(subject, f"a rule has one of {', '.join(_OPTIONS)}; this one has {stated}")
    kind = kinds[0]
    refuse_unknown(table, (kind, *_OPTIONS[kind], *_SCOPE_NAMES), subject)
    values: dict[str, Any] = {}
    for name, value in ({"with": None, **table} if kind == "replace" else table).items():
        try:
            values[name] = _READERS[name](value)
        except ValueError as error:
            raise UsageError(subject, f"{name} = {value!r}: {error.args[0]}", *error.args[1:]) from error
    scope = tuple((name, values[name]) for name in _SCOPE_NAMES if name in values)
    if kind == "preset":
        refuse_unknown((values[kind],), PRESETS, f"{subject}: preset")
        rules = parse_rules(PRESETS[values[kind]], values[kind]).rules
        return tuple(replace(rule, scope=(*scope, *rule.scope)) for rule in rules)
    if kind == "replace":
        try:
            values[kind].sub(values["with"], "")
        except (re.error, IndexError) as error:
            reason = f"with = {values['with']!r}: does not fit the expression: {error}"
            raise UsageError(subject, reason) from error
        return (Replace(values[kind], values["with"], tuple(values.get("in", ["body"])), scope),)
    if kind == "round":
        return (Round(values[kind], values.get("text_from"), scope),)
    if kind == "ignore":
        return (IgnoreJson(values[kind], scope),)
    return (IgnoreNamed("query" if kind == "ignore_query" else "headers", values[kind], scope),)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("is not a string")


def _digits(value: Any) -> int:
    if type(value) is int and 0 <= value <= _MAX_DIGITS:
        return value
    raise ValueError(f"is not a number of digits, 0 to {_MAX_DIGITS}")


def _pointer(value: Any) -> tuple[str, ...]:
    begin, *steps = _text(value).split("/")
    if begin:
        raise ValueError("is not a JSON Pointer", "One begins with a slash: `/metadata/request_id`.")
    if any(re.search("~(?![01])", step) for step in steps):
        raise ValueError("is not a JSON Pointer", "A `~` in a name is written `~0`, a slash `~1`.")
    if steps[-1:] == ["**"]:
        raise ValueError("ends in `**`", 'It would ignore the whole body: `ignore = ""` says so.')
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _parts(value: Any) -> list[RequestPart]:
    known = get_args(RequestPart)
    if isinstance(value, list) and value and all(part in known for part in value):
        return value
    raise ValueError(f"is not an array of parts of a request; they are {', '.join(known)}")


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "ignore": _pointer,
    **dict.fromkeys(("ignore_query", "ignore_header", "preset", "with", *_SCOPE_NAMES), _text),
    **dict.fromkeys(("round", "text_from"), _digits),
    "replace": lambda value: parse_expression(_text(value)),
    "in": _parts,
}
"""What makes the value of each name in a rule's table."""

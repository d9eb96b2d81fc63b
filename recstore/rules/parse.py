"""Rules from the tables of a configuration, and the presets: rules under a name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, AnyStr, Final, Literal, get_args

from recstore.errors import UsageError
from recstore.rules import IgnoreHeader, IgnoreJson, IgnoreQuery, Replace, RequestPart, Round, Rule, RuleScope, RuleSet

_MAX_DIGITS: Final = 15
"""As many as a double preserves of any decimal number."""

_SCOPE_NAMES: Final[tuple[Literal["upstream", "path", "method"], ...]] = ("upstream", "path", "method")
_KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("ignore", "ignore_query", "ignore_header", "preset"), ()),
        "round": ("text_from",),
        "replace": ("with", "in"),
    }
)
"""Each kind of rule, and the names that only it has."""

_ALL_NAMES: Final = (*_KINDS, *(option for options in _KINDS.values() for option in options), *_SCOPE_NAMES)
_BAD_ESCAPE: Final = re.compile("~(?![01])")


def parse_rules(config: Any, subject: str) -> RuleSet:
    """Return the rules that `config` states: an array of tables, as TOML gives it.

    Shape: `[{"ignore": "/run/id"}, {"round": 5, "path": "/v1/*"}]`; `subject` says where it stands, for errors.

    Raises: UsageError: one of them is not a rule.
    """
    if not isinstance(config, list) or not all(isinstance(table, dict) for table in config):
        raise UsageError(
            subject, "the rules are not an array of tables", "A rule is a table `[[tool.recstore.rules]]`."
        )
    tables = (_Table(table, f"{subject}: rule {number}") for number, table in enumerate(config, start=1))
    return RuleSet(tuple(rule for table in tables for rule in _parse_rule(table)))


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
class _Table:
    """A rule's table, and what to call it in errors."""

    members: Mapping[str, Any]
    subject: str

    def error(self, name: str, reason: str, remedy: str = "") -> UsageError:
        return UsageError(self.subject, f"{name} = {self.members.get(name)!r}: {reason}", remedy)

    def text(self, name: str) -> str:
        value = self.members.get(name)
        if isinstance(value, str):
            return value
        raise self.error(name, "is not a string")

    def digits(self, name: str) -> int:
        value = self.members[name]
        if type(value) is not int or not 0 <= value <= _MAX_DIGITS:
            raise self.error(name, f"is not a number of digits, 0 to {_MAX_DIGITS}")
        return value


def _parse_rule(table: _Table) -> tuple[Rule, ...]:
    kinds = [name for name in table.members if name in _KINDS]
    if len(kinds) != 1:
        refuse_unknown(table.members, _ALL_NAMES, table.subject)
        found = " and ".join(f"`{kind}`" for kind in kinds) or "none"
        raise UsageError(table.subject, f"a rule has one of {', '.join(_KINDS)}; this one has {found}")
    kind = kinds[0]
    refuse_unknown(table.members, (kind, *_KINDS[kind], *_SCOPE_NAMES), table.subject)
    scope = RuleScope(tuple((part, table.text(part)) for part in _SCOPE_NAMES if part in table.members))
    if kind == "preset":
        refuse_unknown((table.text(kind),), PRESETS, f"{table.subject}: preset")
        rules = PRESETS[table.text(kind)]().rules
        return tuple(replace(rule, scope=RuleScope((*scope.patterns, *rule.scope.patterns))) for rule in rules)
    if kind == "ignore":
        return (IgnoreJson(_parse_pointer(table), scope),)
    if kind == "ignore_query":
        return (IgnoreQuery(table.text(kind), scope),)
    if kind == "ignore_header":
        return (IgnoreHeader(table.text(kind), scope),)
    if kind == "round":
        text_from = table.digits("text_from") if "text_from" in table.members else None
        return (Round(table.digits(kind), text_from, scope),)
    return (_parse_replace(table, scope),)


def _parse_pointer(table: _Table) -> tuple[str, ...]:
    pointer = table.text("ignore")
    if pointer and not pointer.startswith("/"):
        raise table.error("ignore", "is not a JSON Pointer", "One begins with a slash, as `/metadata/request_id` does.")
    if _BAD_ESCAPE.search(pointer):
        raise table.error("ignore", "is not a JSON Pointer", "A `~` in a name is written `~0`, a slash `~1`.")
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    if steps[-1:] == ("**",):
        raise table.error("ignore", "ends in `**`", 'It would ignore the whole body: `ignore = ""` says so.')
    return steps


def _parse_replace(table: _Table, scope: RuleScope) -> Replace:
    try:
        pattern = parse_expression(table.text("replace"))
    except ValueError as error:
        raise table.error("replace", f"is not a regular expression: {error}") from error
    try:
        pattern.sub(table.text("with"), "")
    except (re.error, IndexError) as error:
        raise table.error("with", f"does not fit the expression: {error}") from error
    parts = table.members.get("in", ["body"])
    if not isinstance(parts, list) or not parts or not all(part in get_args(RequestPart) for part in parts):
        raise table.error("in", f"is not an array of parts of a request; they are {', '.join(get_args(RequestPart))}")
    return Replace(pattern, table.text("with"), tuple(parts), scope)


# -- presets

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_SEARCH_RESULTS: Final = (
    (r"score:\s*[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", "score: __NORMALIZED__"),
    # Begins at the first of several blanks only: a page of them would be searched from each.
    (r"(?:,|(?<![,\s]))\s*+attributes:\s*+\{[^}]*+\}", ""),
    (rf"document_id:\s*{_UUID}", "document_id: __NORMALIZED__"),
    (rf"<\|{_UUID}\|>", "<|__NORMALIZED__|>"),
)
"""Text in a prompt that differs between two searches with the same passages as result."""


def _llama_stack() -> RuleSet:
    """Return the changes that llama-stack's recorder makes to a request before it hashes it for the file's name.

    Arguments of tools, which no HTTP request carries, stay as they are. Bedrock is an upstream that has the
    word in its label, or in its host where it has no label of its own.

    Source: the recorder, `src/llama_stack/testing/api_recorder.py`, May 2026.
    """
    sent = RuleScope((("method", "POST"),))
    bedrock = RuleScope((("method", "POST"), ("upstream", "*bedrock*")))
    return RuleSet(
        (
            IgnoreJson(("extra_body", "project_id"), sent),
            IgnoreJson(("extra_query", "project_id"), sent),
            IgnoreJson(("project_id",), sent),  # where the client has put it into what it sends
            IgnoreQuery("project_id", sent),
            IgnoreJson(("stream_options",), bedrock),
            *(Replace(re.compile(pattern), replacement, scope=sent) for pattern, replacement in _SEARCH_RESULTS),
            Round(digits=5, text_from=4, scope=sent),
        )
    )


PRESETS: Final[Mapping[str, Callable[[], RuleSet]]] = MappingProxyType({"llama-stack": _llama_stack})
"""The function that makes the rules of each name."""

"""Rules from tables of the configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from recstore.errors import UsageError
from recstore.rules.expressions import parse_expression
from recstore.rules.kinds import IgnoreHeader, IgnoreJson, IgnoreQuery, Place, Replace, Round, Rule, RuleSet, Scope
from recstore.rules.presets import PRESETS

_MOST_DIGITS: Final = 15
"""As many as a double keeps of any decimal number."""

_SCOPE: Final[tuple[Literal["upstream", "path", "method"], ...]] = ("upstream", "path", "method")
_BAD_ESCAPE: Final = re.compile("~(?![01])")


def parse_rules(config: Any, subject: str) -> RuleSet:
    """Return the rules that `config` states: an array of tables, as TOML gives it.

    `subject` is where it stands, for errors.

    Raises: UsageError: one of them is no rule.
    """
    if not isinstance(config, list) or not all(isinstance(table, dict) for table in config):
        raise UsageError(subject, "the rules are no array of tables", "A rule is a table `[[tool.recstore.rules]]`.")
    tables = (_Table(table, f"{subject}: rule {number}") for number, table in enumerate(config, start=1))
    return RuleSet(tuple(rule for table in tables for rule in _parse_rule(table)))


def refuse_unknown(names: Collection[str], known: Collection[str], subject: str) -> None:
    """Do nothing if all `names` are `known`.

    Raises: UsageError: one is not; the known one that is nearest to it is named.
    """
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
        if not isinstance(value, str):
            raise self.error(name, "is not a string")
        return value

    def digits(self, name: str) -> int:
        value = self.members[name]
        if type(value) is not int or not 0 <= value <= _MOST_DIGITS:
            raise self.error(name, f"is not a number of digits, 0 to {_MOST_DIGITS}")
        return value


def _parse_rule(table: _Table) -> tuple[Rule, ...]:
    kinds = [name for name in table.members if name in _KINDS]
    if len(kinds) != 1:
        refuse_unknown(table.members, _ALL_NAMES, table.subject)
        found = " and ".join(f"`{kind}`" for kind in kinds) or "none"
        raise UsageError(table.subject, f"a rule has one of {', '.join(_KINDS)}; this one has {found}")
    parse, options = _KINDS[kinds[0]]
    refuse_unknown(table.members, (kinds[0], *options, *_SCOPE), table.subject)
    return parse(table, Scope(tuple((part, table.text(part)) for part in _SCOPE if part in table.members)))


def _ignore(table: _Table, scope: Scope) -> tuple[Rule, ...]:
    pointer = table.text("ignore")
    if pointer and not pointer.startswith("/"):
        raise table.error("ignore", "is no JSON Pointer", "One begins with a slash, as `/metadata/request_id` does.")
    if _BAD_ESCAPE.search(pointer):
        raise table.error("ignore", "is no JSON Pointer", "A `~` in a name is written `~0`, a slash `~1`.")
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    if steps[-1:] == ("**",):
        raise table.error("ignore", "ends in `**`", 'What it would ignore is the whole body: `ignore = ""` says so.')
    return (IgnoreJson(steps, scope),)


def _ignore_query(table: _Table, scope: Scope) -> tuple[Rule, ...]:
    return (IgnoreQuery(table.text("ignore_query"), scope),)


def _ignore_header(table: _Table, scope: Scope) -> tuple[Rule, ...]:
    return (IgnoreHeader(table.text("ignore_header"), scope),)


def _round(table: _Table, scope: Scope) -> tuple[Rule, ...]:
    text_from = table.digits("text_from") if "text_from" in table.members else None
    return (Round(table.digits("round"), text_from, scope),)


def _replace(table: _Table, scope: Scope) -> tuple[Rule, ...]:
    try:
        pattern = parse_expression(table.text("replace"))
    except ValueError as error:
        raise table.error("replace", f"is no regular expression: {error}") from error
    try:
        pattern.sub(table.text("with"), "")
    except (re.error, IndexError) as error:
        raise table.error("with", f"does not fit the expression: {error}") from error
    return (Replace(pattern, table.text("with"), _places(table), scope),)


def _places(table: _Table) -> tuple[Place, ...]:
    places = table.members.get("in", ["body"])
    if not isinstance(places, list) or not places or not all(place in get_args(Place) for place in places):
        raise table.error("in", f"is no array of places; they are {', '.join(get_args(Place))}")
    return tuple(places)


def _preset(table: _Table, scope: Scope) -> tuple[Rule, ...]:
    name = table.text("preset")
    refuse_unknown((name,), PRESETS, f"{table.subject}: preset")
    rules = PRESETS[name]().rules
    return tuple(replace(rule, scope=Scope((*scope.patterns, *rule.scope.patterns))) for rule in rules)


_KINDS: Final[Mapping[str, tuple[Callable[[_Table, Scope], tuple[Rule, ...]], tuple[str, ...]]]] = MappingProxyType(
    {
        "ignore": (_ignore, ()),
        "ignore_query": (_ignore_query, ()),
        "ignore_header": (_ignore_header, ()),
        "round": (_round, ("text_from",)),
        "replace": (_replace, ("with", "in")),
        "preset": (_preset, ()),
    }
)
"""Each kind of rule: what makes it of its table, and the names that only it has."""

_ALL_NAMES: Final = (*_KINDS, *(option for _, options in _KINDS.values() for option in options), *_SCOPE)

"""Which recorded request comes nearest to one that is not recorded, and what a rule would have to ignore."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from recstore.content.bodies import body_bytes
from recstore.content.canonical import identity_headers, request_key
from recstore.content.deltas import Difference, differences
from recstore.content.json_text import NotExactError, compact_text, parse_exact
from recstore.model import Json, JsonBody, Request
from recstore.rules import RuleSet
from recstore.rules.parse import parse_rules

_Name = TypeVar("_Name")
_HEAD: Final = ("method", "upstream", "path", "query", "headers")
_MOST_RULES: Final = 3
_WORDS_OF_MODEL: Final = frozenset(
    ("messages", "model", "tools", "input", "prompt", "contents", "system", "instructions")
)
"""Members that say what is asked: a rule that ignores one would give the answer to another question."""


@dataclass(frozen=True, slots=True)
class Near(Generic[_Name]):
    """A recorded request, by whatever name the caller gave it, and where the one that was made differs from it."""

    name: _Name
    request: Request
    differences: tuple[Difference, ...]


def nearest(asked: Request, candidates: Iterable[tuple[_Name, Request]]) -> Near[_Name] | None:
    """Return the candidate that differs in the fewest places, the first of several; None where there is none."""
    wanted = _as_json(asked)
    best: tuple[tuple[bool, int, int], Near[_Name]] | None = None
    for name, request in candidates:
        found = tuple(differences(_as_json(request), wanted))
        is_elsewhere = (request.method, request.path) != (asked.method, asked.path)
        distance = (is_elsewhere, len(found), -sum(difference.common_length for difference in found))
        if best is None or distance < best[0]:
            best = distance, Near(name, request, found)
    return best[1] if best else None


def matching_rule(stored: Request, found: tuple[Difference, ...], asked: Request) -> str:
    """Return the rules, as the configuration states them, that make the two requests the same; "" where none should."""
    rules = [_rule(difference) for difference in found]
    tables = [rule for rule in rules if rule is not None]
    if not 0 < len(found) == len(tables) <= _MOST_RULES:
        return ""
    if not _match(parse_rules(tables, "rule"), stored, asked):
        return ""
    texts = (", ".join(f"{name} = {compact_text(value).decode()}" for name, value in table.items()) for table in tables)
    return "; ".join(dict.fromkeys(texts))


def _match(rules: RuleSet, stored: Request, asked: Request) -> bool:
    return request_key(rules.normalised(stored)) == request_key(rules.normalised(asked))


def _rule(difference: Difference) -> dict[str, Json] | None:
    part, *steps = difference.path
    if part == "query" and steps:
        return {"ignore_query": str(steps[0])}
    if part == "headers" and steps:
        return {"ignore_header": str(steps[0])}
    if part in _HEAD:
        return None
    if isinstance(difference.old, float) and isinstance(difference.new, float):
        digits = next(
            (count for count in range(10, 2, -1) if round(difference.old, count) == round(difference.new, count)), 0
        )
        if digits:
            return {"round": digits}
    if part in _WORDS_OF_MODEL:
        return None
    names = (str(step).replace("~", "~0").replace("/", "~1") for step in difference.path)
    return {"ignore": "/" + "/".join(names)}


def _as_json(request: Request) -> Json:
    """Return everything that makes the request what it is, as one object: its body's members beside its other parts."""
    head: dict[str, Json] = {"method": request.method, "upstream": request.upstream, "path": request.path}
    if request.query:
        pairs = (part.partition("=") for part in request.query.split("&"))
        head["query"] = {name: value for name, _, value in pairs}
    headers = identity_headers(request.headers)
    if headers:
        head["headers"] = dict(headers)
    body = _body(request)
    if isinstance(body, dict):
        return {**body, **head}
    return {**head, "body": body} if body is not None else dict(head)


def _body(request: Request) -> Json:
    if isinstance(request.body, JsonBody):
        return request.body.value
    data = body_bytes(request.body)
    try:
        return parse_exact(data) if data else None
    except NotExactError:
        return data.decode("utf-8", "backslashreplace")

"""Two bodies of responses, member by member: what a transcript of them does not show.

Chunks of a stream are not compared one by one, for an answer is cut otherwise each time: of each member counts what
it was in all of them, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from recstore.comparison.noise import response_noise
from recstore.content.deltas import ABSENT, Difference, JsonPath, differences
from recstore.model import Response
from recstore.transcript.content import Content, read_body
from recstore.transcript.shapes import compact

_TELLING: Final = frozenset(
    (
        *("content", "text", "delta", "message", "parts", "output", "output_text", "response", "item", "part"),
        *("arguments", "partial_json", "input", "args", "name", "function", "tool_calls", "tool_use"),
        *("reasoning", "reasoning_content", "thinking", "thought", "summary", "refusal", "transcript"),
        *("model", "model_version", "modelVersion", "finish_reason", "finishReason", "done_reason", "stop_reason"),
        *("stopReason", "status", "reason", "error", "detail", "code", "type", "data", "models"),
    )
)
"""Members that transcripts read: if what they hold is in the transcript, it is compared there."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the transcripts of both sides say, all of it; "" where they are no more than the bodies laid out."""

    old: str
    new: str

    def has(self, change: Difference) -> bool:
        """Return whether the transcripts tell of the change."""
        if not any(step in _TELLING for step in change.path):
            return False
        return _is_told(change.old, self.old) and _is_told(change.new, self.new)


@dataclass(frozen=True, slots=True)
class Cut:
    """How otherwise an answer was cut: events of both sides, and places where only one of them cuts equal text."""

    old_events: int
    new_events: int
    boundaries: int


def body_changes(old: Response, new: Response) -> Iterator[Difference]:
    """Yield the members in which the bodies differ; none where they are no JSON."""
    before, after = read_body(old.body, old.headers), read_body(new.body, new.headers)
    if not (before.documents and after.documents):
        return
    if before.event_count is None and after.event_count is None:
        yield from differences(before.value, after.value)
    else:
        yield from _between_runs(_runs(before), _runs(after))


def cut_between(old: Response, new: Response) -> Cut | None:
    """Return how otherwise the answer was cut into events, None where it was not, or one of them is no stream."""
    before, after = read_body(old.body, old.headers), read_body(new.body, new.headers)
    if before.event_count is None or after.event_count is None:
        return None
    one, other = _texts(before), _texts(after)
    boundaries = sum(
        len(_ends(one[path]) ^ _ends(other[path]))
        for path in one
        if path in other and "".join(one[path]) == "".join(other[path])
    )
    is_same = not boundaries and before.event_count == after.event_count
    return None if is_same else Cut(before.event_count, after.event_count, boundaries)


def _is_told(value: Any, told: str) -> bool:
    if type(value) is dict:
        telling = (member for name, member in value.items() if not response_noise((name,), is_known=True))
        return all(_is_told(member, told) for member in telling)
    if type(value) is list:
        return all(_is_told(element, told) for element in value)
    if value is ABSENT:
        return True
    text = compact(value)
    return value is None or text in told or json.dumps(text, ensure_ascii=False)[1:-1] in told


def _leaves(value: Any, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Any]]:
    if type(value) is dict and value:
        for name, member in value.items():
            yield from _leaves(member, (*path, name))
    elif type(value) is list and value and type(value[0]) in (dict, list):
        for place, element in enumerate(value):
            yield from _leaves(element, (*path, place))
    else:
        yield path, value


def _runs(content: Content) -> dict[JsonPath, list[Any]]:
    """Return what each member was in the events, in order; what says nothing or the same again left out."""
    found: dict[JsonPath, list[Any]] = {}
    for document in content.documents:
        for path, value in _leaves(document):
            values = found.setdefault(path, [])
            if value not in (None, "", [], {}) and (not values or values[-1] != value):
                values.append(value)
    return found


def _between_runs(old: dict[JsonPath, list[Any]], new: dict[JsonPath, list[Any]]) -> Iterator[Difference]:
    for path in dict.fromkeys((*old, *new)):
        before, after = old.get(path, []), new.get(path, [])
        if before == after:
            continue
        if not before or not after:
            yield Difference(path, _single(before) if before else ABSENT, _single(after) if after else ABSENT)
        else:
            yield Difference(path, _single(before), _single(after))


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values or None


def _texts(content: Content) -> dict[JsonPath, list[str]]:
    found: dict[JsonPath, list[str]] = {}
    for document in content.documents:
        for path, value in _leaves(document):
            if type(value) is str:
                found.setdefault(path, []).append(value)
    return found


def _ends(pieces: list[str]) -> frozenset[int]:
    ends, end = set(), 0
    for piece in pieces:
        end += len(piece)
        ends.add(end)
    return frozenset(ends)

"""A list of JSON values, each written as what changed since the one before it.

Shape: the first value whole, then an object for each further one, from JSON Pointers (RFC 6901) to new
values: `{"/choices/0/delta/content": " live"}`, in the order in which the places stand in the new value.
`{}` says "the same again", and the pointer "" replaces the whole. A place is replaced as a whole where its
shape differs: other keys, another order of keys, another length, another type.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

import orjson

from recstore.model import Json

EXPANDED_LIMIT_BYTES: Final = 1 << 28
"""A list may grow to this at most: a hostile one of 1 MB could otherwise stand for terabytes."""

Delta = dict[str, Json]

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_NESTED: Final = frozenset((dict, list))


class DeltaError(ValueError):
    """A delta points at a place that the value before it does not have, or grows beyond all bounds."""


def shrink(values: list[Json]) -> list[Json]:
    """Return `values` as the first one and a delta for each other."""
    return [*values[:1], *(delta_between(before, after) for before, after in pairwise(values))]


def expand(stored: list[Json]) -> list[Json]:
    """Return the values that `shrink` made `stored` of; consumes `stored`, and shares nothing between values.

    Raises: DeltaError: an element is no delta, or leads nowhere.
    """
    if not stored:
        return []
    working = _WorkingValue(stored[0])
    texts = [orjson.dumps(working.value)]
    size_bytes = len(texts[0])
    for delta in stored[1:]:
        if type(delta) is not dict:
            raise DeltaError("an event after the first is no object of changes")
        working.apply(delta)
        texts.append(orjson.dumps(working.value))
        size_bytes += len(texts[-1])
        if size_bytes > EXPANDED_LIMIT_BYTES:
            raise DeltaError(f"its events grow to more than {EXPANDED_LIMIT_BYTES >> 20} MiB")
    values: list[Json] = orjson.loads(b"[" + b",".join(texts) + b"]")
    return values


def delta_between(before: Json, after: Json) -> Delta:
    """Return what turns `before` into `after`, exactly: key order, number types and signs included."""
    changes: Delta = {}
    _compare(before, after, "", changes)
    return changes


# Below, a value is walked by its own type at run time, which the type `Json` cannot follow: hence Any.


def _compare(before: Any, after: Any, pointer: str, changes: Delta) -> None:
    kind = type(after)
    if kind is dict and type(before) is dict and list(before) == list(after):
        children = zip(after, before.values(), after.values(), strict=True)
    elif kind is list and type(before) is list and len(before) == len(after):
        children = zip(map(str, range(len(after))), before, after, strict=True)
    else:
        if not _is_same_leaf(before, after):
            changes[pointer] = after
        return
    for key, old, new in children:
        if new is old:
            continue
        if type(new) in _NESTED:
            _compare(old, new, f"{pointer}/{_escape(key)}", changes)
        elif not _is_same_leaf(old, new):
            changes[f"{pointer}/{_escape(key)}"] = new


def _is_same_leaf(before: Any, after: Any) -> bool:
    kind = type(after)
    if kind is not type(before) or kind in _NESTED or before != after:
        return False
    return kind is not float or repr(before) == repr(after)  # 0.0 and -0.0 are equal


def _escape(key: str) -> str:
    if "~" in key or "/" in key:
        return key.replace("~", "~0").replace("/", "~1")
    return key


class _WorkingValue:
    """The value that deltas are applied to, and where each pointer led: most deltas name the same few places."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._places: dict[str, tuple[Any, Any]] = {}

    def apply(self, delta: Delta) -> None:
        for pointer, replacement in delta.items():
            if not pointer:
                self.value = replacement
                self._places.clear()
                continue
            place = self._places.get(pointer)
            if place is None:
                place = self._places[pointer] = _place(self.value, pointer)
            container, key = place
            if type(container[key]) in _NESTED:
                self._places.clear()  # places inside what goes
            container[key] = replacement


def _place(value: Any, pointer: str) -> tuple[Any, Any]:
    """Return the container that `pointer` leads to, and the key or index in it."""
    *steps, last = _steps(pointer)
    node = value
    try:
        for step in steps:
            node = node[step] if type(node) is dict else _element(node, step)
        if type(node) is dict:
            node[last]  # a key that is not there must not appear
            return node, last
        _element(node, last)
    except (KeyError, IndexError, TypeError) as error:
        raise DeltaError(f"the event before has no place {pointer}") from error
    return node, int(last)


def _element(node: Any, step: str) -> Any:
    if type(node) is not list or not _INDEX.fullmatch(step):
        raise KeyError(step)
    return node[int(step)]


def _steps(pointer: str) -> list[str]:
    if not pointer.startswith("/"):
        raise DeltaError(f"{pointer!r} is no JSON Pointer")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]

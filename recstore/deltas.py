"""A list of JSON values, each written as what changed since the one before it.

Shape: the first value whole, then an object for each further one, from JSON Pointers (RFC 6901) to new
values: `{"/choices/0/delta/content": " live"}`, in the order in which the places stand in the new value.
`{}` says "the same again", and the pointer "" replaces the whole. A place is replaced as a whole where its
shape differs: other keys, another order of keys, another length, another type.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import orjson

from recstore.model import Json

__all__ = ["EXPANDED_LIMIT_BYTES", "Delta", "DeltaError", "delta_between", "expand", "shrink"]

EXPANDED_LIMIT_BYTES: Final = 1 << 30
"""A list may grow to this at most: a hostile one of 1 MB could otherwise stand for terabytes."""

Delta = dict[str, Json]

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
    value, *deltas = stored
    texts = [orjson.dumps(value)]
    size_bytes = len(texts[0])
    for delta in deltas:
        if type(delta) is not dict:
            raise DeltaError("an event after the first is no object of changes")
        for pointer, replacement in delta.items():
            value = _replace(value, pointer, replacement)
        texts.append(orjson.dumps(value))
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
        for key, value in after.items():
            old = before[key]
            if type(value) in _NESTED or type(value) is not type(old) or value != old or value == 0:
                _compare(old, value, f"{pointer}/{_escape(key)}", changes)
    elif kind is list and type(before) is list and len(before) == len(after):
        for index, value in enumerate(after):
            _compare(before[index], value, f"{pointer}/{index}", changes)
    elif not _is_same_leaf(before, after):
        changes[pointer] = after


def _is_same_leaf(before: Any, after: Any) -> bool:
    kind = type(after)
    if kind is not type(before) or kind in _NESTED or before != after:
        return False
    return kind is not float or repr(before) == repr(after)  # 0.0 and -0.0 are equal


def _escape(key: str) -> str:
    if "~" in key or "/" in key:
        return key.replace("~", "~0").replace("/", "~1")
    return key


def _replace(value: Any, pointer: str, replacement: Any) -> Any:
    """Put `replacement` in its place in `value`, and return the value."""
    steps = _steps(pointer)
    if not steps:
        return replacement
    node = value
    try:
        for step in steps[:-1]:
            node = node[step] if type(node) is dict else _element(node, step)
        if type(node) is dict:
            node[steps[-1]]  # a key that is not there must not appear
            node[steps[-1]] = replacement
        else:
            _element(node, steps[-1])
            node[int(steps[-1])] = replacement
    except (KeyError, IndexError, TypeError) as error:
        raise DeltaError(f"the event before has no place {pointer}") from error
    return value


def _element(node: Any, step: str) -> Any:
    if type(node) is not list or not (step.isascii() and step.isdigit()) or (step[0] == "0" and step != "0"):
        raise KeyError(step)
    return node[int(step)]


@lru_cache(maxsize=4096)
def _steps(pointer: str) -> tuple[str, ...]:
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise DeltaError(f"{pointer!r} is no JSON Pointer")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))

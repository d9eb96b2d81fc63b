"""The differences between JSON values: exact ones, to store a list of values, and readable ones, to show to people.

`shrink` and `expand` store a list of values as the first one and what changed since.
Shape: the first value whole, then an object for each further one, from JSON Pointers (RFC 6901) to new values,
`{"/choices/0/delta/content": " live"}`, in their order in the new value; `recstore help format` has the rest.

`differences` compares two values for a reader: `messages[2].content: "a" -> "b"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from itertools import pairwise, zip_longest
from os.path import commonprefix
from typing import Any, Final, TypeAlias

import orjson

from recstore.content.json_text import compact_text
from recstore.model import Json

EXPANDED_LIMIT_BYTES: Final = 1 << 28
"""A list may grow to this at most: a hostile one of 1 MB could otherwise stand for terabytes."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_NESTED: Final = frozenset((dict, list))


class DeltaError(ValueError):
    """A delta points at a place that the value before it does not have, or grows beyond all bounds."""


def shrink(values: list[Json]) -> list[Json]:
    """Return `values` as the first one and a delta for each other."""
    return [*values[:1], *(delta_between(before, after) for before, after in pairwise(values))]


def expand(stored: list[Json]) -> list[Json]:
    """Return the values that `shrink` made `stored` of; consumes `stored`, and shares nothing between values.

    Raises: DeltaError: an element is not a delta, or leads nowhere.
    """
    if not stored:
        return []
    value: Any = stored[0]
    texts = [orjson.dumps(value)]
    size_bytes = len(texts[0])
    places: dict[str, tuple[Any, Any]] = {}  # where each pointer led: most deltas name the same few places
    for delta in stored[1:]:
        if type(delta) is not dict:
            raise DeltaError("an event after the first is not an object of changes")
        for pointer, replacement in delta.items():
            if not pointer:
                value = replacement
                places.clear()
                continue
            if pointer not in places:
                places[pointer] = _place(value, pointer)
            container, key = places[pointer]
            if type(container[key]) in _NESTED:
                places.clear()  # places inside what goes
            container[key] = replacement
        texts.append(orjson.dumps(value))
        size_bytes += len(texts[-1])
        if size_bytes > EXPANDED_LIMIT_BYTES:
            raise DeltaError(f"its events grow to more than {EXPANDED_LIMIT_BYTES >> 20} MiB")
    values: list[Json] = orjson.loads(b"[" + b",".join(texts) + b"]")
    return values


def delta_between(before: Json, after: Json) -> dict[str, Json]:
    """Return what turns `before` into `after`, exactly: key order, number types and signs included."""
    changes: dict[str, Json] = {}
    _compare(before, after, "", changes)
    return changes


# Below, a value is walked by its own type at run time, which the type `Json` cannot follow: hence Any.


def _compare(before: Any, after: Any, pointer: str, changes: dict[str, Json]) -> None:
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
    return key.replace("~", "~0").replace("/", "~1")


def _place(value: Any, pointer: str) -> tuple[Any, Any]:
    """Return the container that `pointer` leads to, and the key or index in it."""
    if not pointer.startswith("/"):
        raise DeltaError(f"{pointer!r} is not a JSON Pointer")
    container: Any = None
    key: Any = None
    for step in pointer[1:].split("/"):
        container, key = value, step.replace("~1", "/").replace("~0", "~")
        if type(container) is list and _INDEX.fullmatch(key):
            key = int(key)
        try:
            value = container[key]
        except (LookupError, TypeError) as error:
            raise DeltaError(f"the event before has no place {pointer}") from error
    return container, key


# -- differences that people read

JsonPath: TypeAlias = tuple[str | int, ...]
"""Names of members and indices of elements, from the outside in."""


class _Absent(Enum):
    """The type of `ABSENT`; in JSON it is null."""

    ABSENT = None


ABSENT: Final = _Absent.ABSENT
"""Stands for the value that one of the two sides does not have."""

_DEEPEST: Final = 100
"""Values below this depth are compared as a whole: a hostile value must not exhaust the stack."""

_LONGEST_ALIGNED: Final = 200
_FEWEST_VECTOR_NUMBERS: Final = 9
"""Arrays of this many numbers or more are vectors: they differ as a whole."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]*")
_SHOWN_CHARACTERS: Final = 64
_SHOWN_BEFORE: Final = 16


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two values differ, with the value of each side or `ABSENT`."""

    path: JsonPath
    old: Any
    new: Any

    def __str__(self) -> str:
        """Return one line; of two long texts, the part around the first character that differs."""
        text = f"{self.place}: {self._shown(self.old, self.new)} -> {self._shown(self.new, self.old)}"
        return text.replace("\n", "\\n")  # a member's name may hold line feeds

    @property
    def place(self) -> str:
        """The path as people write it, `choices[0].message["a b"]`; `body` for the whole value."""
        spelled = ""
        for step in self.path:
            if type(step) is int:
                spelled += f"[{step}]"
            elif _PLAIN_NAME.fullmatch(str(step)):
                spelled += f".{step}" if spelled else str(step)
            else:
                spelled += f"[{json.dumps(step, ensure_ascii=False)}]"
        return spelled or "body"

    @property
    def common_length(self) -> int:
        """The number of leading characters that two texts share."""
        are_texts = isinstance(self.old, str) and isinstance(self.new, str)
        return len(commonprefix((self.old, self.new))) if are_texts else 0  # noqa: RUF071 - texts, not paths

    def _shown(self, value: Any, other: Any) -> str:
        if value is ABSENT:
            return "(nothing)"
        if isinstance(value, str) and isinstance(other, str):
            start = max(0, self.common_length - _SHOWN_BEFORE)
            value = f"...{value[start:]}" if start else value
        text = compact_text(value).decode()
        return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def differences(old: Any, new: Any, path: JsonPath = ()) -> Iterator[Difference]:
    """Yield the deepest places where two JSON values differ, type of number included, in the order of `old`."""
    is_deep = len(path) >= _DEEPEST
    if type(old) is dict and type(new) is dict and not is_deep:
        for name in dict.fromkeys((*old, *new)):
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), (*path, name))
    elif type(old) is list and type(new) is list and not (is_deep or _is_vector(old) or _is_vector(new)):
        opcodes = [("replace", 0, len(old), 0, len(new))]
        if max(len(old), len(new)) <= _LONGEST_ALIGNED:
            old_texts, new_texts = [*map(_canonical_text, old)], [*map(_canonical_text, new)]
            opcodes = [*SequenceMatcher(None, old_texts, new_texts, autojunk=False).get_opcodes()]
        for tag, old_start, old_end, new_start, new_end in opcodes:
            pairs = zip_longest(range(old_start, old_end), range(new_start, new_end))
            for old_index, new_index in pairs if tag != "equal" else ():  # None: it has no counterpart
                before = ABSENT if old_index is None else old[old_index]
                after = ABSENT if new_index is None else new[new_index]
                yield from differences(before, after, (*path, old_index if new_index is None else new_index))
    elif old is ABSENT or new is ABSENT or _canonical_text(old) != _canonical_text(new):
        yield Difference(path, old, new)


def _is_vector(value: list[Any]) -> bool:
    return len(value) >= _FEWEST_VECTOR_NUMBERS and all(type(element) in (int, float) for element in value)


def _canonical_text(value: Any) -> str:
    """Return a text that two values share exactly if they are the same JSON, the order of keys aside."""
    try:
        return json.dumps(value, sort_keys=True)
    except RecursionError:
        pass
    tokens: list[Any] = []
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            names = sorted(node)
            tokens.append(names)
            waiting += (node[name] for name in names)
        else:
            tokens.append([len(node)] if type(node) is list else node)
            waiting += node if type(node) is list else ()
    return json.dumps(tokens)

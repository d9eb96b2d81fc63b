"""Two JSON values, member by member: `messages[2].content: "one" -> "two"`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Names of members and places in arrays, from the outside in."""

_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]*")
_DEEPEST: Final = 100
"""What lies deeper is compared as a whole: a hostile value must not exhaust the stack."""

_LONGEST_ALIGNED: Final = 200
_VECTOR: Final = 8
"""Arrays of more numbers are vectors: they differ as a whole."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one member was and is. `old` counts only where `kind` is not `added`, `new` where it is not `removed`."""

    path: Path
    kind: Literal["changed", "added", "removed"]
    old: Any = None
    new: Any = None

    @property
    def place(self) -> str:
        """The path as people write it."""
        return spelled_path(self.path)


def spelled_path(path: Path) -> str:
    """Return `choices[0].message.content`; a name that is no plain word is quoted: `headers["a b"]`."""
    spelled = ""
    for step in path:
        if type(step) is int:
            spelled += f"[{step}]"
        elif _NAME.fullmatch(str(step)):
            spelled += f".{step}" if spelled else str(step)
        else:
            spelled += f"[{json.dumps(step, ensure_ascii=False)}]"
    return spelled


def changes_between(old: Any, new: Any, path: Path = ()) -> Iterator[Change]:
    """Yield the members in which two values differ, type of number included; the order of keys does not count.

    Elements of arrays that are equal are paired first, so that one that was put in does not shift all others.
    """
    if type(old) is dict and type(new) is dict and len(path) < _DEEPEST:
        yield from _in_objects(old, new, path)
    elif type(old) is list and type(new) is list and len(path) < _DEEPEST and not (_is_vector(old) or _is_vector(new)):
        yield from _in_arrays(old, new, path)
    elif _text(old) != _text(new):
        yield Change(path, "changed", old, new)


def _in_objects(old: dict[str, Any], new: dict[str, Any], path: Path) -> Iterator[Change]:
    for name, value in old.items():
        if name in new:
            yield from changes_between(value, new[name], (*path, name))
        else:
            yield Change((*path, name), "removed", old=value)
    for name, value in new.items():
        if name not in old:
            yield Change((*path, name), "added", new=value)


def _in_arrays(old: list[Any], new: list[Any], path: Path) -> Iterator[Change]:
    for old_start, old_end, new_start, new_end in _differing_runs(old, new):
        paired = min(old_end - old_start, new_end - new_start)
        for offset in range(paired):
            place = new_start + offset
            yield from changes_between(old[old_start + offset], new[place], (*path, place))
        for place in range(old_start + paired, old_end):
            yield Change((*path, place), "removed", old=old[place])
        for place in range(new_start + paired, new_end):
            yield Change((*path, place), "added", new=new[place])


def _differing_runs(old: list[Any], new: list[Any]) -> Iterator[tuple[int, int, int, int]]:
    if max(len(old), len(new)) > _LONGEST_ALIGNED:
        yield 0, len(old), 0, len(new)
        return
    matcher = SequenceMatcher(None, list(map(_text, old)), list(map(_text, new)), autojunk=False)
    for tag, *run in matcher.get_opcodes():
        if tag != "equal":
            yield run[0], run[1], run[2], run[3]


def _is_vector(value: list[Any]) -> bool:
    return len(value) > _VECTOR and all(type(element) in (int, float) for element in value)


def _text(value: Any) -> str:
    """Return a text that two values have in common exactly if they are the same JSON, the order of keys aside."""
    try:
        return json.dumps(value, sort_keys=True)
    except RecursionError:
        return _flattened(value)


def _flattened(value: Any) -> str:
    tokens, waiting = [], [value]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            names = sorted(node)
            tokens.append(f"{{{json.dumps(names)}")
            waiting += (node[name] for name in names)
        elif type(node) is list:
            tokens.append(f"[{len(node)}")
            waiting += node
        else:
            tokens.append(json.dumps(node))
    return ",".join(tokens)

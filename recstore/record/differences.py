"""Where two JSON values differ, as paths that a person reads: `messages[2].content: "a" -> "b"`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recstore.content.json_text import compact_text
from recstore.model import Json

Step = str | int
"""The name of a member, or the place of an element."""

_LONGEST: Final = 64
_BEFORE: Final = 16


class _Absent:
    """What stands where one of the two values has nothing."""


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two values differ, and what each has there."""

    path: tuple[Step, ...]
    old: Json | _Absent
    new: Json | _Absent

    def __str__(self) -> str:
        """Return it as one line; of long texts, what is around the first letter that differs."""
        text = f"{self.place}: {self._shown(self.old, self.new)} -> {self._shown(self.new, self.old)}"
        return text.replace("\n", "\\n")  # which a member's name may hold

    @property
    def place(self) -> str:
        """The path as one writes it in Python or JavaScript."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return text.removeprefix(".") or "body"

    @property
    def common_length(self) -> int:
        """How many characters two texts begin with alike: how near they are to each other."""
        if not isinstance(self.old, str) or not isinstance(self.new, str):
            return 0
        pairs = enumerate(zip(self.old, self.new, strict=False))
        return next((place for place, (left, right) in pairs if left != right), min(len(self.old), len(self.new)))

    def _shown(self, value: Json | _Absent, other: Json | _Absent) -> str:
        if isinstance(value, _Absent):
            return "(nothing)"
        if isinstance(value, str) and isinstance(other, str):
            start = max(0, self.common_length - _BEFORE)
            value = f"...{value[start:]}" if start else value
        text = compact_text(value).decode()
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def differences(old: Json, new: Json, path: tuple[Step, ...] = ()) -> Iterator[Difference]:
    """Yield the deepest places where the values differ, in the order in which `old` has them; 1 and 1.0 differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_arrays(old, new, path)
    elif old != new or type(old) is not type(new):
        yield Difference(path, old, new)


def _of_objects(old: dict[str, Json], new: dict[str, Json], path: tuple[Step, ...]) -> Iterator[Difference]:
    for name, value in old.items():
        if name in new:
            yield from differences(value, new[name], (*path, name))
        else:
            yield Difference((*path, name), value, ABSENT)
    for name, value in new.items():
        if name not in old:
            yield Difference((*path, name), ABSENT, value)


def _of_arrays(old: list[Json], new: list[Json], path: tuple[Step, ...]) -> Iterator[Difference]:
    for place, (left, right) in enumerate(zip(old, new, strict=False)):
        yield from differences(left, right, (*path, place))
    shorter = min(len(old), len(new))
    for place, value in enumerate(old[shorter:], start=shorter):
        yield Difference((*path, place), value, ABSENT)
    for place, value in enumerate(new[shorter:], start=shorter):
        yield Difference((*path, place), ABSENT, value)

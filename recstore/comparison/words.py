"""Two texts, line by line, and within a line word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, TypeAlias

Mark: TypeAlias = Literal["same", "removed", "added", "changed", "skipped"]

_CJK: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts that put no space between words
_WORD: Final = re.compile(rf"[^\W{_CJK}]+|\s+|.", re.DOTALL)
_ALIKE: Final = 0.5
"""Lines that have a smaller share in common are shown one below the other."""

_LONGEST_ALIGNED: Final = 2000
_CONTEXT: Final = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words: `same`, `removed` or `added`."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of one text, or of both: `changed`, in pieces. A `skipped` one says how many lines are the same."""

    mark: Mark
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """What the pieces say together, removed ones included."""
        return "".join(piece.text for piece in self.pieces)


def diff_lines(old: str, new: str) -> tuple[DiffLine, ...]:
    """Return the lines in which two texts differ, each run with two lines around it; none for equal texts."""
    if old == new:
        return ()
    before, after = (text.split("\n") if text else [] for text in (old, new))
    lines: list[DiffLine] = []
    for tag, old_start, old_end, new_start, new_end in _runs(before, after):
        if tag == "equal":
            lines += _context(after[new_start:new_end], is_first=new_start == 0, is_last=new_end == len(after))
        else:
            lines += _changed(before[old_start:old_end], after[new_start:new_end])
    return tuple(lines)


def _runs(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the runs of equal and of differing items, as difflib does: in bounded time, equal ends taken off first."""
    shorter = min(len(before), len(after))
    start = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    left = shorter - start
    end = next((place for place in range(left) if before[-1 - place] != after[-1 - place]), left)
    inner_before, inner_after = before[start : len(before) - end], after[start : len(after) - end]
    if start:
        yield "equal", 0, start, 0, start
    if max(len(inner_before), len(inner_after)) > _LONGEST_ALIGNED:
        yield "replace", start, len(before) - end, start, len(after) - end
    else:
        for tag, *place in SequenceMatcher(None, inner_before, inner_after).get_opcodes():
            yield tag, place[0] + start, place[1] + start, place[2] + start, place[3] + start
    if end:
        yield "equal", len(before) - end, len(before), len(after) - end, len(after)


def _context(lines: list[str], *, is_first: bool, is_last: bool) -> Iterator[DiffLine]:
    head = [] if is_first else lines[:_CONTEXT]
    tail = [] if is_last else lines[len(head) :][-_CONTEXT:]
    skipped = len(lines) - len(head) - len(tail)
    yield from (_line("same", text) for text in head)
    if skipped:
        yield _line("skipped", f"{skipped:,} line{'' if skipped == 1 else 's'} the same")
    yield from (_line("same", text) for text in tail)


def _changed(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    removed: list[DiffLine] = []
    added: list[DiffLine] = []
    for old, new in zip(before, after, strict=False):
        line = _in_words(old, new)
        if line is not None:
            yield from (*removed, *added, line)
            removed, added = [], []
        else:
            removed.append(_line("removed", old))
            added.append(_line("added", new))
    paired = min(len(before), len(after))
    removed += (_line("removed", text) for text in before[paired:])
    added += (_line("added", text) for text in after[paired:])
    yield from (*removed, *added)


def _in_words(old: str, new: str) -> DiffLine | None:
    """Return a line that shows which words differ, None where hardly any is the same."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    pieces: list[Piece] = []
    removed = added = ""
    same = 0
    for tag, old_start, old_end, new_start, new_end in _runs(before, after):
        gone, come = "".join(before[old_start:old_end]), "".join(after[new_start:new_end])
        if tag != "equal" or (come.isspace() and (removed or added) and new_end < len(after)):
            removed, added = removed + gone, added + come  # words apart by a space that stays read better together
            continue
        pieces += (Piece("removed", removed), Piece("added", added), Piece("same", come))
        removed = added = ""
        same += _count(after[new_start:new_end])
    pieces += (Piece("removed", removed), Piece("added", added))
    if 2 * same < _ALIKE * (_count(before) + _count(after)):
        return None
    return DiffLine("changed", tuple(piece for piece in pieces if piece.text))


def _count(words: list[str]) -> int:
    return sum(word[0].isalnum() for word in words)  # a full stop that stays makes no two sentences alike


def _line(mark: Mark, text: str) -> DiffLine:
    return DiffLine(mark, (Piece(mark, text),))

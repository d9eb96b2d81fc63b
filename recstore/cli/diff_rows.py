"""The rows of a diff: one member, or one line of a text, in segments that a terminal shows in colours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from recstore.content.deltas import Difference
from recstore.transcript import diff_lines
from recstore.transcript.body import indented
from recstore.transcript.compare import DiffPiece as Piece

Style: TypeAlias = Literal["plain", "heading", "dim", "removed", "added", "problem"]
Segment: TypeAlias = tuple[Style, str]
Row: TypeAlias = tuple[Segment, ...]

SIGNS: Final[Mapping[str, tuple[Style, str]]] = MappingProxyType(
    {"removed": ("removed", "-"), "added": ("added", "+"), "same": ("dim", " ")}
)
"""What a line of one side begins with, and how it looks."""

_LONGEST_ROW: Final = 400
_LONGEST_VALUE: Final = 120
_NEAR: Final = 40
"""Of a long run of equal words, so many characters are shown on either side of a change."""


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Whether noise is unfolded, and whether long texts are shown to their end."""

    shows_all: bool = False
    is_full: bool = False


def change_rows(change: Difference, options: PageOptions) -> Iterator[Row]:
    """Yield what a member was and is: in one row, or as a text if it is a long one."""
    place = change.place or "body"
    if change.kind == "added":
        yield (("added", f"+ {place}: {_value(change.new, options)}"),)
    elif change.kind == "removed":
        yield (("removed", f"- {place}: {_value(change.old, options)}"),)
    elif _is_long(change.old) or _is_long(change.new):
        yield (("plain", f"{place}:"),)
        yield from deeper(text_rows(_told(change.old), _told(change.new), options))
    else:
        old, new = _value(change.old, options), _value(change.new, options)
        yield ("plain", f"{place}: "), ("removed", old), ("plain", " -> "), ("added", new)


def _is_long(value: Any) -> bool:
    return type(value) is str and ("\n" in value or len(value) > _LONGEST_VALUE)


def _told(value: Any) -> str:
    return value if type(value) is str else indented(value)


def _value(value: Any, options: PageOptions) -> str:
    """Return the value as JSON in a line; vectors and base64 are counted."""
    digested = json.loads(indented(value)) if type(value) in (dict, list) else value
    text = json.dumps(digested, ensure_ascii=False)
    limit = len(text) if options.is_full else _LONGEST_VALUE
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters, --full)"


def text_rows(old: str, new: str, options: PageOptions) -> Iterator[Row]:
    """Yield the lines in which two texts differ."""
    for line in diff_lines(old, new):
        if line.mark == "skipped":
            yield (("dim", f"... {line.text}"),)
        elif line.mark == "changed":
            yield ("plain", "~ "), *_pieces(line.pieces, options)
        else:
            style, sign = SIGNS[line.mark]
            yield ((style, f"{sign} {cut(line.text, options)}".rstrip(" ")),)


def _pieces(pieces: Sequence[Piece], options: PageOptions) -> Iterator[Segment]:
    for place, piece in enumerate(pieces):
        if piece.mark == "same":
            yield "plain", _shortened(piece.text, place == 0, place == len(pieces) - 1, options)
        elif piece.mark == "removed":
            yield "removed", f"[-{cut(piece.text, options)}-]"
        else:
            yield "added", f"{{+{cut(piece.text, options)}+}}"


def _shortened(text: str, is_first: bool, is_last: bool, options: PageOptions) -> str:  # noqa: FBT001 - its own callers
    """Return a run of equal words, its middle (or its outer end) left out where it is long."""
    if options.is_full or len(text) <= 3 * _NEAR:
        return text
    head = "" if is_first else text[:_NEAR]
    tail = "" if is_last else text[-_NEAR:]
    return f"{head} ... {tail}".strip() if is_first and is_last else f"{head} ... {tail}"


def cut(text: str, options: PageOptions) -> str:
    """Return the text, or its beginning and how long it is."""
    if options.is_full or len(text) <= _LONGEST_ROW:
        return text
    return f"{text[:_LONGEST_ROW]}... ({len(text):,} characters, --full)"


def deeper(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows with an indent."""
    yield from ((("plain", "  "), *row) for row in rows)

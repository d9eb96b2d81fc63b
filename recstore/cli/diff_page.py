"""A diff as lines for a terminal: a heading for each test and each recording, and below it what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import click

from recstore.check.diff import Diff, RecordingChange, TestChange
from recstore.content.deltas import Difference
from recstore.text import escape_control, plural
from recstore.transcript import CallChange, Comparison, diff_lines, page_lines, quiet_transcript, transcript_of
from recstore.transcript.body import indented

_Colour: TypeAlias = Literal["plain", "heading", "dim", "removed", "added", "problem"]

_STYLES: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "heading": {"bold": True},
    "dim": {"dim": True},
    "removed": {"fg": "red"},
    "added": {"fg": "green"},
    "problem": {"fg": "red", "bold": True},
}
_SIGNS: Final[dict[str, tuple[_Colour, str]]] = {
    "removed": ("removed", "-"),
    "added": ("added", "+"),
    "same": ("dim", " "),
}
_KINDS: Final = {
    "added": "added",
    "removed": "removed",
    "renamed": "renamed",
    "re-recorded": "re-recorded",
    "origins": "imported from elsewhere",
    "unreadable": "unreadable",
}
"""Kinds of changes, as the summary names them."""

_MAX_ROWS: Final = 60
_MAX_LONE: Final = 8
_MAX_LONE_ROWS: Final = 6
_LONGEST_ROW: Final = 400
_LONGEST_VALUE: Final = 120
_NEAR: Final = 40
"""Of a long run of equal words, this many characters are shown on either side of a change."""


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Whether noise is unfolded, and whether long texts are shown to their end."""

    shows_all: bool = False
    is_full: bool = False


def summary(diff: Diff) -> str:
    """Return one line that counts the changes."""
    if not diff.tests:
        return f"No difference between {diff.old} and {diff.new}."
    counts = ((sum(test.kind == kind for test in diff.tests), name) for kind, name in _KINDS.items())
    noise = sum(test.kind == "re-recorded" and all(map(_is_noise, test.recordings)) for test in diff.tests)
    quiet = f" ({noise:,} in noise alone)" if noise else ""
    return f"{diff.old} -> {diff.new}: {', '.join(f'{count:,} {name}' for count, name in counts if count)}{quiet}"


def stat_page(diff: Diff) -> Iterator[str]:
    """Yield one line for each test."""
    yield from (_test_row(test) for test in diff.tests)


def diff_page(diff: Diff, options: PageOptions) -> Iterator[str]:
    """Yield everything, with an empty line behind each test that has lines of its own."""
    for test in diff.tests:
        yield _test_row(test)
        lone = [change for change in test.recordings if change.kind != "changed"]
        shown = lone if options.is_full or len(lone) <= _MAX_LONE + 1 else lone[:_MAX_LONE]
        for change in (*(change for change in test.recordings if change.kind == "changed"), *shown):
            yield from _recording_rows(change, options)
        if len(shown) < len(lone):
            yield _paint("dim", f"  ... {plural(len(lone) - len(shown), 'more recording')} added or removed (--full)")
        if test.recordings:
            yield ""


def _paint(colour: _Colour, text: str) -> str:
    """Return text in a colour, on one line whatever it holds; click removes colours where there is no terminal."""
    return click.style(escape_control(text).replace("\n", "\\n"), **_STYLES[colour])


# -- tests


def _test_row(test: TestChange) -> str:
    colours: dict[str, _Colour] = {"added": "added", "removed": "removed", "unreadable": "problem"}
    name = test.name
    if test.old_id != test.new_id and test.kind in ("renamed", "re-recorded"):
        name = f"{test.old_id} -> {test.new_id}"
    head = _paint(colours.get(test.kind, "plain"), f"{test.kind:<11} ")
    return f"{head}{_paint('heading', name)}{_paint('dim', f'  {_facts(test)}')}"


def _facts(test: TestChange) -> str:
    if test.problem is not None:
        return test.problem.reason
    if test.kind == "origins":
        return "the same recordings, imported from other files"
    if test.kind != "re-recorded":
        return plural(test.entries, "recording")
    compared = [change.comparison for change in test.recordings if change.comparison is not None]
    counts = (
        (sum(not comparison.is_same_answer for comparison in compared), "answer changed", "answers changed"),
        (sum(bool(comparison.request) for comparison in compared), "request changed", "requests changed"),
        (sum(map(_is_noise, test.recordings)), "in noise alone", "in noise alone"),
        (sum(change.kind == "added" for change in test.recordings), "added", "added"),
        (sum(change.kind == "removed" for change in test.recordings), "removed", "removed"),
        (sum(bool(change.problems) for change in test.recordings), "unreadable", "unreadable"),
        (test.entries - sum(change.new is not None for change in test.recordings), "unchanged", "unchanged"),
    )
    return ", ".join(plural(count, noun, nouns) for count, noun, nouns in counts if count)


def _is_noise(change: RecordingChange) -> bool:
    return change.comparison is not None and change.comparison.is_same_answer and not change.comparison.request


# -- recordings


def _recording_rows(change: RecordingChange, options: PageOptions) -> Iterator[str]:
    signs: dict[str, tuple[_Colour, str]] = {"added": ("added", "+ "), "removed": ("removed", "- ")}
    entries = [entry for entry in (change.old, change.new) if entry is not None]
    title = " -> ".join(f"{entry.blob.key[:8]}-{entry.blob.digest[:8]}" for entry in entries)
    if change.recording is not None:
        asked = transcript_of(change.recording)
        model = f"  {asked.model}" if asked.model else ""
        title = f"{asked.method} {asked.upstream}{asked.path}{model}  {title}"
    occurrence = f"  call {entries[-1].n}" if entries[-1].n > 1 else ""
    yield _paint(*signs.get(change.kind, ("plain", "  "))) + _paint("heading", f"{title}{occurrence}")
    yield from (_paint("problem", f"    {problem.subject}: {problem.reason}") for problem in change.problems)
    rows, limit = [], _MAX_ROWS
    if change.comparison is not None:
        rows = list(_comparison_rows(change.comparison, options))
    elif change.recording is not None and (change.kind == "added" or options.is_full):
        rows, limit = list(_lone_rows(change, options)), _MAX_LONE_ROWS
    shown = rows if options.is_full or len(rows) <= limit + 1 else rows[:limit]
    yield from (f"    {row}" for row in shown)
    if len(shown) < len(rows):
        yield _paint("dim", f"    ... {plural(len(rows) - len(shown), 'more line')} (--full)")


def _lone_rows(change: RecordingChange, options: PageOptions) -> Iterator[str]:
    """Yield the answer of a recording that only one side has; with --full, its request too."""
    assert change.recording is not None  # noqa: S101 - the caller has looked
    transcript = quiet_transcript(transcript_of(change.recording))
    messages = transcript.messages if options.is_full else ()
    colour, sign = _SIGNS["added" if change.kind == "added" else "removed"]
    for line in page_lines(replace(transcript, messages=messages, parameters=(), tools=()))[1:]:
        if line.text:
            yield _paint(colour, f"{sign} {_cut(line.text, options)}")


def _comparison_rows(comparison: Comparison, options: PageOptions) -> Iterator[str]:
    if comparison.request:
        yield _paint("dim", "request")
        yield from (f"  {row}" for change in comparison.request for row in _change_rows(change, options))
    for fact in comparison.facts:
        yield from _change_rows(fact, options)
    for text in comparison.texts:
        yield _paint("dim", text.name)
        yield from (f"  {row}" for row in _text_rows(text.old, text.new, options))
    for call in comparison.calls:
        yield from _call_rows(call, options)
    cuts = []
    if comparison.cut is not None:
        if comparison.cut.boundaries:
            cuts.append(plural(comparison.cut.boundaries, "chunk boundary", "chunk boundaries"))
        if comparison.cut.old_events != comparison.cut.new_events:
            cuts.append(f"{comparison.cut.old_events:,} -> {comparison.cut.new_events:,} events")
    if options.shows_all:
        rows = (row for _, change in comparison.noise for row in _change_rows(change, options))
        yield from (_paint("dim", "also ") + row for row in rows)
        yield from (_paint("dim", f"also {cut}") for cut in cuts)
        return
    names = ", ".join(dict.fromkeys(name for name, _ in comparison.noise))
    also = "; ".join(filter(None, (names, *cuts)))
    if comparison.is_same_answer and not comparison.request:
        yield _paint("dim", f"says the same (also differ: {also})" if also else "says the same")
    elif also:
        yield _paint("dim", f"(also differ: {also})")


def _call_rows(call: CallChange, options: PageOptions) -> Iterator[str]:
    if call.kind != "changed":
        colour, sign = _SIGNS[call.kind]
        yield _paint(colour, f"{sign} call {call.name}({_cut(call.new or call.old, options)})")
        return
    yield _paint("dim", f"call {call.name}")
    rows = [row for change in call.changes for row in _change_rows(change, options)]
    yield from (f"  {row}" for row in rows or _text_rows(call.old, call.new, options))


# -- values and texts


def _change_rows(change: Difference, options: PageOptions) -> Iterator[str]:
    """Yield both values of a member: in one row, or as a text if one is long."""
    if change.kind != "changed":
        colour, sign = _SIGNS[change.kind]
        value = change.new if change.kind == "added" else change.old
        yield _paint(colour, f"{sign} {change.place}: {_value(value, options)}")
    elif any(
        type(value) is str and ("\n" in value or len(value) > _LONGEST_VALUE) for value in (change.old, change.new)
    ):
        yield _paint("plain", f"{change.place}:")
        old, new = (value if type(value) is str else indented(value) for value in (change.old, change.new))
        yield from (f"  {row}" for row in _text_rows(old, new, options))
    else:
        old, new = _paint("removed", _value(change.old, options)), _paint("added", _value(change.new, options))
        yield f"{_paint('plain', change.place)}: {old} -> {new}"


def _value(value: Any, options: PageOptions) -> str:
    """Return the value as JSON in a line; vectors and base64 are counted."""
    digested = json.loads(indented(value)) if type(value) in (dict, list) else value
    text = json.dumps(digested, ensure_ascii=False)
    return _cut(text, options, _LONGEST_VALUE)


def _text_rows(old: str, new: str, options: PageOptions) -> Iterator[str]:
    """Yield the lines in which two texts differ."""
    for line in diff_lines(old, new):
        if line.mark == "skipped":
            yield _paint("dim", f"... {line.text}")
        elif line.mark == "changed":
            pieces = (
                _paint("removed", f"[-{_cut(piece.text, options)}-]")
                if piece.mark == "removed"
                else _paint("added", f"{{+{_cut(piece.text, options)}+}}")
                if piece.mark == "added"
                else _paint("plain", _middle_cut(piece.text, options, index == 0, index == len(line.pieces) - 1))
                for index, piece in enumerate(line.pieces)
            )
            yield f"~ {''.join(pieces)}"
        else:
            colour, sign = _SIGNS[line.mark]
            yield _paint(colour, f"{sign} {_cut(line.text, options)}".rstrip(" "))


def _middle_cut(text: str, options: PageOptions, is_first: bool, is_last: bool) -> str:  # noqa: FBT001 - its one caller
    """Return a run of equal words without its middle, or its outer end, if it is long."""
    if options.is_full or len(text) <= 3 * _NEAR:
        return text
    start, end = "" if is_first else text[:_NEAR], "" if is_last else text[-_NEAR:]
    return f"{start} ... {end}".strip() if is_first and is_last else f"{start} ... {end}"


def _cut(text: str, options: PageOptions, limit: int = _LONGEST_ROW) -> str:
    """Return the text, or its beginning and its length."""
    if options.is_full or len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text):,} characters, --full)"

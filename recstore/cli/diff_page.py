"""A diff down the page: a heading for each test and each recording, below it what is otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from recstore.check.diff import Diff, TestChange
from recstore.check.entry_pairs import RecordingChange
from recstore.cli.diff_rows import SIGNS, PageOptions, Row, Segment, Style, change_rows, cut, deeper, text_rows
from recstore.model import Recording
from recstore.text import plural
from recstore.transcript import CallChange, Comparison, page_lines, quiet_transcript, transcript_of

_MOST_ROWS: Final = 60
_MOST_LONE: Final = 8
_MOST_LONE_ROWS: Final = 6


def summary(diff: Diff) -> str:
    """Return one line that counts what differs."""
    if not diff.tests:
        return f"No difference between {diff.old} and {diff.new}."
    counts = {kind: sum(test.kind == kind for test in diff.tests) for kind in _KINDS}
    noise = sum(test.kind == "re-recorded" and not _says_otherwise(test) for test in diff.tests)
    told = [f"{count:,} {_KINDS[kind]}" for kind, count in counts.items() if count]
    quiet = f" ({noise:,} in noise alone)" if noise else ""
    return f"{diff.old} -> {diff.new}: {', '.join(told)}{quiet}"


def stat_page(diff: Diff) -> Iterator[Row]:
    """Yield one row for each test."""
    yield from (_test_row(test) for test in diff.tests)


def diff_page(diff: Diff, options: PageOptions) -> Iterator[Row]:
    """Yield everything, an empty row behind each test that has rows of its own."""
    for test in diff.tests:
        yield _test_row(test)
        yield from _test_rows(test, options)
        if test.recordings:
            yield ()


_KINDS: Final = {
    "added": "added",
    "removed": "removed",
    "renamed": "renamed",
    "re-recorded": "re-recorded",
    "origins": "imported from elsewhere",
    "unreadable": "unreadable",
}


# -- tests


def _test_rows(test: TestChange, options: PageOptions) -> Iterator[Row]:
    """Yield the recordings that both sides have, then those that one of them has, the first ones."""
    lone = [change for change in test.recordings if change.kind != "changed"]
    shown = lone if options.is_full or len(lone) <= _MOST_LONE + 1 else lone[:_MOST_LONE]
    for change in (*(change for change in test.recordings if change.kind == "changed"), *shown):
        yield from _recording_rows(change, options)
    if len(shown) < len(lone):
        yield (("dim", f"  ... {plural(len(lone) - len(shown), 'more recording')} added or removed (--full)"),)


def _test_row(test: TestChange) -> Row:
    head: Segment = (_style_of(test), f"{test.kind:<11} ")
    if test.kind == "renamed" or (test.old_id != test.new_id and test.kind == "re-recorded"):
        name = f"{test.old_id} -> {test.new_id}"
    else:
        name = test.name
    return head, ("heading", name), ("dim", f"  {_facts(test)}")


def _style_of(test: TestChange) -> Style:
    styles: dict[str, Style] = {"added": "added", "removed": "removed", "unreadable": "problem"}
    return styles.get(test.kind, "plain")


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
        (sum(map(_is_noise, compared)), "in noise alone", "in noise alone"),
        (sum(change.kind == "added" for change in test.recordings), "added", "added"),
        (sum(change.kind == "removed" for change in test.recordings), "removed", "removed"),
        (sum(bool(change.problems) for change in test.recordings), "unreadable", "unreadable"),
    )
    unchanged = test.entries - sum(change.new is not None for change in test.recordings)
    told = [f"{count:,} {one if count == 1 else several}" for count, one, several in counts if count]
    return ", ".join([*told, *([f"{unchanged:,} unchanged"] if unchanged else [])])


def _says_otherwise(test: TestChange) -> bool:
    return any(change.comparison is None or not _is_noise(change.comparison) for change in test.recordings)


def _is_noise(comparison: Comparison) -> bool:
    return comparison.is_same_answer and not comparison.request


# -- recordings


def _recording_rows(change: RecordingChange, options: PageOptions) -> Iterator[Row]:
    signs: dict[str, Segment] = {"added": ("added", "+ "), "removed": ("removed", "- "), "changed": ("plain", "  ")}
    yield signs[change.kind], ("heading", _title(change))
    yield from ((("problem", f"    {problem.subject}: {problem.reason}"),) for problem in change.problems)
    if change.comparison is not None:
        yield from _indented(list(_comparison_rows(change.comparison, options)), options, _MOST_ROWS)
    elif change.recording is not None and (change.kind == "added" or options.is_full):
        yield from _indented(list(_lone_rows(change.recording, change.kind, options)), options, _MOST_LONE_ROWS)


def _title(change: RecordingChange) -> str:
    entry = change.new or change.old
    names = [f"{side.blob.key[:8]}-{side.blob.digest[:8]}" for side in (change.old, change.new) if side is not None]
    again = f"  time {entry.n}" if entry is not None and entry.n > 1 else ""
    if change.recording is None:
        return f"{' -> '.join(names)}{again}"
    request = transcript_of(change.recording)
    model = f"  {request.model}" if request.model else ""
    return f"{request.method} {request.upstream}{request.path}{model}  {' -> '.join(names)}{again}"


def _lone_rows(recording: Recording, kind: str, options: PageOptions) -> Iterator[Row]:
    """Yield the answer of a recording that only one side has; what was asked, too, where all is to be shown."""
    transcript = quiet_transcript(transcript_of(recording))
    asked = transcript.messages if options.is_full else ()
    style: Style = "added" if kind == "added" else "removed"
    for line in page_lines(replace(transcript, messages=asked, parameters=(), tools=()))[1:]:
        if line.text:
            yield ((style, f"{SIGNS[style][1]} {cut(line.text, options)}"),)


def _comparison_rows(found: Comparison, options: PageOptions) -> Iterator[Row]:
    if found.request:
        yield (("dim", "request"),)
        yield from deeper(row for change in found.request for row in change_rows(change, options))
    for fact in found.facts:
        yield from change_rows(fact, options)
    for text in found.texts:
        yield (("dim", text.name),)
        yield from deeper(text_rows(text.old, text.new, options))
    for call in found.calls:
        yield from _call_rows(call, options)
    yield from _noise_rows(found, options)


def _call_rows(call: CallChange, options: PageOptions) -> Iterator[Row]:
    if call.kind != "changed":
        style, sign, text = ("added", "+", call.new) if call.kind == "added" else ("removed", "-", call.old)
        yield (("added" if style == "added" else "removed", f"{sign} call {call.name}({cut(text, options)})"),)
        return
    yield (("dim", f"call {call.name}"),)
    rows = [row for change in call.changes for row in change_rows(change, options)]
    yield from deeper(rows or text_rows(call.old, call.new, options))


def _noise_rows(found: Comparison, options: PageOptions) -> Iterator[Row]:
    cuts = list(_cuts(found))
    if options.shows_all:
        yield from ((("dim", "also "), *row) for _, change in found.noise for row in change_rows(change, options))
        yield from ((("dim", f"also {cut}"),) for cut in cuts)
        return
    names = ", ".join(dict.fromkeys(name for name, _ in found.noise))
    also = "; ".join(filter(None, (names, *cuts)))
    if found.is_same_answer and not found.request:
        yield (("dim", f"says the same (also differ: {also})" if also else "says the same"),)
    elif also:
        yield (("dim", f"(also differ: {also})"),)


def _cuts(found: Comparison) -> Iterator[str]:
    if found.cut is None:
        return
    if found.cut.boundaries:
        yield plural(found.cut.boundaries, "chunk boundary", "chunk boundaries")
    if found.cut.old_events != found.cut.new_events:
        yield f"{found.cut.old_events:,} -> {found.cut.new_events:,} events"


def _indented(rows: list[Row], options: PageOptions, limit: int) -> Iterator[Row]:
    shown = rows if options.is_full or len(rows) <= limit + 1 else rows[:limit]
    yield from ((("plain", "    "), *row) for row in shown)
    if len(shown) < len(rows):
        yield (("dim", f"    ... {plural(len(rows) - len(shown), 'more line')} (--full)"),)

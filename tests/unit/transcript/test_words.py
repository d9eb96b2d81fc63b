"""Texts, line by line and word by word."""

from __future__ import annotations

import time

import pytest

from recstore.transcript.compare import DiffLine, diff_lines


def drawn(old: str, new: str) -> list[str]:
    """Return the diff as a person would write it."""
    signs = {"removed": "-", "added": "+", "same": " ", "changed": "~", "skipped": "@"}
    return [f"{signs[line.mark]}{words(line)}" for line in diff_lines(old, new)]


def words(line: DiffLine) -> str:
    """Return the line, what was taken out and put in marked."""
    marks = {"removed": "[-{}-]", "added": "{{+{}+}}"}
    if line.mark != "changed":
        return line.pieces[0].text
    return "".join(marks.get(piece.mark, "{}").format(piece.text) for piece in line.pieces)


def test_equal_texts_have_no_diff() -> None:
    """Nothing is said of them."""
    assert [] == drawn("a\nb", "a\nb")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("The answer is four.", "The answer is five.", "~The answer is [-four-]{+five+}."),
        (
            "I think the big red fox runs away",
            "I think a small dog runs away",
            "~I think [-the big red fox-]{+a small dog+} runs away",
        ),
        ("人类生活在地球上", "人类生活在火星上", "~人类生活在[-地球-]{+火星+}上"),
        ("a b c d", "a b c d e", "~a b c d{+ e+}"),
    ],
)
def test_a_line_that_is_much_the_same_shows_its_words(old: str, new: str, expected: str) -> None:
    """Words that stay apart by a space alone are one change; scripts without spaces differ by character."""
    assert [expected] == drawn(old, new)


def test_lines_with_little_in_common_stand_below_each_other() -> None:
    """First what is gone, then what has come."""
    assert ["-Rome is a city", "-of stone", "+Nobody knows", "+anything"] == drawn(
        "Rome is a city\nof stone", "Nobody knows\nanything"
    )


def test_equal_lines_far_from_a_change_are_counted() -> None:
    """Two lines on either side of a change are shown."""
    same = [f"line {number}" for number in range(20)]

    assert ["-first", "+erst", " line 0", " line 1", "@16 lines the same", " line 18", " line 19", "+more"] == drawn(
        "\n".join(["first", *same]), "\n".join(["erst", *same, "more"])
    )


def test_a_text_that_begins_or_ends_is_all_added_or_removed() -> None:
    """An empty text has no lines, not one empty line."""
    assert ["+a", "+b"] == drawn("", "a\nb")
    assert ["-a"] == drawn("a", "")


@pytest.mark.parametrize("pattern", [("a ", "b "), ("a\n", "b\n"), ("a b ", "b a "), ("x\ny\n", "y\nx\nz\n")])
def test_long_and_dull_texts_take_bounded_time(pattern: tuple[str, str]) -> None:
    """Whatever a model repeats ten thousand times, a person gets an answer."""
    started_s = time.monotonic()

    assert diff_lines(pattern[0] * 10_000, pattern[1] * 10_001)
    assert 10 > time.monotonic() - started_s


def test_long_texts_of_which_every_other_line_differs_take_bounded_time() -> None:
    """The worst that can be found: as many runs as lines."""
    old, new = ("\n".join(f"line {n}\n{side} {n}" for n in range(15_000)) for side in ("this", "that"))
    started_s = time.monotonic()

    assert diff_lines(old, new)
    assert 15 > time.monotonic() - started_s

"""Differences between two values, told in a line each."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.record.differences import differences

OLD = {"model": "a", "messages": [{"role": "user", "content": "Hello"}], "n": 1}


def _told(old: Any, new: Any) -> list[str]:
    return [str(difference) for difference in differences(old, new)]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD, []),
        ({**OLD, "model": "b"}, ['model: "a" -> "b"']),
        ({**OLD, "n": 1.0}, ["n: 1 -> 1.0"]),
        ({**OLD, "n": True}, ["n: 1 -> true"]),
        ({**OLD, "n": None}, ["n: 1 -> null"]),
        ({**OLD, "top": {"p": 1}}, ['top: (nothing) -> {"p":1}']),
        ({"model": "a", "messages": OLD["messages"]}, ["n: 1 -> (nothing)"]),
        ({**OLD, "messages": []}, ['messages[0]: {"role":"user","content":"Hello"} -> (nothing)']),
        ({**OLD, "messages": [*OLD["messages"], 5]}, ["messages[1]: (nothing) -> 5"]),  # type: ignore[misc]
        ({**OLD, "messages": [{"role": "user", "content": "Hi"}]}, ['messages[0].content: "Hello" -> "Hi"']),
        ([], ["body: " + '{"model":"a","messages":[{"role":"user","content":"Hello"}],"n":... -> []']),
    ],
)
def test_each_place_that_differs_is_named_with_both_values(new: Any, expected: list[str]) -> None:
    """The deepest ones, by their path."""
    assert expected == _told(OLD, new)


def test_of_long_texts_the_part_that_differs_is_shown() -> None:
    """A person sees what changed at the end of a prompt."""
    start = "You are a helpful assistant. " * 9

    [line] = _told(
        start + "What is the capital of France?", start + "What is the capital of Spain, and why is it that?"
    )

    assert line == 'body: "... the capital of France?" -> "... the capital of Spain, and why is it that?"'


def test_long_values_are_cut() -> None:
    """A line stays a line."""
    [line] = _told(None, "x" * 500)

    assert f'body: null -> "{"x" * 63}...' == line


@pytest.mark.parametrize(("old", "new", "length"), [("abc", "abd", 2), ("abc", "abcd", 3), ("", "x", 0), (1, "x", 0)])
def test_how_much_two_texts_have_in_common_is_known(old: Any, new: Any, length: int) -> None:
    """From their beginning."""
    [difference] = differences(old, new)

    assert length == difference.common_length

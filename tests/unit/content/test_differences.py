"""Differences between two JSON values, by member and as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from recstore.content.deltas import ABSENT, Difference, differences

OLD: Any = {"model": "a", "messages": [{"role": "user", "content": "Hello"}], "n": 1}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]


def kinds(old: Any, new: Any) -> list[tuple[str, str]]:
    """Return the kind and the place of every difference."""
    return [
        ("added" if found.old is ABSENT else "removed" if found.new is ABSENT else "changed", found.place)
        for found in differences(old, new)
    ]


def test_a_changed_member_is_named_by_its_path() -> None:
    """The value deep inside is told, not the whole document."""
    new = {"messages": [MESSAGES[0], {"role": "user", "content": "Where?"}]}

    [difference] = differences({"messages": MESSAGES}, new)

    assert Difference(("messages", 1, "content"), "Who?", "Where?") == difference
    assert "messages[1].content" == difference.place


def test_an_element_that_was_put_in_shifts_no_other() -> None:
    """Equal elements are paired before the rest is."""
    assert [("added", "[0]")] == kinds(MESSAGES, [{"role": "user", "content": "Hi."}, *MESSAGES])
    assert [("removed", "[0]")] == kinds(MESSAGES, MESSAGES[1:])


@pytest.mark.parametrize(
    ("old", "new"), [(1, 1.0), (0, False), (1, True), ("1", 1), (None, False), ({}, []), ("", None), (0.0, -0.0)]
)
def test_values_of_other_types_differ(old: Any, new: Any) -> None:
    """What Python calls equal may be other JSON."""
    assert [("changed", "a")] == kinds({"a": old}, {"a": new})


def test_the_order_of_keys_does_not_count() -> None:
    """Two objects with the same members are the same."""
    assert [] == kinds({"a": 1, "b": [{"c": 1, "d": 2}]}, {"b": [{"d": 2, "c": 1}], "a": 1})


def test_a_vector_differs_as_a_whole() -> None:
    """Nobody reads 1,536 numbers one by one."""
    assert [("changed", "embedding")] == kinds({"embedding": [0.5] * 1536}, {"embedding": [0.25] * 1536})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_a_hostile_depth_is_no_crash(wrap: Callable[[Any], Any]) -> None:
    """Values are compared as a whole below a hundred levels."""
    old, new, same = (nested(leaf, wrap) for leaf in (1, 2, 1))

    assert 1 == len(kinds(old, new))
    assert [] == kinds(old, same)


def nested(leaf: Any, wrap: Callable[[Any], Any]) -> Any:
    """Return the leaf below thousands of levels."""
    for _ in range(3000):
        leaf = wrap(leaf)
    return leaf


def test_names_that_are_no_words_are_quoted() -> None:
    """A path can be read back."""
    assert 'headers["a b"][3].content-type' == Difference(("headers", "a b", 3, "content-type"), 1, 2).place


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
        ({**OLD, "messages": [*OLD["messages"], 5]}, ["messages[1]: (nothing) -> 5"]),
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

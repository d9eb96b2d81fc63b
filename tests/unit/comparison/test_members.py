"""JSON values, member by member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from recstore.comparison.members import Change, changes_between, spelled_path

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]


def differences(old: Any, new: Any) -> list[tuple[str, str]]:
    """Return the kind and the place of every difference."""
    return [(change.kind, change.place) for change in changes_between(old, new)]


def test_a_changed_member_is_named_by_its_path() -> None:
    """The value deep inside is told, not the whole document."""
    new = {"messages": [MESSAGES[0], {"role": "user", "content": "Where?"}]}

    [change] = changes_between({"messages": MESSAGES}, new)

    assert Change(("messages", 1, "content"), "changed", "Who?", "Where?") == change
    assert "messages[1].content" == change.place


def test_an_element_that_was_put_in_shifts_no_other() -> None:
    """Equal elements are paired before the rest is."""
    assert [("added", "[0]")] == differences(MESSAGES, [{"role": "user", "content": "Hi."}, *MESSAGES])
    assert [("removed", "[0]")] == differences(MESSAGES, MESSAGES[1:])


@pytest.mark.parametrize(
    ("old", "new"), [(1, 1.0), (0, False), (1, True), ("1", 1), (None, False), ({}, []), ("", None), (0.0, -0.0)]
)
def test_values_of_other_types_differ(old: Any, new: Any) -> None:
    """What Python calls equal may be other JSON."""
    assert [("changed", "a")] == differences({"a": old}, {"a": new})


def test_the_order_of_keys_does_not_count() -> None:
    """Two objects with the same members are the same."""
    assert [] == differences({"a": 1, "b": [{"c": 1, "d": 2}]}, {"b": [{"d": 2, "c": 1}], "a": 1})


def test_a_vector_differs_as_a_whole() -> None:
    """Nobody reads 1,536 numbers one by one."""
    assert [("changed", "embedding")] == differences({"embedding": [0.5] * 1536}, {"embedding": [0.25] * 1536})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_a_hostile_depth_is_no_crash(wrap: Callable[[Any], Any]) -> None:
    """Values are compared as a whole below a hundred levels."""
    old, new, same = (nested(leaf, wrap) for leaf in (1, 2, 1))

    assert 1 == len(differences(old, new))
    assert [] == differences(old, same)


def nested(leaf: Any, wrap: Callable[[Any], Any]) -> Any:
    """Return the leaf below thousands of levels."""
    for _ in range(3000):
        leaf = wrap(leaf)
    return leaf


def test_names_that_are_no_words_are_quoted() -> None:
    """A path can be read back."""
    assert 'headers["a b"][3].content-type' == spelled_path(("headers", "a b", 3, "content-type"))

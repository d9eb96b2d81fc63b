"""Deltas: the shape they have, and the hostile ones."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content import deltas
from recstore.content.deltas import DeltaError, delta_between, expand, shrink


@pytest.mark.parametrize(
    ("before", "after", "delta"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"/a": 2}),
        ({"a": 1}, {"a": 1.0}, {"/a": 1.0}),
        ({"a": 1}, {"a": True}, {"/a": True}),
        ({"a": 0.0}, {"a": -0.0}, {"/a": -0.0}),
        ({"a": None}, {"a": {}}, {"/a": {}}),
        ({"a": []}, {"a": {}}, {"/a": {}}),
        ({"a": 1}, {"a": 1, "b": 2}, {"": {"a": 1, "b": 2}}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"": {"b": 2, "a": 1}}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, {"/a": {"y": 2, "x": 1}}),
        ([1, 2], [1, 3], {"/1": 3}),
        ([1], [1, 2], {"": [1, 2]}),
        (
            {"a/b": 1, "a~b": 2, "": 3, "~1": 4},
            {"a/b": 5, "a~b": 6, "": 7, "~1": 8},
            {"/a~1b": 5, "/a~0b": 6, "/": 7, "/~01": 8},
        ),
        ("x", "x", {}),
        ("x", "y", {"": "y"}),
        (1, [1], {"": [1]}),
        ({}, {}, {}),
        ([], [], {}),
    ],
)
def test_a_delta_names_the_deepest_places_that_differ(before: Any, after: Any, delta: Any) -> None:
    """Types, signs of zero and key order are differences; what is the same is not named."""
    found = delta_between(before, after)

    assert repr(delta) == repr(found)
    assert repr([before, after]) == repr(expand(shrink([before, after])))


def test_nothing_and_one_value_are_written_as_they_are() -> None:
    """There is no delta without a value before."""
    assert [] == expand(shrink([]))
    assert [{"a": 1}] == shrink([{"a": 1}])


def test_the_values_given_are_left_alone() -> None:
    """Shrinking is a question, not a change."""
    values: list[Any] = [{"a": [1]}, {"a": [2]}, {"a": [2]}]

    shrink(values)

    assert [{"a": [1]}, {"a": [2]}, {"a": [2]}] == values


@pytest.mark.parametrize("delta", [None, 1, "x", [], [{}], True])
def test_what_is_no_object_of_changes_is_refused(delta: Any) -> None:
    """Every element after the first says what changed."""
    with pytest.raises(DeltaError):
        expand([{}, delta])


@pytest.mark.parametrize(
    "pointer",
    [
        "/b",
        "a",
        "/a/3",
        "/a/01",
        "/a/-1",
        "/a/-",
        "/a/",
        "/a/1/x",
        "/c/0",
        "/n/x",
        "/a/" + "9" * 30,
        "/a/" + "9" * 5000,
        "#/a",
        " ",
    ],
)
def test_a_place_that_is_not_there_is_refused(pointer: str) -> None:
    """Keys do not appear, lists do not grow, strings and null have no places, huge numbers are no indices."""
    with pytest.raises(DeltaError):
        expand([{"a": [1, 2, 3], "c": "text", "n": None}, {pointer: 0}])


def test_one_replacement_used_twice_is_two_values() -> None:
    """Events that repeat the one before share nothing with it."""
    one, two, three = expand([{"a": 1}, {"/a": {"b": []}}, {}])

    two["a"]["b"].append(1)  # type: ignore[index,call-overload,union-attr]

    assert ({"a": 1}, {"a": {"b": []}}) == (one, three)


def test_amplification_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small deltas after a large value are refused before they fill the memory."""
    monkeypatch.setattr(deltas, "EXPANDED_LIMIT_BYTES", 10_000)

    assert 9 == len(expand(["x" * 1000, *({} for _ in range(8))]))
    with pytest.raises(DeltaError, match="grow to more than"):
        expand(["x" * 1000, *({} for _ in range(10))])


def test_growth_by_replacement_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not matter which delta brought the bytes."""
    monkeypatch.setattr(deltas, "EXPANDED_LIMIT_BYTES", 10_000)

    with pytest.raises(DeltaError, match="grow to more than"):
        expand([0, {"": "x" * 6000}, {}])

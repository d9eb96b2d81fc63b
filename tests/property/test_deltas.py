"""Deltas: the exact way back, and no harm from hostile ones."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given

from recstore.content import deltas
from recstore.content.deltas import DeltaError, expand, shrink
from tests.values import events, objects, values


def copied(value: Any) -> Any:
    """Return a copy that shares nothing."""
    return orjson.loads(orjson.dumps(value))


@given(events)
def test_a_list_comes_back_exactly(before: list[Any]) -> None:
    """Values, key order, number types and signs of zero survive."""
    after = expand(copied(shrink(copied(before))))

    assert orjson.dumps(before) == orjson.dumps(after)


@given(values, values)
def test_two_unlike_values_come_back_exactly(first: Any, second: Any) -> None:
    """It does not matter how little two neighbours have in common."""
    assert orjson.dumps([first, second, first]) == orjson.dumps(expand(copied(shrink([first, second, first]))))


@given(values, objects)
def test_any_object_as_a_delta_gives_a_value_or_the_one_error(first: Any, delta: dict[str, Any]) -> None:
    """A blob that somebody made up cannot raise anything else."""
    try:
        expand([first, copied(delta), copied(delta)])
    except DeltaError:
        return


def test_values_share_nothing() -> None:
    """Whoever changes one event changes no other."""
    first, second = expand([{"a": {"b": [1]}, "c": 0}, {"/c": 1}])

    first["a"]["b"].append(2)  # type: ignore[index, call-overload, union-attr]

    assert {"a": {"b": [1]}, "c": 1} == second


def test_a_place_inside_what_was_replaced_is_the_new_one() -> None:
    """Pointers are followed anew once something above them has been replaced."""
    stored: list[Any] = [
        {"a": {"b": 1}},
        {"/a/b": 2},
        {"/a": {"b": 3}},
        {"/a/b": 4},
        {"": {"a": {"b": 5}}},
        {"/a/b": 6},
    ]

    assert [1, 2, 3, 4, 5, 6] == [value["a"]["b"] for value in expand(stored)]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("pointer", ["/b", "a", "/a/0/x", "/a/2", "/a/01", "/a/-1", "/a/-", "/a/²", "/c/x", "/a/ 1"])
def test_a_pointer_that_leads_nowhere_is_refused(pointer: str) -> None:
    """No place appears because a delta names it."""
    with pytest.raises(DeltaError, match=r"no place|not a JSON Pointer"):
        expand([{"a": [1, 2], "c": "text"}, {pointer: 3}])


def test_a_list_that_would_grow_without_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large event and many empty deltas after it stop at the limit."""
    monkeypatch.setattr(deltas, "EXPANDED_LIMIT_BYTES", 1 << 20)

    with pytest.raises(DeltaError, match="grow to more than"):
        expand(["x" * 100_000, *({} for _ in range(20))])


def test_a_stream_shows_the_new_words() -> None:
    """A delta names the deepest places that changed, and nothing else."""
    chunk: Any = {"id": "1", "choices": [{"delta": {"content": "Hum", "role": None}, "index": 0}]}
    after: Any = {"id": "1", "choices": [{"delta": {"content": "ans", "role": None}, "index": 0}]}

    assert [chunk, {"/choices/0/delta/content": "ans"}] == shrink([chunk, after])

"""Manifests under new names, and blobs untouched."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.errors import NotInStore, UsageError
from recstore.model import JsonBody, Recording, Request, Response
from recstore.store import Store
from recstore.store.moving import execute_moves, plan_moves
from recstore.store.verify import verify_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with three tests, each with an answer of its own."""
    made = Store.create(tmp_path)
    for test_id in ("a.py::test_x[1]", "a.py::test_x[2]", "a.py::test_y"):
        made.put(test_id, [recording(test_id)])
    return made


def recording(answer: str) -> Recording:
    """Return a recording with this answer."""
    return Recording(Request("GET", "a", "/"), Response(body=JsonBody(answer)))


def answers(store: Store) -> dict[str, object]:
    """Return each test's id and the answer it gets."""
    return {
        test_id: store.get(manifest.entries[0]).response.body.value  # type: ignore[union-attr]
        for test_id in store.tests()
        if (manifest := store.manifest(test_id))
    }


def move(store: Store, old: str, new: str) -> None:
    """Plan and execute."""
    execute_moves(store, plan_moves(store, old, new))


def test_all_parameters_of_a_test_move_and_no_blob_changes(store: Store) -> None:
    """The answers are those of before, under the new names."""
    blobs = list(store.blobs())

    move(store, "a.py::test_x", "b/c.py::test_z")

    assert {
        "a.py::test_y": "a.py::test_y",
        "b/c.py::test_z[1]": "a.py::test_x[1]",
        "b/c.py::test_z[2]": "a.py::test_x[2]",
    } == answers(store)
    assert blobs == list(store.blobs())
    assert () == verify_store(store).problems


def test_tests_move_along_a_chain(store: Store) -> None:
    """One may take the name that another one leaves."""
    move(store, "a.py::test_*", "a.py::test_x*")

    assert {"a.py::test_xx[1]", "a.py::test_xx[2]", "a.py::test_xy"} == set(answers(store))

    store.put("t_a", [recording("a")])
    store.put("t_a_a", [recording("a a")])
    move(store, "t*", "t*_a")

    assert {"t_a_a": "a", "t_a_a_a": "a a"} == {name: answers(store)[name] for name in ("t_a_a", "t_a_a_a")}
    assert "t_a" not in answers(store)


def test_no_recordings_are_overwritten(store: Store) -> None:
    """A name that has recordings is refused, and nothing has changed."""
    before = answers(store)

    with pytest.raises(UsageError, match="has recordings already"):
        move(store, "a.py::test_x[1]", "a.py::test_y")
    assert before == answers(store)


def test_two_tests_do_not_become_one(store: Store) -> None:
    """Where the new names fall together, nothing moves."""
    store.put("x/yz.py", [recording("one")])
    store.put("xy/z.py", [recording("two")])

    with pytest.raises(UsageError, match="2 tests would get this name"):
        move(store, "*/*", "**")


def test_a_name_that_no_test_has_is_an_error(store: Store) -> None:
    """There is nothing to move."""
    with pytest.raises(NotInStore):
        move(store, "a.py::test_", "b")


def test_what_was_recorded_meanwhile_is_not_lost(store: Store) -> None:
    """Under the old name or under the new one: the plan is old then, and nothing is changed."""
    for name in ("a.py::test_y", "a.py::test_z"):
        moves = plan_moves(store, "a.py::test_y", "a.py::test_z")
        store.put(name, [recording("meanwhile")])
        with pytest.raises(UsageError, match="was recorded meanwhile"):
            execute_moves(store, moves)

        assert "meanwhile" == answers(store)[name]
        store.put("a.py::test_y", [recording("a.py::test_y")])
    assert "meanwhile" == answers(store)["a.py::test_z"]


@pytest.mark.parametrize("writes", range(4))
def test_a_chain_of_names_that_stops_midway_loses_nothing(tmp_path: Path, writes: int) -> None:
    """`x*` becomes `x1*`: each manifest is written under its new name before another one takes its old name."""
    store, left = Store.create(tmp_path), writes
    for name in ("x", "x1", "x11"):
        store.put(f"t.py::{name}", [recording(name)])
    moves = plan_moves(store, "t.py::x*", "t.py::x1*")
    write = store.directory.write

    def stopping(name: str, data: bytes) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        write(name, data)

    store.directory.write = stopping  # type: ignore[method-assign]
    if writes < len(moves):
        with pytest.raises(KeyboardInterrupt):
            execute_moves(store, moves)
    else:
        execute_moves(store, moves)

    assert {"x", "x1", "x11"} <= set(answers(Store.open(tmp_path)).values())

"""Manifests under new names, and blobs untouched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recstore.errors import NotInStore, UsageError
from recstore.model import JsonBody, Recording, Request, Response
from recstore.store import Store
from recstore.store.rename import execute_moves, plan_moves
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


MEANWHILE: dict[str, Callable[[Store], object]] = {
    "the old name": lambda store: store.put("a.py::test_x[2]", [recording("meanwhile")]),
    "the new name": lambda store: store.put("a.py::test_z[2]", [recording("meanwhile")]),
    "none: one is gone": lambda store: store.withdraw([m for m in store.manifests() if m.test_id == "a.py::test_x[2]"]),
}


@pytest.mark.parametrize("other", MEANWHILE.values(), ids=MEANWHILE)
def test_what_was_recorded_since_the_plan_was_made_is_not_lost(store: Store, other: Callable[[Store], object]) -> None:
    """Under whichever name: nothing moves, and whoever asked is told to try again."""
    plan = plan_moves(store, "a.py::test_x", "a.py::test_z")
    other(store)
    before = answers(store)

    with pytest.raises(UsageError, match="nothing was changed") as raised:
        execute_moves(store, plan)
    assert "Try again." == raised.value.remedy
    assert before == answers(store)


def test_what_a_run_that_was_stopped_has_written_is_no_obstacle(store: Store) -> None:
    """The very manifests that it would write: the next run goes on from there."""
    plan = plan_moves(store, "a.py::test_x", "a.py::test_z")
    store.put("a.py::test_z[1]", [recording("a.py::test_x[1]")])
    execute_moves(store, plan)

    assert {"a.py::test_y", "a.py::test_z[1]", "a.py::test_z[2]"} == set(answers(store))


@pytest.mark.parametrize("step", range(7))
@pytest.mark.parametrize("method", ["write", "remove"])
def test_a_chain_that_is_stopped_loses_no_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch, method: str, step: int
) -> None:
    """One that takes another's name is written once that one has its own, whichever of them was found first."""
    names = ("t::x", "t::x1", "t::x11", "t::x111", "t::x1111", "t::x11111")
    for name in names:
        store.put(name, [recording(name)])
    plan = plan_moves(store, "t::x*", "t::x1*")
    plain, left = getattr(store.directory, method), [step]

    def stopped(*arguments: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        plain(*arguments)

    monkeypatch.setattr(store.directory, method, stopped)
    try:
        execute_moves(store, plan)
    except KeyboardInterrupt:
        assert step < {"write": 6, "remove": 1}[method]
    monkeypatch.undo()

    assert {*names} <= {str(answer) for answer in answers(store).values()}

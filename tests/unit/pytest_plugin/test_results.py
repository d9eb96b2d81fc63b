"""Shares of a run are carried between processes, and put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.errors import ReplayMiss
from recstore.model import BlobName, Digest, Entry, Manifest, Mode, RequestKey
from recstore.pytest_plugin.results import RunResults
from recstore.record.session import SessionReport
from recstore.store import Store
from recstore.store.usage import TestUsage, read_usage

FILE = "tests/test_a.py"
ENTRY = Entry(BlobName(RequestKey("a" * 64), Digest("b" * 64)), 1)


def report(name: str, mode: Mode = Mode.REPLAY, *, manifest: str = "m", key: str = "a") -> SessionReport:
    """Return the report of a session that served one entry, had another for nothing, and missed one."""
    return SessionReport(
        name,
        mode,
        manifest=manifest,
        used=frozenset({(key * 64, 1)}),
        recorded=1,
        misses=(ReplayMiss(name, "no \ud800 recording"),),
        unused=(ENTRY,),
        drift=("it differs",),
        requests_saved=2,
        tokens_saved=3,
    )


def results(*names: str, mode: Mode = Mode.REPLAY, manifest: str = "m", key: str = "a") -> RunResults:
    """Return a share in which these tests have passed."""
    share = RunResults(files={FILE: {f"{FILE}::test_x", f"{FILE}::test_y"}})
    for name in names:
        share.add(report(f"{FILE}::{name}", mode, manifest=manifest, key=key), has_passed=True)
        share.ran.add(f"{FILE}::{name}")
    return share


def test_a_share_survives_its_way_between_processes() -> None:
    """As ASCII text, whatever is in it."""
    share = results("test_x", "test_y")
    share.unreported = ["\u00fc"]

    text = share.to_text()

    assert text.isascii()
    assert share == RunResults.from_text(text)


def test_shares_add_up() -> None:
    """Sums are added, tests put side by side."""
    whole = results("test_x")

    whole.merge(results("test_y"))

    assert {"recorded": 2, "reused": 0, "requests_saved": 4, "tokens_saved": 6} == whole.sums
    assert {f"{FILE}::test_x", f"{FILE}::test_y"} == set(whole.tests) == whole.ran == set(whole.misses)


def test_of_what_two_workers_ran_both_must_agree() -> None:
    """Entries that either served are served; with different manifests nothing is concluded."""
    one, other = results("test_x"), results("test_x")

    one.merge(results("test_x", key="c"))
    other.merge(results("test_x", manifest="n"))

    assert {("a" * 64, 1), ("c" * 64, 1)} == one.tests[f"{FILE}::test_x"].used
    assert "" == other.tests[f"{FILE}::test_x"].manifest


@pytest.mark.parametrize("mode", Mode)
def test_only_a_mode_that_serves_says_what_was_served(mode: Mode) -> None:
    """A live answer is no reason to call a recording unserved."""
    share = results("test_x", mode=mode)
    serves = mode in (Mode.REPLAY, Mode.RECORD, Mode.RECORD_IF_MISSING)

    assert (serves, serves) == (share.tests[f"{FILE}::test_x"].has_passed, bool(share.unused))


def test_only_a_file_that_ran_whole_is_written_down(tmp_path: Path) -> None:
    """With each test that was collected; one that does not ask is not judged."""
    store = Store.create(tmp_path)

    results("test_x").write_usage(store)
    assert not read_usage(store.local, FILE)

    whole = results("test_x")
    whole.ran.add(f"{FILE}::test_y")
    whole.write_usage(store)

    run = read_usage(store.local, FILE)
    assert TestUsage("", was_collected=True, has_passed=False) == run[f"{FILE}::test_y"]
    assert run[f"{FILE}::test_x"].has_passed
    results("test_x").write_usage(store)
    assert run == read_usage(store.local, FILE)


def test_a_parameter_that_is_gone_is_told_by_a_function_that_passed(tmp_path: Path) -> None:
    """Of any other manifest of the file nothing is said: who serves it is not known."""
    store = Store.create(tmp_path)
    names = ["test_x[gone]", "test_y[gone]", "test_z"]
    store.publish(Manifest(f"{FILE}::{name}", (ENTRY,)) for name in names)
    whole = results("test_x")
    whole.ran.add(f"{FILE}::test_y")

    whole.write_usage(store)

    run = read_usage(store.local, FILE)
    assert [f"{FILE}::test_x[gone]"] == [name for name, test in run.items() if not test.was_collected]

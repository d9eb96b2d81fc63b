"""The bench's own code: every section runs, on next to nothing; the page keeps what was written by hand. Nothing is timed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.bench.histories import LAYOUTS, History, Layout, generated_history, merged_state
from tests.bench.results import replaced, section
from tests.bench.rows import Bench, Row

HAS_RIVALS = all(importlib.util.find_spec(name) for name in ("httpx2", "vcr"))


def tiny(folder: Path) -> Bench:
    """Return a bench that does next to nothing."""
    return Bench(folder, None, 1, (100, 200), index_entries=5_000, rerecordings=1, histories=12, requests=5)


def row(ours: float, theirs: float, goal: float | None = None, why: str = "") -> Row:
    """Return a row with one run of each side."""
    return Row("it", (ours,), "the other", (theirs,), goal, why=why)


def test_a_row_compares_medians_and_tells_the_spread_of_neighbouring_runs() -> None:
    """One slow run moves the spread and not the ratio."""
    measured = Row("it", (1.0, 9.0, 1.0), "the other", (2.0, 2.0, 2.0), 0.4)

    assert 0.5 == measured.ratio
    assert (0.5, 4.5) == measured.spread
    assert measured.is_missed


@pytest.mark.parametrize(("ours", "is_missed"), [(0.0, False), (1.0, True)])
def test_where_the_other_side_is_nothing_only_nothing_reaches_the_goal(ours: float, is_missed: bool) -> None:  # noqa: FBT001 - a parameter
    """There is no ratio then, and the row says so."""
    measured = row(ours, 0.0, 0.0)

    assert is_missed == measured.is_missed
    assert measured.cells()[4] == "-"


def test_a_section_explains_each_reason_once(tmp_path: Path) -> None:
    """Rows of one reason share the line below the table; a goal that is missed is marked."""
    text = section("Speed", [row(2.0, 1.0, 1.0, "Physics."), row(1.0, 1.0, 1.0, "Physics.")], Bench(tmp_path))

    assert 1 == text.count("Physics.")
    assert 1 == text.count("**missed**")
    assert 4 == text.count("\n| ") + text.startswith("| ")


def test_a_page_keeps_what_is_written_by_hand() -> None:
    """Measuring a section again replaces that section alone, also where its text has backslashes."""
    page = replaced(replaced("# Measured\n", "size", "old\n"), "diff", "other\n") + "\n## The plan\n"

    assert page.replace("old", "new \\1 \\g") == replaced(page, "size", "new \\1 \\g\n")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("seed", range(3))
def test_every_layout_gives_back_what_was_put_into_it(seed: int, layout: Layout) -> None:
    """So that what is missing after a merge was lost by the merge."""
    state = generated_history(seed).base

    assert state == layout.read(layout.write(state), {})


def test_a_merge_should_hold_what_each_branch_did_alone() -> None:
    """One branch adds a test, the other changes and removes others: no disagreement, and all three are wanted."""
    base = {"a": {"q": "1"}, "b": {"q": "2"}, "c": {"q": "3"}}
    ours = base | {"a": {"q": "another"}}
    theirs = {"a": {"q": "1"}, "b": {"q": "2"}, "d": {"q": "4"}}

    accepted, disagreements = merged_state(History(base, ours, theirs))

    assert {"a": {"q": {"another"}}, "b": {"q": {"2"}}, "d": {"q": {"4"}}} == accepted
    assert 0 == disagreements


def test_two_answers_to_one_question_are_a_disagreement() -> None:
    """A test that both branches recorded anew, differently, conflicts in truth."""
    states = ({"a": {"q": answer}} for answer in ("1", "2", "3"))

    assert ({}, 1) == merged_state(History(*states))


@pytest.mark.parametrize(("theirs", "disagreements"), [({}, 1), ({"a_of_2_1": {"q": "1"}}, 1), ({"a": {"q": "2"}}, 0)])
def test_a_renamed_test_is_disputed_where_the_other_branch_renamed_or_removed_it(
    theirs: dict[str, dict[str, str]], disagreements: int
) -> None:
    """Where the other one recorded it anew, a merge can follow."""
    history = History({"a": {"q": "1"}}, {"a_of_1_1": {"q": "1"}}, theirs)

    assert disagreements == merged_state(history)[1]


@pytest.mark.slow
def test_generated_histories_merge_as_git_merges_them(tmp_path: Path) -> None:
    """The section on merges runs, and recstore loses nothing for good in it."""
    from tests.bench.merge_rows import merge_rows

    rows = list(merge_rows(tiny(tmp_path)))

    assert [0.0] * 4 == [found.ours[0] for found in rows if "for good" in found.what]


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RIVALS, reason="needs vcrpy and httpx2")
def test_diffs_are_measured_with_every_recorder(tmp_path: Path) -> None:
    """The same answer recorded again leaves no line of recstore's to review."""
    from tests.bench.diff_rows import diff_rows

    rows = list(diff_rows(tiny(tmp_path)))

    assert {0.0} == {found.ours[0] for found in rows if "the same answer" in found.what}
    assert all(found.ours[0] > 0 for found in rows if "added" in found.what)


@pytest.mark.skipif(not HAS_RIVALS, reason="needs vcrpy and httpx2")
def test_sizes_are_measured_in_every_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generated recordings do for it; the checkout of loose files is the largest."""
    from tests.bench import size_rows

    monkeypatch.setattr(size_rows, "GENERATED", 48)

    rows = list(size_rows.size_rows(tiny(tmp_path)))

    assert "checkout" == rows[0].what
    assert 0 < rows[0].ours[0] < rows[0].theirs[0]


@pytest.mark.slow
def test_commands_on_git_run_at_every_size(tmp_path: Path) -> None:
    """The section on growth runs; each command appears with each size."""
    from tests.bench.git_rows import git_rows

    rows = list(git_rows(tiny(tmp_path)))

    assert 2 == sum(found.what.startswith("check --pre-push") for found in rows)
    assert all(found.ours[0] > 0 for found in rows)

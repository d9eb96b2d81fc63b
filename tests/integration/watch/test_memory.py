"""What a watcher knows of the last one: it starts without reading what has not changed, and misses nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

import orjson
import pytest

from recstore.errors import Locked
from recstore.importers.run import ImportOptions
from recstore.importers.scan import SourceFile, Sources
from recstore.model import Manifest
from recstore.store import Store
from recstore.watch.import_changes import ChangeImporter, WatchResult
from recstore.watch.watcher import Watcher
from tests.clock import FastClock
from tests.generator import write_recordings
from tests.integration.watch.watching import stored

LONG_AGO = 1_700_000_000


def checkpoint(project: Path) -> Path:
    """Return the file."""
    return Store.open(project).local.path("watch.json")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose recordings a watcher has seen; all of it has been so for long."""
    project = tmp_path / "project"
    Store.create(project)
    write_recordings(project, 12)
    (project / "tests/none.json").write_text('{"no": "recording"}')
    age(project)
    looked(project)
    age(project)
    looked(project)
    return project


def age(project: Path) -> None:
    """Have everything look as if it had been changed long ago."""
    for path in project.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def looked(project: Path, *, mirror: bool = False, source: str = "tests") -> list[tuple[str, str]]:
    """Return what a new watcher reports, after it has worked until every file is final."""
    results: list[WatchResult] = []
    importer = ChangeImporter(Store.open(project), ImportOptions(), mirror=mirror)
    Watcher(importer, Sources(project, (source,)), FastClock(), results.append).drain()
    return [(result.outcome, result.name) for result in results]


def test_what_is_known_is_not_read_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a manifest nor a file."""

    def refuse(_self: object, name: str) -> Manifest:
        raise AssertionError(name)

    monkeypatch.setattr(Store, "read_manifest", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)

    assert [] == looked(project)


def test_a_file_that_changed_meanwhile_is_followed(project: Path) -> None:
    """One that came, and one that was written again, are told of; the others are not."""
    [first, second, *_] = sorted((project / "tests").rglob("recordings/*.json"))
    shutil.copy(first, project / "tests/copy.json")
    second.write_bytes(second.read_bytes() + b"\n")

    told = {name: outcome for outcome, name in looked(project)}

    assert {"tests/copy.json": "new", second.relative_to(project).as_posix(): "changed"} == told


def test_a_manifest_that_went_meanwhile_comes_back(project: Path) -> None:
    """As after the checkout of a branch without the recordings, while nobody watched."""
    expected = stored(project)
    shutil.rmtree(project / ".recstore/tests")

    assert {"new"} == {outcome for outcome, _ in looked(project)}
    assert expected == stored(project)


def test_files_of_other_sources_have_not_gone(project: Path) -> None:
    """Who mirrors one folder removes nothing of another one that was watched before."""
    expected = stored(project)
    (project / "more").mkdir()
    shutil.copy(min((project / "tests").rglob("recordings/*.json")), project / "more/copy.json")

    assert [("new", "more/copy.json")] == looked(project, mirror=True, source="more")
    assert expected.keys() <= stored(project).keys()


def test_a_bad_file_is_told_of_by_each_watcher(project: Path) -> None:
    """Nobody may have listened to the last one. One watcher tells of it once, though it is touched."""
    (project / "tests/bad.json").write_text('{"test_id": "a", "requ')
    age(project)

    assert [("bad", "tests/bad.json")] == looked(project) == looked(project)


def test_what_a_locked_store_did_not_forget_it_forgets_later(project: Path) -> None:
    """A file went, and another process held the store just then."""

    class Busy(ChangeImporter):
        """An importer that finds the store locked the first time it is to forget something."""

        was_busy = False

        def import_files(self, files: list[SourceFile], removed: Collection[str] = ()) -> list[WatchResult]:
            if removed and not self.was_busy:
                self.was_busy = True
                raise Locked("the store", "another process has been writing to it")
            return super().import_files(files, removed)

    [first, *_] = sorted((project / "tests").rglob("recordings/*.json"))
    first.unlink()
    told: list[WatchResult] = []
    waits: list[object] = []
    importer = Busy(Store.open(project), ImportOptions(), mirror=True)
    watcher = Watcher(importer, Sources(project, ("tests",)), FastClock(), told.append, waits.append)
    watcher.rescan()
    waited = list(waits)
    watcher.drain()

    assert ["Locked"] == [type(problem).__name__ for problem in waited]
    assert [("removed", first.relative_to(project).as_posix())] == [(one.outcome, one.name) for one in told]


def test_a_damaged_note_is_no_note(project: Path) -> None:
    """Everything is read again, and found to be there."""
    note = checkpoint(project)
    note.write_bytes(note.read_bytes()[:-10])

    assert {"unchanged", "none"} == {outcome for outcome, _ in looked(project)}


WRONG: dict[str, object] = {
    "the inode is text": ["imported", "/nowhere/x.json", 9, "a", 1, 2],
    "the size is none": ["imported", "/nowhere/x.json", 9, 0, 1, None],
    "the size is missing": ["imported", "/nowhere/x.json", 9, 0, 1],
    "too much": ["imported", "/nowhere/x.json", 9, 0, 1, 2, 3],
    "the location is no path": ["imported", "/nowhere/\0x", 9, 0, 1, 2],
    "text": "abc",
    "a number": 7,
    "a table": {"a": 1, "b": 2, "c": 3},
    "a status of no watcher": ["lost", "/nowhere/x.json", 9, 0, 1, 2],
    "a status that is a list": [[], "/nowhere/x.json", 9, 0, 1, 2],
}


def add_row(project: Path, row: object) -> None:
    """Add a file to the checkpoint."""
    file = checkpoint(project)
    value = orjson.loads(file.read_bytes())
    value["files"].append(row)
    file.write_bytes(orjson.dumps(value))


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_a_checkpoint_with_a_row_that_no_watcher_writes_is_none(project: Path, row: object) -> None:
    """Whoever wrote it: nothing is taken to have been removed, nothing fails, and everything is read."""
    expected = stored(project)
    add_row(project, row)
    told = looked(project, mirror=True)

    assert {"unchanged", "none"} == {outcome for outcome, _ in told}
    assert expected == stored(project)


@pytest.mark.parametrize("fingerprint", [[1, 2, 3], [True, 2, 3], [1, 2.5, 3]], ids=str)
def test_a_checkpoint_with_a_file_more_is_one(project: Path, fingerprint: list[float]) -> None:
    """So that the one above is of its row, and of nothing else: nothing is read again, and nothing removed."""
    expected = stored(project)
    add_row(project, ["imported", "/nowhere/x.json", 9, *fingerprint])

    assert [] == looked(project, mirror=True)
    assert expected == stored(project)

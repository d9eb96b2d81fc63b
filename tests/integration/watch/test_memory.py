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
from recstore.importers.scan import SourceFile
from recstore.model import Manifest
from recstore.store import Store
from recstore.watch.checkpoint import Memory, Remembered
from recstore.watch.import_changes import Followed, Follower
from recstore.watch.sources import Sources
from recstore.watch.watcher import Watcher
from tests.generator import write_recordings
from tests.integration.watch.watching import stored

LONG_AGO = 1_700_000_000


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


def looked(
    project: Path, follower: Follower | None = None, *, mirror: bool = False, source: str = "tests"
) -> list[tuple[str, str]]:
    """Return what a new watcher tells of, after it has looked until nothing is in doubt."""
    told: list[Followed] = []
    follower = follower or Follower(Store.open(project), ImportOptions())
    Watcher(follower, Sources(project, (source,)), told.append, is_mirror=mirror).settle_down()
    return [(one.outcome, one.name) for one in told]


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

    class Busy(Follower):
        """A follower that finds the store locked the first time it is to forget something."""

        was_busy = False

        def follow(self, files: list[SourceFile], gone: Collection[str] = ()) -> list[Followed]:
            if gone and not self.was_busy:
                self.was_busy = True
                raise Locked("the store", "another process has been writing to it")
            return super().follow(files, gone)

    [first, *_] = sorted((project / "tests").rglob("recordings/*.json"))
    first.unlink()
    told: list[Followed] = []
    waits: list[object] = []
    follower = Busy(Store.open(project), ImportOptions())
    watcher = Watcher(follower, Sources(project, ("tests",)), told.append, waits.append, is_mirror=True)
    watcher.look()
    waited = list(waits)
    watcher.settle_down()

    assert ["Locked"] == [type(problem).__name__ for problem in waited]
    assert [("removed", first.relative_to(project).as_posix())] == [(one.outcome, one.name) for one in told]


def test_a_damaged_note_is_no_note(project: Path) -> None:
    """Everything is read again, and found to be there."""
    note = project / ".recstore/local/watch.json"
    note.write_bytes(note.read_bytes()[:-10])

    assert {"unchanged", "none"} == {outcome for outcome, _ in looked(project)}


WRONG: dict[str, object] = {
    "prefix is text": ["/nowhere/x.json", "a", 1, 2, 3],
    "location is a number": [7, 0, 1, 2, 3],
    "location is none": [None, 0, 1, 2, 3],
    "location is no path": ["/nowhere/\0x", 0, 1, 2, 3],
    "inode is a flag": ["/nowhere/x.json", 0, True, 2, 3],
    "time has a fraction": ["/nowhere/x.json", 0, 1, 2.5, 3],
    "size is none": ["/nowhere/x.json", 0, 1, 2, None],
    "size is missing": ["/nowhere/x.json", 0, 1, 2],
    "too much": ["/nowhere/x.json", 0, 1, 2, 3, 4],
    "text": "abcde",
    "a number": 7,
    "a table": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5},
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_a_note_with_a_row_that_no_watcher_writes_is_no_note(project: Path, row: object) -> None:
    """Whoever committed it: nothing is taken to have gone, and nothing fails."""
    note, expected = project / ".recstore/local/watch.json", stored(project)
    listed, _, rest = note.read_bytes().partition(b"\n")
    note.write_bytes(orjson.dumps([*orjson.loads(listed), row]) + b"\n" + rest)
    follower = Follower(Store.open(project), ImportOptions())
    remembered = Memory(follower.store.local, ("tests", follower.reading)).load({})
    told = looked(project, mirror=True)

    assert Remembered() == remembered
    assert {"unchanged", "none"} == {outcome for outcome, _ in told}
    assert expected == stored(project)


def test_a_note_as_it_was_written_is_one(project: Path) -> None:
    """So that the one above is of its row, and of nothing else."""
    note = project / ".recstore/local/watch.json"
    listed, _, rest = note.read_bytes().partition(b"\n")
    note.write_bytes(orjson.dumps([*orjson.loads(listed), ["/nowhere/x.json", 0, 1, 2, 3]]) + b"\n" + rest)
    follower = Follower(Store.open(project), ImportOptions())
    remembered = Memory(follower.store.local, ("tests", follower.reading)).load({})

    assert 1 + len(list((project / "tests").rglob("*.json"))) == len(remembered.files)

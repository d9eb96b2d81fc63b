"""Links in a store that a stranger made: nothing behind them is read as a recording, written or removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands import recstore
from tests.generator import write_recordings
from tests.git_repository import GitRepository, recording

COMMANDS = (
    *(
        ["import", "more"],
        ["verify"],
        ["verify", "--repair"],
        ["gc"],
        ["gc", "--force"],
        ["check", "--fix"],
        ["restore"],
    ),
    *(
        ["ls"],
        ["stats"],
        ["status"],
        ["redact"],
        ["rekey"],
        ["watch", "--once", "more"],
        ["mv", "tests/a.py", "tests/b.py"],
    ),
)
PLACES = ("blobs", "tests", "shared", "local", "blobs/{first}", "tests/tests")


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return everything below a folder: bytes of files, None for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_behind_a_link_is_touched(tmp_path: Path, place: str) -> None:
    """Whichever folder or file of a store is a link to another project's, that one stays as it was, byte for byte."""
    other = GitRepository.create(tmp_path / "other")
    other.store.put("tests/a.py::test_a", [recording("theirs")])
    assert 0 == recstore(other.folder, "ls").returncode  # makes the index
    project = GitRepository.create(tmp_path / "project")
    project.store.put("tests/a.py::test_a", [recording("ours")])
    project.test_file("tests/a.py", "test_a")
    project.commit()
    write_recordings(project.folder / "more", 6)
    [first] = {blob.key[:2] for blob in project.store.blobs()}
    theirs = other.folder / ".recstore" / place.format(first=next(iter(other.store.blobs())).key[:2])
    theirs.mkdir(exist_ok=True)
    ours = project.folder / ".recstore" / place.format(first=first)
    if ours.is_dir():
        shutil.rmtree(ours)
    else:
        ours.unlink(missing_ok=True)
    ours.parent.mkdir(parents=True, exist_ok=True)
    ours.symlink_to(theirs)
    (theirs.parent / "shared").mkdir(exist_ok=True) if place == "shared" else None
    before = contents(other.folder)
    for words in COMMANDS:
        done = recstore(project.folder, *words)

        assert "Traceback" not in done.stderr, (words, done.stderr)
        assert "defect of recstore" not in done.stderr, (words, done.stderr)
        assert before == contents(other.folder), words


@pytest.mark.parametrize("pattern", ["blobs/*/*.json", "tests/tests/a.py/test_a-*"])
def test_a_link_in_the_place_of_a_file_is_named_and_repaired(tmp_path: Path, pattern: str) -> None:
    """A blob or a manifest that is a link to a device, without an end, is damage, never read on and on, and moved away."""
    project = GitRepository.create(tmp_path / "project")
    project.store.put("tests/a.py::test_a", [recording("ours")])
    project.test_file("tests/a.py", "test_a")
    project.commit()
    [file] = (project.folder / ".recstore").glob(pattern)
    sound = file.read_bytes()
    file.unlink()
    file.symlink_to("/dev/zero")
    for words, codes in ((["verify"], (20,)), (["show", "test_a"], (10, 20)), (["check"], (0, 10, 20)), (["ls"], (0,))):
        done = recstore(project.folder, *words)

        assert done.returncode in codes, (words, done.stderr)
        assert "defect of recstore" not in done.stderr
        assert words != ["verify"] or file.name in done.stderr
    repaired = recstore(project.folder, "verify", "--repair")

    assert 0 == repaired.returncode, repaired.stderr
    assert not file.is_symlink()
    assert sound == file.read_bytes()

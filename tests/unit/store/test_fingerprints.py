"""Files by their fingerprints: which are there, which changed, and what an earlier process saw."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recstore.errors import RecstoreError
from recstore.store.directory import Directory
from recstore.store.fingerprints import RACY_WINDOW_NS, FileCache, Fingerprint, compare, load_note, save_note

LONG_AGO = 1_700_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with files in folders, all of them changed long ago."""
    for name in ("tests/a/one", "tests/a/two", "tests/b/three"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    aged(tmp_path)
    return tmp_path


def aged(root: Path, time_s: int = LONG_AGO) -> None:
    """Have everything look as if it had been changed long ago."""
    for path in root.rglob("*"):
        os.utime(path, (time_s, time_s))


def replaced(file: Path, text: str) -> None:
    """Put a file in place as Git and recstore do it."""
    beside = file.parent / ".tmp-beside"
    beside.write_text(text)
    beside.replace(file)


def cache_of(root: Path, top: str = "tests") -> FileCache:
    """Return a cache of one folder of the store."""
    return FileCache(Directory(root), (top,))


def test_it_names_every_file(root: Path) -> None:
    """Files by their names from the store's folder; temporary files and links are left out."""
    (root / "tests/a/.tmp-1").write_text("")
    (root / "tests/a/link").symlink_to(root / "tests/b/three")

    assert ["tests/a/one", "tests/a/two", "tests/b/three"] == sorted(cache_of(root).look())


def test_nothing_below_a_folder_that_is_not_there(root: Path) -> None:
    """No store has to have a folder."""
    assert {} == cache_of(root, "shared").look()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: replaced(root / "tests/a/one", "another"),
        lambda root: (root / "tests/a/one").unlink(),
        lambda root: (root / "tests/a/new").write_text("new"),
        lambda root: (root / "tests/a").rename(root / "tests/c"),
        lambda root: replaced(root / "tests/b/three", "equal length"[:5]),
    ],
)
def test_what_comes_goes_or_is_replaced_is_seen(root: Path, change: Callable[[Path], object]) -> None:
    """Also by the digest, which is the same as long as nothing changes, and says nothing right after a change."""
    cache = cache_of(root)
    before, digest = cache.look(), cache.digest()
    assert digest == cache_of(root).digest()
    change(root)

    assert cache_of(root).look() == cache.look() != before
    assert cache.digest() == ""
    aged(root, LONG_AGO + 9)
    assert cache.digest() not in ("", digest)


def test_a_folder_that_has_not_changed_is_not_listed_again(root: Path) -> None:
    """A file that is written where it lies is seen by a thorough look."""
    cache = cache_of(root)
    before = cache.look()
    (root / "tests/a/one").write_text("something longer")

    assert before == cache.look()
    assert before != cache.look(thorough=True)


def test_a_folder_that_changed_just_now_is_listed_again(root: Path) -> None:
    """A second change within one tick of the clock leaves the time as it was."""
    cache = cache_of(root)
    now_ns = time.time_ns()
    replaced(root / "tests/a/one", "once")
    os.utime(root / "tests/a", ns=(now_ns, now_ns))
    before = cache.look()
    replaced(root / "tests/a/one", "twice, longer")
    os.utime(root / "tests/a", ns=(now_ns, now_ns))

    assert RACY_WINDOW_NS > time.time_ns() - now_ns
    assert before != cache.look()


@pytest.mark.parametrize("look", [FileCache.look, FileCache.digest])
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
def test_a_link_in_the_place_of_the_folder_is_refused(
    root: Path, tmp_path: Path, look: Callable[[FileCache], object], *, is_known: bool
) -> None:
    """Whatever is behind it may be endless, and is somebody else's; also where a checkout has just put it."""
    cache = cache_of(root)
    if is_known:
        look(cache)
    (root / "tests").rename(tmp_path / "theirs")
    (root / "tests").symlink_to(tmp_path / "theirs")

    with pytest.raises(RecstoreError, match="is a link") as raised:
        look(cache)
    assert str(root / "tests") == raised.value.subject


def test_new_changed_and_removed_files_are_told_apart() -> None:
    """From the fingerprints under which files were read."""
    known = {"same": Fingerprint(1, 2, 3), "changed": Fingerprint(1, 2, 3), "removed": Fingerprint(1, 2, 3)}
    files = {"same": Fingerprint(1, 2, 3), "changed": Fingerprint(1, 2, 4), "new": Fingerprint(9, 9, 9)}

    assert ({"changed": files["changed"], "new": files["new"]}, ["removed"]) == compare(known, files)


def test_a_note_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """By the same version alone."""
    directory = Directory(tmp_path)
    save_note(directory, "note", 1, files={"tests/a": [1 << 63, 2, 3]}, since=4)

    notes = [load_note(directory, "note", version) for version in (1, 2)]
    assert [{"version": 1, "files": {"tests/a": [1 << 63, 2, 3]}, "since": 4}, {}] == notes


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"{}", b'{"version":2}', b'{"version":"1"}'])
def test_a_note_that_is_absent_or_damaged_is_empty(tmp_path: Path, data: bytes) -> None:
    """It is derived: nothing is lost with it."""
    directory = Directory(tmp_path)
    if data:
        directory.write("note", data)

    assert {} == load_note(directory, "note", 1)

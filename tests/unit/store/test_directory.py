"""The one module that writes files: in one step each, and every failure a clear error."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recstore.errors import RecstoreError
from recstore.store import directory as module
from recstore.store.directory import TEMPORARY_PREFIX, Directory


@pytest.fixture
def folder(tmp_path: Path) -> Directory:
    """Return a directory in a new folder."""
    (tmp_path / "store").mkdir()
    return Directory(tmp_path / "store")


def names_in(folder: Directory) -> list[str]:
    """Return the name of every file, temporary ones too."""
    return sorted(file.relative_to(folder.root).as_posix() for file in folder.root.rglob("*") if file.is_file())


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)), b"line\r\nline\n", b"x" * 3_000_000])
def test_what_was_written_is_read(folder: Directory, data: bytes) -> None:
    """Every byte, none converted."""
    folder.write("a/b/c.json", data)

    assert data == folder.read("a/b/c.json")
    assert ["a/b/c.json"] == names_in(folder)


def test_a_file_is_replaced_as_a_whole(folder: Directory) -> None:
    """A shorter text leaves nothing of the longer one."""
    folder.write("a", b"a long text")
    folder.write("a", b"short")

    assert b"short" == folder.read("a")


@pytest.mark.parametrize("name", ["x", "x/y", "a/b/c/d"])
def test_a_file_that_is_not_there_is_none(folder: Directory, name: str) -> None:
    """Also where a folder of its path is missing, or is a file."""
    folder.write("a/b", b"a file in the way")

    assert folder.read(name) is None


def test_a_folder_in_the_place_of_a_file_is_an_error(folder: Directory) -> None:
    """It is there, and it cannot be read."""
    folder.write("a/b", b"")

    with pytest.raises(RecstoreError, match="cannot be read"):
        folder.read("a")
    with pytest.raises(RecstoreError, match="cannot be written"):
        folder.write("a", b"")
    assert ["a/b"] == names_in(folder)


def test_a_file_in_the_place_of_a_folder_is_an_error(folder: Directory) -> None:
    """Nothing is removed to make way."""
    folder.write("a", b"mine")

    with pytest.raises(RecstoreError, match="cannot be written"):
        folder.write("a/b", b"")
    assert b"mine" == folder.read("a")


def test_a_read_that_comes_in_pieces_is_put_together(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system may give less than was asked for."""
    folder.write("a", b"0123456789")
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size_bytes: read(descriptor, min(size_bytes, 3)))

    assert b"0123456789" == folder.read("a")


def test_a_write_that_goes_in_pieces_is_completed(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system may take less than it was given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:3]))

    folder.write("a", b"0123456789")

    assert b"0123456789" == folder.read("a")


def test_a_removed_file_takes_its_empty_folders_along(folder: Directory) -> None:
    """But neither the uppermost one, nor those that hold something."""
    folder.write("blobs/ab/x", b"")
    folder.write("tests/a/b/c", b"")
    folder.write("tests/a/d", b"")

    folder.remove("blobs/ab/x")
    folder.remove("tests/a/b/c")

    assert (folder.root / "blobs").is_dir()
    assert not (folder.root / "blobs/ab").exists()
    assert not (folder.root / "tests/a/b").exists()
    assert ["tests/a/d"] == names_in(folder)


def test_removing_nothing_is_no_error(folder: Directory) -> None:
    """Another process may have been faster."""
    folder.write("a/b", b"")
    folder.remove("a/b")

    folder.remove("a/b")

    assert [] == names_in(folder)


def test_a_folder_that_another_process_removed_is_made_again(folder: Directory) -> None:
    """A writer does not trust what it remembers."""
    folder.write("blobs/ab/x", b"1")
    Directory(folder.root).remove("blobs/ab/x")

    folder.write("blobs/ab/y", b"2")

    assert ["blobs/ab/y"] == names_in(folder)


def test_a_moved_file_is_elsewhere(folder: Directory) -> None:
    """In one step, its folder made for it."""
    folder.write("a", b"x")

    folder.move("a", Directory(folder.root / "elsewhere"), "quarantine/a")

    assert ["elsewhere/quarantine/a"] == names_in(folder)


@pytest.mark.parametrize("leave", ["remove", "move"])
def test_what_is_gone_before_a_flush_is_no_trouble(folder: Directory, leave: str) -> None:
    """A file that was written and taken away again needs not be made durable."""
    folder.write("a/b", b"")
    folder.write("c/d", b"")
    if leave == "remove":
        folder.remove("a/b")
    else:
        folder.move("a/b", folder, "e/f")

    folder.flush()


@pytest.mark.parametrize("count", [1, 16, 17, 40])
def test_everything_written_is_made_durable(folder: Directory, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """File by file, and the folder made for them, where they are few; all at once where they are many; once only."""
    calls: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: calls.append("fsync"))
    monkeypatch.setattr(os, "sync", lambda: calls.append("sync"))
    for number in range(count):
        folder.write(f"blobs/{number}", b"")

    folder.flush()

    assert {"fsync" if count <= 16 else "sync"} == set(calls)
    assert len(calls) >= (count + 1 if count <= 16 else 1)  # each file, and their folder
    calls.clear()
    folder.flush()
    assert [] == calls


def test_files_are_listed_in_the_order_of_their_paths(folder: Directory) -> None:
    """On every file system the same; without links, temporary files and empty folders."""
    for name in ("blobs/b/2", "blobs/a/1", "blobs/b/1", f"blobs/b/{TEMPORARY_PREFIX}1", "blobs/c", "tests/x"):
        folder.write(name, b"")
    (folder.root / "blobs/empty").mkdir()
    (folder.root / "blobs/link").symlink_to(folder.root / "tests/x")
    (folder.root / "blobs/folder").symlink_to(folder.root / "tests")

    names = [folder.name_of(file) for file in folder.walk("blobs")]

    assert ["blobs/a/1", "blobs/b/1", "blobs/b/2", "blobs/c"] == names
    assert f"blobs/b/{TEMPORARY_PREFIX}1" in [
        folder.name_of(file) for file in folder.walk("blobs", include_special=True)
    ]
    assert [] == list(folder.walk("nowhere"))
    assert [] == list(folder.walk("blobs/c"))


# -- failures


def failing(number: int) -> Callable[..., Any]:
    """Return a system call that fails."""

    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS, errno.EMFILE])
@pytest.mark.parametrize("call", ["open", "write", "replace", "makedirs"])
def test_a_write_that_fails_says_so_and_leaves_what_was_there(
    folder: Directory, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """No call of the system can fail with anything but an error of the store."""
    folder.write("a/b", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        with pytest.raises(RecstoreError, match="cannot be written") as raised:
            folder.write("new/c" if call == "makedirs" else "a/b", b"new")

    assert os.strerror(number) in raised.value.reason
    assert b"old" == folder.read("a/b")
    assert ["a/b"] == names_in(folder)


@pytest.mark.parametrize(
    ("calls", "act"),
    [
        (("open", "fstat", "read"), lambda folder: folder.read("a/b")),
        (("unlink",), lambda folder: folder.remove("a/b")),
        (("makedirs", "replace"), lambda folder: folder.move("a/b", folder, "c/d")),
        (("fsync", "open"), lambda folder: folder.flush()),
        (("scandir",), lambda folder: list(folder.walk("a"))),
    ],
)
def test_whatever_fails_is_an_error_of_the_store(
    folder: Directory, monkeypatch: pytest.MonkeyPatch, calls: tuple[str, ...], act: Callable[[Directory], Any]
) -> None:
    """Its subject is the file, its reason the system's."""
    for call in calls:
        folder.write("a/b", b"x")
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(errno.EIO))
            with pytest.raises(RecstoreError, match=os.strerror(errno.EIO)):
                act(folder)


def test_the_remedy_for_a_full_disk_is_space(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that a user can mend says how."""
    monkeypatch.setattr(os, "write", failing(errno.ENOSPC))

    with pytest.raises(RecstoreError) as raised:
        folder.write("a", b"x")

    assert "Free some disk space" in raised.value.remedy


# -- links


CALLS: dict[str, Callable[[Directory], object]] = {
    "write": lambda folder: folder.write("tests/a/y", b"ours"),
    "replace": lambda folder: folder.write("tests/a/x", b"ours"),
    "remove": lambda folder: folder.remove("tests/a/x"),
    "move away": lambda folder: folder.move("tests/a/x", folder, "tests/b"),
    "move there": lambda folder: folder.move("b", folder, "tests/a/x"),
    "walk": lambda folder: list(folder.walk("tests/a")),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("place", ["tests/a", "tests"])
def test_a_link_that_comes_later_is_not_followed(
    folder: Directory, tmp_path: Path, call: Callable[[Directory], object], place: str
) -> None:
    """A checkout puts it in the place of a folder that the same process has written to and listed."""
    theirs = tmp_path / "theirs"
    (theirs / "a").mkdir(parents=True)
    for file in (theirs / "x", theirs / "a/x"):
        file.write_bytes(b"theirs")
    folder.write("b", b"ours")
    folder.write("tests/a/x", b"ours")
    list(folder.walk("tests/a"))
    (folder.root / "tests/a/x").unlink()
    for name in ("tests/a", "tests") if place == "tests" else ("tests/a",):
        (folder.root / name).rmdir()
    (folder.root / place).symlink_to(theirs)

    with pytest.raises(RecstoreError, match="is a link") as raised:
        call(folder)
    assert str(folder.root / place) == raised.value.subject
    assert {"a/x": b"theirs", "x": b"theirs"} == {
        file.relative_to(theirs).as_posix(): file.read_bytes() for file in theirs.rglob("*") if file.is_file()
    }


def test_few_is_the_number_that_the_tests_above_mean() -> None:
    """The border between syncing files and syncing the file system."""
    assert 16 == module._FEW

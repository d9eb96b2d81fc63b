"""Local state: in Git's own folders, where there is Git; and the lock in it."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from recstore.errors import Locked, RecstoreError
from recstore.model import Digest
from recstore.store import FOLDER, Store
from recstore.store.directory import Directory
from recstore.store.store import local_folders


def git_folder(path: Path) -> Path:
    """Make what tells a Git folder from any other."""
    path.mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store without Git."""
    return Store.create(tmp_path)


# -- the folders


def test_without_git_it_is_in_the_store(tmp_path: Path) -> None:
    """Nothing else is the project's own."""
    store = tmp_path / FOLDER

    assert (store / "local", store / "local") == local_folders(store)


def test_with_git_it_is_in_gits_folder(tmp_path: Path) -> None:
    """A main work tree has one Git folder for both."""
    git = git_folder(tmp_path / ".git")

    assert (git / "recstore", git / "recstore") == local_folders(tmp_path / FOLDER)


def test_projects_of_one_repository_have_folders_of_their_own(tmp_path: Path) -> None:
    """Also two whose folders have one name, and one inside the other."""
    git = git_folder(tmp_path / ".git")
    projects = ["a", "a/b", "b", "c/b"]

    folders = [local_folders(tmp_path / project / FOLDER)[0] for project in projects]

    assert [f"{project[-1]}-{Digest.of(project.encode())[:8]}" for project in projects] == [
        folder.relative_to(git / "recstore").as_posix() for folder in folders
    ]


@pytest.mark.parametrize("is_relative", [False, True])
def test_a_linked_work_tree_shares_what_outlives_it(tmp_path: Path, *, is_relative: bool) -> None:
    """Its own folder is among the repository's, and goes with it."""
    git = git_folder(tmp_path / "main/.git")
    own = git_folder(git / "worktrees/linked")
    (own / "commondir").write_text("../..\n")
    (tmp_path / "linked").mkdir()
    target = "../main/.git/worktrees/linked" if is_relative else str(own)
    (tmp_path / "linked/.git").write_text(f"gitdir: {target}\n")

    assert (own / "recstore", git / "recstore") == local_folders(tmp_path / "linked" / FOLDER)


def test_a_submodule_has_its_own_folder(tmp_path: Path) -> None:
    """Not that of the repository around it."""
    git_folder(tmp_path / ".git")
    own = git_folder(tmp_path / ".git/modules/sub")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/.git").write_text("gitdir: ../.git/modules/sub\n")

    assert (own / "recstore", own / "recstore") == local_folders(tmp_path / "sub" / FOLDER)


@pytest.mark.parametrize("text", ["", "gitdir: ", "gitdir: nowhere", "x", "x gitdir: .git"])
def test_what_is_not_gits_is_not_taken_for_it(tmp_path: Path, text: str) -> None:
    """A file or a folder of that name may be anything."""
    (tmp_path / "outer/inner").mkdir(parents=True)
    (tmp_path / "outer/.git").mkdir()
    (tmp_path / "outer/inner/.git").write_text(text)
    store = tmp_path / "outer/inner" / FOLDER

    assert (store / "local", store / "local") == local_folders(store)


def test_nothing_is_made_before_it_is_written(tmp_path: Path) -> None:
    """A replay leaves no trace."""
    git = git_folder(tmp_path / ".git")
    store = Store.create(tmp_path)

    assert store.local.read("index.sqlite") is None
    assert ["HEAD"] == os.listdir(git)


def test_a_link_in_the_place_of_the_folder_is_refused(store: Store, tmp_path: Path) -> None:
    """Or another project's lock would be held in the place of ours."""
    (tmp_path / "elsewhere").mkdir()
    store.directory.path("local").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(RecstoreError, match="is a link"), store.locked():
        pass
    assert [] == os.listdir(tmp_path / "elsewhere")


# -- the lock


def test_the_lock_keeps_others_out(store: Store) -> None:
    """Who comes second is told so, and gets in as soon as the first has left."""
    other = Store(Directory(store.directory.root))

    with store.locked(), pytest.raises(Locked, match="0 s") as raised, other.locked(timeout_s=0.0):
        pass
    assert (30, str(store.directory.root)) == (raised.value.exit_code, raised.value.subject)
    with other.locked(timeout_s=0.0):
        pass


def test_the_lock_waits_for_as_long_as_it_is_told(store: Store) -> None:
    """And takes what is let go meanwhile."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with Store(Directory(store.directory.root)).locked():
            is_held.set()
            is_over.wait(0.1)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    with store.locked(timeout_s=10.0):
        is_over.set()
    holder.join()


def test_the_lock_is_let_go_after_an_error(store: Store) -> None:
    """Whatever happened inside."""
    with pytest.raises(ZeroDivisionError), store.locked():
        raise ZeroDivisionError

    with store.locked(timeout_s=0.0):
        pass


def test_the_lock_keeps_threads_apart(store: Store) -> None:
    """One at a time: no step of one is between two of another."""
    steps: list[str] = []

    def work(name: str) -> None:
        with Store(Directory(store.directory.root)).locked():
            steps.extend([name, name])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(steps)
    assert all(first == second for first, second in zip(steps[::2], steps[1::2], strict=True))


def test_whatever_the_lock_file_holds_it_is_a_lock(store: Store) -> None:
    """Nobody reads it, and nothing in it is lost."""
    store.local.write("lock", b"text")

    with store.locked():
        pass
    assert b"text" == store.local.read("lock")


def test_a_lock_file_that_cannot_be_opened_is_an_error(store: Store) -> None:
    """A folder in its place stays."""
    store.local.path("lock").mkdir(parents=True)

    with pytest.raises(RecstoreError, match="cannot be locked"), store.locked():
        pass
    assert store.local.path("lock").is_dir()


def failing(number: int) -> Callable[..., None]:
    """Return a call that fails as the system does."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMFILE])
def test_a_lock_that_cannot_be_made_says_what_the_system_says(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """With what mends it."""
    monkeypatch.setattr(filelock.FileLock, "acquire", failing(number))

    with pytest.raises(RecstoreError, match=os.strerror(number)) as raised, store.locked():
        pass
    assert raised.value.remedy


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_made_cannot_be_locked(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A read-only store says that it is read-only."""
    monkeypatch.setattr(os, "makedirs", failing(number))

    with pytest.raises(RecstoreError, match=os.strerror(number)), store.locked():
        pass


def test_a_store_whose_folder_is_gone_is_not_locked_and_not_made_again(store: Store) -> None:
    """Whether it was locked before or not: another folder of that name would hide that the first is gone."""
    with store.locked():
        pass
    shutil.rmtree(store.directory.root)

    for gone in (store, Store(Directory(store.directory.root))):
        with pytest.raises(RecstoreError, match=os.strerror(errno.ENOENT)) as raised, gone.locked():
            pass

        assert "bring it back" in raised.value.remedy
        assert str(store.directory.root) == raised.value.subject
    assert not store.directory.root.exists()


def test_a_store_whose_local_state_was_cleaned_away_is_locked_all_the_same(store: Store) -> None:
    """`git clean -x` takes it while a run goes on."""
    with store.locked():
        pass
    shutil.rmtree(store.local.root)

    with store.locked():
        pass

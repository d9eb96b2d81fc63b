"""What one machine needs and nobody commits: where it is kept, and the lock in it.

    <git folder of the work tree>/recstore/      index, lock, usage, and what verify and watch have seen
    <git folder of the repository>/recstore/     quarantine and failed recordings, which outlive a work tree

A project that is not the top folder of its work tree has a folder of its own in each. Without Git both are
`.recstore/local`. Git itself is not asked: its folders are found as it finds them.

Source: gitrepository-layout(5), `commondir`; gitfile in gitglossary(7); `git rev-parse --git-path`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from recstore.errors import Locked
from recstore.files import read_file
from recstore.model import Digest
from recstore.store.directory import Directory, file_failure

_LOCK: Final = "lock"
_POLL_S: Final = 0.01


def local_folders(store: Path) -> tuple[Path, Path]:
    """Return the folders for the local state of the store: that of its work tree, and that of its repository.

    Raises: RecstoreError: there is no Git, and `.recstore/local` is a link.
    """
    project = store.resolve().parent
    for top in (project, *project.parents):
        git_folder = _git_folder(top / ".git")
        if git_folder is not None:
            inside = project.relative_to(top).as_posix()
            name = "" if inside == "." else f"{project.name}-{Digest.of(inside.encode())[:8]}"
            shared = os.path.normpath(git_folder / _text(git_folder / "commondir"))
            return git_folder / "recstore" / name, Path(shared) / "recstore" / name
    Directory(store).check_no_symlink("local")
    return store / "local", store / "local"


@contextmanager
def hold_lock(store: Path, local: Directory, timeout_s: float) -> Iterator[None]:
    """Hold the store's write lock, an operating-system lock that ends with its process. Not to be nested.

    Raises: Locked: another thread or process held it for `timeout_s`. RecstoreError: it cannot be made, or the store
    is gone: it is not made again.
    """
    from filelock import FileLock, Timeout  # not on the way of a replay

    if not os.path.isdir(store):
        raise file_failure(str(store), "cannot be locked", FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    local.check_no_symlink(_LOCK)
    path = local.path(_LOCK)
    lock = FileLock(path, timeout=timeout_s, poll_interval=_POLL_S)
    try:
        os.makedirs(local.root, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise Locked(str(store), f"another process has been writing to it for {timeout_s:g} s") from error
    except OSError as error:
        raise file_failure(str(path), "cannot be locked", error) from error
    try:
        yield
    finally:
        lock.release()


def _git_folder(path: Path) -> Path | None:
    """Return the Git folder that `path`, a `.git`, is or leads to; None if it does not."""
    if os.path.isfile(path):
        prefix, _, target = _text(path).partition("gitdir: ")
        if prefix or not target:
            return None
        path = Path(os.path.normpath(path.parent / target))
    return path if os.path.lexists(path / "HEAD") else None


def _text(path: Path) -> str:
    """Return the one line of a file of Git's, "" if there is none."""
    try:
        return os.fsdecode(read_file(str(path))).rstrip("\n")
    except OSError:
        return ""

"""The one module that writes files: every byte of a store passes through here.

Each write goes to a temporary file beside its target and is renamed into place, so that a reader or a
crash sees the old file or the new one and never half of one. `flush` makes everything written since the
last flush durable; callers flush blobs before they publish the manifests that name them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from recstore.errors import Damage, RecstoreError
from recstore.files import UNFIT, read_file
from recstore.store.journal import is_foreign_journal
from recstore.store.os_errors import file_failure, lock_failure

TEMPORARY_PREFIX: Final = ".tmp-"


class Directory:
    """A folder that is read by anyone and written by this class alone. Paths are relative, with `/`.

    Nothing is written, removed or listed behind a link inside it, unless it `follows_links`: a link that came with a
    repository leads to what is somebody else's.
    """

    def __init__(self, root: Path, *, follows_links: bool = False) -> None:
        self.root = root
        self._follows_links = follows_links
        self._folders: set[str] = set()
        self._unflushed: set[str] = set()
        self._unflushed_folders: set[str] = set()

    def path(self, name: str) -> Path:
        """Return where the file `name` is."""
        return self.root / name

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes, None if there is none.

        Raises: RecstoreError: it cannot be read.
        """
        try:
            return read_file(f"{self.root}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            failure = file_failure(f"{self.root}/{name}", "cannot be read", error)
            raise Damage(failure.subject, failure.reason) if error.errno in UNFIT else failure from error

    def write(self, name: str, data: bytes) -> None:
        """Put `data` in the file `name`, replacing what was there, in one step.

        After: a crash leaves the old file or the new one, and perhaps a temporary file, which nobody reads.
        The file is durable only after `flush`.

        Raises: RecstoreError: the disk is full, the folder read-only, and the like.
        """
        folder = name.rpartition("/")[0]
        temporary = f"{self.root}/{folder}/{TEMPORARY_PREFIX}{os.urandom(8).hex()}"
        self.refuse_link(folder)
        try:
            self._ensure_folder(folder)
            self._write_temporary(temporary, folder, data)
            os.replace(temporary, f"{self.root}/{name}")
        except OSError as error:
            _discard(temporary)
            raise file_failure(f"{self.root}/{name}", "cannot be written", error) from error
        self._unflushed.add(name)

    def remove(self, name: str) -> None:
        """Remove the file `name` and the folders that it leaves empty; nothing if it is gone already.

        After: durable only after `flush`; until then a power cut may bring the file back.

        Raises: RecstoreError: the folder is read-only, and the like.
        """
        folder = name.rpartition("/")[0]
        self.refuse_link(folder)
        try:
            os.unlink(f"{self.root}/{name}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_failure(f"{self.root}/{name}", "cannot be removed", error) from error
        self._unflushed.discard(name)
        while "/" in folder and self._remove_empty(folder):
            folder = folder.rpartition("/")[0]
        self._unflushed_folders.add(folder)

    def move(self, name: str, target: str) -> None:
        """Rename the file `name` to `target`, in one step.

        Raises: RecstoreError: it cannot be moved.
        """
        for place in (name, target):
            self.refuse_link(place.rpartition("/")[0])
        try:
            self._ensure_folder(target.rpartition("/")[0])
            os.replace(f"{self.root}/{name}", f"{self.root}/{target}")
        except OSError as error:
            raise file_failure(f"{self.root}/{name}", f"cannot be moved to {target}", error) from error

    def flush(self) -> None:
        """Make everything written so far durable: one file-system sync for many files, one each for few.

        Source: POSIX `sync`; on Linux it returns when the data is on disk.
        """
        if max(len(self._unflushed), len(self._unflushed_folders)) > _FEW and hasattr(os, "sync"):
            os.sync()
        else:
            for name in self._unflushed:
                self._flush_file(name)
            for folder in self._unflushed_folders:
                self._flush_folder(folder)
        self._unflushed.clear()
        self._unflushed_folders.clear()

    def flush_too(self, names: Iterable[str]) -> None:
        """Have the next `flush` make these files durable as well: others wrote them, perhaps a moment ago."""
        self._unflushed.update(names)

    def _flush_file(self, name: str) -> None:
        try:
            _sync_file(f"{self.root}/{name}")
        except FileNotFoundError:
            return  # another process has removed it since: nothing is left to make durable
        except OSError as error:
            raise file_failure(f"{self.root}/{name}", "cannot be made durable", error) from error
        self._flush_folder(name.rpartition("/")[0])

    def _flush_folder(self, folder: str) -> None:
        try:
            _sync_folder(f"{self.root}/{folder}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_failure(f"{self.root}/{folder}", "cannot be made durable", error) from error

    def walk(self, folder: str, *, everything: bool = False) -> Iterator[os.DirEntry[str]]:
        """Yield every file below `folder`, sorted by path; temporary files, links and devices only if `everything` is."""
        self.refuse_link(folder)
        try:
            with os.scandir(f"{self.root}/{folder}") as listing:
                children = sorted(listing, key=lambda child: child.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise file_failure(f"{self.root}/{folder}", "cannot be listed", error) from error
        for child in children:
            if child.is_dir(follow_symlinks=False):
                yield from self.walk(f"{folder}/{child.name}", everything=everything)
            elif everything or (child.is_file(follow_symlinks=False) and not child.name.startswith(TEMPORARY_PREFIX)):
                yield child

    def name_of(self, entry: os.DirEntry[str]) -> str:
        """Return the name, relative to this folder, of a file that `walk` found."""
        return entry.path[len(str(self.root)) + 1 :].replace(os.sep, "/")

    @contextmanager
    def locked(self, timeout_s: float = 10.0) -> Iterator[None]:
        """Hold the store's write lock: for what reads a file, decides and writes. Not to be nested.

        The lock is SQLite's own, on the empty database `local/lock`: it keeps threads and processes apart on
        every platform, and goes with the process that held it.

        Raises: Locked: another process held it for `timeout_s`.
        """
        import sqlite3

        self.refuse_link("local/lock")
        if is_foreign_journal(f"{self.root}/local/lock-journal"):
            raise RecstoreError(f"{self.root}/local/lock-journal", "names a file for SQLite to delete", _UNLINK)
        self._refuse_gone()
        try:
            self._ensure_folder("local")
        except OSError as error:
            raise file_failure(f"{self.root}/local", "cannot be made", error) from error
        connection = None
        try:
            connection = sqlite3.connect(f"{self.root}/local/lock", timeout=timeout_s, isolation_level=None)
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_CANTOPEN"):
                self._refuse_unwritable("local")
            raise lock_failure(f"{self.root}/local/lock", error, timeout_s) from error
        try:
            yield
        finally:
            connection.close()

    def refuse_link(self, name: str) -> None:
        """Do nothing, unless `name` or a folder on the way to it is a link.

        Raises: RecstoreError: it is.
        """
        place = "" if self._follows_links else name
        while place:
            if os.path.islink(f"{self.root}/{place}"):
                raise RecstoreError(f"{self.root}/{place}", "is a link, which recstore does not follow", _UNLINK)
            place = place.rpartition("/")[0]

    def _refuse_gone(self) -> None:
        """Forget that `local` was made, if somebody has cleaned up since; a folder that is gone is not made again."""
        if not os.path.isdir(f"{self.root}/local"):
            self._folders.discard("local")
            if not os.path.isdir(self.root):
                gone = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                raise file_failure(str(self.root), "cannot be locked", gone)

    def _refuse_unwritable(self, folder: str) -> None:
        """Raise where nothing can be made in the folder: why, SQLite does not say.

        The lock's own file is left alone: to close it would end the lock that another thread may hold.
        """
        probe = f"{self.root}/{folder}/{TEMPORARY_PREFIX}{os.urandom(8).hex()}"
        try:
            _write_file(probe, b"")
        except OSError as error:
            raise file_failure(f"{self.root}/{folder}", "cannot be written", error) from error
        finally:
            _discard(probe)

    def _write_temporary(self, path: str, folder: str, data: bytes) -> None:
        try:
            _write_file(path, data)
        except FileNotFoundError:  # another process has removed the folder, empty, since we made it
            self._folders.discard(folder)
            self._ensure_folder(folder)
            _write_file(path, data)

    def _ensure_folder(self, folder: str) -> None:
        if folder in self._folders:
            return
        new = folder
        while new and not os.path.isdir(f"{self.root}/{new}"):
            new = new.rpartition("/")[0]
            self._unflushed_folders.add(new)
        os.makedirs(f"{self.root}/{folder}", exist_ok=True)
        self._folders.add(folder)

    def _remove_empty(self, folder: str) -> bool:
        try:
            os.rmdir(f"{self.root}/{folder}")
        except OSError:
            return False
        self._folders.discard(folder)
        return True


_FEW: Final = 16

_UNLINK: Final = "Look who made it, and why; then remove it."


def _write_file(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _discard(path: str) -> None:
    with suppress(OSError):  # the error that is being reported says more than one from here would
        os.unlink(path)


def _sync_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: str) -> None:
    if os.name == "nt":
        return  # Windows has no such call: NTFS journals its directories
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

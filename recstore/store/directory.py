"""The one module that writes files: every byte of a store passes through here.

Each write goes to a temporary file beside its target and is renamed into place, so that a reader or a
crash sees the old file or the new one and never half of one. `flush` makes everything written since the
last flush durable; callers flush blobs before they publish the manifests that name them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from recstore.errors import Damage, RecstoreError
from recstore.files import UNFIT, read_file

TEMPORARY_PREFIX: Final = ".tmp-"

_FEW: Final = 16
_BINARY: Final = getattr(os, "O_BINARY", 0)
_UNLINK: Final = "Look who made it, and why; then remove it."
_FULL: Final = "Free some disk space, then run the command again: nothing that was there is lost."
_REMEDIES: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: "Check who may write in that folder.",
    errno.EROFS: "The file system is read-only: recordings can be replayed, not written.",
    errno.EMFILE: "Raise the limit on open files (ulimit -n), then run the command again.",
    errno.ENOENT: "The folder is gone: bring it back (`git status` shows what is missing), then run the command again.",
}


def file_failure(path: str, action: str, error: OSError) -> RecstoreError:
    """Return the error for a file or folder that the system refused; `action` is like "cannot be written"."""
    return RecstoreError(path, f"{action}: {error.strerror or error}", _REMEDIES.get(error.errno or 0, ""))


class Directory:
    """A folder that anyone may read and that this class alone writes. Paths are relative, with `/`.

    Nothing is written, removed or listed behind a link inside it, unless it `follows_links`: a link that came with a
    repository leads to somebody else's files.
    """

    def __init__(self, root: Path, *, follows_links: bool = False) -> None:
        self.root = root
        self._follows_links = follows_links
        self._unflushed: set[str] = set()
        self._unflushed_folders: set[str] = set()

    def path(self, name: str) -> Path:
        """Return where the file `name` is."""
        return self.root / name

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes, None if there is none.

        Raises: RecstoreError: it cannot be read. Damage: it is not a regular file, or too large.
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
        self.check_no_symlink(folder)
        try:
            self._ensure_folder(folder)
            try:
                _write_file(temporary, data)
            except FileNotFoundError:  # another process has removed the folder, empty, since we made it
                self._ensure_folder(folder)
                _write_file(temporary, data)
            os.replace(temporary, f"{self.root}/{name}")
        except OSError as error:
            with suppress(OSError):  # keep the original error
                os.unlink(temporary)
            raise file_failure(f"{self.root}/{name}", "cannot be written", error) from error
        self._unflushed.add(name)

    def remove(self, name: str) -> None:
        """Remove the file `name` and the folders that it leaves empty; nothing if it is gone already.

        After: durable only after `flush`; until then a power cut may bring the file back.

        Raises: RecstoreError: the folder is read-only, and the like.
        """
        folder = name.rpartition("/")[0]
        self.check_no_symlink(folder)
        try:
            os.unlink(f"{self.root}/{name}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_failure(f"{self.root}/{name}", "cannot be removed", error) from error
        self._unflushed.discard(name)
        while "/" in folder:
            try:
                os.rmdir(f"{self.root}/{folder}")
            except OSError:
                break  # other files are in it
            folder = folder.rpartition("/")[0]
        self._unflushed_folders.add(folder)

    def move(self, name: str, target: Directory, target_name: str) -> None:
        """Move the file `name` to `target_name` in another directory, in one step if that is on the same file system.

        Raises: RecstoreError: it cannot be moved.
        """
        self.check_no_symlink(name.rpartition("/")[0])
        target_folder = target_name.rpartition("/")[0]
        target.check_no_symlink(target_folder)
        source, destination = f"{self.root}/{name}", f"{target.root}/{target_name}"
        try:
            target._ensure_folder(target_folder)
            try:
                os.replace(source, destination)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                import shutil

                shutil.move(source, destination)
        except OSError as error:
            raise file_failure(source, f"cannot be moved to {destination}", error) from error

    def flush(self) -> None:
        """Make everything written so far durable: one file-system sync for many files, one each for few.

        Source: POSIX `sync`; on Linux it returns when the data is on disk.
        """
        if max(len(self._unflushed), len(self._unflushed_folders)) > _FEW and hasattr(os, "sync"):
            os.sync()
        else:
            for name in self._unflushed:
                if self._flush(name, os.O_RDWR):
                    self._unflushed_folders.add(name.rpartition("/")[0])
            for folder in () if os.name == "nt" else self._unflushed_folders:  # NTFS journals its directories
                self._flush(folder, os.O_RDONLY)
        self._unflushed.clear()
        self._unflushed_folders.clear()

    def also_flush(self, names: Iterable[str]) -> None:
        """Have the next `flush` make these files durable as well: others wrote them, perhaps a moment ago."""
        self._unflushed.update(names)

    def walk(self, folder: str, *, include_special: bool = False) -> Iterator[os.DirEntry[str]]:
        """Yield every file below `folder`, sorted by path; temporary files, links and devices only if asked for."""
        self.check_no_symlink(folder)
        try:
            with os.scandir(f"{self.root}/{folder}") as listing:
                children = sorted(listing, key=lambda child: child.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise file_failure(f"{self.root}/{folder}", "cannot be listed", error) from error
        for child in children:
            if child.is_dir(follow_symlinks=False):
                yield from self.walk(f"{folder}/{child.name}", include_special=include_special)
            elif include_special or (
                child.is_file(follow_symlinks=False) and not child.name.startswith(TEMPORARY_PREFIX)
            ):
                yield child

    def name_of(self, entry: os.DirEntry[str]) -> str:
        """Return the name, relative to this folder, of a file from `walk`."""
        return entry.path[len(str(self.root)) + 1 :].replace(os.sep, "/")

    def check_no_symlink(self, name: str) -> None:
        """Raise RecstoreError if `name`, or a folder on the way to it, is a link."""
        name = "" if self._follows_links else name
        while name:
            if os.path.islink(f"{self.root}/{name}"):
                raise RecstoreError(f"{self.root}/{name}", "is a link, which recstore does not follow", _UNLINK)
            name = name.rpartition("/")[0]

    def _ensure_folder(self, folder: str) -> None:
        new = folder
        while new and not os.path.isdir(f"{self.root}/{new}"):
            new = new.rpartition("/")[0]
            self._unflushed_folders.add(new)
        if new != folder or not folder:
            os.makedirs(f"{self.root}/{folder}", exist_ok=True)

    def _flush(self, name: str, flags: int) -> bool:
        """Make one file or folder durable; return whether it was there: another process may have removed it since."""
        try:
            descriptor = os.open(f"{self.root}/{name}", flags | _BINARY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise file_failure(f"{self.root}/{name}", "cannot be made durable", error) from error
        return True


def _write_file(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)

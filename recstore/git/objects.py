"""Objects of a repository, read with dulwich: no work tree, no checkout, no process, never the network.

An `Objects` belongs to one thread. An object that is not in the repository is an error, or `has` returns False: in a
shallow or a partial clone nothing is fetched.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from recstore.errors import GitError
from recstore.git.program import decode_path

INTENT_TO_ADD_IDS: Final = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
"""The empty blob: a path that was added with `git add --intent-to-add` has this id in the index."""

_BLOB, _TREE, _COMMIT, _TAG = 3, 2, 1, 4
_TYPES: Final = {_BLOB: "blob", _TREE: "tree", _COMMIT: "commit", _TAG: "tag"}
_SHA1_LENGTH: Final = 40


def blob_id(data: bytes, length: int = _SHA1_LENGTH, kind: int = _BLOB) -> str:
    """Return the object id that Git gives a blob of these bytes; `length` is that of the repository's ids."""
    text = b"%s %d\0%s" % (_TYPES[kind].encode(), len(data), data)
    return (hashlib.sha1(text, usedforsecurity=False) if length == _SHA1_LENGTH else hashlib.sha256(text)).hexdigest()


class Objects:
    """The objects in the folder `directory`, and in those that it borrows from.

    Every method raises GitError where an object is missing, damaged or of another type, and where a file cannot be read.
    """

    def __init__(self, directory: Path, format_name: str = "sha1") -> None:
        from dulwich.object_format import get_object_format
        from dulwich.object_store import DiskObjectStore
        from dulwich.objects import ObjectID, parse_tree

        object_format = get_object_format(format_name)
        self.id_length: int = object_format.hex_length
        self._binary_length: int = object_format.oid_length
        self._store = DiskObjectStore(str(directory), object_format=object_format)
        self._parse = parse_tree
        self._name = ObjectID
        self._trees: dict[str, dict[str, tuple[int, str]]] = {}

    def close(self) -> None:
        """Let go of the pack files."""
        self._store.close()

    def has(self, oid: str) -> bool:
        """Return whether the object is in the repository and not damaged beyond recognition."""
        import zlib

        from dulwich.errors import FileFormatException

        try:
            return self._name(oid.encode()) in self._store
        except (ValueError, zlib.error, AssertionError, FileFormatException):
            return False
        except OSError as error:
            raise _unreadable(oid, f"cannot be looked for: {error.strerror or error}") from error

    def is_whole(self, oid: str) -> bool:
        """Return whether a blob is in the repository, and its bytes fit its id."""
        try:
            self.read(oid)
        except GitError:
            return False
        return True

    def read(self, oid: str, kind: int = _BLOB) -> bytes:
        """Return the bytes of a blob, or of an object of another kind."""
        import zlib

        from dulwich.errors import ChecksumMismatch, FileFormatException

        try:
            number, data = self._store.get_raw(self._name(oid.encode()))
        except KeyError as error:
            raise _unreadable(oid, f"the {_TYPES[kind]} is not in this repository") from error
        except (OSError, ValueError, zlib.error, AssertionError, ChecksumMismatch, FileFormatException) as error:
            raise _unreadable(oid, f"cannot be read: {error}") from error
        if number != kind:
            raise _unreadable(oid, f"is a {_TYPES.get(number, 'thing')} where a {_TYPES[kind]} belongs")
        if blob_id(data, self.id_length, number) != oid:  # dulwich takes the first half of a file for the whole
            raise _unreadable(oid, "is damaged: its bytes are not what its id says")
        return data

    def linked(self, commit: str, name: str) -> list[str]:
        """Return the ids that a commit states as its `tree` or `parent`: in a shallow clone those may not be here."""
        lines = self.read(commit, _COMMIT).partition(b"\n\n")[0].decode("latin-1").split("\n")
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]

    def tree(self, oid: str) -> dict[str, tuple[int, str]]:
        """Return one level of a tree: name -> (mode, object id). It is cached: do not change it."""
        if oid not in self._trees:
            data = self.read(oid, _TREE)
            try:
                parsed = self._parse(data, self._binary_length)
                self._trees[oid] = {decode_path(name): (mode, entry.decode()) for name, mode, entry in parsed}
            except ValueError as error:
                raise _unreadable(oid, f"is a damaged tree: {error}") from error
        return self._trees[oid]

    def lookup(self, commit: str, path: str) -> tuple[int, str] | None:
        """Return the mode and id of what a commit has at `path`, None if nothing."""
        entry = (stat.S_IFDIR, self.linked(commit, "tree")[0])
        for name in filter(None, path.split("/")):
            below = self.tree(entry[1]).get(name) if stat.S_ISDIR(entry[0]) else None
            if below is None:
                return None
            entry = below
        return entry

    def changed_files(self, before: Iterable[str], after: str, folders: Iterable[str]) -> dict[str, str]:
        """Return path -> blob id of the files of `after` that one of the commits `before` lacks or has differently.

        With no `before` those are all files. Links and submodules are left out. Trees that are equal are not entered: the cost
        is that of the difference.
        """
        files: dict[str, str] = {}
        befores = list(before)
        for folder in folders:
            entry = self.lookup(after, folder)
            if entry is not None and stat.S_ISDIR(entry[0]):
                for known in [self.lookup(commit, folder) for commit in befores] or [None]:
                    files.update(self._differences(folder.strip("/"), known, entry[1]))
        return files

    def _differences(self, folder: str, known: tuple[int, str] | None, tree: str) -> Iterator[tuple[str, str]]:
        if known is not None and known[1] == tree:
            return
        level = self.tree(known[1]) if known is not None and stat.S_ISDIR(known[0]) else {}
        for name, (mode, oid) in self.tree(tree).items():
            path = f"{folder}/{name}" if folder else name
            if stat.S_ISDIR(mode):
                yield from self._differences(path, level.get(name), oid)
            elif stat.S_ISREG(mode) and level.get(name, (0, ""))[1] != oid:
                yield path, oid


def is_transient(error: GitError) -> bool:
    """Return whether the object may be undamaged: the system could not read its file."""
    return isinstance(error.__cause__, OSError)


def _unreadable(oid: str, reason: str) -> GitError:
    return GitError(
        f"Git object {oid[:12]}",
        reason,
        "`git fsck` tells what is missing; `git fetch` may bring it: in a shallow clone with `--unshallow`, in one without "
        "trees with `--refetch --filter=blob:none`.",
    )

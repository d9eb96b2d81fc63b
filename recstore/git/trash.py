"""What gc has removed and no commit had: kept in Git's object database under one ref, for some days.

`refs/recstore/trash` is a chain of commits, the newest first; the tree of each holds the files that one run removed,
at their paths in the repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Final

from recstore.errors import GitError
from recstore.git.program import encode_path
from recstore.git.repository import Repository
from recstore.store import FOLDER

TRASH_REF: Final = "refs/recstore/trash"
EXPIRY_DAYS: Final = 14

_DAY_S: Final = 86_400
_TRIES: Final = 5
_DURABLE: Final = () if hasattr(os, "sync") else ("-c", "core.fsync=all")
"""Git does not wait until loose objects are on disk unless told. Source: git-config(1), `core.fsync`."""


@dataclass(frozen=True, slots=True)
class TrashCommit:
    """What one run removed: when, and path below the store's folder -> object id."""

    time_s: int
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trash:
    """The trash of one repository, as the store of `repository` sees it: its own files alone.

    Raises: GitError, from every method: it cannot be read or written.
    """

    repository: Repository

    def runs(self) -> Iterator[TrashCommit]:
        """Yield what each run removed, newest first."""
        for commit, time_s, _ in self._chain():
            files = self.repository.store_files(commit, "")
            if files:  # a run of another store has none
                yield TrashCommit(time_s, files)

    def keep(self, files: Mapping[str, str], reason: str, now_s: int) -> None:
        """Add a run: `files` are path below the store's folder -> object id, read from there if Git does not have it yet.

        After: everything is durable before the ref names it; only then may the files be removed.

        Raises: GitError: it could not be written, or a file has changed; nothing may be removed.
        """
        objects, prefix = self.repository.objects, self.repository.prefix
        unwritten = {path: oid for path, oid in files.items() if not objects.has(oid)}
        if unwritten:
            lines = (encode_path(f"./{prefix}{path}\n") for path in unwritten)  # Git would take a leading quote for one
            command = (*_DURABLE, "hash-object", "-w", "--no-filters", "--stdin-paths")
            written = self.repository.top.lines(*command, data=b"".join(lines))
            for (path, expected), oid in zip(unwritten.items(), written, strict=True):
                if oid != expected:
                    raise GitError(f"{FOLDER}/{path}", "has changed while it was about to be removed", "Try again.")
        for path, oid in files.items():
            if not objects.is_whole(oid):  # Git does not write again what it has
                reason = f"would be removed, and Git's copy of it, the object {oid}, is damaged"
                remedy = "Remove that object's file below .git/objects, then try again: it is written again."
                raise GitError(f"{FOLDER}/{path}", reason, remedy)
        lines = (encode_path(f"100644 {oid}\t{prefix}{path}\0") for path, oid in sorted(files.items()))
        try:  # in the system's folder for temporary files, which a kill does not leave ours to clean
            scratch = TemporaryDirectory(prefix="recstore-", ignore_cleanup_errors=True)
        except OSError as error:
            raise GitError("the trash", f"cannot be written: {error.strerror or error}") from error
        with scratch as folder:
            git = self.repository.top.with_variables(GIT_INDEX_FILE=f"{folder}/index")
            git.run("update-index", "-z", "--add", "--index-info", data=b"".join(lines))
            tree = git.text("write-tree")
        for attempt in range(1, _TRIES + 1):
            tip = self._tip()
            try:
                self._move(self._commit(tree, tip, reason, now_s), tip)
                break
            except GitError:  # another process was faster
                if attempt == _TRIES:
                    raise

    def expire(self, now_s: int, days: int = EXPIRY_DAYS) -> None:
        """Forget the runs that are older than `days`; if another process adds one meanwhile, at the next call."""
        chain = self._chain()
        young = [run for run in chain if run[1] >= now_s - days * _DAY_S]
        if len(young) < len(chain):
            tip = ""
            for commit, time_s, reason in reversed(young):
                tip = self._commit(f"{commit}^{{tree}}", tip, reason, time_s)
            try:
                self._move(tip, chain[0][0])
            except GitError:
                if self._tip() == chain[0][0]:
                    raise

    def _tip(self) -> str:
        return next((ref.oid for ref in self.repository.refs(TRASH_REF)), "")

    def _chain(self) -> list[tuple[str, int, str]]:
        """Return (commit, time, reason) of each run, newest first."""
        options = ("--first-parent", "--format=%H %ct %s")
        lines = self.repository.git.lines("log", *options, TRASH_REF, "--") if self._tip() else ()
        return [(commit, int(time_s), reason) for commit, time_s, reason in (line.split(" ", 2) for line in lines)]

    def _commit(self, tree: str, parent: str, reason: str, time_s: int) -> str:
        author = {"NAME": "recstore", "EMAIL": "recstore@localhost", "DATE": f"@{time_s} +0000"}
        variables = {f"GIT_{role}_{name}": text for role in ("AUTHOR", "COMMITTER") for name, text in author.items()}
        parents = ("-p", parent) if parent else ()
        git = self.repository.git.with_variables(**variables)
        return git.text("commit-tree", "--no-gpg-sign", *parents, "-m", reason, tree)

    def _move(self, new: str, old: str) -> None:
        """Move the ref from `old` to `new`; "" stands for no ref."""
        if hasattr(os, "sync"):
            os.sync()  # one for all objects
        ids = (commit or "0" * self.repository.objects.id_length for commit in (new, old))
        self.repository.git.run("-c", "core.fsync=reference", "update-ref", "--no-deref", TRASH_REF, *ids)

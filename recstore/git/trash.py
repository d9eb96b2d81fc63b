"""What gc has removed and no commit had: kept in Git's object database under one ref, for some days.

`refs/recstore/trash` is a chain of commits, the newest first; the tree of each holds the files that one run
removed, at their paths in the repository. Git's own gc keeps what the ref reaches and drops the rest some day;
recstore never runs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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

_IDENTITY: Final = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "recstore"), ("EMAIL", "recstore@localhost"))
}


@dataclass(frozen=True, slots=True)
class Discarded:
    """What one run removed: when, why, and path below the store's folder -> object id."""

    commit: str
    time_s: int
    reason: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trash:
    """The trash of one repository, as the store of `repository` sees it: its own files alone."""

    repository: Repository

    def runs(self) -> Iterator[Discarded]:
        """Yield what each run removed, newest first.

        Raises: GitError: the trash cannot be read.
        """
        for commit, time_s, reason in self._chain():
            files = self.repository.objects.files(commit, [self.repository.prefix.rstrip("/")])
            skipped = len(self.repository.prefix)
            if files:  # otherwise it was a run of another store
                yield Discarded(commit, time_s, reason, {path[skipped:]: oid for path, oid in files.items()})

    def keep(self, files: Mapping[str, str], reason: str, now_s: int) -> str:
        """Add a run, and return its commit: `files` are path below the store's folder -> object id.

        What Git does not have yet is read from those paths.

        After: everything is durable before the ref names it; only then may the files be removed.

        Raises: GitError: it could not be written, or a file is not what it was; nothing may be removed.
        """
        self._write({path: oid for path, oid in files.items() if not self.repository.objects.has(oid)})
        self._refuse_damaged(files)
        tree = self._tree(files)
        return self._extend(lambda tip: self._commit(tree, [tip] if tip else [], reason, now_s))

    def expire(self, now_s: int, days: int = EXPIRY_DAYS) -> int:
        """Forget the runs that are older than `days`, and return how many those were.

        Raises: GitError: the trash cannot be read or written.
        """
        chain = list(self._chain())
        young = [run for run in chain if run[1] >= now_s - days * _DAY_S]
        if len(young) < len(chain):
            self._extend(lambda _tip: self._rebuilt(young), chain[0][0])
        return len(chain) - len(young)

    def _chain(self) -> list[tuple[str, int, str]]:
        """Return (commit, time, reason) of each run, newest first."""
        if not self.repository.refs(TRASH_REF):
            return []
        lines = self.repository.git.lines("log", "--first-parent", "--format=%H %ct %s", TRASH_REF, "--")
        parts = (line.split(" ", 2) for line in lines)
        return [(commit, int(time), reason) for commit, time, reason in parts]

    def _write(self, files: Mapping[str, str]) -> None:
        if not files:
            return
        lines = (encode_path(f"./{self.repository.prefix}{path}\n") for path in files)  # a quote first would be one
        data = b"".join(lines)
        oids = self.repository.top.lines(*_DURABLE, "hash-object", "-w", "--no-filters", "--stdin-paths", data=data)
        for (path, expected), oid in zip(files.items(), oids, strict=True):
            if oid != expected:
                raise GitError(f"{FOLDER}/{path}", "has changed while it was about to be removed", "Try again.")

    def _refuse_damaged(self, files: Mapping[str, str]) -> None:
        """Raise where Git has an object that it will not write again, and that is not whole."""
        for path, oid in files.items():
            if not self.repository.objects.is_whole(oid):
                reason = f"would be removed, and Git's copy of it, the object {oid}, is damaged"
                remedy = "Remove that object's file below .git/objects, then try again: it is written anew."
                raise GitError(f"{FOLDER}/{path}", reason, remedy)

    def _tree(self, files: Mapping[str, str]) -> str:
        """Return the tree that holds path below the store's folder -> object id."""
        lines = (
            encode_path(f"100644 {oid}\t{self.repository.prefix}{path}") + b"\0" for path, oid in sorted(files.items())
        )
        with _scratch_folder() as folder:
            git = self.repository.top.varied(GIT_INDEX_FILE=f"{folder}/index")
            git.run("update-index", "-z", "--add", "--index-info", data=b"".join(lines))
            return git.text("write-tree")

    def _commit(self, tree: str, parents: list[str], reason: str, time_s: int) -> str:
        dates = {"GIT_AUTHOR_DATE": f"@{time_s} +0000", "GIT_COMMITTER_DATE": f"@{time_s} +0000"}
        git = self.repository.git.varied(**_IDENTITY, **dates)
        named = [word for parent in parents for word in ("-p", parent)]
        return git.text("commit-tree", "--no-gpg-sign", *named, "-m", reason, tree)

    def _rebuilt(self, young: list[tuple[str, int, str]]) -> str:
        """Return the newest of the same runs, older ones no longer behind them; "" if there are none."""
        tip = ""
        for commit, time_s, reason in reversed(young):
            tip = self._commit(self.repository.objects.tree_of(commit), [tip] if tip else [], reason, time_s)
        return tip

    def _extend(self, make: Callable[[str], str], expected: str | None = None) -> str:
        """Move the ref to what `make` makes of its present tip, again if another process was faster."""
        for attempt in range(_TRIES):
            tip = next((ref.oid for ref in self.repository.refs(TRASH_REF)), "")
            if expected is not None and tip != expected:
                return tip  # somebody has added to it: what is too old will be so next time
            new = make(tip)
            if hasattr(os, "sync"):
                os.sync()  # one for all objects
            try:
                self._move(new, tip)
            except GitError:
                if attempt == _TRIES - 1:
                    raise
            else:
                return new
        raise AssertionError  # pragma: no cover - the last attempt has returned or raised

    def _move(self, new: str, old: str) -> None:
        durable = ("-c", "core.fsync=reference")
        nothing = "0" * self.repository.objects.id_length
        if new:
            self.repository.git.run(*durable, "update-ref", "--no-deref", TRASH_REF, new, old or nothing)
        elif old:
            self.repository.git.run(*durable, "update-ref", "--no-deref", "-d", TRASH_REF, old)


@contextmanager
def _scratch_folder() -> Iterator[str]:
    """Give a folder where the system keeps what does not last: what a kill leaves there, it takes away some day."""
    try:
        scratch = TemporaryDirectory(prefix="recstore-", ignore_cleanup_errors=True)
    except OSError as error:
        raise GitError("the trash", f"cannot be written: {error.strerror or error}") from error
    with scratch as folder:
        yield folder

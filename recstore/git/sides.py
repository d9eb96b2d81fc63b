"""The two sides of a diff: a commit, Git's index, or the files as they are; and which manifests they have otherwise.

A commit is read without a checkout, and only where the other side has something else: equal trees are not entered.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from recstore.errors import GitError
from recstore.git.objects import EMPTY_BLOBS
from recstore.git.repository import Repository
from recstore.git.views import IndexView
from recstore.store import Store
from recstore.store.directory import TEMPORARY_PREFIX
from recstore.store.paths import MANIFEST_FOLDERS


class Side(Protocol):
    """What can be compared; paths are below the store's folder."""

    @property
    def title(self) -> str:
        """What a person calls it."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, None if it is not there.

        Raises: GitError, RecstoreError: it is there and cannot be read.
        """

    def prepare(self, paths: Iterable[str]) -> None:
        """Have these files at hand: a partial clone fetches them all at once."""


@dataclass(frozen=True, slots=True)
class CommitSide:
    """A commit, called what its user calls it; with `commit` None a history without any."""

    repository: Repository
    name: str
    commit: str | None

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{self.name} ({self.commit[:12]})" if self.commit else f"{self.name} (no commit yet)"

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file."""
        oid = self._oid(path)
        return None if oid is None else self.repository.objects.read(oid)

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what a partial clone has left with its remote; what cannot be had is an error once it is read."""
        if self.repository.place.is_partial:
            with suppress(GitError):
                self.repository.fetch(oid for path in paths if (oid := self._oid(path)) is not None)

    def _oid(self, path: str) -> str | None:
        there = self.repository.objects.lookup(self.commit, self.repository.prefix + path) if self.commit else None
        return there[1] if there is not None and stat.S_ISREG(there[0]) else None


@dataclass(slots=True)
class FilesSide:
    """The files as they are. What a sparse checkout leaves out is read from Git's index, for it is not deleted."""

    store: Store
    repository: Repository
    _left_out: dict[str, str] | None = field(default=None)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return "the work tree"

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file."""
        data = self.store.directory.read(path)
        oid = self._skipped().get(path) if data is None else None
        return data if oid is None else self.repository.objects.read(oid)

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what is neither checked out nor here."""
        if self.repository.place.is_partial:
            skipped = self._skipped()
            with suppress(GitError):
                self.repository.fetch(skipped[path] for path in paths if path in skipped)

    def _skipped(self) -> dict[str, str]:
        if self._left_out is None:
            entries = self.repository.index()
            self._left_out = {
                entry.path: entry.oid for entry in entries if entry.is_skipped and entry.oid not in EMPTY_BLOBS
            }
        return self._left_out


def changed_manifests(
    repository: Repository, old: CommitSide, new: CommitSide | IndexView | FilesSide
) -> tuple[str, ...]:
    """Return the paths of the manifests that the two sides have otherwise, or that only one of them has.

    Raises: GitError: a commit or the index cannot be read.
    """
    if isinstance(new, CommitSide):
        found = {*_differing(repository, old, new), *_differing(repository, new, old)}
    elif isinstance(new, IndexView):
        committed = repository.store_files(old.commit, *MANIFEST_FOLDERS) if old.commit else {}
        found = {path for path, _ in committed.items() ^ new.manifests().items()}
    elif old.commit is None:
        found = set(new.store.manifest_paths())
    else:
        options = ("--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z")
        found = set(repository.git.fields("diff", *options, old.commit, "--", *MANIFEST_FOLDERS))
        found.update(repository.git.fields("ls-files", "--others", "-z", "--", *MANIFEST_FOLDERS))
    return tuple(sorted(path for path in found if not path.rpartition("/")[2].startswith(TEMPORARY_PREFIX)))


def _differing(repository: Repository, one: CommitSide, other: CommitSide) -> dict[str, str]:
    if other.commit is None:
        return {}
    if one.commit is None:
        return repository.store_files(other.commit, *MANIFEST_FOLDERS)
    return repository.changed_store_files([one.commit], other.commit, *MANIFEST_FOLDERS)

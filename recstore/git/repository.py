"""The repository around a store: where things are, what is in the index, which refs there are."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from recstore.errors import GitError
from recstore.git.objects import Objects
from recstore.git.program import Git, decode_path, encode_path
from recstore.store import FOLDER


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of Git's index. `stage` is 0, or 1 to 3 in a conflict; a skipped one is not checked out."""

    path: str
    oid: str
    mode: int
    stage: int = 0
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """A ref's name, the commit that it leads to, and when that was committed."""

    name: str
    oid: str
    time_s: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository's parts are.

    `prefix` is the store's folder inside the repository, `/` at its end: `.recstore/`, `sub/.recstore/`. `top` is
    None where there is no work tree.
    """

    top: Path | None
    git_dir: Path
    common_dir: Path
    prefix: str
    is_partial: bool
    object_format: str

    @property
    def project_prefix(self) -> str:
        """The folder that the store's folder is in, which test ids begin from: ``, `sub/`."""
        return self.prefix.removesuffix(f"{FOLDER}/") if self.prefix.endswith(f"{FOLDER}/") else self.prefix


class Repository:
    """The repository that `folder`, a store's folder, is in.

    Use it in a `with` block, or close it: it keeps pack files open, a set for each thread that reads objects.
    """

    def __init__(self, git: Git, place: Place) -> None:
        self.git = git
        self.place = place
        self._mine = threading.local()
        self._all: list[Objects] = []
        self._turn = threading.Lock()

    @classmethod
    def open(cls, folder: Path, environment: Mapping[str, str]) -> Repository:
        """Return the repository around `folder`; `environment` is that of the process.

        Of the variables of a calling hook two are heeded: `GIT_INDEX_FILE`, which `git commit --all` and
        `git commit PATH` set, and `GIT_DIR` together with `GIT_WORK_TREE`.

        Raises: GitError: there is no Git, or no repository.
        """
        git = Git(folder, environment, _explicit_repository(environment))
        place = _place(git)
        index_file = _index_file(environment.get("GIT_INDEX_FILE", ""), place)
        return cls(git.varied(GIT_INDEX_FILE=index_file) if index_file else git, place)

    def __enter__(self) -> Self:
        """Return the repository itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of every pack file that any thread has opened."""
        with self._turn:
            while self._all:
                self._all.pop().close()
            self._mine = threading.local()

    @property
    def objects(self) -> Objects:
        """This thread's reader of objects."""
        found: Objects | None = getattr(self._mine, "objects", None)
        if found is None:
            found = Objects(self.place.common_dir / "objects", self.place.object_format)
            self._mine.objects = found
            with self._turn:
                self._all.append(found)
        return found

    @property
    def prefix(self) -> str:
        """The store's folder inside the repository: `.recstore/`."""
        return self.place.prefix

    @property
    def project(self) -> Git:
        """Git in the folder that the store's folder is in, which test ids begin from."""
        return self.git.within(self.git.folder.parent if self.git.folder.name == FOLDER else self.git.folder)

    @property
    def top(self) -> Git:
        """Git in the top folder, where paths are those of the repository."""
        return self.git.within(self.place.top or self.place.git_dir)

    @property
    def head(self) -> str | None:
        """The commit that is checked out, None before the first."""
        return self.resolve(["HEAD"]).get("HEAD")

    def resolve(self, names: Iterable[str]) -> dict[str, str]:
        """Return name -> commit id of those names (revisions, refs, `MERGE_HEAD`) that lead to a commit here.

        Raises: GitError: Git cannot answer.
        """
        asked = [name for name in names if name and "\n" not in name]
        if not asked:
            return {}
        data = b"".join(encode_path(f"{name}^{{commit}}\n") for name in asked)
        answers = (line.split(" ") for line in self.git.lines("cat-file", "--batch-check", data=data))
        return {name: answer[0] for name, answer in zip(asked, answers, strict=True) if _is_commit(answer)}

    def commit(self, revision: str) -> str:
        """Return the id of the commit that `revision` leads to.

        Raises: GitError: it does not lead to a commit in this repository.
        """
        commit = self.resolve([revision]).get(revision)
        if commit is None:
            raise GitError(revision, "is not a commit in this repository", "`git log --all --oneline` lists them.")
        return commit

    def read_object(self, oid: str) -> bytes:
        """Return the bytes of a blob of Git's; one that a partial clone has left with its remote is fetched.

        Raises: GitError: it cannot be fetched, or is damaged.
        """
        self.fetch([oid])
        return self.objects.read(oid)

    def store_files(self, commit: str, *folders: str) -> dict[str, str]:
        """Return path below the store's folder -> blob id, of a commit's files below `folders` of the store.

        Raises: GitError: the commit cannot be read.
        """
        return self._below(self.objects.files(commit, [self.prefix + folder for folder in folders]))

    def changed_store_files(self, before: Iterable[str], after: str, *folders: str) -> dict[str, str]:
        """Return the same of the files alone that one of the commits `before` has otherwise, or not.

        Raises: GitError: as `store_files`.
        """
        found = self.objects.changed_files(before, after, [self.prefix + folder for folder in folders])
        return self._below(found)

    def index(self) -> tuple[IndexEntry, ...]:
        """Return every entry of the index below the store's folder, with paths below it.

        Raises: GitError: the index cannot be read.
        """
        return index_entries(self.git)

    def project_index(self, paths: Iterable[str]) -> tuple[IndexEntry, ...]:
        """Return the entries of those `paths` (below the folder that holds the store) that the index has.

        Raises: GitError: as `index`.
        """
        wanted = list(paths)
        found: list[IndexEntry] = []
        for start in range(0, len(wanted), _PATHS_AT_ONCE):
            found += index_entries(self.project, *wanted[start : start + _PATHS_AT_ONCE])
        return tuple(found)

    def refs(self, *patterns: str, options: tuple[str, ...] = ()) -> tuple[Ref, ...]:
        """Return the refs below `patterns` (`refs/heads`); `options` are those of `git for-each-ref`.

        Raises: GitError: Git cannot answer.
        """
        fields = "%(refname)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)"
        lines = self.git.lines("for-each-ref", f"--format={fields}", *options, *patterns)
        parts = (line.split("\0") for line in lines)
        return tuple(Ref(name, peeled or oid, int(time or 0)) for name, oid, peeled, time in parts)

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """Return the best common ancestors of two commits; none where histories do not meet here.

        Raises: GitError: Git cannot answer.
        """
        return tuple(self.git.text("merge-base", "--all", one, other, accept=(0, 1)).split())

    def fetch(self, oids: Iterable[str]) -> None:
        """Bring objects that a partial clone has left with its remote; nothing in any other repository.

        Raises: GitError: the remote cannot be reached, or does not have them.
        """
        if not self.place.is_partial:
            return
        absent = [oid for oid in dict.fromkeys(oids) if not self.objects.has(oid)]
        remotes = [name for name in self.git.text("remote").split() if self._is_promisor(name)] if absent else []
        if remotes:
            command = ("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--stdin")
            options = ("--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none", "--refmap=")
            data = b"".join(encode_path(f"{oid}\n") for oid in absent)
            self.git.run(*command, *options, remotes[0], data=data)

    def _is_promisor(self, remote: str) -> bool:
        named = self.git.configured("extensions.partialclone")
        return remote in named or "true" in self.git.configured(f"remote.{remote}.promisor")

    def _below(self, files: dict[str, str]) -> dict[str, str]:
        skipped = len(self.prefix)
        return {path[skipped:]: oid for path, oid in files.items()}


def _is_commit(answer: list[str]) -> bool:
    return len(answer) == 3 and answer[1] == "commit" and answer[2].isdigit()  # noqa: PLR2004 - id, type, size


_PATHS_AT_ONCE: Final = 500
"""Windows takes command lines of 32,767 characters."""


def index_entries(git: Git, *paths: str) -> tuple[IndexEntry, ...]:
    """Return the entries of an index that are in Git's folder, or at or below `paths`, which are seen from there.

    Raises: GitError: the index cannot be read.
    """
    entries = []
    for field in git.fields("ls-files", "--stage", "-t", "-z", "--", *paths):
        facts, _, path = field.partition("\t")
        tag, mode, oid, stage = facts.split(" ")
        entries.append(IndexEntry(path, oid, int(mode, 8), int(stage), tag == "S"))
    return tuple(entries)


def _place(git: Git) -> Place:
    asked = (
        "--show-object-format",
        "--is-inside-work-tree",
        "--absolute-git-dir",
        "--git-common-dir",
        "--show-prefix",
    )
    printed = decode_path(git.run("rev-parse", "--path-format=absolute", *asked)).split("\n")
    if len(printed) != len(asked) + 1:
        raise GitError(str(git.folder), "has a line break in its path, which recstore cannot work with")
    object_format, inside, git_dir, common_dir, prefix, _ = printed
    top = git.text("rev-parse", "--show-toplevel") if inside == "true" else ""
    promisors = git.run(
        "config", "-z", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$", accept=(0, 1)
    )
    return Place(
        top=Path(top) if top else None,
        git_dir=Path(git_dir),
        common_dir=Path(common_dir),
        prefix=prefix,
        is_partial=bool(promisors),
        object_format=object_format,
    )


def _explicit_repository(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a repository that Git would not find by itself: only the pair is meant that way."""
    git_dir, work_tree = environment.get("GIT_DIR"), environment.get("GIT_WORK_TREE")
    if not git_dir or not work_tree:
        return {}
    return {"GIT_DIR": os.path.abspath(git_dir), "GIT_WORK_TREE": os.path.abspath(work_tree)}


def _index_file(stated: str, place: Place) -> str:
    """Return the index that a calling hook is about, "" where it is the usual one or another repository's."""
    if not stated or place.top is None:
        return ""
    path = os.path.normpath(place.top / stated)  # hooks run in the top folder
    if not Path(path).exists() or Path(path) == place.git_dir / "index":
        return ""
    is_foreign = ".git" in Path(path).parts and not Path(path).is_relative_to(place.git_dir)
    return "" if is_foreign else path

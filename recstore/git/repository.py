"""The repository around a store: its layout, index and refs; other work trees, stashes and operations in progress.

Everything here raises GitError where Git cannot answer, and where an object is missing, damaged or out of reach.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
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


class Repository:
    """The repository that `folder`, a store's folder, is in. Use it in one thread and in a `with` block.

    `top_folder` is that of the work tree, None where there is none; `git_dir` and `common_dir` are Git's. `prefix` is the
    store's folder inside the repository, `/` at its end: `.recstore/`, `sub/.recstore/`; `project_prefix` is the folder
    that holds it, which test ids begin from: ``, `sub/`. `environment` is that of the process. Of the variables of a calling
    hook two are heeded: `GIT_INDEX_FILE`, which `git commit --all` and `git commit PATH` set, and `GIT_DIR` together with
    `GIT_WORK_TREE`.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        git_dir, work_tree = environment.get("GIT_DIR"), environment.get("GIT_WORK_TREE")
        explicit = {}
        if git_dir and work_tree:  # one alone was not meant for the repository of this folder
            explicit = {"GIT_DIR": os.path.abspath(git_dir), "GIT_WORK_TREE": os.path.abspath(work_tree)}
        git = Git(folder, environment, explicit)
        asked = ("--show-object-format", "--is-inside-work-tree", "--absolute-git-dir", "--git-common-dir")
        printed = decode_path(git.run("rev-parse", "--path-format=absolute", *asked, "--show-prefix")).split("\n")
        if len(printed) != len(asked) + 2:
            raise GitError(str(git.folder), "has a line break in its path, which recstore cannot work with")
        self._object_format, inside, git_dir, common_dir, self.prefix, _ = printed
        self.git_dir, self.common_dir = Path(git_dir), Path(common_dir)
        self.top_folder = Path(git.text("rev-parse", "--show-toplevel")) if inside == "true" else None
        self.project_prefix = self.prefix.removesuffix(f"{FOLDER}/")
        promisors = ("config", "-z", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$")
        self.is_partial = bool(git.run(*promisors, accept=(0, 1)))
        self.git = git
        stated = environment.get("GIT_INDEX_FILE", "")
        if stated and self.top_folder is not None:
            path = Path(os.path.normpath(self.top_folder / stated))  # hooks run in the top folder
            is_foreign = ".git" in path.parts and not path.is_relative_to(self.git_dir)
            if not is_foreign and path.exists() and path != self.git_dir / "index":
                self.git = git.with_variables(GIT_INDEX_FILE=str(path))

    def __enter__(self) -> Self:
        """Return the repository itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every pack file."""
        if "objects" in self.__dict__:
            self.objects.close()

    @cached_property
    def objects(self) -> Objects:
        """The reader of its objects."""
        return Objects(self.common_dir / "objects", self._object_format)

    @property
    def project(self) -> Git:
        """Git in the folder that the store's folder is in, which test ids begin from."""
        return self.git.in_folder(self.git.folder.parent if self.git.folder.name == FOLDER else self.git.folder)

    @property
    def top(self) -> Git:
        """Git in the top folder, where paths are those of the repository."""
        return self.git.in_folder(self.top_folder or self.git_dir)

    @property
    def head(self) -> str | None:
        """The commit that is checked out, None before the first."""
        return self.resolve(["HEAD"]).get("HEAD")

    def resolve(self, names: Iterable[str]) -> dict[str, str]:
        """Return name -> commit id of those names (revisions, refs, `MERGE_HEAD`) that lead to a commit in the repository."""
        asked = [name for name in names if name and "\n" not in name]
        if not asked:
            return {}
        data = b"".join(encode_path(f"{name}^{{commit}}\n") for name in asked)
        answers = (line.split(" ") for line in self.git.lines("cat-file", "--batch-check", data=data))
        return {
            name: answer[0]
            for name, answer in zip(asked, answers, strict=True)
            if len(answer) == 3 and answer[1] == "commit" and answer[2].isdigit()  # noqa: PLR2004 - id, type, size
        }

    def commit(self, revision: str) -> str:
        """Return the id of the commit that `revision` leads to."""
        commit = self.resolve([revision]).get(revision)
        if commit is None:
            raise GitError(revision, "is not a commit in this repository", "`git log --all --oneline` lists them.")
        return commit

    def read_object(self, oid: str) -> bytes:
        """Return the bytes of a Git blob; one that a partial clone has left with its remote is fetched."""
        self.fetch([oid])
        return self.objects.read(oid)

    def store_files(self, commit: str, *folders: str, unlike: Iterable[str] = ()) -> dict[str, str]:
        """Return path below the store's folder -> blob id, of a commit's files below `folders` of the store.

        With commits in `unlike`, those files alone that one of them lacks or has differently.
        """
        files = self.objects.changed_files(unlike, commit, [self.prefix + folder for folder in folders])
        return {path.removeprefix(self.prefix): oid for path, oid in files.items()}

    def index(self) -> tuple[IndexEntry, ...]:
        """Return every entry of the index below the store's folder, with paths below it."""
        return index_entries(self.git)

    def stage(self, paths: Iterable[str]) -> None:
        """Stage files of the store, present and removed ones. Unlike `git add`, this ignores .gitignore and sparse checkouts."""
        data = b"".join(encode_path(f"{self.prefix}{path}\0") for path in dict.fromkeys(paths))
        if data:
            self.top.run("update-index", "--add", "--remove", "-z", "--stdin", data=data)

    def refs(self, *patterns: str, options: tuple[str, ...] = ()) -> tuple[Ref, ...]:
        """Return the refs below `patterns` (`refs/heads`); `options` are those of `git for-each-ref`."""
        fields = "%(refname)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)"
        lines = self.git.lines("for-each-ref", f"--format={fields}", *options, *patterns)
        parts = (line.split("\0") for line in lines)
        return tuple(Ref(name, peeled or oid, int(time_s or 0)) for name, oid, peeled, time_s in parts)

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """Return the best common ancestors of two commits; none where their histories do not meet."""
        return tuple(self.git.text("merge-base", "--all", one, other, accept=(0, 1)).split())

    def fetch(self, oids: Iterable[str]) -> None:
        """Fetch the objects that a partial clone has left with its remote; does nothing in any other repository."""
        absent = []
        if self.is_partial:
            absent = [oid for oid in dict.fromkeys(oids) if not self.objects.has(oid)]
        for remote in self.git.text("remote").split() if absent else ():
            promisors = self.git.configured("extensions.partialclone")
            if remote in promisors or "true" in self.git.configured(f"remote.{remote}.promisor"):
                command = ("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--stdin")
                options = ("--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none", "--refmap=")
                self.git.run(*command, *options, remote, data=b"".join(encode_path(f"{oid}\n") for oid in absent))
                return


def index_entries(git: Git, *paths: str) -> tuple[IndexEntry, ...]:
    """Return the entries of an index that are in Git's folder, or at or below `paths`, which are relative to it."""
    entries = []
    for field in git.fields("ls-files", "--stage", "-t", "-z", "--", *paths):
        facts, _, path = field.partition("\t")
        tag, mode, oid, stage = facts.split(" ")
        entries.append(IndexEntry(path, oid, int(mode, 8), int(stage), tag == "S"))
    return tuple(entries)


# -- other work trees, stashes, operations in progress

_STATE_FILES: Final = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "sequencer": "a sequence of picks or reverts",
    "BISECT_LOG": "a bisection",
}
_STATE_REFS: Final = {"CHERRY_PICK_HEAD": "a cherry-pick", "REVERT_HEAD": "a revert"}

_PENDING_REFS: Final = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_HEAD")
_PENDING_FILES: Final = (
    *("MERGE_HEAD", "MERGE_AUTOSTASH", "BISECT_START"),  # MERGE_HEAD has a line for each head that an octopus merges
    *(
        f"{folder}/{name}"
        for folder in ("rebase-merge", "rebase-apply", "sequencer")
        for name in (
            *("orig-head", "head", "onto", "autostash", "amend", "stopped-sha"),
            *("git-rebase-todo", "git-rebase-todo.backup", "done", "todo"),
        )
    ),
)
"""Files that have one commit a line, as an id or as a command about one."""

_PENDING_LINE: Final = re.compile(
    r"(?:(?:pick|p|reword|r|edit|e|squash|s|fixup(?: -[cC])?|f(?: -[cC])?|drop|d|revert|merge -[cC]|m -[cC]) )?"
    r"([0-9a-f]{7,64})(?: .*)?"
)


def work_trees(repository: Repository) -> dict[str, Path]:
    """Return the Git folders of this work tree (under ""), then of all others, those whose folder is gone included.

    The keys are the beginnings of their refs' names when another work tree asks for them.

    Source: gitrepository-layout(5), `worktrees/`; git-worktree(1), "REFS" for the names of their refs.
    """
    main = {} if repository.git_dir == repository.common_dir else {"main-worktree/": repository.common_dir}
    linked = repository.common_dir / "worktrees"
    folders = sorted(linked.iterdir()) if linked.is_dir() else []
    others = (folder for folder in folders if folder != repository.git_dir and (folder / "HEAD").exists())
    return {"": repository.git_dir, **main, **{f"worktrees/{folder.name}/": folder for folder in others}}


def operation_in_progress(repository: Repository) -> str | None:
    """Return what is in progress in this work tree (`a merge`), None if nothing is."""
    for file, title in _STATE_FILES.items():
        if (repository.git_dir / file).exists():
            return title
    return next((_STATE_REFS[name] for name in repository.resolve(_STATE_REFS)), None)


def stashes(repository: Repository) -> dict[str, str]:
    """Return commit -> name, of every stash and of its parts: up to three commits for work tree, index, untracked files."""
    refs = repository.refs("refs/stash")
    lines = repository.git.lines("log", "--walk-reflogs", "--format=%H%x00%gd: %gs", "refs/stash", "--") if refs else ()
    listed = dict(line.split("\0", 1) for line in lines) or {ref.oid: ref.name for ref in refs}
    return _stash_parts(repository, listed) | listed


def pending_commits(repository: Repository, git_dir: Path, ref_prefix: str) -> dict[str, str]:
    """Return commit -> name, of those that a merge, cherry-pick, revert, rebase or bisection is about.

    Those are where it began, what it goes onto, its autostash with its parts, and what is done or still to do. A revert
    brings back what its commit removed: the commit's parents count too.
    """
    refs = repository.resolve(f"{ref_prefix}{name}" for name in _PENDING_REFS)
    commits = {oid: name for name, oid in refs.items()}
    for name, oid in refs.items():
        if name.endswith("REVERT_HEAD"):
            commits |= dict.fromkeys(repository.objects.linked(oid, "parent"), "REVERT_HEAD's parent")
    for file in _PENDING_FILES:
        path = git_dir / file
        try:
            lines = decode_path(path.read_bytes()).split("\n")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise GitError(str(path), f"cannot be read: {error.strerror}") from error
        named = dict.fromkeys(match[1] for line in lines if (match := _PENDING_LINE.fullmatch(line.strip())))
        present = repository.resolve(named)
        for name in named:
            if name not in present:
                title = ref_prefix.rstrip("/") or "this work tree"
                raise GitError(f"{title}, {file}", f"names the commit {name[:12]}, which is not here")
        listed = dict.fromkeys(present.values(), f"{ref_prefix}{file}")
        commits |= listed
        if file.lower().endswith("autostash"):
            commits = _stash_parts(repository, listed) | commits
    return commits


def _stash_parts(repository: Repository, stash_commits: Mapping[str, str]) -> dict[str, str]:
    """Return commit -> name of what was staged and what was untracked: further parents of stashes."""
    parts: dict[str, str] = {}
    for stash, name in stash_commits.items():
        titles = (f"{part} of {name}" for part in ("index", "untracked files"))
        for oid, title in zip(repository.objects.linked(stash, "parent")[1:], titles, strict=False):
            parts.setdefault(oid, title)
    return parts

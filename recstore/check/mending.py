"""How what is missing comes back: put back from Git where it can be, and otherwise the command that brings it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace

from recstore.check.check import OUTSIDE, Checked
from recstore.check.findings import IGNORED, Finding
from recstore.git.history import find_blobs, heal
from recstore.git.program import decode_path, encode_path
from recstore.git.repository import Repository
from recstore.git.trees import STAGED, WORK_TREE
from recstore.model import BlobName
from recstore.store import FOLDER, Store


def mend(store: Store, repository: Repository, looked: Iterable[Checked], *, is_staged: bool) -> tuple[str, ...]:
    """Put back every missing blob that Git has, and return the paths of those; `is_staged`: stage them, too.

    Raises: GitError: Git cannot answer. RecstoreError: the store's folder cannot be written.
    """
    missing = {blob for checked in looked for blob in checked.missing}
    if not missing:
        return ()
    healed = heal(store, repository, missing)
    if is_staged:
        present = sorted(blob.path for blob in missing if store.directory.path(blob.path).exists())
        data = b"".join(encode_path(f"{repository.prefix}{path}\0") for path in present)
        repository.top.run("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", data=data)
    return tuple(f"{FOLDER}/{found.path} from {found.location}" for found in healed)


def with_remedies(store: Store, repository: Repository, findings: list[Finding]) -> list[Finding]:
    """Return the findings, each with what mends it: where missing blobs can be had is looked up now.

    Raises: GitError: Git cannot answer.
    """
    named = {blob for finding in findings if (blob := _blob_of(finding)) is not None}
    here = {blob for blob in named if store.directory.path(blob.path).exists()}
    found = {file.path for file in find_blobs(repository, named - here)}
    ignored = _ignored(repository, here)
    return [_with_remedy(repository, finding, (here, ignored, found)) for finding in findings]


def _ignored(repository: Repository, blobs: set[BlobName]) -> set[BlobName]:
    """Return those that a `.gitignore` keeps from being added."""
    paths = {f"{repository.prefix}{blob.path}": blob for blob in blobs}
    data = b"".join(encode_path(f"{path}\0") for path in paths)
    git = repository.top.with_variables(
        GIT_LITERAL_PATHSPECS="0"
    )  # which this command refuses; it takes paths as they are
    printed = git.run("check-ignore", "-z", "--stdin", data=data, accept=(0, 1)) if data else b""
    return {paths[path] for path in decode_path(printed).split("\0")[:-1]}


def _with_remedy(
    repository: Repository, finding: Finding, known: tuple[set[BlobName], set[BlobName], set[str]]
) -> Finding:
    here, ignored, found = known
    blob = _blob_of(finding)
    if finding.kind == "uncommitted":
        return replace(finding, remedy=_commit(repository, is_ignored=finding.place == IGNORED))
    if finding.kind == "damage" and finding.path.startswith(f"{FOLDER}/blobs/"):
        return replace(finding, remedy=f"{finding.remedy}: {_repair(repository, finding.place)}")
    if blob is None:
        return finding
    if blob in here:
        return replace(finding, remedy=_commit(repository, is_ignored=blob in ignored))
    if blob.path in found:
        is_here = finding.place == WORK_TREE
        healed = "recstore check --fix"
        return replace(finding, remedy=healed if is_here else f"{healed} && {_commit(repository)}")
    again = "" if finding.test == OUTSIDE else f" {shlex.quote(finding.test)}"
    return replace(finding, remedy=f"nowhere in this repository: `git fetch` what has it, or record again{again}")


def _repair(repository: Repository, place: str) -> str:
    """Return what puts a sound blob in the place of a damaged one: here, in what is about to be committed, or pushed."""
    then = {WORK_TREE: "", STAGED: f", then `git add {_store(repository)}` and commit again"}
    pushed = f", then `{_commit(repository)}` (or with --amend), and push again"
    return f"`recstore verify --repair`{then.get(place, pushed)}"


def _store(repository: Repository) -> str:
    """Return the store's folder for a command of Git's, wherever in the repository it is typed."""
    folder = repository.prefix.rstrip("/")
    return shlex.quote(folder if folder == FOLDER else f":/{folder}")


def _commit(repository: Repository, *, is_ignored: bool = False) -> str:
    """Return what commits the store."""
    stated = _store(repository)
    if is_ignored:
        return f"a .gitignore leaves it out (`git check-ignore -v PATH` says which): mend that, then git add {stated} && git commit"
    return f"git add {stated} && git commit"


def _blob_of(finding: Finding) -> BlobName | None:
    return BlobName.parse(finding.subject) if finding.kind == "missing" else None

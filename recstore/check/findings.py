"""Findings of `recstore check`: what is wrong, with which test, and the one thing that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from recstore.errors import Damage, ManifestConflict, Missing, SecretFound
from recstore.git.history import find_blobs, heal
from recstore.git.program import decode_path, encode_path
from recstore.git.repository import Repository
from recstore.git.trees import STAGED, WORK_TREE
from recstore.model import BlobName
from recstore.store import FOLDER, Store

FindingKind: TypeAlias = Literal[
    "missing", "uncommitted", "unrecorded", "unimported", "changed", "damage", "conflict", "secret"
]

NO_TEST: Final = "(outside any test)"
IGNORED: Final = "the work tree, ignored by Git"
"""The place of files that a `.gitignore` excludes from commits."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    `test` is the test's id, or `NO_TEST` for a recording that has none; `subject` the blob's name or the file;
    `path` (from the project's folder) and `line` say where an annotation belongs, 0 if no line is known.
    """

    kind: FindingKind
    test: str = ""
    subject: str = ""
    remedy: str = ""
    path: str = ""
    line: int = 0
    place: str = ""

    @property
    def missing_blob(self) -> BlobName | None:
        """The blob that is named and does not exist, None for other kinds of findings."""
        return BlobName.parse(self.subject) if self.kind == "missing" else None

    def __str__(self) -> str:
        """Return the finding as a line: `(missing) tests/a.py::test_x 1f2e...-3d4c...`."""
        where = f"  in {self.place}" if self.place else ""
        return f"({self.kind}) {' '.join(filter(None, (self.test, self.subject)))}{where}"


def manifest_finding(subject: str, error: Damage | ManifestConflict, place: str) -> Finding:
    """Return the finding for a manifest that cannot be used; `subject` is its path."""
    if isinstance(error, ManifestConflict):
        return Finding(kind="conflict", subject=subject, remedy="recstore resolve", path=subject, place=place)
    return Finding(kind="damage", subject=subject, remedy=error.reason, path=subject, place=place)


def exit_code_of(findings: Iterable[Finding]) -> int:
    """Return the exit code of the severest finding: a conflict, a secret, damage, anything missing; 0 for none."""
    kinds = {finding.kind for finding in findings}
    severest_first = {"conflict": ManifestConflict, "secret": SecretFound, "damage": Damage}
    codes = (error.exit_code for kind, error in severest_first.items() if kind in kinds)
    return next(codes, Missing.exit_code if kinds else 0)


def mend(store: Store, repository: Repository, findings: Iterable[Finding], *, is_staged: bool) -> tuple[str, ...]:
    """Put back every missing blob that Git has, and return their paths with their origins; `is_staged`: stage them, too.

    Raises: GitError: Git cannot answer. RecstoreError: the store's folder cannot be written.
    """
    missing = {blob for finding in findings if (blob := finding.missing_blob) is not None}
    if not missing:
        return ()
    healed = heal(store, repository, missing)
    if is_staged:
        repository.stage(sorted(blob.path for blob in missing if store.directory.path(blob.path).exists()))
    return tuple(f"{FOLDER}/{file.path} from {file.location}" for file in healed)


def with_remedies(store: Store, repository: Repository, findings: Iterable[Finding]) -> list[Finding]:
    """Return the sorted findings, each with its remedy: this looks up whether Git has the missing blobs.

    Raises: GitError: Git cannot answer.
    """
    ordered = sorted(findings)
    missing = {blob for finding in ordered if (blob := finding.missing_blob) is not None}
    present = {blob for blob in missing if store.directory.path(blob.path).exists()}
    recoverable = {file.path for file in find_blobs(repository, missing - present)}
    git = repository.top.with_variables(GIT_LITERAL_PATHSPECS="0")  # check-ignore refuses 1, and takes paths literally
    paths = b"".join(encode_path(f"{repository.prefix}{blob.path}\0") for blob in present)
    printed = git.run("check-ignore", "-z", "--stdin", data=paths, accept=(0, 1)) if paths else b""
    ignored = set(decode_path(printed).split("\0"))
    folder = repository.prefix.rstrip("/")
    add = f"git add {shlex.quote(folder if folder == FOLDER else f':/{folder}')}"  # from any folder of the repository
    commit = f"{add} && git commit"
    unignore = f"a .gitignore leaves it out (`git check-ignore -v PATH` says which): mend that, then {commit}"

    def remedy_of(finding: Finding) -> str:
        blob = finding.missing_blob
        if finding.kind == "uncommitted":
            return unignore if finding.place == IGNORED else commit
        if finding.kind == "damage" and finding.path.startswith(f"{FOLDER}/blobs/"):
            then = {WORK_TREE: "", STAGED: f", then `{add}` and commit again"}
            pushed = f", then `{commit}` (or with --amend), and push again"
            return f"{finding.remedy}: `recstore verify --repair`{then.get(finding.place, pushed)}"
        if blob is None:
            return finding.remedy
        if blob in present:
            return unignore if repository.prefix + blob.path in ignored else commit
        if blob.path in recoverable:
            return "recstore check --fix" + ("" if finding.place == WORK_TREE else f" && {commit}")
        again = "" if finding.test == NO_TEST else f" {shlex.quote(finding.test)}"
        return f"nowhere in this repository: `git fetch` what has it, or record again{again}"

    return [replace(finding, remedy=remedy_of(finding)) for finding in ordered]

"""Check a whole tree, or the commits that a push is about to send, for what is missing or damaged.

For a push only its changes are read: manifests that it adds or changes, manifests that name a blob which it removes, and
test files that it adds or changes. The cost is that of the difference, not of the store. The bytes of blobs are read
where they differ from HEAD, or where a push brings them; `recstore verify` reads all.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal, TypeAlias

from recstore.errors import Damage, ManifestConflict, Missing, RecstoreError, SecretFound, UsageError
from recstore.gc.test_presence import is_test_file, tests_using_recordings
from recstore.git.history import find_blobs, heal
from recstore.git.program import decode_path, encode_path
from recstore.git.repository import Repository
from recstore.git.trees import STAGED, WORK_TREE, CommitTree, IndexTree, Tree, WorkTree
from recstore.model import BlobName, Manifest
from recstore.secrets.redact import SecretScan
from recstore.secrets.scan import Secret, secrets_in_blob, secrets_in_text
from recstore.store import FOLDER, Store
from recstore.store.directory import TEMPORARY_PREFIX
from recstore.store.manifest import MANIFEST_FOLDERS, manifest_path, parse_manifest

FindingKind: TypeAlias = Literal[
    "missing", "uncommitted", "unrecorded", "unimported", "changed", "damage", "conflict", "secret"
]

NO_TEST: Final = "(outside any test)"
IGNORED: Final = "the work tree, ignored by Git"
"""The place of files that a `.gitignore` excludes from commits."""

_LEFT_BEHIND: Final = {"??": "the work tree alone", "!!": IGNORED}
"""State of a file -> its place. Source: git-status(1), "Short Format"."""

_HOOK_FIELDS: Final = 4


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


@dataclass(frozen=True, slots=True)
class CommitRange:
    """The commits that `tip` reaches and `bases` do not, as a person calls them; without `bases`, all that `tip` reaches."""

    tip: str
    bases: tuple[str, ...] = ()
    name: str = ""


def parse_range(repository: Repository, text: str) -> CommitRange:
    """Return the range of `A..B`, `A...B` (from their merge base) or `A..`.

    Raises: UsageError: it is not a range, or names something that is not a commit here.
    """
    first, dots, last = text.partition("...") if "..." in text else text.partition("..")
    if not dots:
        raise UsageError(text, "is not a range", "Write it as A..B, or use --commit for one commit.")
    names = (first or "HEAD", last or "HEAD")
    commits = repository.resolve(names)
    for name in names:
        if name not in commits:
            raise UsageError(name, "is not a commit that is here", "`git log --all --oneline` lists those that are.")
    before, tip = commits[names[0]], commits[names[1]]
    return CommitRange(tip, repository.merge_bases(before, tip) if dots == "..." else (before,), text)


def pushed_ranges(repository: Repository, lines: str, remote: str = "") -> Iterator[CommitRange]:
    """Yield the range of every line of a pre-push hook's input, except for lines that delete a ref.

    If the remote's commit is not here (a new branch, or one that somebody has moved), the range begins at the
    remote-tracking branches; it is left out if it has no new commit.

    Raises: UsageError: a line does not have the hook's format. GitError: Git cannot answer.
    Source: githooks(5), pre-push.
    """
    for line in filter(str.strip, lines.splitlines()):
        fields = line.rsplit(" ", _HOOK_FIELDS - 1)  # the first one, the local ref, may hold spaces
        if len(fields) != _HOOK_FIELDS:
            remedy = "`recstore hooks install` sets the hook up; by hand it is `recstore check --range A..B`."
            raise UsageError("standard input", f"{line[:80]!r} is not a line of a pre-push hook", remedy)
        name, local, _, known = fields
        commits = repository.resolve([local, known])  # a tag leads to its commit; zeros lead nowhere
        if local in commits and known in commits:
            yield CommitRange(commits[local], (commits[known],), name)
        elif local in commits:
            tracked = f"--remotes={remote}" if remote and repository.refs(f"refs/remotes/{remote}") else "--remotes"
            listed = repository.git.lines("rev-list", "--boundary", commits[local], "--not", tracked)
            if listed:
                bases = tuple(line[1:] for line in listed if line.startswith("-"))
                yield CommitRange(commits[local], bases, name)


@dataclass(slots=True)
class Check:
    """The findings in all trees and ranges that were checked so far.

    `patterns` name tests that use recordings. `tests` is their number, `blobs` are those that were checked, each once, and
    `places` the trees and ranges. Every method raises GitError if a part of a tree cannot be read, and NewerVersion.
    """

    store: Store
    patterns: tuple[str, ...] = ()
    findings: set[Finding] = field(default_factory=set)
    tests: int = 0
    blobs: set[BlobName] = field(default_factory=set)
    places: list[str] = field(default_factory=list)

    def check_tree(self, tree: Tree) -> None:
        """Check all manifests and tests of a tree, and the blobs that the index or the work tree adds to HEAD."""
        self.places.append(tree.title)
        self._manifests(tree, list(tree.manifest_paths()))
        self._tests(tree, filter(is_test_file, tree.python_files()))
        if isinstance(tree, IndexTree):
            self.check_staged_blobs(tree)
        elif isinstance(tree, WorkTree):
            for _, path in _changed_files(tree.repository, "blobs"):
                self._blob(tree, path)

    def check_staged_blobs(self, tree: IndexTree) -> None:
        """Check the bytes of the blobs that the next commit brings."""
        repository = tree.repository
        head = repository.head or repository.git.text("hash-object", "-t", "tree", "--stdin")  # the empty tree
        options = ("--cached", "--ita-invisible-in-index", "--raw", "--no-abbrev", "--no-renames", "-z")
        fields = iter(repository.top.fields("diff-index", *options, head, "--", f"{repository.prefix}blobs"))
        for change in fields:
            path = next(fields).removeprefix(repository.prefix)
            _, mode, _, oid, status = change.split(" ")
            if mode.strip("0") and status != "U":  # neither removed nor in conflict
                self._blob(tree, path, oid)

    def check_range(self, repository: Repository, commits: CommitRange, scan: SecretScan) -> None:
        """Check what `commits` bring to their tip; if that is HEAD, also what was left behind in the work tree.

        Secrets are looked for in what the commits bring, and in nothing else.
        """
        tree = CommitTree(repository, commits.tip)
        self.places.append(f"{tree.title} ({commits.name})" if commits.name else tree.title)
        brought = repository.store_files(commits.tip, *MANIFEST_FOLDERS, unlike=commits.bases)
        repository.fetch(brought.values())
        manifests = self._manifests(tree, sorted({*brought, *_manifests_that_lose_blobs(repository, commits)}))
        users: dict[str, str] = {}
        for path in sorted(brought.keys() & manifests.keys()):
            test = manifests[path].test_id or NO_TEST
            users |= {blob.path: test for blob in manifests[path].blobs}
            with suppress(RecstoreError):  # an origin may hold headers
                self._secrets(tree, path, test, secrets_in_text(tree.read(path) or b"", "its origin", scan))
        for path, oid in repository.store_files(commits.tip, "blobs", unlike=commits.bases).items():
            data = self._blob(tree, path, oid)
            with suppress(RecstoreError):  # a finding of its own
                self._secrets(tree, path, users.get(path, NO_TEST), secrets_in_blob(data, path, scan) if data else ())
        left_behind = self._left_behind(tree) if commits.tip == repository.head else set()
        self._tests(tree, _changed_tests(repository, commits), left_behind)

    def _add(self, tree: Tree, kind: FindingKind, test: str, subject: str = "", **facts: Any) -> None:
        self.findings.add(Finding(kind=kind, test=test, subject=subject, **{"place": tree.title, **facts}))

    def _manifests(self, tree: Tree, paths: Iterable[str]) -> dict[str, Manifest]:
        """Check manifests, and that the blobs they name exist; return path -> manifest of those that can be read."""
        manifests = {}
        for path in paths:
            subject = f"{FOLDER}/{path}"
            data = tree.read(path)
            if data is None:
                continue
            try:
                manifest = manifests[path] = parse_manifest(data, subject)
            except (Damage, ManifestConflict) as error:
                self.findings.add(manifest_finding(subject, error, tree.title))
                continue
            test = manifest.test_id or NO_TEST
            if manifest.test_id is not None:
                right_path = manifest_path(manifest.test_id)
                if right_path != path:
                    reason = f"it is the manifest of {test}, whose place is {FOLDER}/{right_path}"
                    self._add(tree, "damage", test, subject, remedy=reason, path=subject)
                self.tests += 1
            self.blobs |= manifest.blobs
            for blob in manifest.blobs:
                if not tree.has(blob):
                    self._add(tree, "missing", test, str(blob), path=_file_of(manifest.test_id))
        return manifests

    def _tests(self, tree: Tree, files: Iterable[str], left_behind: Iterable[str] = ()) -> None:
        """Check that every test in `files` that uses recordings has some; those of tests `left_behind` are reported."""
        for file in files:
            source = tree.source(file)
            tests = tests_using_recordings(file, source, self.patterns) if source is not None else {}
            if not tests:
                continue
            recorded = set(left_behind)
            for path in tree.manifest_paths(manifest_path(f"{file}::any").rpartition("/")[0]):
                with suppress(RecstoreError):  # a finding of its own
                    test_id = parse_manifest(tree.read(path) or b"", path).test_id
                    recorded.add((test_id or "").partition("[")[0])
            for test, line in tests.items():
                if test not in recorded:
                    remedy = "record it, or mark it as skipped"
                    self._add(tree, "unrecorded", test, remedy=remedy, path=file, line=line)

    def _blob(self, tree: Tree, path: str, oid: str = "") -> bytes | None:
        """Check the bytes of a blob, and return them: of the object `oid`, or of the file in the work tree."""
        objects, data, defect = tree.repository.objects, None, ""
        try:
            data = objects.read(oid) if oid else self.store.directory.read(path)
        except RecstoreError as error:
            if oid and tree.repository.is_partial and not objects.has(oid):  # it was left with the remote
                return None
            defect = f"{error.subject}: {error.reason}"
        blob = BlobName.from_path(path)
        if blob is not None:
            self.blobs.add(blob)
        if data is not None and (blob is None or path != blob.path):
            defect = "it has no blob's name, or lies in another folder than its name says"
        elif data is not None and blob is not None and not blob.fits(data):
            defect = "its bytes do not fit its name"
        if defect:
            self._add(tree, "damage", "", f"{FOLDER}/{path}", remedy=defect, path=f"{FOLDER}/{path}")
        return data

    def _secrets(self, tree: Tree, path: str, test: str, secrets: Iterable[Secret]) -> None:
        for secret in secrets:
            text = f"{secret.kind}, {secret.excerpt}, in {secret.place} (digest {secret.digest})"
            subject = f"{FOLDER}/{path}: {text}"
            self._add(tree, "secret", test, subject, remedy=SecretFound.default_remedy, path=f"{FOLDER}/{path}")

    def _left_behind(self, tree: Tree) -> set[str]:
        """Find tests of this commit that have other recordings in the work tree; return them without parameters."""
        tests = set()
        for state, path in _changed_files(tree.repository, *MANIFEST_FOLDERS):
            data = self.store.directory.read(path)
            if data is None or data == tree.read(path):
                continue
            with suppress(RecstoreError):  # a finding of the work tree
                test_id = parse_manifest(data, f"{FOLDER}/{path}").test_id
                file = _file_of(test_id)
                if test_id is None or tree.source(file) is not None:
                    place = _LEFT_BEHIND.get(state, "the work tree, changed since")
                    self._add(tree, "uncommitted", test_id or NO_TEST, f"{FOLDER}/{path}", path=file, place=place)
                    tests.add((test_id or "").partition("[")[0])
        return tests


def _changed_files(repository: Repository, *folders: str) -> Iterator[tuple[str, str]]:
    """Yield the state and path of the files of the store that Git considers new or changed since HEAD, ignored ones too.

    `git status` compares stat data first: it does not see a file whose bits have changed by themselves.
    """
    options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored")
    for line in repository.top.fields("status", *options, "--", *(repository.prefix + folder for folder in folders)):
        state, path = line[:2], line[3:].removeprefix(repository.prefix)
        if f"/{TEMPORARY_PREFIX}" not in path:
            yield state, path


def _manifests_that_lose_blobs(repository: Repository, commits: CommitRange) -> list[str]:
    """Return the manifests of the tip that name a blob which the commits remove: Git greps many times faster than we do."""
    removed = (
        BlobName.from_path(path)
        for base in commits.bases
        for path in repository.store_files(base, "blobs", unlike=[commits.tip])
    )
    wanted = b"".join(f"{blob.key} {blob.digest}\n".encode() for blob in removed if blob is not None)
    if not wanted:
        return []
    folders = [f"{repository.prefix}{folder}" for folder in MANIFEST_FOLDERS]
    options = ("--files-with-matches", "--fixed-strings", "--text", "--full-name", "-z")
    printed = repository.top.run("grep", *options, "-f", "-", commits.tip, "--", *folders, data=wanted, accept=(0, 1))
    start = f"{commits.tip}:{repository.prefix}".encode()
    return [decode_path(name.removeprefix(start)) for name in printed.split(b"\0") if name]


def _changed_tests(repository: Repository, commits: CommitRange) -> list[str]:
    """Return the test files, from the project's folder, that the commits change or remove a manifest of."""
    prefix = repository.project_prefix
    changed = repository.objects.changed_files(commits.bases, commits.tip, [prefix.rstrip("/")])
    files = {path[len(prefix) :] for path in changed if is_test_file(path)}
    for base in commits.bases:
        for path, oid in repository.store_files(base, "tests", unlike=[commits.tip]).items():
            with suppress(RecstoreError):
                files.add(_file_of(parse_manifest(repository.objects.read(oid), path).test_id))

    def is_in_inner_project(file: str) -> bool:
        folders = [str(folder) for folder in PurePosixPath(file).parents][:-1]
        stores = (f"{prefix}{folder}/{FOLDER}" for folder in folders)
        return any(repository.objects.lookup(commits.tip, store) is not None for store in stores)

    return sorted(file for file in files if file and not is_in_inner_project(file))


def _file_of(test_id: str | None) -> str:
    return test_id.partition("::")[0] if test_id and "::" in test_id else ""


# -- what becomes of findings


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

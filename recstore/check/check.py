"""Check a whole tree, or the commits that a push is about to send, for what is missing or damaged.

For a push only its changes are read: manifests that it adds or changes, manifests that name a blob which it removes, and
test files that it adds or changes. The cost is that of the difference, not of the store. The bytes of blobs are read
where they differ from HEAD, or where a push brings them; `recstore verify` reads all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from recstore.check.findings import IGNORED, NO_TEST, Finding, FindingKind, manifest_finding
from recstore.errors import Damage, ManifestConflict, RecstoreError, SecretFound, UsageError
from recstore.gc.test_scan import is_test_file, tests_using_recordings
from recstore.git.program import decode_path
from recstore.git.repository import Repository
from recstore.git.trees import CommitTree, IndexTree, Tree, WorkTree
from recstore.model import BlobName
from recstore.secrets.redact import SecretScan
from recstore.secrets.scan import Secret, secrets_in_blob, secrets_in_text
from recstore.store import FOLDER, Store
from recstore.store.directory import TEMPORARY_PREFIX
from recstore.store.manifest import MANIFEST_FOLDERS, manifest_path, parse_manifest

_STATUS: Final = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored")
_LEFT_BEHIND: Final = {"??": "the work tree alone", "!!": IGNORED}
"""State of a file -> its place. Source: git-status(1), "Short Format"."""

_HOOK_FIELDS: Final = 4


@dataclass(slots=True)
class CheckResult:
    """Findings, and what was checked: the number of tests, the blobs (each once), and the places."""

    findings: set[Finding] = field(default_factory=set)
    tests: int = 0
    blobs: set[BlobName] = field(default_factory=set)
    places: list[str] = field(default_factory=list)

    def add(self, other: CheckResult) -> None:
        """Add the result of another check."""
        self.findings |= other.findings
        self.tests += other.tests
        self.blobs |= other.blobs
        self.places += other.places


# -- commits to check


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
        tip, base = commits.get(local), commits.get(known)
        if tip is None:
            continue
        if base is not None:
            yield CommitRange(tip, (base,), name)
            continue
        tracked = f"--remotes={remote}" if remote and repository.refs(f"refs/remotes/{remote}") else "--remotes"
        listed = repository.git.lines("rev-list", "--boundary", tip, "--not", tracked)
        if listed:
            yield CommitRange(tip, tuple(line[1:] for line in listed if line.startswith("-")), name)


# -- checking


def check_tree(tree: Tree, patterns: Iterable[str]) -> CheckResult:
    """Return the findings for all manifests and tests of a tree; `patterns` name tests that use recordings.

    Raises: GitError: a part of it cannot be read. NewerVersion: of a manifest.
    """
    check = _Check(tree, tree.title)
    check.manifests(list(tree.manifest_paths()))
    check.tests(filter(is_test_file, tree.python_files()), patterns)
    if isinstance(tree, IndexTree):
        check.staged_blobs()
    elif isinstance(tree, WorkTree):
        for path in work_tree_blobs(tree.repository):
            check.blob_file(tree.store, path)
    return check.result


def check_range(
    store: Store, commits: CommitRange, tree: CommitTree, patterns: Iterable[str], scan: SecretScan
) -> CheckResult:
    """Return the findings for what `commits` bring to their tip, which is `tree`, and for what the work tree still has.

    Secrets are looked for in what the commits bring, and in nothing else.

    Raises: GitError, NewerVersion: as `check_tree`.
    """
    repository = tree.repository
    check = _Check(tree, f"{tree.title} ({commits.name})" if commits.name else tree.title)
    brought = repository.changed_store_files(commits.bases, commits.tip, *MANIFEST_FOLDERS)
    repository.fetch(brought.values())
    check.manifests(sorted({*brought, *_manifests_that_lose_blobs(repository, commits)}))
    users: dict[str, str] = {}
    for path in sorted(brought):
        with suppress(RecstoreError):  # a finding of its own
            data = tree.read(path) or b""
            manifest = parse_manifest(data, path)
            test = manifest.test_id or NO_TEST
            users |= {blob.path: test for blob in manifest.blobs}
            check.secrets(secrets_in_text(data, "its origin", scan), test, path)  # an origin may hold headers
    for path, oid in repository.changed_store_files(commits.bases, commits.tip, "blobs").items():
        blob = check.blob_object(path, oid)
        with suppress(RecstoreError):  # a finding of its own
            check.secrets(secrets_in_blob(blob, path, scan) if blob else (), users.get(path, NO_TEST), path)
    check.tests(_changed_tests(repository, commits), patterns)
    if commits.tip == repository.head:
        check.left_behind(store)
    findings = check.result.findings
    left = {finding.test.partition("[")[0] for finding in findings if finding.kind == "uncommitted"}
    findings -= {finding for finding in findings if finding.kind == "unrecorded" and finding.test in left}
    return check.result


def staged_damage(repository: Repository) -> set[Finding]:
    """Return the findings for damaged blobs among those that the next commit brings.

    Raises: GitError: the index cannot be read.
    """
    check = _Check(IndexTree(repository), "")
    check.staged_blobs()
    return check.result.findings


def staged_blobs(repository: Repository) -> dict[str, str]:
    """Return path below the store's folder -> object id, for what the next commit brings into the folder of blobs.

    Raises: GitError: the index cannot be read.
    """
    head = repository.head or repository.git.text("hash-object", "-t", "tree", "--stdin")  # the empty tree
    options = ("--cached", "--ita-invisible-in-index", "--raw", "--no-abbrev", "--no-renames", "-z")
    fields = iter(repository.top.fields("diff-index", *options, head, "--", f"{repository.prefix}blobs"))
    staged = {}
    for change in fields:
        path = next(fields).removeprefix(repository.prefix)
        _, mode, _, oid, status = change.split(" ")
        if mode.strip("0") and status != "U":  # neither removed nor in conflict
            staged[path] = oid
    return staged


def work_tree_blobs(repository: Repository) -> list[str]:
    """Return the paths of the blobs that Git considers new or changed since HEAD, including ignored ones.

    `git status` compares stat data first: it does not see a file whose bits have changed by themselves.

    Raises: GitError: the index cannot be read.
    """
    lines = repository.top.fields("status", *_STATUS, "--", f"{repository.prefix}blobs")
    paths = (line[3:].removeprefix(repository.prefix) for line in lines)
    return [path for path in paths if f"/{TEMPORARY_PREFIX}" not in path]


class _Check:
    """One tree, and the findings in it so far."""

    def __init__(self, tree: Tree, place: str) -> None:
        self.tree = tree
        self.result = CheckResult(places=[place])

    def add(self, kind: FindingKind, test: str, subject: str = "", *, place: str = "", **facts: Any) -> None:
        """Add a finding, by default for this tree."""
        finding = Finding(kind=kind, test=test, subject=subject, place=place or self.tree.title, **facts)
        self.result.findings.add(finding)

    def manifests(self, paths: Iterable[str]) -> None:
        """Check manifests, and that the blobs they name exist."""
        for path in paths:
            subject = f"{FOLDER}/{path}"
            data = self.tree.read(path)
            if data is None:
                continue
            try:
                manifest = parse_manifest(data, subject)
            except (Damage, ManifestConflict) as error:
                self.result.findings.add(manifest_finding(subject, error, self.tree.title))
                continue
            test = manifest.test_id or NO_TEST
            if manifest.test_id is not None:
                right_path = manifest_path(manifest.test_id)
                if right_path != path:
                    reason = f"it is the manifest of {test}, whose place is {FOLDER}/{right_path}"
                    self.add("damage", test, subject, remedy=reason, path=subject)
                self.result.tests += 1
            self.result.blobs |= manifest.blobs
            for blob in manifest.blobs:
                if not self.tree.has(blob):
                    self.add("missing", test, str(blob), path=_file_of(manifest.test_id))

    def tests(self, files: Iterable[str], patterns: Iterable[str]) -> None:
        """Check that every test in `files` that uses recordings has some."""
        for file in files:
            source = self.tree.source(file)
            tests = tests_using_recordings(file, source, patterns) if source is not None else {}
            if not tests:
                continue
            recorded: set[str] = set()
            for path in self.tree.manifest_paths(manifest_path(f"{file}::any").rpartition("/")[0]):
                with suppress(RecstoreError):  # a finding of its own
                    test_id = parse_manifest(self.tree.read(path) or b"", path).test_id
                    recorded.add((test_id or "").partition("[")[0])
            for test, line in tests.items():
                if test not in recorded:
                    self.add("unrecorded", test, remedy="record it, or mark it as skipped", path=file, line=line)

    def staged_blobs(self) -> None:
        """Check the bytes of blobs that the next commit brings."""
        for path, oid in staged_blobs(self.tree.repository).items():
            self.blob_object(path, oid)

    def blob_object(self, path: str, oid: str) -> bytes | None:
        """Check the object with the bytes of a blob, and return them; None if a partial clone has left it out, or for damage."""
        repository = self.tree.repository
        try:
            data = repository.objects.read(oid)
        except RecstoreError as error:
            if not (repository.is_partial and not repository.objects.has(oid)):
                self._blob(path, f"{error.subject}: {error.reason}")
            return None
        self._blob(path, _defect(path, data))
        return data

    def blob_file(self, store: Store, path: str) -> None:
        """Check the bytes of a blob in the work tree."""
        try:
            defect = _defect(path, store.directory.read(path))
        except RecstoreError as error:
            defect = f"{error.subject}: {error.reason}"
        self._blob(path, defect)

    def _blob(self, path: str, defect: str) -> None:
        blob = BlobName.from_path(path)
        if blob is not None:
            self.result.blobs.add(blob)
        if defect:
            self.add("damage", "", f"{FOLDER}/{path}", remedy=defect, path=f"{FOLDER}/{path}")

    def secrets(self, secrets: Iterable[Secret], test: str, path: str) -> None:
        """Add a finding for each secret in the file `path`."""
        for secret in secrets:
            text = f"{secret.kind}, {secret.excerpt}, in {secret.place} (digest {secret.digest})"
            remedy = SecretFound.default_remedy
            self.add("secret", test, f"{FOLDER}/{path}: {text}", remedy=remedy, path=f"{FOLDER}/{path}")

    def left_behind(self, store: Store) -> None:
        """Find tests of this commit that have other recordings in the work tree."""
        repository = self.tree.repository
        folders = [f"{repository.prefix}{folder}" for folder in MANIFEST_FOLDERS]
        for line in repository.top.fields("status", *_STATUS, "--", *folders):
            state, path = line[:2], line[3:].removeprefix(repository.prefix)
            data = None if f"/{TEMPORARY_PREFIX}" in path else store.directory.read(path)
            if data is None or data == self.tree.read(path):
                continue
            with suppress(RecstoreError):  # a finding of the work tree
                test_id = parse_manifest(data, f"{FOLDER}/{path}").test_id
                if test_id is None or self.tree.source(_file_of(test_id)) is not None:
                    place = _LEFT_BEHIND.get(state, "the work tree, changed since")
                    test = test_id or NO_TEST
                    self.add("uncommitted", test, f"{FOLDER}/{path}", path=_file_of(test_id), place=place)


def _defect(path: str, data: bytes | None) -> str:
    """Return the defect of a blob, "" if it is sound or does not exist."""
    blob = BlobName.from_path(path)
    if data is not None and (blob is None or path != blob.path):
        return "it has no blob's name, or lies in another folder than its name says"
    is_sound = data is None or blob is None or blob.fits(data)
    return "" if is_sound else "its bytes do not fit its name"


def _manifests_that_lose_blobs(repository: Repository, commits: CommitRange) -> list[str]:
    """Return the manifests of the tip that name a blob which the commits remove: Git greps many times faster than we do."""
    removed = [
        blob
        for base in commits.bases
        for path in repository.changed_store_files([commits.tip], base, "blobs")
        if (blob := BlobName.from_path(path)) is not None
    ]
    if not removed:
        return []
    wanted = b"".join(f"{blob.key} {blob.digest}\n".encode() for blob in removed)
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
        for path, oid in repository.changed_store_files([commits.tip], base, "tests").items():
            with suppress(RecstoreError):
                files.add(_file_of(parse_manifest(repository.objects.read(oid), path).test_id))

    def is_in_inner_project(file: str) -> bool:
        folders = [str(folder) for folder in PurePosixPath(file).parents][:-1]
        stores = (f"{prefix}{folder}/{FOLDER}" for folder in folders)
        return any(repository.objects.lookup(commits.tip, store) is not None for store in stores)

    return sorted(file for file in files if file and not is_in_inner_project(file))


def _file_of(test_id: str | None) -> str:
    return test_id.partition("::")[0] if test_id and "::" in test_id else ""

"""What is missing: of the whole project at one place, or of what a push is about to send.

For a push only what it changes is read: manifests that are new or other, manifests that name a blob which the push
takes away, test files that are new or other. The cost is that of the difference, not of the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from recstore.check.blob_damage import damage_in_files, damage_in_objects, staged_blobs, work_tree_blobs
from recstore.check.findings import IGNORED, Finding, unusable_manifest
from recstore.check.pushes import Span
from recstore.errors import Damage, ManifestConflict, RecstoreError, SecretFound
from recstore.gc.test_scan import is_test_file, tests_using_recordings
from recstore.git.program import decode_path
from recstore.git.repository import Repository
from recstore.git.trees import CommitTree, IndexTree, Tree, WorkTree
from recstore.model import BlobName, Manifest
from recstore.secrets import Secret, SecretScan, secrets_in_blob, secrets_in_text
from recstore.store import FOLDER, Store
from recstore.store.directory import TEMPORARY_PREFIX
from recstore.store.manifest import parse_manifest
from recstore.store.paths import MANIFEST_FOLDERS, manifest_path

OUTSIDE: Final = "(outside any test)"


@dataclass(slots=True)
class Checked:
    """What was looked at, and what was found; a blob that several tests share was looked at once."""

    findings: set[Finding] = field(default_factory=set)
    tests: int = 0
    blobs: set[BlobName] = field(default_factory=set)
    places: list[str] = field(default_factory=list)

    @property
    def missing(self) -> set[BlobName]:
        """The blobs that are named and not there."""
        names = (BlobName.parse(finding.subject) for finding in self.findings if finding.kind == "missing")
        return {name for name in names if name is not None}

    def add_damage(self, paths: Iterable[str], damage: Iterable[Finding]) -> None:
        """Add the blobs whose bytes were looked at, and what is wrong with them."""
        self.blobs.update(name for path in paths if (name := BlobName.from_path(path)) is not None)
        self.findings.update(damage)


def check_view(view: Tree, patterns: tuple[str, ...]) -> Checked:
    """Return what is wrong with all manifests and tests at one place; `patterns` say which tests ask for recordings.

    In the work tree and the index the bytes of those blobs are looked at that HEAD has not, or not so; in a commit none.

    Raises: GitError: something of it cannot be read. NewerVersion: of a manifest.
    """
    checked = Checked(places=[view.title])
    paths = list(view.manifest_paths())
    _check_manifests(view, paths, checked)
    _check_unrecorded(view, filter(is_test_file, view.python_files()), patterns, checked)
    if isinstance(view, IndexTree):
        blobs = staged_blobs(view.repository)
        checked.add_damage(blobs, damage_in_objects(view.repository, blobs, view.title))
    elif isinstance(view, WorkTree):
        paths = work_tree_blobs(view.repository)
        checked.add_damage(paths, damage_in_files(view.store, paths))
    return checked


def check_span(
    store: Store, repository: Repository, span: Span, patterns: tuple[str, ...], scan: SecretScan
) -> Checked:
    """Return what is wrong with what a span brings to its tip, and what of it was left in the work tree.

    Secrets are looked for in what it brings, and in nothing else.

    Raises: GitError, NewerVersion: as `check_view`.
    """
    view = CommitTree(repository, span.tip)
    checked = Checked(places=[f"{view.title} ({span.name})" if span.name else view.title])
    manifests = repository.changed_store_files(span.bases, span.tip, *MANIFEST_FOLDERS)
    repository.fetch(manifests.values())
    changed = set(manifests)
    changed.update(_naming(repository, span.tip, _removed_blobs(repository, span)))
    _check_manifests(view, sorted(changed), checked)
    tests = _check_secret_manifests(view, sorted(manifests), scan, checked)
    blobs = repository.changed_store_files(span.bases, span.tip, "blobs")
    checked.add_damage(blobs, damage_in_objects(repository, blobs, view.title))
    for path, oid in blobs.items():
        _check_secrets(view, (path, oid), tests, scan, checked)
    _check_unrecorded(view, _changed_tests(repository, span), patterns, checked)
    if span.tip == repository.head:
        _check_left_behind(store, view, checked)
    left = {finding.test.partition("[")[0] for finding in checked.findings if finding.kind == "uncommitted"}
    checked.findings -= {one for one in checked.findings if one.kind == "unrecorded" and one.test in left}
    return checked


# -- manifests and blobs


def _check_manifests(view: Tree, paths: Iterable[str], checked: Checked) -> None:
    for path in paths:
        manifest = _manifest(view, path, checked)
        if manifest is None:
            continue
        checked.tests += manifest.test_id is not None
        checked.blobs |= manifest.blobs
        test = manifest.test_id or OUTSIDE
        for blob in sorted(manifest.blobs):
            if not view.has(blob):
                checked.findings.add(Finding("missing", test, str(blob), "", _file_of(test), 0, view.title))


def _manifest(view: Tree, path: str, checked: Checked) -> Manifest | None:
    subject = f"{FOLDER}/{path}"
    data = view.read(path)
    if data is None:
        return None
    try:
        manifest = parse_manifest(data, subject)
    except (Damage, ManifestConflict) as error:
        checked.findings.add(unusable_manifest(subject, error, view.title))
        return None
    if manifest.test_id is not None and manifest_path(manifest.test_id) != path:
        reason = f"it is the manifest of {manifest.test_id}, whose place is {FOLDER}/{manifest_path(manifest.test_id)}"
        checked.findings.add(Finding("damage", manifest.test_id, subject, reason, subject, 0, view.title))
    return manifest


def _check_secret_manifests(view: Tree, paths: Iterable[str], scan: SecretScan, checked: Checked) -> dict[str, str]:
    """Find secrets in manifests, whose origins may hold headers; return blob's path -> a test that it is for."""
    tests: dict[str, str] = {}
    for path in paths:
        with suppress(RecstoreError):  # a finding of its own
            data = view.read(path) or b""
            manifest = parse_manifest(data, path)
            tests |= {blob.path: manifest.test_id or OUTSIDE for blob in manifest.blobs}
            _add_secrets(secrets_in_text(data, "its origin", scan), manifest.test_id or OUTSIDE, path, view, checked)
    return tests


def _check_secrets(
    view: CommitTree, blob: tuple[str, str], tests: dict[str, str], scan: SecretScan, checked: Checked
) -> None:
    path, oid = blob
    with suppress(RecstoreError):  # a finding of its own, or left with the remote by a partial clone
        found = secrets_in_blob(view.repository.objects.read(oid), path, scan)
        _add_secrets(found, tests.get(path, OUTSIDE), path, view, checked)


def _add_secrets(secrets: Iterable[Secret], test: str, path: str, view: Tree, checked: Checked) -> None:
    for one in secrets:
        subject = f"{FOLDER}/{path}: {one.kind}, {one.excerpt}, in {one.place} (digest {one.digest})"
        checked.findings.add(
            Finding("secret", test, subject, SecretFound.default_remedy, f"{FOLDER}/{path}", 0, view.title)
        )


def _removed_blobs(repository: Repository, span: Span) -> set[BlobName]:
    gone: set[BlobName] = set()
    for base in span.bases:
        for path in repository.changed_store_files([span.tip], base, "blobs"):
            if (name := BlobName.from_path(path)) is not None:
                gone.add(name)
    return gone


def _naming(repository: Repository, commit: str, blobs: set[BlobName]) -> list[str]:
    """Return the manifests of a commit that name one of `blobs`: Git looks through them, many times faster."""
    if not blobs:
        return []
    wanted = b"".join(f"{blob.key} {blob.digest}\n".encode() for blob in sorted(blobs))
    folders = [f"{repository.prefix}{folder}" for folder in MANIFEST_FOLDERS]
    options = ("--files-with-matches", "--fixed-strings", "--text", "--full-name", "-z")
    printed = repository.top.run("grep", *options, "-f", "-", commit, "--", *folders, data=wanted, accept=(0, 1))
    start = f"{commit}:{repository.prefix}".encode()
    return [decode_path(name.removeprefix(start)) for name in printed.split(b"\0") if name]


# -- tests


def _check_unrecorded(view: Tree, files: Iterable[str], patterns: tuple[str, ...], checked: Checked) -> None:
    for file in files:
        source = view.source(file)
        uses = list(tests_using_recordings(file, source, patterns)) if source is not None else []
        recorded = _recorded(view, file) if uses else set()
        for test in uses:
            if test.test_id not in recorded:
                remedy = "record it, or mark it as skipped"
                finding = Finding("unrecorded", test.test_id, "", remedy, file, test.line, view.title)
                checked.findings.add(finding)


def _recorded(view: Tree, file: str) -> set[str]:
    """Return the ids, without parameters, of the tests of a file that have a manifest."""
    folder = manifest_path(f"{file}::any").rpartition("/")[0]
    found: set[str] = set()
    for path in view.manifest_paths(folder):
        with suppress(RecstoreError):  # a finding of its own
            test_id = parse_manifest(view.read(path) or b"", path).test_id
            found.add((test_id or "").partition("[")[0])
    return found


def _changed_tests(repository: Repository, span: Span) -> list[str]:
    """Return the test files, from the project's folder, that the span changes or takes a manifest from."""
    prefix = repository.layout.project_prefix
    changed = repository.objects.changed_files(span.bases, span.tip, [prefix.rstrip("/")])
    files = {path[len(prefix) :] for path in changed if is_test_file(path)}
    for base in span.bases:
        gone = repository.changed_store_files([span.tip], base, "tests")
        for path, oid in gone.items():
            with suppress(RecstoreError):
                files.add(_file_of(parse_manifest(repository.objects.read(oid), path).test_id or ""))
    return sorted(file for file in files if file and not _is_inner(repository, span.tip, file))


def _is_inner(repository: Repository, commit: str, file: str) -> bool:
    """Return whether the file is in a project inside this one, with a store of its own."""
    start = repository.layout.project_prefix
    folders = [str(folder) for folder in PurePosixPath(file).parents][:-1]
    return any(repository.objects.lookup(commit, f"{start}{folder}/{FOLDER}") is not None for folder in folders)


# -- what was left behind

_STATES: Final = {"??": "the work tree alone", "!!": IGNORED}
"""Source: git-status(1), "Short Format"."""


def _check_left_behind(store: Store, view: CommitTree, checked: Checked) -> None:
    """Find tests that are pushed while the work tree has other recordings of them than the commit."""
    repository = view.repository
    folders = [f"{repository.prefix}{folder}" for folder in MANIFEST_FOLDERS]
    options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored")
    for line in repository.top.fields("status", *options, "--", *folders):
        state, path = line[:2], line[3:].removeprefix(repository.prefix)
        data = None if f"/{TEMPORARY_PREFIX}" in path else store.directory.read(path)
        if data is None or data == view.read(path):
            continue
        try:
            test_id = parse_manifest(data, f"{FOLDER}/{path}").test_id
        except RecstoreError:
            continue
        if test_id is None or view.source(_file_of(test_id)) is not None:
            where = _STATES.get(state, "the work tree, changed since")
            subject = f"{FOLDER}/{path}"
            checked.findings.add(
                Finding("uncommitted", test_id or OUTSIDE, subject, "", _file_of(test_id or ""), 0, where)
            )


def _file_of(test_id: str) -> str:
    return test_id.partition("::")[0] if "::" in test_id else ""

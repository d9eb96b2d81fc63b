"""Which manifests go or shrink: those of tests that are gone, and entries that no complete run had a use for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recstore.gc.definitions import Presence
from recstore.gc.plan import GcOptions, Unserved
from recstore.gc.renames import renames_of
from recstore.gc.survey import Survey
from recstore.gc.test_presence import TestFiles, TestName, Verdict, verdicts
from recstore.git.manifests import ManifestReader
from recstore.git.repository import Repository
from recstore.model import Manifest
from recstore.store import FOLDER, Store
from recstore.store.manifest import parse_manifest
from recstore.store.usage import read_run, unserved_entries


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A manifest without its unserved entries; with none left, it goes altogether."""

    manifest: Manifest
    unserved: Unserved


@dataclass(frozen=True, slots=True)
class Judgement:
    """Path -> why a manifest goes, in the work tree and in the index; path -> what is left of one that shrinks."""

    gone: Mapping[str, str]
    gone_staged: Mapping[str, str]
    shrunk: Mapping[str, Shrunk]
    offers: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def judge(store: Store, repository: Repository, seen: Survey, reader: ManifestReader, options: GcOptions) -> Judgement:
    """Return which of the manifests that were seen go, and which shrink.

    With `is_staged` the index decides about what is in the index, and a manifest leaves the work tree only
    if the test is gone from there as well: an edit that is not part of the commit keeps its recordings.

    Raises: GitError: the index, or history, cannot be read. ManifestConflict and the like: one in the index.
    """
    here = {path: file.facts.test_id for path, file in seen.manifests.items() if file.facts.test_id is not None}
    if options.is_staged:
        staged = _staged_ids(seen, reader)
        staged |= _left_behind(repository, {path: here[path] for path in here.keys() - staged.keys()})
        found, offers = _judged(repository, staged, is_staged=True)
        gone_staged = _reasons(found, staged, offers)
        here = {path: test_id for path, test_id in here.items() if path in gone_staged}
        gone = _reasons(_judged(repository, here, is_staged=False)[0], here, offers)
    else:
        found, offers = _judged(repository, here, is_staged=False)
        gone, gone_staged = _reasons(found, here, offers), {}
    notes = tuple(sorted({verdict.reason for verdict in found.values() if verdict.presence is Presence.UNKNOWN}))
    return Judgement(gone, gone_staged, _shrunk(store, seen, gone), offers, notes)


def _staged_ids(seen: Survey, reader: ManifestReader) -> dict[str, str]:
    found = {}
    for path, oid in seen.staged().items():
        if path.startswith("tests/"):
            test_id = reader.of_object(oid, f"Git's index, {FOLDER}/{path}").test_id
            if test_id is not None:
                found[path] = test_id
    return found


def _left_behind(repository: Repository, here: Mapping[str, str]) -> dict[str, str]:
    """Return those manifests of the work tree alone that HEAD has: a run that was stopped has taken them out of the index."""
    head = repository.head if here else None
    committed = repository.store_files(head, "tests") if head else {}
    return {path: test_id for path, test_id in here.items() if path in committed}


def _judged(
    repository: Repository, test_ids: Mapping[str, str], *, is_staged: bool
) -> tuple[Mapping[str, Verdict], tuple[tuple[str, str], ...]]:
    wanted = set(test_ids.values())
    paths = frozenset(name.file for test_id in wanted if (name := TestName.of(test_id)) is not None)
    files = TestFiles(repository, paths, is_staged)
    found = verdicts(files, sorted(wanted))
    gone = [test_id for test_id, verdict in found.items() if verdict.presence is Presence.GONE]
    return found, tuple((offer.old, offer.new) for offer in renames_of(files, gone, wanted)) if gone else ()


def _reasons(
    found: Mapping[str, Verdict], test_ids: Mapping[str, str], offers: Iterable[tuple[str, str]]
) -> dict[str, str]:
    offered = {old for old, _ in offers}
    return {
        path: found[test_id].reason
        for path, test_id in test_ids.items()
        if found[test_id].presence is Presence.GONE and not _is_offered(test_id, offered)
    }


def _is_offered(test_id: str, offered: set[str]) -> bool:
    name = TestName.of(test_id)
    return name is not None and (name.file in offered or str(name) in offered)


def _shrunk(store: Store, seen: Survey, gone: Mapping[str, str]) -> dict[str, Shrunk]:
    found = {}
    files = {file.facts.test_id.partition("::")[0] for file in seen.manifests.values() if file.facts.test_id}
    runs = {file: run for file in files if (run := read_run(store.directory, file)) is not None}
    for path, file in seen.manifests.items() if runs else ():
        run = runs.get((file.facts.test_id or "").partition("::")[0])
        if run is None or path in gone:
            continue
        manifest = parse_manifest(file.data, f"{FOLDER}/{path}")
        unserved = set(unserved_entries(manifest, file.data, run))
        if unserved:
            left = tuple(entry for entry in manifest.entries if entry not in unserved)
            said = Unserved(manifest.test_id or "", len(manifest.entries) - len(left), len(manifest.entries))
            found[path] = Shrunk(Manifest(manifest.test_id, left), said)
    return found

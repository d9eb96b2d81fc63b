"""Check every byte of a store: names against contents, requests against keys, manifests against blobs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Final

import orjson

from recstore.content.canonical import request_key
from recstore.content.json_text import compact_text
from recstore.errors import Damage, DamagedBlob, NotInStore, RecstoreError
from recstore.files import map_in_processes
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER, Store
from recstore.store.blob import decode_recording
from recstore.store.directory import TEMPORARY_PREFIX, Directory
from recstore.store.fingerprints import Fingerprint, Snapshot, compare
from recstore.store.manifest import MANIFEST_FOLDERS
from recstore.store.store import STORE_FILES


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked and what is wrong; `unreferenced` blobs are sound, but no manifest names them.

    `not_read` blobs are only counted: they were sound at `since` or later, and nobody has written them.
    `modified_scaffold` are the files that explain the store and are not as this recstore writes them.

    Units: `bytes` of all blob files; `since` seconds since 1970.
    """

    blobs: int
    bytes: int
    manifests: int
    entries: int
    problems: tuple[RecstoreError, ...]
    damaged_files: tuple[str, ...]
    missing_files: tuple[str, ...]
    unreferenced: tuple[BlobName, ...]
    temporary_files: tuple[str, ...]
    not_read: int = 0
    since: int = 0
    modified_scaffold: tuple[str, ...] = ()


QUARANTINE: Final = "quarantine"
"""The folder of damaged files below the local folder of the repository."""

_SNAPSHOT: Final = "verified.json"
_SNAPSHOT_VERSION: Final = 2

Progress = Callable[[int, int], None]
"""Called with the number of blobs done, and of all blobs."""


def verify_store(
    store: Store, workers: int = 1, progress: Progress | None = None, *, is_fast: bool = False
) -> VerifyReport:
    """Read and check every blob and every manifest, and return what is wrong.

    `is_fast`: a blob that was sound when it was last read, and that nobody has written since, is not read again.

    After: the local folder has the fingerprints of the sound blobs. Nothing else is changed.
    """
    started_s = int(time.time())
    known = Snapshot.load(store.local, _SNAPSHOT, _SNAPSHOT_VERSION) if is_fast else Snapshot()
    blobs, temporary_files, special_files = _files(store)
    unread = [*compare(known.files, blobs)[0]]
    problems: list[RecstoreError] = [_not_a_file(name) for name in special_files]
    damaged = list(special_files)
    job = _BlobCheck(store.directory.root)
    sizes_bytes = [blobs[name].size_bytes for name in unread]
    for done, (name, problem) in enumerate(map_in_processes(job.check_batch, unread, sizes_bytes, workers), start=1):
        if problem is not None:
            problems.append(problem)
            if isinstance(problem, Damage):
                damaged.append(name)
        if progress is not None:
            progress(done, len(unread))
    manifests = _readable_manifests(store, problems, damaged)
    present = {blob for name in blobs if (blob := BlobName.from_path(name)) is not None and blob.path == name}
    named = {entry.blob for manifest in manifests for entry in manifest.entries}
    missing = [blob for blob in sorted(named - present) if not os.path.lexists(store.directory.path(blob.path))]
    problems += [_missing(blob, manifests) for blob in missing]
    not_read = len(blobs) - len(unread)
    since = known.note.get("since") if not_read else started_s
    sound = {name: blobs[name] for name in blobs.keys() - set(damaged) if blobs[name].is_settled(time.time_ns())}
    with suppress(RecstoreError):  # a store that can only be read is verified all the same
        Snapshot(sound, {"since": since}).save(store.local, _SNAPSHOT, _SNAPSHOT_VERSION)
    return VerifyReport(
        blobs=len(blobs),
        bytes=sum(blob.size_bytes for blob in blobs.values()),
        manifests=len(manifests),
        entries=sum(len(manifest.entries) for manifest in manifests),
        problems=tuple(problems),
        damaged_files=tuple(damaged),
        missing_files=tuple(blob.path for blob in missing),
        unreferenced=tuple(sorted(present - named)),
        temporary_files=tuple(temporary_files),
        not_read=not_read,
        since=since if isinstance(since, int) else 0,
        modified_scaffold=tuple(name for name, data in STORE_FILES.items() if store.directory.read(name) != data),
    )


def quarantine(store: Store, names: Iterable[str]) -> tuple[Path, ...]:
    """Move the files `names` out of the store, into quarantine, and return where they are now.

    After: nothing is overwritten. If a name is taken, a numeric suffix is added.

    Raises: Locked: another process is writing to the store. RecstoreError: a file cannot be moved.
    """
    moved = []
    with store.locked():
        for name in names:
            target = _free_name(store.common, name)
            store.directory.move(name, store.common, target)
            moved.append(store.common.path(target))
    return tuple(moved)


def back_up(store: Store, names: Iterable[str]) -> tuple[Path, ...]:
    """Put copies of the files `names` into quarantine, for others to take their places; return where."""
    copies = []
    for name in names:
        data = store.directory.read(name)
        if data is not None:
            target = _free_name(store.common, name)
            store.common.write(target, data)
            copies.append(store.common.path(target))
    store.common.flush()
    return tuple(copies)


@dataclass(frozen=True, slots=True)
class _BlobCheck:
    """What a worker process needs to check blobs."""

    root: Path

    def check_batch(self, names: list[str]) -> list[tuple[str, RecstoreError | None]]:
        directory = Directory(self.root)
        return [(name, problem_of_blob(directory, name)) for name in names]


def problem_of_blob(directory: Directory, name: str) -> RecstoreError | None:
    """Return what is wrong with the file `name` below `blobs/`; None where it is sound, or gone."""
    subject = f"{FOLDER}/{name}"
    blob = BlobName.from_path(name)
    if blob is None or blob.path != name:
        return DamagedBlob(subject, "does not have a blob's name, or is in the wrong folder")
    try:
        data = directory.read(name)
        defect = _defect(data, blob, subject) if data is not None else ""  # gone meanwhile is not damaged
    except RecstoreError as error:
        return error
    except (ValueError, TypeError) as error:
        defect = f"holds what no body can: {error}"
    return DamagedBlob(subject, defect) if defect else None


def _defect(data: bytes, blob: BlobName, subject: str) -> str:
    if not blob.fits(data):
        return "its bytes do not fit its name"
    recording = decode_recording(data, subject)
    if request_key(recording.request) != blob.key:
        return "the request in it is not the one its name says"
    if compact_text(orjson.loads(data)) != data.replace(b"\n", b""):
        return "is not written as a blob is: what is in it cannot be read without loss"
    return ""


def _files(store: Store) -> tuple[dict[str, Fingerprint], list[str], list[str]]:
    """Return the files that should be blobs, the names of temporary files, and those of links, devices and the like."""
    blobs: dict[str, Fingerprint] = {}
    temporary_files = []
    special_files = []
    for folder in ("blobs", *MANIFEST_FOLDERS):
        for file in store.directory.walk(folder, include_special=True):
            name = store.directory.name_of(file)
            if not file.is_file(follow_symlinks=False):
                special_files.append(name)
            elif file.name.startswith(TEMPORARY_PREFIX):
                temporary_files.append(name)
            elif folder == "blobs":
                with suppress(FileNotFoundError):  # removed since the folder was listed
                    blobs[name] = Fingerprint.of(file.stat(follow_symlinks=False))
    return blobs, temporary_files, special_files


def _not_a_file(name: str) -> Damage:
    reason = "is a link, a device or the like, which recstore does not follow"
    return Damage(f"{FOLDER}/{name}", reason, "Look who made it, and why; `recstore verify --repair` moves it away.")


def _readable_manifests(store: Store, problems: list[RecstoreError], damaged: list[str]) -> list[Manifest]:
    manifests = []
    for path in store.manifest_paths():
        try:
            manifests.append(store.read_manifest(path))
        except NotInStore:
            continue  # removed since the folder was listed
        except RecstoreError as error:
            problems.append(error)
            if isinstance(error, Damage):
                damaged.append(path)
    return manifests


def _missing(blob: BlobName, manifests: list[Manifest]) -> NotInStore:
    tests = sorted(
        {manifest.test_id or "shared" for manifest in manifests for entry in manifest.entries if entry.blob == blob}
    )
    others = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
    return NotInStore(
        f"{FOLDER}/{blob.path}",
        f"the blob is missing; {tests[0]}{others} names it",
        "`recstore restore` brings back what Git has anywhere; or record the test again.",
    )


def _free_name(common: Directory, name: str) -> str:
    first = f"{QUARANTINE}/{Path(name).name}"
    names = chain([first], (f"{first}.{number}" for number in count(2)))
    return next(free for free in names if not os.path.lexists(common.path(free)))

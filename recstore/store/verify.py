"""Check every byte of a store: names against contents, requests against keys, manifests against blobs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from recstore.content.canonical import request_key
from recstore.content.json_text import compact_text
from recstore.errors import Damage, DamagedBlob, NotInStore, RecstoreError
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER, Store
from recstore.store.codec import decode_recording
from recstore.store.dir_cache import Stamp, stamp_of
from recstore.store.directory import TEMPORARY_PREFIX, Directory
from recstore.store.parallel import in_batches
from recstore.store.scaffold import FURNITURE
from recstore.store.verified import Verified


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked and what is wrong; `unnamed` blobs are sound, but no manifest names them.

    `trusted` of the blobs were not read: they were sound at `since` (s since 1970) or later, and nobody has written them.
    `edited` files explain the store, and are not as this recstore writes them.
    """

    blobs: int
    bytes: int
    manifests: int
    entries: int
    problems: tuple[RecstoreError, ...]
    damaged_files: tuple[str, ...]
    missing_files: tuple[str, ...]
    unnamed: tuple[BlobName, ...]
    leftovers: tuple[str, ...]
    trusted: int = 0
    since: int = 0
    edited: tuple[str, ...] = ()


Progress = Callable[[int, int], None]
"""Called with the number of blobs done, and of all blobs."""


def verify_store(
    store: Store, workers: int = 1, progress: Progress | None = None, known: Verified | None = None
) -> VerifyReport:
    """Read and check every blob and every manifest, and return what was found; no blob that is `known` is read again.

    After: what was found to be sound is noted in the local folder. Nothing else is changed.
    """
    started_s, known = int(time.time()), known or Verified()
    stamps, leftovers, odd = _files(store)
    names = [name for name, stamp in stamps.items() if not known.trusts(name, stamp)]
    problems: list[RecstoreError] = [_odd(name) for name in odd]
    damaged = list(odd)
    job = _BlobCheck(store.directory.root)
    sizes_bytes = [stamps[name][2] for name in names]
    for done, (name, problem) in enumerate(in_batches(job.check_batch, names, sizes_bytes, workers), start=1):
        if problem is not None:
            problems.append(problem)
            if isinstance(problem, Damage):
                damaged.append(name)
        if progress is not None:
            progress(done, len(names))
    manifests = _readable_manifests(store, problems, damaged)
    present = {blob for name in stamps if (blob := BlobName.from_path(name)) is not None and blob.path == name}
    named = {entry.blob for manifest in manifests for entry in manifest.entries}
    absent = [blob for blob in named - present if not os.path.lexists(store.directory.path(blob.path))]  # or just come
    problems += [_missing(blob, manifests) for blob in sorted(absent)]
    trusted = len(stamps) - len(names)
    since = known.since if trusted else started_s
    _note(store, Verified({name: stamps[name] for name in stamps.keys() - set(damaged)}, since))
    return VerifyReport(
        blobs=len(stamps),
        bytes=sum(size_bytes for _, _, size_bytes in stamps.values()),
        manifests=len(manifests),
        entries=sum(len(manifest.entries) for manifest in manifests),
        problems=tuple(problems),
        damaged_files=tuple(damaged),
        missing_files=tuple(blob.path for blob in sorted(absent)),
        unnamed=tuple(sorted(present - named)),
        leftovers=tuple(leftovers),
        trusted=trusted,
        since=since,
        edited=tuple(name for name, data in FURNITURE.items() if store.directory.read(name) != data),
    )


def _note(store: Store, verified: Verified) -> None:
    with suppress(RecstoreError):  # a store that can only be read is verified all the same
        verified.save(store.directory)


def quarantine(store: Store, names: Iterable[str]) -> tuple[str, ...]:
    """Move the files `names` out of the way, into `local/quarantine`, and return where they are now.

    After: nothing is overwritten; a file of that name that is there already gets company with a number.
    """
    moved = []
    with store.directory.locked():
        for name in names:
            target = _free_name(store.directory, f"local/quarantine/{Path(name).name}")
            store.directory.move(name, target)
            moved.append(target)
    return tuple(moved)


def keep_aside(store: Store, names: Iterable[str]) -> tuple[str, ...]:
    """Put copies of the files `names` into `local/quarantine`, for something else to take their places; return where."""
    kept = []
    for name in names:
        data = store.directory.read(name)
        if data is not None:
            kept.append(_free_name(store.directory, f"local/quarantine/{Path(name).name}"))
            store.directory.write(kept[-1], data)
    store.directory.flush()
    return tuple(kept)


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
        return DamagedBlob(subject, "has no blob's name, or is in the wrong folder")
    try:
        data = directory.read(name)
        complaint = _complaint(data, blob, subject) if data is not None else ""  # gone meanwhile is not damaged
    except RecstoreError as error:
        return error
    except (ValueError, TypeError) as error:
        complaint = f"holds what no body can: {error}"
    return DamagedBlob(subject, complaint) if complaint else None


def _complaint(data: bytes, blob: BlobName, subject: str) -> str:
    if not blob.fits(data):
        return "its bytes do not fit its name"
    recording = decode_recording(data, subject)
    if request_key(recording.request) != blob.key:
        return "the request in it is not the one its name says"
    if compact_text(orjson.loads(data)) != data.replace(b"\n", b""):
        return "is not written as a blob is: what is in it cannot be read without loss"
    return ""


def _files(store: Store) -> tuple[dict[str, Stamp], list[str], list[str]]:
    """Return the names of what should be blobs, with their stamps, those of temporary files, and those of no files."""
    stamps: dict[str, Stamp] = {}
    leftovers = []
    odd = []
    for folder in ("blobs", "tests", "shared"):
        for file in store.directory.walk(folder, everything=True):
            name = store.directory.name_of(file)
            if not file.is_file(follow_symlinks=False):
                odd.append(name)
            elif file.name.startswith(TEMPORARY_PREFIX):
                leftovers.append(name)
            elif folder == "blobs":
                with suppress(FileNotFoundError):  # gone since it was listed
                    stamps[name] = stamp_of(file.stat(follow_symlinks=False))
    return stamps, leftovers, odd


def _odd(name: str) -> Damage:
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


def _free_name(directory: Directory, name: str) -> str:
    number, free = 1, name
    while directory.path(free).exists():
        number += 1
        free = f"{name}.{number}"
    return free

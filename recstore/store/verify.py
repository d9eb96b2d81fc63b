"""Check every byte of a store: names against contents, requests against keys, manifests against blobs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Final

import orjson

from recstore.content.canonical import request_key
from recstore.content.json_text import compact_text
from recstore.errors import Damage, DamagedBlob, NotInStore, RecstoreError
from recstore.files import map_in_processes
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.blob import decode_recording
from recstore.store.directory import TEMPORARY_PREFIX, Directory
from recstore.store.fingerprints import Fingerprint, compare, load_note, save_note
from recstore.store.manifest import MANIFEST_FOLDERS
from recstore.store.store import MISSING_BLOB_REMEDY, scaffold_files


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


_NOTE: Final = "verified.json"
_NOTE_VERSION: Final = 3


def verify_store(
    store: Store, workers: int = 1, progress: Callable[[int, int], None] | None = None, *, is_fast: bool = False
) -> VerifyReport:
    """Read and check every blob and every manifest, and return what is wrong.

    `progress` is called with the number of blobs done, and of all blobs. `is_fast`: a blob that was sound when it was
    last read, and that nobody has written since, is not read again.

    After: the local folder has the fingerprints of the sound blobs. Nothing else is changed.
    """
    started_s = int(time.time())
    known, known_since = last_verified(store) if is_fast else ({}, 0)
    blobs: dict[str, Fingerprint] = {}
    temporary_files = []
    problems: list[tuple[str, RecstoreError]] = []
    for folder in ("blobs", *MANIFEST_FOLDERS):
        for file in store.directory.walk(folder, include_special=True):
            name = store.directory.name_of(file)
            if not file.is_file(follow_symlinks=False):
                remedy = "Look who made it, and why; `recstore verify --repair` moves it away."
                reason = "is a link, a device or the like, which recstore does not follow"
                problems.append((name, Damage(f"{FOLDER}/{name}", reason, remedy)))
            elif file.name.startswith(TEMPORARY_PREFIX):
                temporary_files.append(name)
            elif folder == "blobs":
                with suppress(FileNotFoundError):  # removed since the folder was listed
                    blobs[name] = Fingerprint.of(file.stat(follow_symlinks=False))
    unread = [*compare(known, blobs)[0]]
    check = partial(_check_batch, store.directory.root)
    sizes_bytes = [blobs[name].size_bytes for name in unread]
    for done, (name, problem) in enumerate(map_in_processes(check, unread, sizes_bytes, workers), start=1):
        if problem is not None:
            problems.append((name, problem))
        if progress is not None:
            progress(done, len(unread))
    manifests = []
    for path in store.manifest_paths():
        try:
            manifests.append(store.read_manifest(path))
        except NotInStore:
            continue  # removed since the folder was listed
        except RecstoreError as error:
            problems.append((path, error))
    damaged = [name for name, problem in problems if isinstance(problem, Damage)]
    present = {blob for name in blobs if (blob := BlobName.from_path(name)) is not None and blob.path == name}
    users: dict[BlobName, set[str]] = {}
    for manifest in manifests:
        for blob in manifest.blobs:
            users.setdefault(blob, set()).add(manifest.test_id or "shared")
    missing = [b for b in sorted(users.keys() - present) if not os.path.lexists(store.directory.path(b.path))]
    for blob in missing:
        first, *others = sorted(users[blob])
        reason = f"the blob is missing; {first}{f' and {len(others)} more' if others else ''} names it"
        problems.append((blob.path, NotInStore(f"{FOLDER}/{blob.path}", reason, MISSING_BLOB_REMEDY)))
    not_read = len(blobs) - len(unread)
    since = known_since if not_read else started_s
    sound = {name: blobs[name] for name in blobs.keys() - set(damaged) if blobs[name].is_settled(time.time_ns())}
    with suppress(RecstoreError):  # a store that can only be read is verified all the same
        save_note(store.local, _NOTE, _NOTE_VERSION, since=since, files={name: [*sound[name]] for name in sound})
    return VerifyReport(
        blobs=len(blobs),
        bytes=sum(blob.size_bytes for blob in blobs.values()),
        manifests=len(manifests),
        entries=sum(len(manifest.entries) for manifest in manifests),
        problems=tuple(problem for _, problem in problems),
        damaged_files=tuple(damaged),
        missing_files=tuple(blob.path for blob in missing),
        unreferenced=tuple(sorted(present - users.keys())),
        temporary_files=tuple(temporary_files),
        not_read=not_read,
        since=since,
        modified_scaffold=tuple(name for name, data in scaffold_files().items() if store.directory.read(name) != data),
    )


def last_verified(store: Store) -> tuple[dict[str, Fingerprint], int]:
    """Return the fingerprints of the blobs that were sound, and since when nobody has read them all."""
    note = load_note(store.local, _NOTE, _NOTE_VERSION)
    try:
        return {str(name): Fingerprint(*map(int, row)) for name, row in note["files"].items()}, int(note["since"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}, 0


def _check_batch(root: Path, names: list[str]) -> list[tuple[str, RecstoreError | None]]:
    return [(name, problem_of_blob(Directory(root), name)) for name in names]


def problem_of_blob(directory: Directory, name: str) -> RecstoreError | None:
    """Return what is wrong with the file `name` below `blobs/`; None where it is sound, or gone."""
    subject, defect = f"{FOLDER}/{name}", ""
    blob = BlobName.from_path(name)
    if blob is None or blob.path != name:
        return DamagedBlob(subject, "does not have a blob's name, or is in the wrong folder")
    try:
        data = directory.read(name)
        if data is None:
            return None
        if not blob.fits(data):
            defect = "its bytes do not fit its name"
        elif request_key(decode_recording(data, subject).request) != blob.key:
            defect = "the request in it is not the one its name says"
        elif compact_text(orjson.loads(data)) != data.replace(b"\n", b""):
            defect = "is not written as a blob is: what is in it cannot be read without loss"
    except RecstoreError as error:
        return error
    except (ValueError, TypeError) as error:
        defect = f"holds what no body can: {error}"
    return DamagedBlob(subject, defect) if defect else None


def quarantine(store: Store, names: Iterable[str], *, is_copy: bool = False) -> tuple[Path, ...]:
    """Move the files `names` into quarantine, or copies of them, and return where they are now. The caller holds the lock.

    After: nothing is overwritten. If a name is taken, a numeric suffix is added.

    Raises: RecstoreError: a file cannot be moved or written.
    """
    paths = []
    for name in names:
        first = f"quarantine/{Path(name).name}"
        targets = chain([first], (f"{first}.{number}" for number in count(2)))
        target = next(target for target in targets if not os.path.lexists(store.common.path(target)))
        if not is_copy:
            store.directory.move(name, store.common, target)
        elif (data := store.directory.read(name)) is not None:
            store.common.write(target, data)
        else:
            continue  # there is nothing to lose
        paths.append(store.common.path(target))
    store.common.flush()
    return tuple(paths)

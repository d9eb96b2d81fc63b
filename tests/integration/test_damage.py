"""Damage of every kind: whatever bit flips, its file is named, and what it held is never served."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from recstore.errors import Damage, NewerVersion, RecstoreError
from recstore.model import Entry
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.generator import write_recordings
from tests.git_repository import GitRepository
from tests.integration.watch.watching import recstore

FLIPS = int(os.environ.get("RECSTORE_FLIPS", "40"))
"""Bits of each file that are tried; 0 means all of them, which takes an hour."""

LONG_AGO = 1_700_000_000


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a project with recordings of every shape, committed."""
    project = GitRepository.create(tmp_path / "project")
    write_recordings(project.folder, 12)
    assert 0 == recstore(project.folder, "import", "tests").returncode
    shutil.rmtree(project.folder / "tests")
    project.commit()
    return project


def answers(store: Store) -> dict[str, bytes]:
    """Return the bytes that each entry of the store leads to, or the name of its error."""
    found = {}
    for path in store.manifest_paths():
        for entry in store.read_manifest(path).entries:
            found[f"{path} {entry}"] = store.read_blob(entry.blob)
    return found


def flips(data: bytes, chance: random.Random) -> list[bytes]:
    """Return what becomes of `data` when one bit of it flips: for some bits, or for all."""
    bits = range(8 * len(data)) if not FLIPS else chance.sample(range(8 * len(data)), min(FLIPS, 8 * len(data)))
    return [data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :] for bit in bits]


def served(store: Store, entries: list[tuple[str | None, Entry]]) -> list[object]:
    """Return what replay gets of each entry: its recording, or None where it is refused."""
    found: list[object] = []
    for test_id, entry in entries:
        try:
            manifest = store.manifest(test_id) if test_id is not None else store.shared_manifest(entry.blob)
            assert manifest is not None
            found += [store.get(present) for present in manifest.entries if present == entry]
        except (Damage, NewerVersion):
            found.append(None)
    return found


def test_whatever_bit_flips_its_file_is_named_and_never_served(project: GitRepository) -> None:
    """In blobs and manifests, origins included: `verify` names the file, and replay gets what was recorded or nothing."""
    store = project.store
    manifests = [store.read_manifest(path) for path in store.manifest_paths()]
    entries = [(manifest.test_id, entry) for manifest in manifests for entry in manifest.entries]
    sound = served(store, entries)
    chance = random.Random(7)  # noqa: S311 - not for secrets
    for name in (*(blob.path for blob in store.blobs()), *store.manifest_paths()):
        path = store.directory.path(name)
        data = path.read_bytes()
        for damaged in flips(data, chance):
            path.write_bytes(damaged)
            named = [problem.subject for problem in verify_store(store).problems]

            assert any(name in subject for subject in named), (name, damaged)
            assert all(found in (None, good) for found, good in zip(served(store, entries), sound, strict=True))
        path.write_bytes(data)

    assert None not in sound
    assert sound == served(store, entries)


def test_check_names_what_is_damaged_in_what_is_committed(project: GitRepository) -> None:
    """Damage that was committed is found before it is pushed."""
    blob = project.store.directory.path(next(iter(project.store.blobs())).path)
    data = blob.read_bytes()
    blob.write_bytes(data.replace(b'"', b"'", 1))
    project.git("add", ".")
    project.commit()
    done = recstore(project.folder, "check", "--range", "HEAD~1..HEAD")

    assert 20 == done.returncode, done.stdout + done.stderr
    assert blob.name in done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["blobs", "manifests"])
def test_repair_puts_back_what_git_has(project: GitRepository, kind: str) -> None:
    """Damaged files come back from Git byte for byte; what was damaged is kept, and the next look finds nothing."""
    store = project.store
    names = [*(blob.path for blob in store.blobs())] if kind == "blobs" else [*store.manifest_paths()]
    before = {name: store.directory.path(name).read_bytes() for name in names[:4]}
    for number, name in enumerate(before):
        path = store.directory.path(name)
        path.write_bytes(b"x" * number + before[name][number * 7 :])
    store.directory.path(names[3]).unlink() if kind == "blobs" else None
    damaged = recstore(project.folder, "verify")
    done = recstore(project.folder, "verify", "--repair", "--json")
    assert 0 == done.returncode, done.stderr
    report = json.loads(done.stdout)

    assert 20 == damaged.returncode
    assert (0, []) == (done.returncode, report["problems"]), done.stderr
    assert before == {name: store.directory.path(name).read_bytes() for name in before}
    assert len(report["repaired"]) >= 3
    assert all(store.directory.path(name).exists() for name in report["quarantined"])
    assert 0 == recstore(project.folder, "verify").returncode
    assert "" == project.git("status", "--porcelain")


def test_repair_without_a_copy_keeps_what_there_is(project: GitRepository) -> None:
    """What Git never had: the blob is put out of the way, the manifest stays, and both are said to be wrong."""
    store = project.store
    write_recordings(project.folder / "more", 3)
    for file in (project.folder / "more").rglob("*.json"):
        file.write_bytes(
            file.read_bytes().replace(b'"model": "', b'"model": "new-').replace(b"::test_", b"::test_new_")
        )
    assert 0 == recstore(project.folder, "import", "more").returncode
    manifest = next(
        path for path in store.manifest_paths() if b'"path":"more' in store.directory.path(path).read_bytes()
    )
    entry = next(one for one in store.read_manifest(manifest).entries if str(one.origin["path"]).startswith("more"))
    text = store.directory.path(manifest).read_bytes()
    store.directory.path(manifest).write_bytes(text.replace(b'"path":"more', b'"path":"less'))
    store.directory.path(entry.blob.path).write_bytes(b"{}")
    done = recstore(project.folder, "verify", "--repair")

    assert 20 == done.returncode
    assert f"recstore/quarantine/{Path(entry.blob.path).name}" in done.stderr
    assert "does not fit the checksum at its end" in done.stderr
    assert text.replace(b'"path":"more', b'"path":"less') == store.directory.path(manifest).read_bytes()


def test_fast_reads_what_was_written_since_and_says_what_it_did_not_read(project: GitRepository) -> None:
    """A blob that was sound and has not been written since is trusted; one that was written is not."""
    store = project.store
    blobs = [store.directory.path(blob.path) for blob in store.blobs()]
    for path in blobs:
        os.utime(path, (LONG_AGO, LONG_AGO))
    first = json.loads(recstore(project.folder, "verify", "--fast", "--json").stdout)
    second = recstore(project.folder, "verify", "--fast")
    blobs[0].write_bytes(blobs[0].read_bytes() + b" ")
    third = recstore(project.folder, "verify", "--fast", "--json")

    assert 0 == first["not_read"]
    assert f"{len(blobs)} blobs were not read: sound on " in second.stdout
    assert 20 == third.returncode
    assert len(blobs) - 1 == json.loads(third.stdout)["not_read"]


def test_fast_never_trusts_what_was_damaged(project: GitRepository) -> None:
    """What was wrong when it was read is read again, though nobody wrote it."""
    blob = project.store.directory.path(next(iter(project.store.blobs())).path)
    blob.write_bytes(blob.read_bytes() + b" ")
    os.utime(blob, (LONG_AGO, LONG_AGO))
    codes = [recstore(project.folder, "verify", *arguments).returncode for arguments in ((), ("--fast",), ("--fast",))]

    assert [20, 20, 20] == codes


def test_what_explains_a_store_is_looked_at_too(project: GitRepository) -> None:
    """An attribute that somebody changed is named; it is no damage of a recording."""
    attributes = project.folder / ".recstore/.gitattributes"
    attributes.write_text("")
    done = recstore(project.folder, "verify")

    assert 0 == done.returncode
    assert ".recstore/.gitattributes is not as this recstore writes it" in done.stdout


def test_a_store_of_a_newer_version_is_refused(project: GitRepository) -> None:
    """Its files are not called damaged, and are not repaired."""
    manifest = project.store.directory.path(next(project.store.manifest_paths()))
    manifest.write_bytes(manifest.read_bytes().replace(b"recstore 1\n", b"recstore 2\n"))
    done = recstore(project.folder, "verify", "--repair")

    assert 21 == done.returncode
    assert "pip install --upgrade recstore" in done.stderr
    with pytest.raises(RecstoreError, match="format 2"):
        answers(project.store)

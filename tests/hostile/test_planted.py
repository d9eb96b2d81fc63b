"""What a pull request may plant in a store beside recordings: it is not believed, and nothing outside is touched by it."""

from __future__ import annotations

import os
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from recstore.adapters.vcr_yaml import NotYamlError, load
from recstore.errors import DamagedManifest, RecstoreError, UsageError
from recstore.git import Repository
from recstore.git.repairing import repair
from recstore.model import Entry, Json, Manifest, RawBody, Recording, Request, Response
from recstore.settings import load_settings
from recstore.store import FOLDER, Store
from recstore.store.directory import Directory
from recstore.store.listing import Listing
from recstore.store.names import blob_path, manifest_path
from recstore.store.verify import verify_store
from tests.generator import write_recordings
from tests.git_repository import GitRepository, recording
from tests.integration.watch.watching import recstore

TEST = "tests/test_a.py::test_a"
MAGIC = bytes.fromhex("d9d505f920a163d7")


def journal(victim: Path) -> bytes:
    """Return a rollback journal after which SQLite deletes a file, as the last page of its format's description has it."""
    page_bytes, sector_bytes = 4096, 512
    header = (MAGIC + struct.pack(">IIIII", 0, 0x1234, 2, sector_bytes, page_bytes)).ljust(sector_bytes, b"\0")
    name = str(victim).encode()
    check = sum(byte - 256 if byte > 127 else byte for byte in name) & 0xFFFFFFFF
    locking_page = 0x40000000 // page_bytes + 1
    return header + struct.pack(">I", locking_page) + name + struct.pack(">II", len(name), check) + MAGIC


def database(place: Path) -> None:
    """Put a sound database in the place of whatever is there."""
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (x)")


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository whose store has a recording of one test."""
    made = GitRepository.create(tmp_path / "project")
    made.store.put(TEST, [recording("ours")])
    made.test_file("tests/test_a.py", "test_a")
    made.commit()
    return made


def test_the_journal_does_what_it_is_feared_for(tmp_path: Path) -> None:
    """SQLite by itself deletes the file: the tests below would not notice a journal that is none."""
    victim = tmp_path / "victim"
    victim.write_text("a file\n")
    database(tmp_path / "local/one")
    (tmp_path / "local/one-journal").write_bytes(journal(victim))
    with closing(sqlite3.connect(tmp_path / "local/one")) as connection:
        connection.execute("SELECT * FROM t").fetchall()

    assert not victim.exists()


@pytest.mark.parametrize(("name", "words", "code"), [("index.sqlite", "ls", 0), ("lock", "gc", 1)])
def test_a_journal_deletes_no_file(project: GitRepository, name: str, words: str, code: int) -> None:
    """A journal beside the index or the lock that names a file for SQLite to delete: that file stays."""
    victim = project.folder / "notes.txt"
    victim.write_text("the user's own\n")
    place = project.folder / FOLDER / "local" / name
    database(place)
    place.with_name(f"{name}-journal").write_bytes(journal(victim))
    done = recstore(project.folder, words)

    assert victim.exists()
    assert code == done.returncode, done.stderr
    assert TEST in done.stdout if code == 0 else f"local/{name}-journal" in done.stderr


def test_rows_of_a_planted_index_are_not_believed(project: GitRepository) -> None:
    """Entries that stand in it for a manifest that it does not list as read are not that manifest's."""
    store = project.store
    [honest] = [entry.blob for manifest in store.manifests() for entry in manifest.entries]
    other = store.put("tests/test_b.py::test_b", [recording("a lie", "ours")]).entries[0].blob
    assert 2 == len(list(store.index.entries_of(honest.key)))
    with closing(sqlite3.connect(project.folder / FOLDER / "local/index.sqlite", isolation_level=None)) as connection:
        path = manifest_path(TEST)
        connection.execute("DELETE FROM manifest WHERE path = ?", (path,))
        connection.execute("UPDATE entry SET n = 0, digest = ? WHERE manifest = ?", (other.digest, path))
    found = [(entry.n, entry.blob.digest) for entry in Store.open(project.folder).index.entries_of(honest.key)]

    assert sorted([(1, honest.digest), (1, other.digest)]) == sorted(found)


@pytest.mark.parametrize(
    "path", [".git/commondir", ".GIT/config", "git~1/hooks/x", ".git./config", "a/.git/x", ".recstore/x"]
)
def test_nothing_is_exported_into_git_or_a_store(project: GitRepository, path: str) -> None:
    """A manifest's origin may name any path: those that Git or recstore would obey are refused."""
    store = project.store
    blob = store.put_blob(Recording(Request("GET", "a", "/"), Response(body=RawBody(b"../evil\n"))))
    origin: dict[str, Json] = {"format": "llama-stack", "path": path, "form": "verbatim"}
    store.publish([Manifest("tests/test_b.py::test_b", (Entry(blob, 1, is_union=False, origin=origin),))])
    done = recstore(project.folder, "export", ".")

    assert not (project.folder / path).exists()
    assert DamagedManifest.exit_code == done.returncode, done.stderr
    assert path in done.stderr


def test_a_link_that_comes_later_is_not_followed(tmp_path: Path) -> None:
    """A folder that was written to becomes a link, by a change of branches say: nothing is written behind it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    directory = Directory(tmp_path / "store")
    directory.write("tests/a/x", b"1")
    directory.flush()
    directory.remove("tests/a/x")
    directory.write("tests/b", b"2")
    (tmp_path / "store/tests/a").symlink_to(outside)

    with pytest.raises(RecstoreError, match="is a link"):
        directory.write("tests/a/x", b"3")
    assert [] == list(outside.iterdir())


@pytest.mark.parametrize("top", ["tests", "shared"])
def test_a_folder_behind_a_link_is_not_listed(tmp_path: Path, top: str) -> None:
    """Neither its files nor its folders."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("theirs\n")
    root = Store.create(tmp_path / "project").directory.root
    (root / top).symlink_to(outside)

    for look in (Listing.stamps, Listing.state):
        with pytest.raises(RecstoreError, match="is a link"):
            list(look(Listing(root, top)))


def test_a_store_behind_a_link_is_none(tmp_path: Path) -> None:
    """`.recstore` as a link to another project's is not opened, and not filled by `init`."""
    Store.create(tmp_path / "other")
    for name, target in (("a", tmp_path / "other/.recstore"), ("b", tmp_path / "empty")):
        target.mkdir(exist_ok=True)
        (tmp_path / name).mkdir()
        (tmp_path / name / FOLDER).symlink_to(target)

    with pytest.raises(RecstoreError, match="no store"):
        Store.open(tmp_path / "a")
    with pytest.raises(RecstoreError, match="is a link"):
        Store.create(tmp_path / "b")
    assert [] == list((tmp_path / "empty").iterdir())


def test_repair_leaves_alone_what_was_mended_meanwhile(project: GitRepository) -> None:
    """Its report is old by then: another process has recorded the test anew, and put a blob back."""
    store = project.store
    manifest = store.directory.path(next(iter(store.manifest_paths())))
    [blob] = [entry.blob for one in store.manifests() for entry in one.entries]
    bytes_of_blob = store.directory.path(blob_path(blob)).read_bytes()
    manifest.write_bytes(manifest.read_bytes()[:-9] + b"deadbeef\n")
    store.directory.path(blob_path(blob)).write_bytes(b"x")
    report = verify_store(store)
    manifest.unlink()
    store.directory.path(blob_path(blob)).write_bytes(bytes_of_blob)
    new = store.put(TEST, [recording("new")])
    with Repository.open(project.folder / FOLDER, os.environ) as repository:
        done = repair(store, repository, report.damaged_files, report.missing_files)

    assert 2 == len(report.damaged_files)
    assert () == done.quarantined
    assert new == store.manifest(TEST)
    assert bytes_of_blob == store.directory.path(blob_path(blob)).read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        b"1" + b":1" * 200_000,
        b"1" + b":1" * 400 + b".5",
        b"!!float '1e999999999999'",
        b"!!int '0b'",
        b"0x" + b"f" * 100_000,
    ],
)
def test_numbers_without_end_are_refused_at_once(text: bytes) -> None:
    """A cassette's number to the base 60 takes quadratic time in PyYAML, and may not fit a float."""
    started_s = time.monotonic()
    try:
        load(b"a: " + text + b"\n")
    except NotYamlError as error:
        assert len(str(error)) < 200  # noqa: PT017 - a line; some of these are numbers after all
    assert time.monotonic() - started_s < 2


@pytest.mark.parametrize(
    "row", [["/x/a.json", "a", 1, 2, 3], [7, 0, 1, 2, 3], ["/x/\0", 0, 1, 2, 3], ["/x/a.json", 0], [None] * 5, "row"]
)
def test_a_planted_note_of_a_watcher_is_none(tmp_path: Path, row: object) -> None:
    """Rows that no watcher writes: everything is read anew."""
    Store.create(tmp_path)
    write_recordings(tmp_path, 3)
    assert 0 == recstore(tmp_path, "watch", "--once", "tests").returncode
    note = tmp_path / FOLDER / "local/watch.json"
    _, _, rest = note.read_bytes().partition(b"\n")
    note.write_bytes(orjson.dumps([row]) + b"\n" + rest)
    done = recstore(tmp_path, "watch", "--once", "--mirror", "tests")

    assert 0 == done.returncode, done.stderr
    assert 3 == len(list(Store.open(tmp_path).blobs()))


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(300 << 20)


@pytest.mark.skipif(os.name == "nt", reason="there are no such files there")
@pytest.mark.parametrize("make", [_pipe, _device, _huge])
def test_a_configuration_without_end_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe, a device, a file larger than any: named, and not read."""
    make(tmp_path / "recstore.toml")

    with pytest.raises(UsageError, match=r"recstore\.toml"):
        load_settings(tmp_path, {})

"""An index that came with a repository: what it says of manifests and blobs is not believed."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from recstore.store import Store
from recstore.store.directory import Directory
from recstore.store.index import Index
from recstore.store.index_database import INDEX_NAME
from recstore.store.paths import manifest_path
from tests.git_repository import recording

A, B = "tests/test_a.py::test_a", "tests/test_b.py::test_b"
FALSE: Final = {
    "facts": "UPDATE blob SET method = 'FAKE', upstream = 'evil', model = 'evil', status = 500",
    "types": "UPDATE blob SET size_bytes = 'large', status = x'00ff'",
    "sizes": "UPDATE blob SET size_bytes = 9223372036854775807",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with two tests, and an index."""
    made = Store.create(tmp_path / "project")
    made.put(A, [recording("honest")])
    made.put(B, [recording("another")])
    made.index.refresh()
    return made


def answers(index: Index) -> list[object]:
    """Return what `ls` and `stats` are made of."""
    return [list(index.listing()), list(index.blob_rows())]


def copied(path: Path) -> None:
    """Have another file in its place with the same bytes, as a checkout does."""
    shutil.copyfile(path, f"{path}.new")
    os.replace(f"{path}.new", path)


@pytest.mark.parametrize("statement", FALSE.values(), ids=FALSE)
def test_what_a_committed_index_says_of_blobs_is_not_believed(store: Store, statement: str) -> None:
    """Its rows name blobs that are there, which nobody would read again."""
    expected, path = answers(store.index), store.directory.path(INDEX_NAME)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    copied(path)

    assert expected == answers(Index(Store(Directory(store.directory.root))))


def test_a_store_that_was_copied_has_its_index_made_anew(store: Store, tmp_path: Path) -> None:
    """With the same answers, and the next question finds it to be its own."""
    expected = answers(store.index)
    shutil.copytree(tmp_path / "project", tmp_path / "copy")
    copy = Store.open(tmp_path / "copy")
    path = copy.directory.path(INDEX_NAME)
    before = path.stat().st_ino
    found, made = answers(copy.index), path.stat().st_ino

    assert expected == found == answers(copy.index)
    assert before != made == path.stat().st_ino


def test_an_index_is_its_own_however_often_it_is_asked(store: Store) -> None:
    """It is not made anew."""
    path = store.directory.path(INDEX_NAME)
    before = path.stat().st_ino
    for _ in range(3):
        answers(Index(Store(Directory(store.directory.root))))

    assert before == path.stat().st_ino


def test_rows_of_a_manifest_that_the_index_does_not_know_go(store: Store) -> None:
    """Entries that somebody left under the path of a manifest are not taken for its own once it is read."""
    manifest, path = store.manifest(B), manifest_path(A)
    assert manifest is not None
    expected = answers(store.index)
    with closing(sqlite3.connect(store.directory.path(INDEX_NAME), isolation_level=None)) as connection:
        connection.execute("DELETE FROM manifest WHERE path = ?", (path,))
        values = (manifest.entries[0].blob.digest, path)
        connection.execute("UPDATE entry SET n = 0, digest = ? WHERE manifest = ?", values)

    assert expected == answers(Index(Store(Directory(store.directory.root))))

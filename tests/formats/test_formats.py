"""What any released recstore has written is read by this one, for ever; what this one writes is what it has promised."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from recstore.importers.formats import ExportOptions, export_recordings
from recstore.store import FOLDER, Store
from recstore.store.manifest import MANIFEST_VERSION
from recstore.store.store import scaffold_files
from recstore.store.verify import verify_store
from tests.formats.sample import FORMATS, answers_of, write_sample

VERSIONS = sorted(path.name for path in FORMATS.iterdir() if path.name.isdigit())


def opened(version: str, folder: Path) -> Store:
    """Return the store of that format as a project has it."""
    shutil.copytree(FORMATS / version / "store", folder / FOLDER)
    return Store.open(folder)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below the folder, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_is_a_store_of_the_present_format() -> None:
    """Who makes a new format adds one, with `python -m tests.formats`."""
    assert str(MANIFEST_VERSION) in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_every_byte_of_it_is_understood(version: str, tmp_path: Path) -> None:
    """Nothing is wrong with it, and everything in it means what it meant."""
    store = opened(version, tmp_path)
    report = verify_store(store)

    assert () == report.problems
    assert report.blobs >= 16
    assert (FORMATS / version / "answers.json").read_text() == answers_of(store)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_imported_comes_out_byte_for_byte(version: str, tmp_path: Path) -> None:
    """Files of other recorders, by whichever recstore they were imported."""
    store = opened(version, tmp_path)
    report = export_recordings(store, tmp_path / "out", ExportOptions())

    assert () == report.problems
    assert files_of(FORMATS / version / "files") == files_of(tmp_path / "out")


def test_the_present_format_is_written_as_it_was(tmp_path: Path) -> None:
    """A byte that differs is another format: it needs a version, a line in recstore/docs/format.md, and a folder here."""
    write_sample(tmp_path)

    assert files_of(FORMATS / str(MANIFEST_VERSION) / "store") == files_of(tmp_path / "store")


def test_the_samples_are_no_project() -> None:
    """Hooks and `check` take a folder for a project by what these files do not have."""
    assert [] == [path for path in FORMATS.rglob("*") if path.name in (FOLDER, ".gitattributes")]
    assert ".gitattributes" in scaffold_files()
    assert all(json.loads(path.read_text()) for path in FORMATS.rglob("answers.json"))

"""Real recordings of a real team, two dated states: in, and out again byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.importers.formats import ExportOptions, export_recordings
from recstore.importers.run import ImportOptions, ImportReport, import_paths
from recstore.store import Store
from recstore.store.verify import verify_store

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
MISSION = "a11357c6162a254fa3f88a2bfbfcdc515e6bc4824064bdf47e2a762d7e4957bd"
INCREMENTAL = (
    "tests/integration/responses/test_basic_responses.py::"
    "test_response_streaming_incremental_content[client_with_models-txt=openai/gpt-4o-earth]"
)

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the real recordings are not at {CORPUS}")

OCTOBER = ("llama-stack-2025-10-22", 1649, 0.29)
DECEMBER = ("llama-stack-2025-12-01", 1480, 0.30)


def imported(folder: Path, state: str, *, replace: bool = False) -> tuple[Store, ImportReport]:
    """Return a store in `folder` with one state of the corpus, and what importing it reported."""
    store = Store.create(folder)
    return store, import_paths(store, [CORPUS / state], ImportOptions(replace=replace, workers=2))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` that is committed, by its path."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {
        name: file.read_bytes()
        for file in files
        if not (name := file.relative_to(folder).as_posix()).startswith(".recstore/local/")
    }


def recordings_of(state: str) -> dict[str, bytes]:
    """Return every recording of one state of the corpus, by its path."""
    return {name: data for name, data in contents(CORPUS / state).items() if "/recordings/" in name}


@pytest.mark.parametrize(("state", "count", "share"), [OCTOBER, DECEMBER])
def test_every_recording_comes_out_byte_for_byte(tmp_path: Path, state: str, count: int, share: float) -> None:
    """All files of a state are imported, verify, take a fraction of their bytes, and are exported unchanged."""
    store, report = imported(tmp_path / "project", state)
    exported = export_recordings(store, tmp_path / "out", ExportOptions())

    assert (count, ()) == (report.recordings, report.problems)
    assert ("test-functions.json",) == report.not_recordings
    assert (count, (), 0) == (len(exported.written), exported.problems, exported.native)
    assert recordings_of(state) == contents(tmp_path / "out")
    verified = verify_store(store, workers=2)
    assert ((), (), ()) == (verified.problems, verified.unreferenced, verified.temporary_files)
    assert verified.bytes <= share * report.source_bytes


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    """A second import of the same files writes no blob and no manifest."""
    store, _ = imported(tmp_path, OCTOBER[0])
    before = contents(tmp_path)

    _, report = imported(tmp_path, OCTOBER[0])

    assert (0, ()) == (report.new_blobs, report.changed_manifests)
    assert before == contents(store.directory.root.parent)


@pytest.mark.slow
def test_replacing_october_by_december_leaves_exactly_december(tmp_path: Path) -> None:
    """With `replace`, nothing of an earlier state is left, and nothing of the later one is otherwise."""
    imported(tmp_path / "both", OCTOBER[0])
    imported(tmp_path / "both", DECEMBER[0], replace=True)
    imported(tmp_path / "fresh", DECEMBER[0])

    assert contents(tmp_path / "fresh") == contents(tmp_path / "both")


def test_a_streamed_answer_can_be_read_down_the_page(tmp_path: Path) -> None:
    """The stream of nine chunks takes at most 2.2 kB, a line for each, and every line shows the new words."""
    store, _ = imported(tmp_path, OCTOBER[0])
    manifest = store.manifest(INCREMENTAL)

    assert manifest is not None
    [entry] = [entry for entry in manifest.entries if MISSION in str(entry.origin["path"])]
    blob = store.read_blob(entry.blob)
    assert len(blob) <= 2200
    lines = blob.decode().splitlines()
    words = [line.split('content":"')[1].split('"')[0] for line in lines if '/content":"' in line]
    assert ["Hum", "ans", " live", " on", " Earth", "."] == words

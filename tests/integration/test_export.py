"""Files that recordings go back to: where a manifest must not lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.errors import DamagedManifest
from recstore.importers.formats import ExportOptions, export_recordings
from recstore.model import Entry, Json, Manifest, RawBody, Recording, Request, Response
from recstore.store import Store
from tests.git_repository import GitRepository

DATA = b"../evil\n"
OWNED = (
    *(".git/commondir", ".GIT/commondir", ".gIt/hooks/post-checkout", "git~1/commondir", "GIT~2/config", ".git"),
    *("sub/.git/config", ".git./config", ".git /config", ".git::$INDEX_ALLOCATION/config", ".g\u200cit/config"),
    *(
        ".recstore/local/lock",
        ".RECSTORE/README.md",
        "sub/.recstore/blobs/x",
        "recsto~1/x",
        "link/config",
        "a/../.git/x",
    ),
)
PLAIN = (".github/x.json", "git/x.json", ".gitx/y.json", "git~/x.json", "recstore/x.json", "tests/.git.json")


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with links in it: one to Git's folder, one to itself."""
    made = GitRepository.create(tmp_path / "project")
    (made.folder / "link").symlink_to(".git")
    (made.folder / "loop").symlink_to("loop")
    return made


def name_file(store: Store, path: str) -> None:
    """Have a manifest name this file, as a stranger's may, for bytes that a stranger chose."""
    blob = store.put_blob(Recording(Request("GET", "a", "/"), Response(body=RawBody(DATA))))
    origin: dict[str, Json] = {"format": "llama-stack", "path": path, "form": "verbatim"}
    store.publish([Manifest("tests/a.py::a", (Entry(blob, 1, is_union=False, origin=origin),))])


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("path", OWNED, ids=ascii)
@pytest.mark.parametrize("force", [False, True])
def test_no_file_of_git_or_of_a_store_is_written(project: GitRepository, path: str, *, force: bool) -> None:
    """However a file system may spell it: `commondir` alone would have Git take its configuration from anywhere."""
    name_file(project.store, path)
    before = contents(project.folder)
    report = export_recordings(project.store, project.folder, ExportOptions(force=force))

    assert ((), ()) == (report.written, report.unchanged)
    assert [(DamagedManifest, path)] == [(type(problem), problem.subject) for problem in report.problems]
    assert before == contents(project.folder)


@pytest.mark.parametrize("path", PLAIN)
def test_a_name_that_is_only_like_theirs_is_written(project: GitRepository, path: str) -> None:
    """It is a file like another."""
    name_file(project.store, path)
    report = export_recordings(project.store, project.folder, ExportOptions())

    assert ((path,), ()) == (report.written, report.problems)
    assert DATA == (project.folder / path).read_bytes()


def test_a_link_to_itself_is_no_place_to_write_to(project: GitRepository) -> None:
    """The file is named, and no other one stopped."""
    name_file(project.store, "loop/x.json")
    report = export_recordings(project.store, project.folder, ExportOptions())

    assert () == report.written
    assert [True] == [problem.subject.endswith("loop/x.json") for problem in report.problems]

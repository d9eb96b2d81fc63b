"""By which names the store is to know the files of a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.errors import UsageError
from recstore.importers.scan import refuse_clash, source_files


def written(*files: Path) -> None:
    """Write the files, each with other bytes."""
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(file))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project's folder, with two folders beside it that have a file of one name."""
    written(tmp_path / "a/rec/x.json", tmp_path / "b/rec/x.json", tmp_path / "project/c/x.json")
    return tmp_path / "project"


def test_two_files_that_would_have_one_name_are_refused(project: Path, tmp_path: Path) -> None:
    """Both are named, and how they get names of their own."""
    with pytest.raises(UsageError) as raised:
        source_files((tmp_path / "b/rec", tmp_path / "a/rec"), project)

    assert f"{tmp_path}/a/rec/x.json and {tmp_path}/b/rec/x.json" == raised.value.subject
    assert "would both be known as x.json" == raised.value.reason
    assert "a folder that holds both" in raised.value.remedy


def test_a_file_of_the_project_and_one_outside_are_refused_as_well(project: Path, tmp_path: Path) -> None:
    """`c/x.json` is the name of both."""
    written(tmp_path / "a/rec/c/x.json")

    with pytest.raises(UsageError, match=r"known as c/x\.json"):
        source_files((project, tmp_path / "a/rec"), project)


def test_a_folder_that_holds_both_gives_names_that_differ(project: Path, tmp_path: Path) -> None:
    """What the remedy says helps."""
    (project / "c/x.json").unlink()

    files = source_files((tmp_path,), project)

    assert ["a/rec/x.json", "b/rec/x.json"] == [file.name for file in files]


def test_one_file_that_is_found_twice_is_one(project: Path, tmp_path: Path) -> None:
    """However it was named."""
    files = source_files((tmp_path / "a/rec", tmp_path / "a/rec/x.json", tmp_path / "a/../a/rec"), project)

    assert ["x.json"] == [file.name for file in files]
    refuse_clash([*files, *files])

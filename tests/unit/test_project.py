"""The one search upwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.errors import NotInStore, UsageError
from recstore.project import find_project
from recstore.store import FOLDER, Store


@pytest.mark.parametrize("start", [".", "tests", "tests/deep", FOLDER, f"{FOLDER}/blobs"])
def test_finds_the_nearest_store_upwards(tmp_path: Path, start: str) -> None:
    """From the folder itself, from below it and from inside the store."""
    Store.create(tmp_path)
    project = tmp_path / "project"
    store = Store.create(project)
    for folder in ("tests/deep", f"{FOLDER}/blobs"):
        (project / folder).mkdir(parents=True)

    found = find_project(project / start, {})

    assert (project, store.directory.root) == (found.folder, found.store.directory.root)


def test_reads_the_settings_beside_the_store(tmp_path: Path) -> None:
    """And those of the environment, which are above them."""
    Store.create(tmp_path)
    (tmp_path / "recstore.toml").write_text('sources = ["a"]\nmode = "live"')

    settings = find_project(tmp_path, {"RECSTORE_SOURCES": "b"}).settings

    assert (("b",), "live") == (settings.sources, settings.mode)


def test_a_folder_of_that_name_alone_is_not_a_store(tmp_path: Path) -> None:
    """What holds neither blobs nor `.gitattributes` may be anything."""
    (tmp_path / FOLDER).mkdir()

    with pytest.raises(NotInStore, match="no store here or above"):
        find_project(tmp_path, {})


def test_a_link_to_a_store_is_not_followed(tmp_path: Path) -> None:
    """It may come with a repository, and lead anywhere."""
    Store.create(tmp_path / "elsewhere")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / FOLDER).symlink_to(tmp_path / "elsewhere" / FOLDER)

    with pytest.raises(NotInStore):
        find_project(tmp_path / "project", {})


def test_a_wrong_configuration_is_an_error(tmp_path: Path) -> None:
    """Not another project."""
    Store.create(tmp_path)
    (tmp_path / "recstore.toml").write_text("nothing = 1")

    with pytest.raises(UsageError, match="nothing"):
        find_project(tmp_path, {})

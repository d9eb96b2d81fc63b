"""The project a command works on: its store and its settings."""

from __future__ import annotations

import os
from pathlib import Path

from recstore.errors import NotInStore
from recstore.settings import Settings, load_settings
from recstore.store import FOLDER, Store


def project_folder(start: Path | None = None) -> Path:
    """Return the nearest folder, from here upwards, that holds a store.

    Raises: NotInStore: there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FOLDER / ".gitattributes").is_file() or (folder / FOLDER / "blobs").is_dir():
            return folder
    raise NotInStore(str(here), "there is no store here or above", "Run `recstore init` in the project's top folder.")


def open_project() -> tuple[Store, Settings]:
    """Return the store that the working folder belongs to, and its settings.

    Raises: NotInStore: there is none. UsageError: the configuration is wrong.
    """
    folder = project_folder()
    return Store.open(folder), settings_of(folder)


def settings_of(folder: Path) -> Settings:
    """Return the settings of the project in `folder`, the environment's above those of its files."""
    return load_settings(folder, os.environ)

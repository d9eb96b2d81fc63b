"""The project that a folder belongs to: its store, and the settings beside it. The one search upwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recstore.errors import NotInStore
from recstore.files import nearest_store
from recstore.settings import Settings, load_settings
from recstore.store import Store


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that holds `.recstore`, its store and its settings."""

    folder: Path
    store: Store
    settings: Settings


def find_project(start: Path, environment: Mapping[str, str]) -> Project:
    """Return the project of `start`: the nearest folder, from there upwards, that holds a store.

    Raises: NotInStore: there is none. UsageError: its configuration is wrong.
    """
    start = start.resolve()
    folder = nearest_store(start)
    if folder is None:
        hint = "Run `recstore init` in the project's top folder."
        raise NotInStore(str(start), "there is no store here or above", hint)
    return Project(folder, Store.open(folder), load_settings(folder, environment))

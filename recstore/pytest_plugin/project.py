"""The project whose tests pytest runs: its store, its settings, and where its folder is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.settings import Settings, load_settings
from recstore.store import FOLDER, Store
from recstore.store.directory import Directory
from recstore.store.healing import healing

NO_STORE: Final = "There is no store in {folder} or above it: run `recstore init` in the project's top folder."


@dataclass(frozen=True, slots=True)
class Project:
    """A store (one that is not there is empty), the settings beside it, and the way to pytest's root folder."""

    folder: Path
    store: Store
    settings: Settings
    prefix: str
    has_store: bool

    @classmethod
    def open(cls, folder: Path | None, root: Path, environment: Mapping[str, str]) -> Project:
        """Return the project in `folder`, which has a store; None: there is none, and the root folder stands for it.

        Raises: UsageError: its configuration cannot be used.
        """
        home = folder or root
        prefix = os.path.relpath(root, home).replace(os.sep, "/")
        store = Store(Directory(home / FOLDER))
        store.recover = healing(home) if folder is not None else None
        return cls(
            folder=home,
            store=store,
            settings=load_settings(home, environment),
            prefix="" if prefix == "." else prefix,
            has_store=folder is not None,
        )

    @property
    def lack(self) -> str:
        """What to say of a store that is not there, "" where it is."""
        return "" if self.has_store else NO_STORE.format(folder=self.folder)

"""The project a command works on: its store and its settings."""

from __future__ import annotations

import os
from pathlib import Path

from recstore.project import find_project
from recstore.settings import Settings
from recstore.store import Store


def open_project() -> tuple[Store, Settings]:
    """Return the store that the working folder belongs to, and its settings.

    Raises: NotInStore: there is none. UsageError: the configuration is wrong.
    """
    project = find_project(Path.cwd(), os.environ)
    return project.store, project.settings

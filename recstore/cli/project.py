"""The project that a command works in, and its secrets."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recstore.project import Project, find_project
from recstore.secrets.redact import SecretScan


def open_project() -> Project:
    """Return the project that the working folder belongs to; the environment's settings count above those of its files.

    Raises: NotInStore: there is none. UsageError: the configuration is wrong.
    """
    return find_project(Path.cwd(), os.environ)


def scan_of(project: Project) -> SecretScan:
    """Return what the project takes for a secret, and what it allows."""
    return SecretScan(frozenset(project.settings.allowed_secrets), project.settings.redact.patterns)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python from looking for cycles meanwhile: a third of the time where hundreds of thousands of values are made."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

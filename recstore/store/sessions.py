"""Recordings in progress: what a recorder has written blobs for and has not published yet.

    local/sessions/<any name>        a manifest (FORMAT.md, section 5), one file per recorder and test

Whoever records writes such a file through `Directory` before the blobs it names, and removes it after
the manifest is published. gc keeps every blob that one of these files names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from recstore.store.directory import Directory

SESSIONS: Final = "local/sessions"


def session_manifests(directory: Directory) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the text of every manifest of a recording in progress.

    Raises: RecstoreError: one cannot be read.
    """
    for file in directory.walk(SESSIONS):
        path = directory.name_of(file)
        data = directory.read(path)
        if data is not None:  # published since the folder was listed
            yield path, data

"""Names of files: which path a manifest has.

Every name is safe on case-insensitive and Windows file systems, and short enough for them.
"""

from __future__ import annotations

import re
from typing import Final

import blake3

from recstore.model import BlobName

MANIFEST_FOLDERS: Final = ("tests", "shared")
"""The folders of manifests below the store's."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.=,+@-]+")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_READABLE_LENGTH: Final = 80
_FOLDER_LENGTH: Final = 60
_FOLDERS_LENGTH: Final = 128


def manifest_path(test_id: str) -> str:
    """Return the path of the test's manifest below the store's folder: it follows from the id alone.

    Shape: `tests/`, the folders and the file of the test (characters that some file system refuses
    replaced), then a readable form of the rest and 8 hexadecimal digits of the id's BLAKE3.
    """
    file, _, rest = test_id.partition("::")
    folders = [_safe(part, _FOLDER_LENGTH) for part in file.split("/") if part not in ("", ".")]
    while sum(map(len, folders)) + len(folders) > _FOLDERS_LENGTH:
        del folders[0]
    readable = _safe(rest or "session", _READABLE_LENGTH)
    return "/".join(
        ["tests", *folders, f"{readable}-{blake3.blake3(test_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"]
    )


def shared_path(name: BlobName) -> str:
    """Return the path of the manifest of a blob recorded outside any test."""
    return f"shared/{name}"


def _safe(text: str, length: int) -> str:
    name = _UNSAFE.sub("_", text)[:length].rstrip(".")
    name = f"_{name[1:]}" if name.startswith(".") else name
    return f"_{name}" if not name or _RESERVED.match(name) else name

"""What a manifest's entry says of where an imported recording came from."""

from __future__ import annotations

import re
from typing import Final

from recstore.model import Json

LLAMA_STACK: Final = "llama-stack"
VCR: Final = "vcr"

_MINTED_LENGTH: Final = 12
_HASH: Final = re.compile(rf"[0-9a-f]{{{_MINTED_LENGTH},}}")


def is_imported(origin: dict[str, Json]) -> bool:
    """Return whether the recording came from another recorder's file."""
    return "format" in origin


def origin_path(origin: dict[str, Json]) -> str:
    """Return the path of the file that the recording was imported from, "" if it was not."""
    path = origin.get("path", "")
    return path if isinstance(path, str) else ""


def minted_id(origin: dict[str, Json]) -> str:
    """Return the id that the recorder made up for the response, "" where it made up none.

    Source: llama-stack's recorder: `rec-` and the first 12 digits of the hash that names the file.
    """
    if origin.get("format") != LLAMA_STACK:
        return ""
    stem = origin_path(origin).rpartition("/")[2].partition(".")[0]
    return f"rec-{stem[:_MINTED_LENGTH]}" if _HASH.fullmatch(stem) else ""

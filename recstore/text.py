"""Words and figures for people: text that no terminal acts on, counts, sizes, names of files cut short."""

from __future__ import annotations

import re
from typing import Final

_UNESCAPED: Final = frozenset("\n\t")
_BLOB_PATH: Final = re.compile(r"([0-9a-f]{12})[0-9a-f]{52}-([0-9a-f]{12})[0-9a-f]{52}\.json$")


def escape_control(text: str) -> str:
    """Return `text` with every control character and every lone surrogate replaced by its escape.

    Recordings, test ids and file names may hold whatever a server sent: a terminal must not act on it.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in _UNESCAPED else ascii(character)[1:-1]
        for character in text
    )


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return the count with its noun: `1 recording`, `1,649 recordings`; `nouns` is an irregular plural."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def human_size(size_bytes: float) -> str:
    """Return a size as people write it: `812 B`, `1.6 kB`, `9.1 MB`.

    Units: powers of 1,000.
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000 or unit == "GB":  # noqa: PLR2004 - SI prefixes
            break
        size_bytes /= 1000
    return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"


def short_blob(path: str) -> str:
    """Return the path of a file of the store; a blob's two digests are cut to the digits that people type."""
    return _BLOB_PATH.sub(r"\1-\2", path)

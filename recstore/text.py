"""Text that nothing acts on: what servers, test ids and file names hold may be a stranger's."""

from __future__ import annotations

from typing import Final

_KEPT: Final = frozenset("\n\t")


def printable(text: str) -> str:
    """Return `text` with every control character and every lone surrogate replaced by its escape.

    Recordings hold whatever a server sent: a terminal must not act on it.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in _KEPT else ascii(character)[1:-1] for character in text
    )

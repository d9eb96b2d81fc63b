"""A class to use in place of llama-stack's own storage of recordings: with that one line a whole suite moves.

>>> api_recorder.ResponseStorage = recstore.importers.llama_stack.ResponseStorage  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recstore.importers.llama_stack.storage import ResponseStorage

__all__ = ["ResponseStorage"]


def __getattr__(name: str) -> object:
    """Return the storage, imported when it is asked for: it needs the readers that import this package's modules."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.storage"), name)

"""The model clients that tests drive, imported on first use: together they take six seconds to import.

A test that uses one that is not installed is skipped.
"""

from __future__ import annotations

from typing import Any

import pytest


class _ImportedOnUse:
    """Stands for a module until an attribute of it is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith(("_", "pytest")):
            raise AttributeError(attribute)  # pytest looks for marks of its own on everything in a module
        return getattr(pytest.importorskip(self._name), attribute)


anthropic: Any = _ImportedOnUse("anthropic")
genai: Any = _ImportedOnUse("google.genai")
ollama: Any = _ImportedOnUse("ollama")
openai: Any = _ImportedOnUse("openai")

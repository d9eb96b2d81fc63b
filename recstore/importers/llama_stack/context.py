"""Which test llama-stack's recorder is recording at the moment, in whichever process of a suite."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

_PACKAGES: Final = ("ogx", "llama_stack")
"""What the project has been called, last first."""


def current_test() -> str | None:
    """Return the id of the test that runs here and now, None between tests.

    The recorder's own word counts: what its suite sets for each test, or what a server was told by its client. A
    suite of which neither is loaded has pytest's.

    Source: the recorder, October 2025 to May 2026; pytest, `PYTEST_CURRENT_TEST`.
    """
    contexts = [sys.modules[name] for name in _names("testing_context") if name in sys.modules]
    if not contexts:
        return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0] or None
    told = (context.get_test_context() for context in contexts)
    return next(filter(None, told), None) or _told_by_client()


def _told_by_client() -> str | None:
    for name in _names("request_headers"):
        variable: Any = getattr(sys.modules.get(name), "PROVIDER_DATA_VAR", None)
        told = variable.get(None) if variable is not None else None
        if isinstance(told, dict) and isinstance(told.get("__test_id"), str):
            return str(told["__test_id"]) or None
    return None


def _names(module: str) -> tuple[str, ...]:
    return tuple(f"{package}.core.{module}" for package in _PACKAGES)

"""Clients are patched as they are imported, and unpatched in the end."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, TypeAlias

Undo: TypeAlias = Callable[[], None]

_PATCHES: Final = {
    "httpx": "recstore.capture.httpx",
    "httpx2": "recstore.capture.httpx",
    "aiohttp": "recstore.capture.aiohttp",
    "http.client": "recstore.capture.http_client",
    "urllib3.connection": "recstore.capture.http_client",
    "socket": "recstore.capture.network_guard",
}
"""Module of a client -> the module here whose `patch(module)` intercepts it, and returns what undoes that."""

_undone_by: Final[dict[str, Undo]] = {}  # which clients are patched is a fact about the process


def install() -> None:
    """Intercept every client there is, and every one that will be imported. Harmless to repeat."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    for name in _PATCHES:
        module = sys.modules.get(name)
        if module is not None and not _is_being_imported(module):
            _patch(module)


def uninstall() -> None:
    """Leave all clients as they were."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    while _undone_by:
        _undone_by.popitem()[1]()


def _patch(module: ModuleType) -> None:
    name = module.__name__
    if name not in _undone_by:
        _undone_by[name] = importlib.import_module(_PATCHES[name]).patch(module)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


class _Finder(MetaPathFinder):
    """Finds a client where it would be found anyway, with a loader that patches it once it is loaded."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the client's own spec, its loader wrapped; None for whatever is no client."""
        if fullname not in _PATCHES or fullname in self._asked:
            return None
        self._asked.add(fullname)
        try:
            spec = find_spec(fullname)
        finally:
            self._asked.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader)
        return spec


class _PatchingLoader(Loader):
    """Loads as `loader` does, then gives it back its place and patches the module."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what the module's own loader makes."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then patch it."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _patch(module)

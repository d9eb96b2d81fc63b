"""HTTP clients, intercepted: each request is offered to the active session, and the answer noted as it comes back.

One module per client. A client is patched when it is imported: at once if it is there already, if not by an import hook that
waits for it. An unused client costs nothing, and transports without network calls (mock, in-process) are left alone.

May know: sessions and exchanges, the clients. May not know: pytest, Git, files, terminals. `use` is a surface, and may heal.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
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
"""Module of a client -> the module here whose `patch(module)` intercepts it, and returns the function that undoes it."""

_patched: Final[dict[str, Undo]] = {}  # which clients are patched is a fact about the process


def intercept_clients() -> None:
    """Intercept every client there is, and every one that will be imported. Idempotent."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    for name in _PATCHES:
        module = sys.modules.get(name)
        if module is not None and not getattr(module.__spec__, "_initializing", False):
            _patch(module)


def release_clients() -> None:
    """Leave all clients as they were."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    while _patched:
        _patched.popitem()[1]()


def swap(*replacements: tuple[Any, str, Any]) -> Undo:
    """Give each owner the attribute of that name and value; return the function that undoes it, for the last one first."""
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in replacements]
    for owner, name, value in replacements:
        setattr(owner, name, value)

    def undo() -> None:
        for owner, name, original in reversed(before):
            if original is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, original)

    return undo


def os_error(error_class: type[OSError], message: str) -> OSError:
    """Return the error of that message; one that begins with `[Errno 104]` has that number."""
    numbered = re.fullmatch(r"\[Errno (\d+)\] (.*)", message, re.DOTALL)
    return error_class(*((int(numbered[1]), numbered[2]) if numbered else (message,)))


def _patch(module: ModuleType) -> None:
    name = module.__name__
    if name not in _patched:
        _patched[name] = importlib.import_module(_PATCHES[name]).patch(module)


class _Finder(MetaPathFinder):
    """Finds a client where it would be found anyway, with a loader that patches it once it is loaded."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in _PATCHES:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            run_module = spec.loader.exec_module

            def run_and_patch(module: ModuleType) -> None:
                restore()
                run_module(module)
                _patch(module)

            restore = swap((spec.loader, "exec_module", run_and_patch))
        return spec

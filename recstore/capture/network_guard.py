"""Sockets, guarded in replay: a client that nobody intercepts must not reach the network unseen.

Loopback addresses stay open: what a test runs itself, a database or a server in a thread, is no service that costs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from types import ModuleType
from typing import Any

from recstore.errors import ReplayMiss
from recstore.record.active import current
from recstore.record.modes import Mode
from recstore.record.passthrough import is_address_of


def patch(module: ModuleType) -> Callable[[], None]:
    """Guard the sockets of the module `socket`, and return what undoes it."""
    kind: Any = module.socket
    originals = {name: kind.__dict__.get(name) for name in ("connect", "connect_ex")}
    for name in originals:
        setattr(kind, name, _guarded(getattr(kind, name)))

    def undo() -> None:
        for name, original in originals.items():
            if original is None:
                delattr(kind, name)
            else:
                setattr(kind, name, original)

    return undo


def _guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: Any, address: Any) -> Any:
        session = current()
        if session is None or session.mode is not Mode.REPLAY or not _is_outside(address):
            return original(self, address)
        if not is_address_of(str(address[0]), session.passed_hosts):
            raise ReplayMiss(
                session.scope_id or "(outside any test)",
                f"would connect to {address[0]}:{address[1]} with a client that recstore does not intercept",
                "Use httpx, requests, urllib3, aiohttp or http.client, run the test with --recstore=live, or set `passthrough`.",
            )
        return original(self, address)

    return connect


def _is_outside(address: Any) -> bool:
    """Return whether the address of a connection is another machine's; names count as such, `localhost` apart."""
    if not isinstance(address, tuple) or not address:
        return False  # a UNIX socket
    try:
        return not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
    except ValueError:
        return str(address[0]) not in ("localhost", "")

"""Sockets, guarded in replay: a client that is not intercepted must not reach the network unseen.

Loopback addresses stay open: servers that a test runs itself, a database or a thread, do not cost anything.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partialmethod
from types import ModuleType
from typing import Any

from recstore.capture import Undo, swap
from recstore.errors import ReplayMiss
from recstore.model import Mode
from recstore.record.session import current


def patch(module: ModuleType) -> Undo:
    """Guard the sockets of the module `socket`, and return the function that undoes it."""
    names = ("connect", "connect_ex")
    return swap(*((module.socket, name, partialmethod(_connect, getattr(module.socket, name))) for name in names))


def _connect(sock: Any, original: Callable[..., Any], address: Any) -> Any:
    session = current()
    if (
        session is not None
        and session.mode is Mode.REPLAY
        and _is_remote(address)
        and not resolves_to(str(address[0]), session.passed_hosts)
    ):
        raise ReplayMiss(
            session.scope_id or "(outside any test)",
            f"would connect to {address[0]}:{address[1]} with a client that recstore does not intercept",
            "Use httpx, requests, urllib3, aiohttp or http.client, run the test with --recstore=live, or set `passthrough`.",
        )
    return original(sock, address)


def _is_remote(address: Any) -> bool:
    """Return whether the address of a connection is another machine's; names count as such, except `localhost`."""
    if not isinstance(address, tuple) or not address:
        return False  # a UNIX socket
    try:
        return not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
    except ValueError:
        return str(address[0]) not in ("localhost", "")


def resolves_to(address: str, hosts: Iterable[str]) -> bool:
    """Return whether one of the hosts has this address, by its name or by looking it up."""
    for host in hosts:
        with suppress(OSError):
            if address == host or address in {str(info[4][0]) for info in socket.getaddrinfo(host, None)}:
                return True
    return False

"""Requests that are none of recstore's: to servers that the tests run themselves, or that cost nothing."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit


def is_let_through(url: str, bases: Iterable[str]) -> bool:
    """Return whether a URL is at or below one of the base URLs, in which `*` stands for anything without a `/`."""
    return any(_pattern(base).match(url) for base in bases)


def host_of(url: str) -> str:
    """Return the host that a URL names, "" if none."""
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""


def is_address_of(address: str, hosts: Iterable[str]) -> bool:
    """Return whether one of the hosts has this address, by its name or by looking it up."""
    for host in hosts:
        with suppress(OSError):
            if address == host or address in {str(found[4][0]) for found in socket.getaddrinfo(host, None)}:
                return True
    return False


@lru_cache
def _pattern(base: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in base.rstrip("/").split("*"))
    return re.compile("[^/?#]*".join(parts) + r"(?=[/?#]|\Z)", re.IGNORECASE)

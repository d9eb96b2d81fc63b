"""Which named service a URL belongs to.

A label stands for one or more base URLs. Without configuration a host is its own label, with its port
where that is not the scheme's own; loopback addresses are all `localhost`, whatever their port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_AUTHORITY: Final = re.compile(r"[^/?]*")
_LOOPBACK_NAMES: Final = frozenset(("localhost", "0.0.0.0", "::", "::1"))  # noqa: S104 - as a client's target
_LOOPBACK_ADDRESS: Final = re.compile(r"127(\.\d{1,3}){3}")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in parts: `base + path`, and `?query` where there is one, is the URL again."""

    upstream: str
    base: str
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class UpstreamMap:
    """Labels and the base URLs they stand for, in the order of the configuration."""

    bases: tuple[tuple[str, str], ...] = ()

    def address(self, url: str) -> Address:
        """Return the parts of `url`; the longest configured base URL that it starts with names the label.

        A base URL without a port also stands for every port of a loopback host.
        """
        url = url.partition("#")[0]
        matches = [
            (*_match(url, base if base.endswith("://") else base.rstrip("/")), label) for label, base in self.bases
        ]
        length, _, label = max(matches, key=lambda match: match[:2], default=(0, False, ""))
        return _split(url, length, label) if length else _split_at_authority(url)


def default_base(upstream: str) -> str:
    """Return the base URL that an unmapped label stands for."""
    return "http://localhost" if upstream == "localhost" else f"https://{upstream}"


def _match(url: str, base: str) -> tuple[int, bool]:
    """Return how much of `url` the base URL covers, 0 for nothing, and whether it names the very host and port."""
    if "://" not in base:
        return (len(base), True) if base and "://" not in url and _begins(url, base) else (0, False)
    start, scheme, host, port, rest = _parts(url)
    _, base_scheme, base_host, base_port, base_rest = _parts(base)
    if (scheme, host) != (base_scheme, base_host) or not _begins(rest, base_rest):
        return 0, False
    is_same_port = port == base_port
    stands_for_all = not base_port and is_loopback(host)
    return (len(start) + len(base_rest), is_same_port) if is_same_port or stands_for_all else (0, False)


def _parts(url: str) -> tuple[str, str, str, str, str]:
    """Return the text up to the path, then scheme, host and port (the scheme's own is none), then the rest."""
    scheme, found, rest = url.partition("://")
    if not found:
        return "", "", "", "", url
    authority = _AUTHORITY.match(rest)
    assert authority is not None  # noqa: S101 - the pattern also matches nothing
    start = f"{scheme}://{authority[0]}"
    host, port = _host_and_port(authority[0].rpartition("@")[2].lower())
    scheme = scheme.lower()
    return start, scheme, host, "" if port == str(_DEFAULT_PORTS.get(scheme)) else port, url[len(start) :]


def _begins(rest: str, base_rest: str) -> bool:
    return rest.startswith(base_rest) and rest[len(base_rest) : len(base_rest) + 1] in ("", "/", "?")


def _split(url: str, length: int, label: str) -> Address:
    path, _, query = url[length:].partition("?")
    return Address(label, url[:length], path, query)


def _split_at_authority(url: str) -> Address:
    start, scheme, host, port, _ = _parts(url)
    if not start:
        first = url.split("/", 1)[0].split("?", 1)[0]
        return _split(url, len(first), first)
    if is_loopback(host):
        return _split(url, len(start), "localhost")
    return _split(url, len(start), (f"{host}:{port}" if port else host) or scheme)


def _host_and_port(authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = authority.partition(":")
    return host, port


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine: `localhost`, 127.0.0.0/8, ::1, or the unspecified address."""
    return host in _LOOPBACK_NAMES or host.endswith(".localhost") or bool(_LOOPBACK_ADDRESS.fullmatch(host))

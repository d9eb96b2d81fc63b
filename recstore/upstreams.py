"""Which named service a URL belongs to.

A label stands for one or more base URLs. Without configuration a host is its own label, with its port
where that is not the scheme's own; loopback addresses are all `localhost`, whatever their port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Address", "UpstreamMap", "default_base", "is_loopback"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
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
        best: Address | None = None
        for label, base in self.bases:
            length = _matched_length(url, base.rstrip("/"))
            if length and (best is None or length > len(best.base)):
                best = _split(url, length, label)
        return best or _split_at_authority(url)


def default_base(upstream: str) -> str:
    """Return the base URL that an unmapped label stands for."""
    return "http://localhost" if upstream == "localhost" else f"https://{upstream}"


def _matched_length(url: str, base: str) -> int:
    if _starts_with(url, base):
        return len(base)
    scheme, found, rest = base.partition("://")
    host, slash, path = rest.partition("/")
    if not found or _host_and_port(host)[1] or not is_loopback(_host_and_port(host)[0]):
        return 0
    authority = url.removeprefix(f"{scheme}://").split("/", 1)[0].split("?", 1)[0]
    prefix = f"{scheme}://{authority}{slash}{path}"
    same_host = _host_and_port(authority)[0] == _host_and_port(host)[0]
    return len(prefix) if same_host and _starts_with(url, prefix) else 0


def _starts_with(url: str, base: str) -> bool:
    return url.startswith(base) and url[len(base) : len(base) + 1] in ("", "/", "?")


def _split(url: str, length: int, label: str) -> Address:
    path, _, query = url[length:].partition("?")
    return Address(label, url[:length], path, query)


def _split_at_authority(url: str) -> Address:
    scheme, found, rest = url.partition("://")
    authority = rest.split("/", 1)[0].split("?", 1)[0] if found else ""
    if not found:
        first = url.split("/", 1)[0].split("?", 1)[0]
        return _split(url, len(first), first)
    return _split(url, len(scheme) + 3 + len(authority), _label(scheme, authority) or scheme)


def _label(scheme: str, authority: str) -> str:
    host, port = _host_and_port(authority.rpartition("@")[2].lower())
    if is_loopback(host):
        return "localhost"
    return host if not port or port == str(_DEFAULT_PORTS.get(scheme.lower())) else f"{host}:{port}"


def _host_and_port(authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = authority.partition(":")
    return host, port


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine: `localhost`, 127.0.0.0/8, ::1, or the unspecified address."""
    return host in _LOOPBACK_NAMES or host.endswith(".localhost") or bool(_LOOPBACK_ADDRESS.fullmatch(host))

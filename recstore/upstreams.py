"""Which named service a URL belongs to.

A label stands for base URLs. Without configuration a host is its own label, with its port where that is not the scheme's
own; loopback addresses are all `localhost`, whatever their port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DEFAULT_PORTS: Final = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_AUTHORITY: Final = re.compile(r"([^/?]*?)://(?:[^/?]*@)?(\[[^]/?]*|[^/?:]*)\]?:?([^/?]*)")
_LOOPBACK: Final = re.compile(r"(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|::1?", re.DOTALL)


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
        start, scheme, host, port = _authority(url)
        best, label = (0, False), ""
        for base_label, base_url in self.bases:
            base = base_url if base_url.endswith("://") else base_url.rstrip("/")
            base_start, base_scheme, base_host, base_port = _authority(base)
            length, is_same_port = len(start) + len(base) - len(base_start), port == base_port
            if (
                (base_scheme, base_host) == (scheme, host)
                and (is_same_port or (not base_port and is_loopback(host)))
                and url[len(start) : length] == base[len(base_start) :]
                and url[length : length + 1] in ("", "/", "?")
                and (length, is_same_port) > best
            ):
                best, label = (length, is_same_port), base_label
        length = best[0]
        if not length and not start:
            label = re.split("[/?]", url, maxsplit=1)[0]
            length = len(label)
        elif not length:
            label = "localhost" if is_loopback(host) else (f"{host}:{port}" if port else host) or scheme
            length = len(start)
        path, _, query = url[length:].partition("?")
        return Address(label, url[:length], path, query)


def _authority(url: str) -> tuple[str, str, str, str]:
    """Return the text up to the path, then scheme, host and port (the scheme's own is none); all "" without a scheme."""
    match = _AUTHORITY.match(url)
    if match is None:
        return "", "", "", ""
    scheme, host, port = (part.lower() for part in match.groups())
    return match[0], scheme, host.removeprefix("["), "" if port == _DEFAULT_PORTS.get(scheme) else port


def default_base(upstream: str) -> str:
    """Return the base URL that an unmapped label stands for."""
    return "http://localhost" if upstream == "localhost" else f"https://{upstream}"


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine: `localhost`, 127.0.0.0/8, ::1, or the unspecified address."""
    return _LOOPBACK.fullmatch(host) is not None

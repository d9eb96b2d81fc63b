"""Guard rails: a test that forgets to isolate itself fails, and says so.

Each of them has a test in `house/test_guards.py` that it bites.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("short", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("whole", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow])


def pytest_configure(config: pytest.Config) -> None:
    """Have Hypothesis try more where slow tests are selected; `HYPOTHESIS_PROFILE=long` for more still."""
    is_slow = "not slow" not in config.getoption("markexpr")
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("whole" if is_slow else "short"))


class NetworkGuardError(RuntimeError):
    """A test tried to reach a machine other than this one."""


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets reach loopback addresses alone, and ask no name server."""
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    resolve = socket.getaddrinfo

    def guarded_resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        _refuse_others(host)
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)


def _guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_others(arguments[-1][0])  # the address comes last in each of these calls
        return call(self, *arguments)

    return guarded


def _refuse_others(host: Any) -> None:
    if not _is_loopback(host):
        raise NetworkGuardError(f"a test may not connect to {host}")


def _is_loopback(host: Any) -> bool:
    host = host.decode() if isinstance(host, bytes) else host
    try:
        return host is None or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


@pytest.fixture(autouse=True)
def _no_user_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the developer's own Git configuration, home folder and recstore settings, here and in subprocesses."""
    for name in os.environ:
        if name.startswith(("GIT_", "RECSTORE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("GIT_ATTR_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)  # it may hold Git's ignore and attributes files
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@localhost")


@pytest.fixture(autouse=True)
def _leave_the_repository_alone() -> Iterator[None]:
    """Fail a test that leaves files in the folder it was started from."""
    here = Path.cwd()
    before = set(os.listdir(here))

    yield

    left = set(os.listdir(here)) - before - {".hypothesis", ".pytest_cache"}
    assert not left, f"the test left {sorted(left)} in {here}"

"""Each guard rail of conftest.py bites."""

from __future__ import annotations

import os
import socket
import subprocess
import warnings

import pytest


def test_no_test_reaches_another_machine() -> None:
    """Connecting to an address that is not this machine's fails before a packet is sent."""
    with socket.socket() as client, pytest.raises(RuntimeError, match="may not connect"):
        client.connect(("192.0.2.1", 80))


@pytest.mark.parametrize("host", ["example.com", "192.0.2.1", "::2", b"example.com"])
def test_no_test_asks_for_the_address_of_another_machine(host: str | bytes) -> None:
    """Not even a name server hears of it."""
    with pytest.raises(RuntimeError, match="may not connect"):
        socket.getaddrinfo(host, 80)


def test_no_way_to_another_machine_is_left_open() -> None:
    """Neither by the call that returns its error, nor by a single packet."""
    with socket.socket() as client, pytest.raises(RuntimeError, match="may not connect"):
        client.connect_ex(("192.0.2.1", 80))
    with socket.socket(type=socket.SOCK_DGRAM) as client, pytest.raises(RuntimeError, match="may not connect"):
        client.sendto(b"x", ("192.0.2.1", 53))


def test_a_test_reaches_this_machine() -> None:
    """Loopback is open: servers under test listen there."""
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()

        client.connect(server.getsockname())
        assert socket.getaddrinfo("localhost", 80)


def test_no_test_sees_the_users_git_configuration() -> None:
    """Git finds no configuration but the repository's own."""
    done = subprocess.run(["git", "config", "--global", "--list"], capture_output=True, text=True, check=False)

    assert "" == done.stdout


def test_no_test_sees_variables_of_git_or_recstore() -> None:
    """What the developer's shell has set for Git or recstore is gone."""
    found = {name for name in os.environ if name.startswith(("GIT_", "RECSTORE_"))}

    assert all(name.startswith(("GIT_CONFIG_", "GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_ATTR_")) for name in found)


def test_a_warning_is_an_error() -> None:
    """A deprecated call fails the test that makes it."""
    with pytest.raises(DeprecationWarning):
        warnings.warn("going away", DeprecationWarning, stacklevel=1)

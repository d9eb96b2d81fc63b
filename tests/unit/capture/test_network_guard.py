"""Which addresses a passthrough host has."""

from __future__ import annotations

from recstore.capture.network_guard import resolves_to


def test_a_host_is_known_by_its_name_and_its_address() -> None:
    """A connection is made to an address, a setting names a host."""
    assert resolves_to("192.0.2.1", ["192.0.2.1"])
    assert resolves_to("127.0.0.1", ["localhost"])
    assert not resolves_to("192.0.2.1", ["localhost", ""])

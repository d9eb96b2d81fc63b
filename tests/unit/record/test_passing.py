"""Which requests are let through."""

from __future__ import annotations

import pytest

from recstore.record.passthrough import host_of, is_address_of, is_let_through


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("http://127.0.0.1:*", "http://127.0.0.1:8080/a/b?c=d", True),
        ("http://127.0.0.1:*", "http://127.0.0.1.evil.example/", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:80801/", False),
        ("https://*.example", "https://a.example", True),
        ("https://*.example", "https://a.example?q", True),
        ("https://*.example", "https://other.test/x.example", False),
        ("https://host/v1/", "https://HOST/v1", True),
        ("https://host/v1", "https://host/v10", False),
    ],
)
def test_a_base_url_lets_through_what_is_below_it(base: str, url: str, *, expected: bool) -> None:
    """A `*` stands for a part of a host or a path, never for more of the URL."""
    assert expected == is_let_through(url, [base])


def test_a_host_is_known_by_its_name_and_its_address() -> None:
    """A connection is made to an address, a setting names a host."""
    assert "example.test" == host_of("https://example.test:8/x")
    assert is_address_of("192.0.2.1", ["192.0.2.1"])
    assert is_address_of("127.0.0.1", ["localhost"])
    assert not is_address_of("192.0.2.1", ["localhost", ""])

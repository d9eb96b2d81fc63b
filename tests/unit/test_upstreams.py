"""Upstream labels: which service a URL belongs to, and the parts that give the URL back."""

from __future__ import annotations

import pytest

from recstore.upstreams import Address, UpstreamMap, default_base, is_loopback

MAP = UpstreamMap(
    (
        ("openai", "https://api.openai.com/v1"),
        ("azure", "https://one.example/openai/"),
        ("azure", "https://two.example/openai"),
        ("azure-beta", "https://one.example/openai/beta"),
        ("ollama", "http://localhost"),
        ("ollama", "http://127.0.0.1/v1"),
        ("vllm", "http://localhost:8000"),
        ("google", "vertexai://"),
        ("databricks", "__databricks__/serving"),
    )
)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.openai.com/v1", ("openai", "https://api.openai.com/v1", "", "")),
        ("https://api.openai.com/v1/", ("openai", "https://api.openai.com/v1", "/", "")),
        ("https://api.openai.com/v1/chat?a=1&b=2", ("openai", "https://api.openai.com/v1", "/chat", "a=1&b=2")),
        ("https://api.openai.com/v1?a=1", ("openai", "https://api.openai.com/v1", "", "a=1")),
        ("https://api.openai.com/v1beta", ("api.openai.com", "https://api.openai.com", "/v1beta", "")),
        ("https://one.example/openai/x", ("azure", "https://one.example/openai", "/x", "")),
        ("https://two.example/openai/x", ("azure", "https://two.example/openai", "/x", "")),
        ("https://one.example/openai/beta/x", ("azure-beta", "https://one.example/openai/beta", "/x", "")),
        ("http://localhost:11434/api", ("ollama", "http://localhost:11434", "/api", "")),
        ("http://localhost/api", ("ollama", "http://localhost", "/api", "")),
        ("http://localhost:8000/api", ("vllm", "http://localhost:8000", "/api", "")),
        ("http://127.0.0.1:9/v1/x", ("ollama", "http://127.0.0.1:9/v1", "/x", "")),
        ("http://127.0.0.1:9/v2/x", ("localhost", "http://127.0.0.1:9", "/v2/x", "")),
        ("https://a.example/x#part", ("a.example", "https://a.example", "/x", "")),
        ("https://a.example?x=/y", ("a.example", "https://a.example", "", "x=/y")),
        ("vertexai:///generate", ("google", "vertexai://", "/generate", "")),
        ("__databricks__/serving/v1", ("databricks", "__databricks__/serving", "/v1", "")),
        ("__databricks__/other", ("__databricks__", "__databricks__", "/other", "")),
        ("", ("", "", "", "")),
    ],
)
def test_a_url_in_parts(url: str, address: tuple[str, str, str, str]) -> None:
    """The longest configured base names the label; without one, the host does."""
    assert Address(*address) == MAP.address(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://API.OpenAI.com/v1/chat",
        "HTTPS://api.openai.com/v1/chat",
        "https://api.openai.com:443/v1/chat",
    ],
)
def test_a_host_spelled_otherwise_is_the_same_upstream(url: str) -> None:
    """Letter case, and the scheme's own port, are no other service (RFC 3986, section 6.2)."""
    address = MAP.address(url)

    assert ("openai", "/chat") == (address.upstream, address.path)
    assert url == address.base + address.path


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.255.1.2", "::1", "::", "0.0.0.0", "api.localhost"],  # noqa: S104 - as a target
)
def test_this_machine_is_loopback(host: str) -> None:
    """Every name and address of the machine itself."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "localhost.example.com", "128.0.0.1", "127.0.0.1.example.com", "127.0.0", "notlocalhost"]
)
def test_other_machines_are_not(host: str) -> None:
    """Names that only look like it."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/x", "http://127.0.0.1:2/x", "http://[::1]:3/x", "https://0.0.0.0/x"]
)
def test_loopback_hosts_are_one_upstream(url: str) -> None:
    """A port that the system chose is no part of a request."""
    assert "localhost" == UpstreamMap().address(url).upstream


def test_a_label_has_a_base() -> None:
    """What an origin need not say."""
    assert "https://api.openai.com" == default_base("api.openai.com")
    assert "http://localhost" == default_base("localhost")

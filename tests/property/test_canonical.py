"""Request keys: equal for what is the same request, different for anything else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recstore.content.bodies import body_bytes, parse_body
from recstore.content.canonical import canonical_form, request_key
from recstore.model import Body, JsonBody, RawBody, Request
from recstore.upstreams import UpstreamMap
from tests.values import objects, parsed_bodies, requests, wire_bytes

BASE = Request("POST", "openai", "/v1/chat", "b=2&a=1", (("Accept", "text/csv"),), JsonBody({"a": 1, "b": [True]}))


def reordered(value: Any) -> Any:
    """Return the value with the keys of every object in reverse order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(objects)
def test_key_order_and_layout_do_not_count(value: dict[str, Any]) -> None:
    """A body is the same with its keys in another order, as a value or as bytes of any layout."""
    request = replace(BASE, body=JsonBody(value))

    for other in (
        JsonBody(reordered(value)),
        RawBody(json.dumps(reordered(value)).encode()),
        parse_body(json.dumps(value, indent=4).encode()),
    ):
        assert request_key(request) == request_key(replace(request, body=other))


@given(requests, requests)
def test_requests_that_differ_have_different_keys(one: Request, other: Request) -> None:
    """Two requests have one key exactly if they have one canonical form."""
    assert (canonical_form(one) == canonical_form(other)) == (request_key(one) == request_key(other))


@given(wire_bytes, wire_bytes)
def test_other_bytes_are_another_request(one: bytes, other: bytes) -> None:
    """Bodies that are not JSON are compared byte for byte."""
    assume(one[:1] not in (b"{", b"[") and not one[:1].isspace() and one != other)

    assert request_key(replace(BASE, body=parse_body(one))) != request_key(replace(BASE, body=parse_body(other)))


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, method="PUT"),
        replace(BASE, upstream="azure"),
        replace(BASE, path="/v1/chat/"),
        replace(BASE, query="b=2&a=1&a=2"),
        replace(BASE, query="b=2&a=2"),
        replace(BASE, headers=(("Accept", "text/html"),)),
        replace(BASE, headers=()),
        replace(BASE, body=JsonBody({"a": 1.0, "b": [True]})),
        replace(BASE, body=JsonBody({"a": True, "b": [True]})),
        replace(BASE, body=JsonBody({"a": "1", "b": [True]})),
        replace(BASE, body=JsonBody({"a": 1, "b": [1]})),
        replace(BASE, body=JsonBody({"a ": 1, "b": [True]})),
        replace(BASE, body=JsonBody({"a": 1, "b": [True], "c": None})),
        replace(BASE, body=None),
        replace(BASE, body=RawBody(b'{"a":1,"b":[true],"b":[true]}')),
    ],
)
def test_any_other_difference_counts(other: Request) -> None:
    """Each part of a request can make it another one."""
    assert request_key(BASE) != request_key(other)


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, method="post"),
        replace(BASE, query="a=1&b=2"),
        replace(BASE, headers=(("ACCEPT", " text/csv "), ("Authorization", "Bearer x"), ("Date", "today"))),
        replace(BASE, body=RawBody(b' {"b": [true],\n "a": 1}')),
    ],
)
def test_what_says_nothing_does_not_count(other: Request) -> None:
    """Spelling, order of parameters, credentials and volatile headers are no part of a request."""
    assert request_key(BASE) == request_key(other)


def test_values_of_one_parameter_keep_their_order() -> None:
    """`a=1&a=2` and `a=2&a=1` ask for different things."""
    assert request_key(replace(BASE, query="a=1&a=2")) != request_key(replace(BASE, query="a=2&a=1"))


def test_an_accept_that_every_client_sends_does_not_count() -> None:
    """JSON, event streams and anything at all are what a client library asks for by itself."""
    plain = replace(BASE, headers=())

    for accept in ("*/*", "application/json", "application/json, text/event-stream"):
        assert request_key(plain) == request_key(replace(BASE, headers=(("accept", accept),)))


def test_the_key_of_a_known_request_never_changes() -> None:
    """The rule has a version: this key is in stores all over the world."""
    expected = (
        b'["recstore-request",1,"POST","openai","/v1/chat",["a=1","b=2"],[["accept","text/csv"]],"json"]\n'
        b'{"a":1,"b":[true]}'
    )

    assert expected == canonical_form(BASE)
    assert "1a2ddb079f787fdf267037d364aeb3c2f025f56e17ade406a7efd55f7c876892" == request_key(BASE)


def test_small_and_large_reals_have_one_spelling() -> None:
    """Reals are spelled by rule, not by the JSON library of the day."""
    form = canonical_form(replace(BASE, body=JsonBody([1e-05, 1e-06, 1e16, 0.0001, 1.5, 100.0])))

    assert b"[1e-05,1e-06,1e+16,0.0001,1.5,100.0]" == form.partition(b"\n")[2]


def test_a_body_of_100_mb_has_a_key() -> None:
    """Size is no limit."""
    assert 64 == len(request_key(replace(BASE, body=RawBody(bytes(100_000_000)))))


UPSTREAMS = UpstreamMap(
    (("ollama", "http://localhost"), ("azure", "https://a.example/openai"), ("azure", "https://b.example/openai"))
)


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_the_port_of_a_loopback_host_does_not_count(one: int, other: int) -> None:
    """A server that a test starts on a free port is the same upstream every time."""
    for upstreams in (UpstreamMap(), UPSTREAMS):
        first = upstreams.address(f"http://localhost:{one}/v1/models")
        second = upstreams.address(f"http://localhost:{other}/v1/models")

        assert (first.upstream, first.path) == (second.upstream, second.path)


def test_hosts_of_one_upstream_are_the_same() -> None:
    """A label stands for all its base URLs."""
    addresses = {UPSTREAMS.address(f"https://{host}.example/openai/v1/models?x=1") for host in "ab"}

    assert {("azure", "/v1/models", "x=1")} == {(found.upstream, found.path, found.query) for found in addresses}


@given(st.text(max_size=60))
def test_every_url_has_an_address_that_gives_it_back(url: str) -> None:
    """Whatever a client calls a URL, its parts put together are that URL."""
    for upstreams in (UpstreamMap(), UPSTREAMS):
        address = upstreams.address(url)

        question = f"?{address.query}" if address.query or url.partition("#")[0].endswith("?") else ""
        assert url.partition("#")[0] in (address.base + address.path + question, address.base + address.path + "?")


@pytest.mark.parametrize(
    ("url", "label", "path"),
    [
        ("https://API.openai.com/v1/models", "api.openai.com", "/v1/models"),
        ("https://api.openai.com:443/v1", "api.openai.com", "/v1"),
        ("https://example.com:8443/", "example.com:8443", "/"),
        ("http://0.0.0.0:11434/api/ps", "localhost", "/api/ps"),
        ("http://[::1]:80/x", "localhost", "/x"),
        ("http://127.1.2.3:9/x", "localhost", "/x"),
        ("vertexai:///generate", "vertexai", "/generate"),
        ("__databricks__/serving-endpoints/v1", "__databricks__", "/serving-endpoints/v1"),
        ("https://user:secret@example.com/x", "example.com", "/x"),
    ],
)
def test_a_host_is_its_own_label(url: str, label: str, path: str) -> None:
    """Without configuration the label is the host; loopback hosts are all one."""
    address = UpstreamMap().address(url)

    assert (label, path) == (address.upstream, address.path)


@given(objects.map(JsonBody) | parsed_bodies)
def test_the_bytes_of_a_body_have_the_key_of_the_body(body: Body | None) -> None:
    """What a client sends has the key of what was stored of it."""
    request = replace(BASE, body=body)

    assert request_key(request) == request_key(replace(request, body=RawBody(body_bytes(body))))

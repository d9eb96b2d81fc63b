"""The canonical form of a request, byte by byte as format.md states it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from recstore.content.canonical import IDENTITY_HEADERS, canonical_form, identity_headers, request_key
from recstore.errors import RecstoreError
from recstore.model import Body, Json, JsonBody, RawBody, Request, StreamBody

PLAIN = Request("GET", "a", "/x")


def form(**changes: object) -> bytes:
    """Return the canonical form of the plain request with `changes`."""
    return canonical_form(replace(PLAIN, **changes))  # type: ignore[arg-type]


def test_the_form_of_a_request_without_anything() -> None:
    """Eight members and an empty body."""
    assert b'["recstore-request",1,"GET","a","/x",[],[],"none"]\n' == form()


@pytest.mark.parametrize(
    ("body", "tail"),
    [
        (None, b'"none"]\n'),
        (RawBody(b""), b'"none"]\n'),
        (RawBody(b"5"), b'"bytes"]\n5'),
        (RawBody(b'"x"'), b'"bytes"]\n"x"'),
        (RawBody(b"null"), b'"bytes"]\nnull'),
        (RawBody(b"\xff\x00\n"), b'"bytes"]\n\xff\x00\n'),
        (RawBody(b' {"b":1.50,"a":[ ]}\n'), b'"json"]\n{"a":[],"b":1.5}'),
        (RawBody(b'{"a":1,"a":1}'), b'"bytes"]\n{"a":1,"a":1}'),
        (RawBody(b"[NaN]"), b'"bytes"]\n[NaN]'),
        (RawBody(b"[-0]"), b'"bytes"]\n[-0]'),
        (RawBody(b"[18446744073709551616]"), b'"bytes"]\n[18446744073709551616]'),
        (RawBody(b"\xef\xbb\xbf{}"), b'"bytes"]\n\xef\xbb\xbf{}'),
        (RawBody(b'["\\ud800"]'), b'"bytes"]\n["\\ud800"]'),
        (RawBody(b"[1e-99999999999999999999]"), b'"bytes"]\n[1e-99999999999999999999]'),
        (RawBody(b'{"a":1}\n{"a":2}\n'), b'"bytes"]\n{"a":1}\n{"a":2}\n'),
        (JsonBody({"b": 1, "a": 1e-5}, "indent-4"), b'"json"]\n{"a":1e-05,"b":1}'),
        (JsonBody(5), b'"json"]\n5'),
        (JsonBody(None), b'"json"]\nnull'),
        (StreamBody("ndjson", [{"b": 1, "a": 2}, 3], "compact"), b'"bytes"]\n{"b":1,"a":2}\n3\n'),
        (StreamBody("sse", [{"data": {"b": 1}}], "compact"), b'"bytes"]\ndata: {"b":1}\n\n'),
    ],
)
def test_a_body_counts_as_json_or_as_bytes(body: Body | None, tail: bytes) -> None:
    """JSON where all of it is carried, every byte where not."""
    assert form(body=body).endswith(tail)


def test_nesting_beyond_the_limit_counts_by_its_bytes() -> None:
    """format.md: a body that nests at most 128 levels is JSON, one of 129 is bytes."""
    assert b'"json"' in form(body=RawBody(b"[" * 128 + b"]" * 128))
    assert b'"bytes"' in form(body=RawBody(b"[" * 129 + b"1" + b"]" * 129))
    assert b'"bytes"' in form(body=RawBody(b"[" * 1000 + b"]" * 1000))
    assert b'"bytes"' in form(body=RawBody(b"[" * 100_000 + b"]" * 100_000))


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("", b"[]"),
        ("b=2&a=1", b'["a=1","b=2"]'),
        ("a=2&a=1", b'["a=2","a=1"]'),
        ("b=1&a=2&b=0&a=1", b'["a=2","a=1","b=1","b=0"]'),
        ("a", b'["a"]'),
        ("a=%20&a=+", b'["a=%20","a=+"]'),
        ("&", b'["",""]'),
        ("a=b=c", b'["a=b=c"]'),
    ],
)
def test_a_query_is_sorted_by_name(query: str, parts: bytes) -> None:
    """Parts stay as sent; those of one name keep their order."""
    assert b'"/x",' + parts + b",[]" in form(query=query)


@pytest.mark.parametrize("name", sorted(IDENTITY_HEADERS))
def test_a_header_of_the_list_counts(name: str) -> None:
    """In any letter case, without the white space around its value."""
    assert ((name, "v"),) == identity_headers(((name.upper(), " v\t"),))
    assert request_key(PLAIN) != request_key(replace(PLAIN, headers=((name, "v"),)))


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Cookie", "X-Api-Key", "Api-Key", "User-Agent", "Content-Length", "Host", "Traceparent", "Date"],
)
def test_no_other_header_counts(name: str) -> None:
    """Credentials, and what differs from run to run, neither count nor stay."""
    assert () == identity_headers(((name, "v"),))
    assert request_key(PLAIN) == request_key(replace(PLAIN, headers=((name, "v"),)))


def test_headers_are_sorted_and_equal_names_keep_their_order() -> None:
    """As HTTP means them: the order of different headers says nothing, that of equal ones does."""
    headers = (("Range", "b"), ("openai-beta", "z"), ("OpenAI-Beta", "a"), ("accept", "text/csv"))

    assert (("accept", "text/csv"), ("openai-beta", "z"), ("openai-beta", "a"), ("range", "b")) == identity_headers(
        headers
    )


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/event-stream", "application/json,*/*"])
def test_an_accept_of_every_client_does_not_count(accept: str) -> None:
    """It says nothing of what was asked."""
    assert () == identity_headers((("Accept", accept),))


@pytest.mark.parametrize("accept", ["text/csv", "application/json, text/csv", ""])
def test_an_accept_that_asks_for_something_counts(accept: str) -> None:
    """One unusual media type is enough."""
    assert (("accept", accept),) == identity_headers((("Accept", accept),))


def test_the_method_counts_in_upper_case() -> None:
    """`post` is `POST`."""
    assert form(method="post") == form(method="POST") != form(method="PATCH")


def test_no_part_can_pass_for_another() -> None:
    """Quotes, brackets and line feeds in a part stay in that part."""
    hostile = '","/x",[],[],"none"]\n'

    assert form(upstream=hostile) != form(path=hostile)
    assert 1 == form(path=hostile).count(b"\n")


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 1 << 64, "\ud800", {"\ud800": 1}, {"a": [float("-inf")]}]
)
def test_a_value_that_json_cannot_say_is_never_taken_for_another(value: object) -> None:
    """A value is refused, or has a key of its own: NaN is not null."""
    request = replace(PLAIN, body=JsonBody(value))  # type: ignore[arg-type]

    try:
        key = request_key(request)
    except (ValueError, RecstoreError):
        return
    nulls: list[Json] = [None, {"a": [None]}]
    assert key not in {request_key(replace(PLAIN, body=JsonBody(null))) for null in nulls}


def test_a_deep_value_has_a_key_or_is_refused() -> None:
    """A value from a hostile blob that nests 300 levels raises no stranger error."""
    value: list[object] = []
    for _ in range(300):
        value = [value]

    with suppress(ValueError, RecstoreError):
        request_key(replace(PLAIN, body=JsonBody(value)))  # type: ignore[arg-type]

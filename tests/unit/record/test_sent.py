"""Requests as they are keyed: what counts, whoever makes them."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from recstore.content.canonical import request_key
from recstore.model import Headers, JsonBody, RawBody
from recstore.record.sent import Sent, credentials_of, header, read_request
from recstore.record.server_ids import Names
from recstore.record.wire import WireRequest
from recstore.secrets.redact import Redaction
from recstore.upstreams import UpstreamMap
from tests.exchanges import URL, asked

BODY = {"a": [1, 2.5], "b": "x"}


def _sent(wire: WireRequest, bases: tuple[tuple[str, str], ...] = ()) -> Sent:
    return read_request(wire, UpstreamMap(bases), Redaction(), Names("t"))


def test_a_request_is_addressed_by_its_upstream() -> None:
    """Host or label, path and query; no scheme, user, port of this machine, fragment."""
    sent = _sent(asked(BODY, "http://me:pw@localhost:8123/v1/a%20b?x=1&y#z", "post")).request

    assert ("POST", "localhost", "/v1/a%20b", "x=1&y") == (sent.method, sent.upstream, sent.path, sent.query)
    assert "azure" == _sent(asked(url="https://x.org/o/v1"), (("azure", "https://x.org/o"),)).request.upstream


@pytest.mark.parametrize(
    "wire",
    [
        asked(json.dumps(BODY, indent=4).encode()),
        asked({"b": "x", "a": [1, 2.5]}),
        asked(
            BODY, headers=(("Authorization", "Bearer x"), ("User-Agent", "y"), ("Cookie", "z"), ("X-Stainless-Os", "w"))
        ),
        asked(BODY, headers=(("Accept", "application/json"), ("Content-Length", "99"), ("Idempotency-Key", "i"))),
        asked(gzip.compress(json.dumps(BODY).encode()), headers=(("Content-Encoding", "gzip"),)),
        asked(BODY, f"{URL}#fragment", "post"),
    ],
)
def test_what_does_not_count_does_not_change_the_key(wire: WireRequest) -> None:
    """Layout, order of members, credentials, who asks, how the body was packed."""
    assert _sent(asked(BODY)).key == _sent(wire).key


@pytest.mark.parametrize(
    "wire",
    [
        asked({**BODY, "b": "y"}),
        asked(BODY, method="PUT"),
        asked(BODY, f"{URL}/x"),
        asked(BODY, f"{URL}?x=1"),
        asked(BODY, URL.replace("api.", "api2.")),
        asked(BODY, headers=(("Anthropic-Version", "2"),)),
    ],
)
def test_what_counts_changes_the_key(wire: WireRequest) -> None:
    """Anything that may change the answer."""
    assert _sent(asked(BODY)).key != _sent(wire).key


def test_the_stored_request_has_the_key_that_was_looked_for() -> None:
    """Its body in the form that reads best; its type only where the body does not tell."""
    form = asked(b"a=1&password=hunter2")
    form = replace(form, headers=(("content-type", "application/x-www-form-urlencoded"),))
    for wire in (asked(BODY), form, asked(b'{"a":1,"a":2}'), asked(b"\xff\x00"), asked(b'{"x":1}\n{"x":2}\n'), asked()):
        sent = _sent(wire)
        assert sent.key == request_key(sent.storable())
    assert (("content-type", "application/x-www-form-urlencoded"),) == _sent(form).storable().headers
    assert RawBody(b"a=1&password=REDACTED") == _sent(form).storable().body
    assert () == _sent(asked(BODY)).storable().headers
    assert JsonBody(BODY, "spaced-ascii") == _sent(asked(BODY)).storable().body  # type: ignore[arg-type]
    assert _sent(asked()).storable().body is None


def test_a_body_whose_packing_nobody_knows_is_kept_as_it_is() -> None:
    """Better a recording that cannot be read than none."""
    wire = asked(b"\xff\xfe", headers=(("content-encoding", "snappy"),))

    assert RawBody(b"\xff\xfe") == _sent(wire).request.body


def test_uploads_are_the_same_whatever_their_boundary() -> None:
    """Clients make one up each time."""

    def upload(boundary: str) -> WireRequest:
        part = 'Content-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n'
        body = f"--{boundary}\r\n{part}--{boundary}--\r\n".encode()
        return WireRequest("POST", URL, (("Content-Type", f"multipart/form-data; boundary={boundary}"),), body)

    sent = _sent(upload("abc"))

    assert sent.key == _sent(upload("xyz")).key
    assert b"hunter2" not in sent.text()
    assert "multipart/form-data; boundary=recstore-boundary" == header(sent.storable().headers, "content-type")


def test_ids_of_earlier_answers_are_stored_ones_everywhere() -> None:
    """Path, query and body."""
    names = Names("t")
    [presented] = names.presented((b"resp_recstore0123456789ab",), request_key(_sent(asked()).request), 1)
    name = presented.decode()
    wire = asked({"previous_response_id": name}, f"{URL}/{name}?after={name}")

    sent = read_request(wire, UpstreamMap(), Redaction(), Names("another"))

    assert 3 == sent.text().count(b"resp_recstore0123456789ab")
    assert presented not in sent.text()


def test_credentials_are_told_from_words() -> None:
    """Longest first, so that none is left in part; short ones are no secret that a server repeats."""
    wire = asked(
        headers=(("Authorization", "Bearer hunter2-hunter2"), ("X-Api-Key", "hunter2-hunter2-x"), ("Cookie", "a=b"))
    )

    assert (b"hunter2-hunter2-x", b"hunter2-hunter2") == credentials_of(wire, Redaction())


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("api_key=hunter2%2Fhunter2&q=harmless-harmless", (), {b"hunter2%2Fhunter2", b"hunter2/hunter2"}),
        ("key=Hunter2Hunter2Hunter2", (), {b"Hunter2Hunter2Hunter2"}),
        ("key=reports/2026/summary.csv&token=2026-11-23T10:00:00Z&key=HUNTER-2-hunter-2", (), set()),
        ("key=short", (), set()),
        ("", (("Proxy-Authorization", "Basic aHVudGVyMjpodW50"),), {b"aHVudGVyMjpodW50"}),
        ("", (("X-Own", "hunter2-hunter2"),), {b"hunter2-hunter2"}),
        (
            "",
            (("Cookie", "at=2026-11-23T10; sid=Hunter2Hunter2Hu"),),
            {b"at=2026-11-23T10;", b"sid=Hunter2Hunter2Hu", b"Hunter2Hunter2Hu"},
        ),
    ],
)
def test_credentials_of_other_places(query: str, headers: Headers, expected: set[bytes]) -> None:
    """A query's, as sent and as meant; a proxy's; those of headers that the project names; a cookie's value alone."""
    wire = asked(url=f"https://api.example.com/x?{query}", headers=headers)

    assert expected == set(credentials_of(wire, Redaction(headers=("x-own",))))


def test_what_a_parameter_names_is_not_taken_out_of_the_answer() -> None:
    """`key` is a secret's name in a query, and an object's: an answer may go on to speak of the object."""
    wire = asked(
        url="https://api.example.com/x?key=reports/2026/summary.csv", headers=(("Cookie", "at=2026-11-23T10:00:00Z"),)
    )

    assert not any(
        credential in b'{"key": "reports/2026/summary.csv", "at": "2026-11-23T10:00:00Z"}'
        for credential in credentials_of(wire, Redaction())
    )


@pytest.mark.parametrize("rest", ["", "?a=1", "#part", "/?a=1", "/x"])
def test_a_url_without_a_path_has_the_path_of_its_host(rest: str) -> None:
    """Some clients write `/` and some do not; on the wire all of them do."""
    found = read_request(asked(url=f"https://api.example.com{rest}"), UpstreamMap(), Redaction(), Names("t")).request

    assert ("/x" if rest == "/x" else "/", "a=1" if "a=1" in rest else "") == (found.path, found.query)


def test_a_header_is_found_in_any_case() -> None:
    """The first of several."""
    assert "b" == header((("x", "a"), ("Y-Z", "b"), ("y-z", "c")), "y-z")
    assert "" == header((), "x")

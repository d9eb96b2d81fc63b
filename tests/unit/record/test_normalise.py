"""Requests as they are keyed, whoever makes them; live answers as they are stored: decoded, scrubbed, without secrets."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from recstore.content.canonical import request_key
from recstore.model import Headers, JsonBody, RawBody, Response, StreamBody
from recstore.record.exchange import Exchange, NormalisedRequest, WireError, WireRequest, header_value
from recstore.record.normalise import (
    BOUNDARY,
    find_credentials,
    normalise_request,
    normalise_response,
    with_constant_boundary,
)
from recstore.record.server_ids import IdMap
from recstore.secrets.redact import Redaction
from recstore.upstreams import UpstreamMap
from tests.exchanges import URL, asked

BODY = {"a": [1, 2.5], "b": "x"}


def _sent(wire: WireRequest, bases: tuple[tuple[str, str], ...] = ()) -> NormalisedRequest:
    return normalise_request(wire, UpstreamMap(bases), Redaction(), IdMap("t"))


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
    other = replace(upload("abc"), headers=(("content-type", "text/multipart; boundary=abc"),))

    assert sent.key == _sent(upload("xyz")).key
    assert b"hunter2" not in sent.text()
    assert other.body == _sent(other).text()[-len(other.body) :]
    assert "multipart/form-data; boundary=recstore-boundary" == header_value(sent.storable().headers, "content-type")


def test_ids_of_earlier_answers_are_stored_ones_everywhere() -> None:
    """Path, query and body."""
    names = IdMap("t")
    [replayed] = names.to_replayed((b"resp_recstore0123456789ab",), request_key(_sent(asked()).request), 1)
    name = replayed.decode()
    wire = asked({"previous_response_id": name}, f"{URL}/{name}?after={name}")

    sent = normalise_request(wire, UpstreamMap(), Redaction(), IdMap("another"))

    assert 3 == sent.text().count(b"resp_recstore0123456789ab")
    assert replayed not in sent.text()


def test_credentials_are_told_from_words() -> None:
    """Longest first, so that none is left in part; short ones are no secret that a server repeats."""
    wire = asked(
        headers=(("Authorization", "Bearer hunter2-hunter2"), ("X-Api-Key", "hunter2-hunter2-x"), ("Cookie", "a=b"))
    )

    assert (b"hunter2-hunter2-x", b"hunter2-hunter2") == find_credentials(wire, Redaction())


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
def test_find_credentials_other_places(query: str, headers: Headers, expected: set[bytes]) -> None:
    """A query's, as sent and as meant; a proxy's; those of headers that the project names; a cookie's value alone."""
    wire = asked(url=f"https://api.example.com/x?{query}", headers=headers)

    assert expected == set(find_credentials(wire, Redaction(headers=("x-own",))))


def test_what_a_parameter_names_is_not_taken_out_of_the_answer() -> None:
    """`key` is a secret's name in a query, and an object's: an answer may go on to speak of the object."""
    wire = asked(
        url="https://api.example.com/x?key=reports/2026/summary.csv", headers=(("Cookie", "at=2026-11-23T10:00:00Z"),)
    )

    assert not any(
        credential in b'{"key": "reports/2026/summary.csv", "at": "2026-11-23T10:00:00Z"}'
        for credential in find_credentials(wire, Redaction())
    )


@pytest.mark.parametrize("rest", ["", "?a=1", "#part", "/?a=1", "/x"])
def test_a_url_without_a_path_has_the_path_of_its_host(rest: str) -> None:
    """Some clients write `/` and some do not; on the wire all of them do."""
    found = normalise_request(
        asked(url=f"https://api.example.com{rest}"), UpstreamMap(), Redaction(), IdMap("t")
    ).request

    assert ("/x" if rest == "/x" else "/", "a=1" if "a=1" in rest else "") == (found.path, found.query)


def test_a_header_is_found_in_any_case() -> None:
    """The first of several."""
    assert "b" == header_value((("x", "a"), ("Y-Z", "b"), ("y-z", "c")), "y-z")
    assert "" == header_value((), "x")


# -- boundaries of bodies with several parts


def _form(boundary: bytes, content: bytes = b"x") -> bytes:
    part = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n' % content
    return b"--%b\r\n%b--%b\r\n%b--%b--\r\n" % (boundary, part, boundary, part, boundary)


@pytest.mark.parametrize("stated", ["boundary=ab12", 'charset=utf-8; Boundary="ab12"', "boundary=ab12; charset=utf-8"])
def test_every_boundary_becomes_the_same_one(stated: str) -> None:
    """In the header and in the body."""
    content_type, body = with_constant_boundary(f"multipart/form-data; {stated}", _form(b"ab12"))

    assert stated.replace('"', "").replace("ab12", BOUNDARY) in content_type
    assert _form(BOUNDARY.encode()) == body


def test_what_a_part_says_is_left_alone() -> None:
    """Also where it holds the boundary without being one, or no text."""
    content = b"--ab1 ab12 x--ab12\r\n--ab123 \xff\x00"

    _, body = with_constant_boundary("multipart/form-data; boundary=ab12", _form(b"ab12", content))

    assert _form(BOUNDARY.encode(), content) == body


@pytest.mark.parametrize("content_type", ["", "multipart/form-data", "multipart/mixed; boundary="])
def test_other_bodies_are_left_alone(content_type: str) -> None:
    """No boundary is stated, or the body has no parts."""
    assert (content_type, _form(b"ab12")) == with_constant_boundary(content_type, _form(b"ab12"))


def test_a_body_that_has_the_constant_boundary_keeps_its_own() -> None:
    """Two parts would become one."""
    body = _form(b"ab12", BOUNDARY.encode())

    assert ("multipart/x; boundary=ab12", body) == with_constant_boundary("multipart/x; boundary=ab12", body)


# -- responses


def _answered(
    *chunks: bytes, headers: Headers = (), error: WireError | None = None, credential: str = "", reason: str = "OK"
) -> Response:
    """Return what is stored of an answer to a request with this credential."""
    wire = asked(headers=(("authorization", f"Bearer {credential}"),))
    exchange = Exchange(wire, _sent(wire), status=200, reason=reason, headers=headers, chunks=[*chunks], error=error)
    return normalise_response(exchange, Redaction(), IdMap("t"))


def test_chunks_of_the_network_are_joined() -> None:
    """Where they were cut means nothing; what is a stream is seen from the bytes."""
    found = _answered(b"data: {}", b"\n\ndata: 2\n", b"\n")

    assert Response(200, "OK", body=StreamBody("sse", [{"data": {}}, {"data": "2"}], "compact")) == found


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_packed_body_is_stored_as_it_reads(length: int) -> None:
    """And the header that says how it was packed is gone; so are lengths, dates and cookies."""
    data = gzip.compress(b'{"a":1}')
    headers = (("Content-Encoding", "gzip"), ("Content-Length", "29"), ("Date", "x"), ("Set-Cookie", "x"), ("X-A", "b"))

    found = _answered(data[:length], data[length:], headers=headers)

    assert Response(200, "OK", (("X-A", "b"),), body=JsonBody({"a": 1}, "compact")) == found


def test_a_body_that_nobody_can_unpack_is_stored_with_its_encoding() -> None:
    """Untouched: the client can undo it at replay as it did live."""
    data = b'{"password":"x"} \xff'

    found = _answered(data, headers=(("content-encoding", "snappy"),))

    assert Response(200, "OK", (("content-encoding", "snappy"),), body=RawBody(data)) == found


def test_secrets_and_credentials_are_taken_out_of_everything() -> None:
    """Body, headers, and the message of an error, which often holds the URL."""
    error = WireError("connect", "E", "https://x.org/a?key=hunter2&b=1 hunter2-hunter2")

    found = _answered(
        b'{"api_key":"s","said":"hunter2-hunter2"}',
        headers=(("x", "hunter2-hunter2"),),
        error=error,
        credential="hunter2-hunter2",
    )

    assert JsonBody({"api_key": "REDACTED", "said": "REDACTED"}, "compact") == found.body
    assert (("x", "REDACTED"),) == found.headers
    assert found.error is not None
    assert "hunter2" not in json.dumps(found.error)


@pytest.mark.parametrize("secret", ["sk-proj-" + "Ab3dEf6hIj9" * 3, "the-key-that-was-sent-0"])
def test_a_secret_in_pieces_of_a_stream_is_taken_out(secret: str) -> None:
    """No event has all of it: by its shape, or because it is what the request was sent with."""
    pieces = ["It is ", secret[:5], secret[5:14], secret[14:], "."]
    chunks = [b"data: " + json.dumps({"t": piece}).encode() + b"\n\n" for piece in pieces]

    found = _answered(*chunks, credential="the-key-that-was-sent-0")

    assert isinstance(found.body, StreamBody)
    texts = [event["data"]["t"] for event in found.body.events]  # type: ignore[index,call-overload]
    assert ["It is ", "REDACTED", "", "", "."] == texts


@pytest.mark.parametrize("cut", [1, 8, 20, 24, 40])
def test_no_piece_of_a_secret_is_left_where_one_event_has_enough_to_know_it_by(cut: int) -> None:
    """Wherever it is cut: the first event may hold what looks like a whole key, and the next one the rest of it."""
    secret = "sk-proj-" + "Ab3dEf6hIj9" * 3
    pieces = ["It is ", secret[:cut], secret[cut:], "."]
    chunks = [b"data: " + json.dumps({"t": piece}).encode() + b"\n\n" for piece in pieces]

    found = _answered(*chunks)

    assert isinstance(found.body, StreamBody)
    texts = [event["data"]["t"] for event in found.body.events]  # type: ignore[index,call-overload]
    assert ["It is ", "REDACTED", "", "."] == texts


def test_ids_and_times_of_models_answers_are_settled() -> None:
    """Ids by the request's key; the layout stays."""
    live = json.dumps({"object": "chat.completion", "id": "chatcmpl-LiveLive", "created": 17}, indent=2).encode()

    found = _answered(live)

    assert isinstance(found.body, JsonBody)
    assert isinstance(found.body.value, dict)
    assert ("indent-2", 0) == (found.body.layout, found.body.value["created"])
    assert str(found.body.value["id"]).startswith("chatcmpl-recstore")


def test_an_error_is_kept_in_our_words_and_the_clients() -> None:
    """The kind tells what to raise, the class which one exactly; a partial answer stays with it."""
    found = _answered(b"half", error=WireError("read-timeout", "httpx.ReadTimeout", "too slow"))

    assert {"type": "httpx.ReadTimeout", "message": "too slow", "kind": "read-timeout"} == found.error
    assert (200, RawBody(b"half")) == (found.status, found.body)


def test_text_that_is_none_is_stored_as_near_as_can_be() -> None:
    """Clients read bytes of headers as lone surrogates."""
    error = WireError("other", "E\udcff", "m\udcff")

    found = _answered(headers=(("x", "a\udcff"),), error=error, reason="O\udcffK")

    assert ("O?K", (("x", "a?"),)) == (found.reason, found.headers)
    assert {"type": "E?", "message": "m?", "kind": "other"} == found.error

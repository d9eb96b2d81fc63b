"""Live answers as they are stored: decoded, without secrets, settled."""

from __future__ import annotations

import gzip
import json

import pytest

from recstore.model import Headers, JsonBody, RawBody, RequestKey, Response, StreamBody
from recstore.record.kept import LiveAnswer, kept_response
from recstore.record.server_ids import Minter, Names
from recstore.record.wire import WireError
from recstore.secrets.redact import Redaction

KEY = RequestKey("a" * 64)


def _kept(answer: LiveAnswer, *credentials: bytes) -> Response:
    return kept_response(answer, Redaction(), Minter(Names("t"), KEY, b""), credentials)


def _answer(*chunks: bytes, headers: Headers = (), error: WireError | None = None) -> LiveAnswer:
    return LiveAnswer(200, "OK", headers, chunks, error=error)


def test_chunks_of_the_network_are_joined() -> None:
    """Where they were cut means nothing; what is a stream is seen from the bytes."""
    found = _kept(_answer(b"data: {}", b"\n\ndata: 2\n", b"\n"))

    assert Response(200, "OK", body=StreamBody("sse", [{"data": {}}, {"data": "2"}], "compact")) == found


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_packed_body_is_stored_as_it_reads(length: int) -> None:
    """And the header that says how it was packed is gone; so are lengths, dates and cookies."""
    data = gzip.compress(b'{"a":1}')
    headers = (("Content-Encoding", "gzip"), ("Content-Length", "29"), ("Date", "x"), ("Set-Cookie", "x"), ("X-A", "b"))

    found = _kept(_answer(data[:length], data[length:], headers=headers))

    assert Response(200, "OK", (("X-A", "b"),), body=JsonBody({"a": 1}, "compact")) == found


def test_a_body_that_nobody_can_unpack_is_stored_with_its_encoding() -> None:
    """Untouched: the client can undo it at replay as it did live."""
    data = b'{"password":"x"} \xff'

    found = _kept(_answer(data, headers=(("content-encoding", "snappy"),)))

    assert Response(200, "OK", (("content-encoding", "snappy"),), body=RawBody(data)) == found


def test_secrets_and_credentials_are_taken_out_of_everything() -> None:
    """Body, headers, and the message of an error, which often holds the URL."""
    error = WireError("connect", "E", "https://x.org/a?key=hunter2&b=1 hunter2-hunter2")

    found = _kept(
        _answer(b'{"api_key":"s","said":"hunter2-hunter2"}', headers=(("x", "hunter2-hunter2"),), error=error),
        b"hunter2-hunter2",
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

    found = _kept(_answer(*chunks), b"the-key-that-was-sent-0")

    assert isinstance(found.body, StreamBody)
    texts = [event["data"]["t"] for event in found.body.events]  # type: ignore[index,call-overload]
    assert ["It is ", "REDACTED", "", "", "."] == texts


@pytest.mark.parametrize("cut", [1, 8, 20, 24, 40])
def test_no_piece_of_a_secret_is_left_where_one_event_has_enough_to_know_it_by(cut: int) -> None:
    """Wherever it is cut: the first event may hold what looks like a whole key, and the next one the rest of it."""
    secret = "sk-proj-" + "Ab3dEf6hIj9" * 3
    pieces = ["It is ", secret[:cut], secret[cut:], "."]
    chunks = [b"data: " + json.dumps({"t": piece}).encode() + b"\n\n" for piece in pieces]

    found = _kept(_answer(*chunks))

    assert isinstance(found.body, StreamBody)
    texts = [event["data"]["t"] for event in found.body.events]  # type: ignore[index,call-overload]
    assert ["It is ", "REDACTED", "", "."] == texts


def test_ids_and_times_of_models_answers_are_settled() -> None:
    """Ids by the request's key; the layout stays."""
    live = json.dumps({"object": "chat.completion", "id": "chatcmpl-LiveLive", "created": 17}, indent=2).encode()

    found = _kept(_answer(live))

    assert isinstance(found.body, JsonBody)
    assert isinstance(found.body.value, dict)
    assert ("indent-2", 0) == (found.body.layout, found.body.value["created"])
    assert str(found.body.value["id"]).startswith("chatcmpl-recstore")


def test_an_error_is_kept_in_our_words_and_the_clients() -> None:
    """The kind tells what to raise, the class which one exactly; a partial answer stays with it."""
    found = _kept(_answer(b"half", error=WireError("read-timeout", "httpx.ReadTimeout", "too slow")))

    assert {"type": "httpx.ReadTimeout", "message": "too slow", "kind": "read-timeout"} == found.error
    assert (200, RawBody(b"half")) == (found.status, found.body)


def test_text_that_is_none_is_stored_as_near_as_can_be() -> None:
    """Clients read bytes of headers as lone surrogates."""
    answer = LiveAnswer(200, "O\udcffK", (("x", "a\udcff"),), (), error=WireError("other", "E\udcff", "m\udcff"))

    found = _kept(answer)

    assert ("O?K", (("x", "a?"),)) == (found.reason, found.headers)
    assert {"type": "E?", "message": "m?", "kind": "other"} == found.error

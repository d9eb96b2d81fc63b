"""Secrets in recordings: found wherever they are, and shown masked."""

from __future__ import annotations

import gzip

import pytest

from recstore.model import Body, Framing, Json, JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.secrets.redact import SecretScan, redacted_recording
from recstore.secrets.scan import Secret, masked, secrets_in_blob, secrets_in_text
from recstore.store.blob import encode_recording
from tests.keys import KEYS

SCAN = SecretScan()
KEY = KEYS["OpenAI"]


def found(recording: Recording, scan: SecretScan = SCAN) -> tuple[Secret, ...]:
    """Return the secrets in the blob of a recording."""
    return secrets_in_blob(encode_recording(recording), "a blob", scan)


def said(body: Body | None, **headers: str) -> Recording:
    """Return a recording with the body in its response."""
    request = Request("POST", "openai", "/v1/chat", body=JsonBody({"q": "?"}))
    return Recording(request, Response(200, "OK", tuple(headers.items()), "", body))


@pytest.mark.parametrize("kind", KEYS)
def test_every_known_format_is_found(kind: str) -> None:
    """In a JSON body, in the text of an event, in a header, and in plain bytes."""
    key = KEYS[kind]
    one_line = key.replace("\n", " ")
    recordings = {
        "/a/0": said(JsonBody({"a": [f"so: {key}"]})),
        "/data/t": said(StreamBody("sse", [{"data": {"t": f"so: {key}"}}], "compact")),
        "body": said(RawBody(f"so: {key}".encode())),
        "header x-echo": said(None, **{"x-echo": f"so: {one_line}"}),
    }

    places = {end: {secret.place.endswith(end) for secret in found(recording)} for end, recording in recordings.items()}

    assert {end: {True} for end in recordings} == places


@pytest.mark.parametrize("kind", ["OpenAI", "Anthropic", "GitHub", "JWT", "AWS"])
@pytest.mark.parametrize("framing", ["sse", "ndjson", "objects"])
def test_a_key_in_pieces_is_found(kind: str, framing: Framing) -> None:
    """No event of the stream holds the key; together they do. Taken out, every other piece stays."""
    key = KEYS[kind]
    pieces = ["It is ", key[:2], key[2:9], key[9:], " of mine."]
    events: list[Json] = [{"data": {"t": piece}} if framing == "sse" else {"t": piece} for piece in pieces]
    recording = said(StreamBody(framing, events, "compact" if framing != "objects" else ""))
    clean = redacted_recording(recording, SCAN)

    assert 1 == len(found(recording))
    assert () == found(clean)
    body = clean.response.body
    assert isinstance(body, StreamBody)
    texts = [event["data"]["t"] if framing == "sse" else event["t"] for event in body.events]  # type: ignore[index,call-overload]
    assert ["It is ", "REDACTED", "", "", " of mine."] == texts


def test_packed_bodies_are_looked_into() -> None:
    """A body of bytes that are no text, and one that is compressed."""
    binary = said(RawBody(b"\xff\x00" + KEY.encode()))
    packed = said(RawBody(gzip.compress(KEY.encode())), **{"content-encoding": "gzip"})

    assert ["response body"] == [secret.place for secret in found(binary)]
    assert ["response body"] == [secret.place for secret in found(packed)]


def test_what_merely_looks_like_one_is_none() -> None:
    """A word that holds `sk-`, a number, a hash, a UUID, an address: nothing of these is a key."""
    texts = [
        "https://host/a?X-Sig=9f" + "sk-" + "aVeryLongTokenInsideOfAnother123456",
        "task-1234567890123456789012345",
        "0123456789abcdef" * 4,
        "123e4567-e89b-12d3-a456-426614174000",
        "sk-learn is a library, sk-ip it",
        "REDACTED",
    ]

    assert [] == [text for text in texts if secrets_in_text(text.encode(), "", SCAN)]


def test_what_is_allowed_is_not_found_and_not_taken_out() -> None:
    """An allow-list knows a secret by its digest."""
    (secret,) = found(said(JsonBody(KEY)))
    allowing = SecretScan({secret.digest})

    assert () == found(said(JsonBody(KEY)), allowing)
    assert KEY.encode() == allowing.clean(KEY.encode())


def test_the_projects_own_patterns_count() -> None:
    """What a project says is secret is found as well."""
    assert found(said(JsonBody("customer 4711-0815")), SecretScan(patterns=(r"\d{4}-\d{4}",)))


@pytest.mark.parametrize("secret", [*KEYS.values(), "short", "\x1b[31m" + KEY])
def test_a_secret_is_never_shown(secret: str) -> None:
    """The excerpt is short, has no control characters, and less than half of the secret."""
    text = masked(secret.encode())

    assert len(text.replace("...", "")) <= len(secret) / 2
    assert text.isprintable()
    assert secret not in text


def test_what_overlaps_is_one_secret() -> None:
    """A key that is a bearer token, too, is taken out once, and nothing behind it."""
    text = f"Bearer {KEY}\nnext line".encode()

    assert b"Bearer REDACTED\nnext line" == SCAN.clean(text)
    assert 1 == len(secrets_in_text(text, "", SCAN))


def test_all_of_a_recording_is_cleaned() -> None:
    """Path, query, headers, body and error; what is no secret is as it was."""
    request = Request("POST", "o", f"/v1/{KEY}", f"a=1&k={KEY}", (("x-a", KEY), ("x-b", "b")), JsonBody([KEY, "c"]))
    response = Response(200, "OK", (("x-c", KEY),), "", RawBody(KEY.encode()), {"message": KEY})
    clean = redacted_recording(Recording(request, response), SCAN)

    expected = Request(
        "POST", "o", "/v1/REDACTED", "a=1&k=REDACTED", (("x-a", "REDACTED"), ("x-b", "b")), JsonBody(["REDACTED", "c"])
    )
    assert expected == clean.request
    assert (RawBody(b"REDACTED"), {"message": "REDACTED"}) == (clean.response.body, clean.response.error)
    assert (("x-c", "REDACTED"),) == clean.response.headers

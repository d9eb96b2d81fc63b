"""Blobs: lossless, deterministic, and never anything but a recording or a clear error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recstore.content.bodies import body_bytes
from recstore.errors import DamagedBlob, NewerVersion, RecstoreError
from recstore.model import JsonBody, Recording, Request, Response, StreamBody
from recstore.store.blob import decode_recording, decode_request, encode_recording
from tests.values import objects, recordings

MINTED = "rec-0123456789ab"


def exact(recording: Recording) -> str:
    """Return a text in which recordings differ if anything in them does: 1 and 1.0, True and 1, key order."""
    return repr(recording)


@given(recordings, st.sampled_from(["", MINTED]))
def test_a_recording_comes_back_exactly(recording: Recording, generated_id: str) -> None:
    """Decoding a blob gives the very recording, the recorder's own id filled in again."""
    before = exact(recording)

    blob = encode_recording(recording, generated_id)

    assert before == exact(recording)
    assert before == exact(decode_recording(blob, "blob", generated_id))


@given(recordings)
def test_a_blob_is_valid_json_and_written_one_way(recording: Recording) -> None:
    """Any JSON reader can read a blob, and the writer writes what it read as it was."""
    blob = encode_recording(recording)

    json.loads(blob)
    assert blob == encode_recording(decode_recording(blob, "blob"))
    assert decode_recording(blob, "blob").request == decode_request(blob, "blob")
    assert blob.endswith(b"}\n")
    assert b"\r" not in blob


@given(st.text(), st.text())
def test_responses_that_differ_in_the_placeholder_id_alone_are_one_blob(text: str, other: str) -> None:
    """The id that a recorder makes of a file's name does not keep equal responses apart."""
    text = text.encode("utf-8", "replace").decode().replace("rec-", "")

    def blob(generated_id: str) -> bytes:
        events: list[Any] = [
            {"id": generated_id, "text": text},
            {"id": generated_id, "text": other.encode("utf-8", "replace").decode()},
        ]
        recording = Recording(Request("POST", "a", "/"), Response(body=StreamBody("objects", events)))
        return encode_recording(recording, generated_id)

    if "rec-" not in other:
        assert blob("rec-000000000000") == blob("rec-ffffffffffff")


def test_a_response_that_holds_the_placeholder_keeps_its_own_text() -> None:
    """`rec-*` in an answer is never mistaken for an id."""
    recording = Recording(Request("POST", "a", "/"), Response(body=JsonBody({"id": MINTED, "text": "rec-*"})))

    blob = encode_recording(recording, MINTED)

    assert recording == decode_recording(blob, "blob", MINTED)
    assert recording == decode_recording(blob, "blob", "rec-ffffffffffff")


@given(recordings, st.data())
def test_a_mangled_blob_gives_a_recording_or_a_clear_error(recording: Recording, data: st.DataObject) -> None:
    """Bits that flip and bytes that go missing raise nothing but errors of the store."""
    blob = bytearray(encode_recording(recording))
    place = data.draw(st.integers(0, len(blob) - 1))
    if data.draw(st.booleans()):
        blob[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del blob[place : place + data.draw(st.integers(1, 40))]

    with suppress(RecstoreError):
        decode_recording(bytes(blob), "blob", MINTED)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    children = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(found for key, child in children for found in places(child, (*path, key)))]


@given(recordings, st.data(), st.sampled_from([None, True, 5, -1.5, "text", [], {}, [[1]], {"a": 1}, ["a"]]))
def test_a_value_of_a_wrong_type_gives_a_recording_or_a_clear_error(
    recording: Recording, data: st.DataObject, wrong: Any
) -> None:
    """Whatever stands where something else belongs, the reader says so and does not fall over."""
    document = orjson.loads(encode_recording(recording))
    *path, last = data.draw(st.sampled_from(places(document)[1:]))
    node = document
    for step in path:
        node = node[step]
    node[last] = wrong

    with suppress(RecstoreError):
        decode_recording(orjson.dumps(document), "blob", MINTED)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"5", b'{"recstore":"1"}', b'{"recstore":true}', b'{"recstore":1}', b"\xff"]
)
def test_what_is_no_blob_is_damage(data: bytes) -> None:
    """A file in the place of a blob that is none is damaged, by name."""
    with pytest.raises(DamagedBlob, match=r"blobs/ab\.json"):
        decode_recording(data, "blobs/ab.json")


def test_a_blob_of_a_newer_format_is_refused() -> None:
    """A later recstore's blob is not guessed at."""
    with pytest.raises(NewerVersion, match="format 2"):
        decode_recording(b'{"recstore":2,"request":{},"response":{}}', "blob")


@given(recordings, st.data(), st.sampled_from(["sse", "sse-crlf", "ndjson", "objects", "other"]))
def test_what_is_read_can_be_written_as_bytes(recording: Recording, data: st.DataObject, framing: str) -> None:
    """A blob that says nonsense about a body is refused when it is read, not when the body is used."""
    document = orjson.loads(encode_recording(recording))
    document["response"] |= {"stream": framing, "events": data.draw(st.lists(objects, max_size=3))}
    document["response"]["layout"] = data.draw(st.sampled_from(["compact", "spaced", "nonsense", ""]))
    document["response"].pop("json", None)

    with suppress(RecstoreError):
        body_bytes(decode_recording(orjson.dumps(document), "blob").response.body)

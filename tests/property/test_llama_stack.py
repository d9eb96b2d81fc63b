"""The llama-stack adapter: every shape, and every distortion of it, comes out byte for byte."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recstore.content.canonical import request_key
from recstore.errors import DamagedSource
from recstore.importers import EncodedRecording
from recstore.importers import llama_stack_files as llama_stack_file
from recstore.importers.formats import parse_source
from recstore.store.blob import decode_recording, placeholder_id
from recstore.upstreams import UpstreamMap
from tests.generator import SHAPES, as_recorded, generated
from tests.values import values

MAPS = (
    UpstreamMap(),
    UpstreamMap((("ours", "https://api.openai.com/v1"), ("ours", "http://0.0.0.0"), ("v", "vertexai://"))),
)
GENERATED = {(shape, seed): (path, document) for seed in range(5) for shape, path, document in generated(seed)}


def exported(data: bytes, path: str, upstreams: UpstreamMap) -> tuple[bytes, str]:
    """Return what a file is exported as after it was imported, and the form in which it was kept."""
    [prepared] = parse_source(data, path, upstreams)
    recording = decode_recording(prepared.data, "blob", placeholder_id(prepared.entry.origin))
    assert prepared.entry.blob.key == request_key(recording.request)
    return llama_stack_file.write_file(recording, prepared.test_id, prepared.entry.origin), str(
        prepared.entry.origin["form"]
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("upstreams", MAPS)
def test_every_shape_comes_out_byte_for_byte(shape: str, upstreams: UpstreamMap) -> None:
    """Each shape is understood, not just carried, and written back exactly."""
    for seed in range(5):
        path, document = GENERATED[shape, seed]

        written, form = exported(as_recorded(document), path, upstreams)

        assert as_recorded(document) == written
        assert "verbatim" != form


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every object and array in a document."""
    if not isinstance(document, dict | list) or not document:
        return []
    children = document.items() if isinstance(document, dict) else enumerate(document)
    return [path, *(found for key, child in children for found in places(child, (*path, key)))]


@given(st.sampled_from(sorted(GENERATED)), st.data())
def test_a_distorted_recording_comes_out_byte_for_byte(chosen: tuple[str, int], data: st.DataObject) -> None:
    """Members too many, too few, in another order, of another type: the file is what it was."""
    path, document = GENERATED[chosen]
    document = json.loads(json.dumps(document))
    for _ in range(data.draw(st.integers(1, 3))):
        distort(document, data)
    recorded = as_recorded(document)
    if not llama_stack_file.is_recording(document):
        return

    written, _ = exported(recorded, path, data.draw(st.sampled_from(MAPS)))

    assert recorded == written


def distort(document: Any, data: st.DataObject) -> None:
    """Change one thing in a document."""
    node = document
    for step in data.draw(st.sampled_from([place for place in places(document) if len(place) < 4] or [()])):
        node = node[step]
    if isinstance(node, list):
        node.append(data.draw(values))
        return
    key = data.draw(st.sampled_from([*node, "new"]) if node else st.just("new"))
    kind = data.draw(st.sampled_from(["change", "remove", "reorder"]))
    if kind == "change":
        node[key] = data.draw(values)
    elif kind == "remove":
        node.pop(key, None)
    else:
        order = list(node)
        random.Random(data.draw(st.integers(0, 99))).shuffle(order)  # noqa: S311 - not for secrets
        members = {name: node[name] for name in order}
        node.clear()
        node.update(members)


@given(st.sampled_from(sorted(GENERATED)), st.data())
def test_a_cut_or_mangled_file_is_stored_exactly_or_named(chosen: tuple[str, int], data: st.DataObject) -> None:
    """Whatever happened to a file, either all of it is kept or a clear error says which file it is."""
    path, document = GENERATED[chosen]
    recorded = bytearray(as_recorded(document))
    place = data.draw(st.integers(0, len(recorded) - 1))
    if data.draw(st.booleans()):
        del recorded[place:]
    else:
        recorded[place] = data.draw(st.integers(0, 255))

    prepared: list[EncodedRecording] = []
    with suppress(DamagedSource):
        prepared = parse_source(bytes(recorded), path, MAPS[0])

    if prepared:
        assert bytes(recorded) == exported(bytes(recorded), path, MAPS[0])[0]


def test_equal_answers_to_two_tests_are_one_blob() -> None:
    """The id that the recorder makes of the file's name does not keep them apart."""
    path, document = GENERATED["chat stream", 0]
    other = json.loads(json.dumps(document).replace(str(path).rpartition("/")[2][:12], "0" * 12))

    [first] = parse_source(as_recorded(document), path, MAPS[0])
    [second] = parse_source(
        as_recorded(other | {"test_id": "tests/b.py::test_b"}), f"tests/recordings/{'0' * 64}.json", MAPS[0]
    )

    assert first.entry.blob == second.entry.blob
    assert first.test_id != second.test_id


def test_a_request_is_the_one_that_the_client_sent() -> None:
    """The recorder's doubled version segment, and its POST for listings, are understood."""
    _, chat = GENERATED["chat completion", 0]
    _, listing = GENERATED["models", 0]

    sent = llama_stack_file.read_document(chat, "a.json", UpstreamMap()).recording.request
    listed = llama_stack_file.read_document(listing, "a.json", UpstreamMap()).recording.request

    assert ("POST", "api.openai.com", "/v1/chat/completions") == (sent.method, sent.upstream, sent.path)
    assert ("GET", "/v1/models", None) == (listed.method, listed.path, listed.body)

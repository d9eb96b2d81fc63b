"""Hypothesis strategies: JSON values, requests, responses, recordings, manifests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from recstore.content.bodies import parse_body
from recstore.model import (
    BlobName,
    Digest,
    Entry,
    JsonBody,
    Manifest,
    RawBody,
    Recording,
    Request,
    RequestKey,
    Response,
    StreamBody,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["rec-*", "rec-0123456789ab", "0.00001", "e-8\n", "~0/", "\x7f", "\U0001f600", "<<<<<<< ours"]
)
reals = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1e-5, 1e-4, 1e16, 5e-324, 1.0])
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | reals | texts
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
objects = st.dictionaries(texts, values, max_size=5)
events = st.lists(values, max_size=5) | st.lists(
    st.fixed_dictionaries({"id": st.just("rec-0123456789ab"), "choices": st.lists(objects, max_size=2), "n": scalars}),
    max_size=6,
)


def _lines_of(parts: list[Any]) -> bytes:
    import json

    return b"".join(json.dumps(part).encode() + b"\n" for part in parts)


def _events_of(parts: list[Any]) -> bytes:
    import json

    return b"".join(b"event: x\ndata: " + json.dumps(part, separators=(",", ":")).encode() + b"\n\n" for part in parts)


wire_bytes = (
    st.binary(max_size=60)
    | st.lists(objects, min_size=1, max_size=4).map(_lines_of)
    | st.lists(objects, min_size=1, max_size=4).map(_events_of)
    | st.lists(objects, min_size=1, max_size=4).map(lambda parts: _events_of(parts).replace(b"\n", b"\r\n"))
    | texts.map(str.encode)
)
parsed_bodies = wire_bytes.map(parse_body)
bodies = (
    st.none()
    | parsed_bodies
    | st.builds(JsonBody, values)
    | st.binary(max_size=40).map(RawBody)
    | st.builds(lambda parts: StreamBody("objects", parts), events)
)
headers = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
requests = st.builds(
    Request, st.sampled_from(["GET", "POST", "post"]), texts, texts.map("/{}".format), texts, headers, bodies
)
responses = st.builds(Response, st.none() | st.integers(100, 599), texts, headers, texts, bodies, st.none() | objects)
recordings = st.builds(Recording, requests, responses)

digits = st.text("0123456789abcdef", min_size=64, max_size=64)
blob_names = st.builds(lambda key, digest: BlobName(RequestKey(key), Digest(digest)), digits, digits)
test_ids = texts | st.from_regex(r"tests/[a-z ?:=\[\]`\\/]{1,40}\.py::test_[^\n]{0,300}", fullmatch=True).filter(
    lambda text: text.isprintable()
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Draw a manifest of a test, its entries numbered as they must be."""
    entries = []
    for blob in draw(st.lists(blob_names, max_size=4, unique_by=lambda name: name.key)):
        times = draw(st.integers(1, 3))
        entries += [Entry(blob, n, origin=draw(st.just({}) | objects)) for n in range(1, times + 1)]
    return Manifest(draw(test_ids), tuple(entries))

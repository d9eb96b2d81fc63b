"""Whatever vcrpy writes comes back byte for byte, and whatever vcrpy reads comes back as it read it."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vcr.request import Request
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer, yamlserializer

from recstore.errors import DamagedSource
from recstore.importers.vcr import Tagged
from recstore.importers.vcr.cassette import read_cassette, write_cassette
from recstore.importers.vcr.yaml import load
from recstore.store.blob import decode_recording, encode_recording
from recstore.upstreams import UpstreamMap

UPSTREAMS = UpstreamMap((("openai", "https://api.openai.com/v1"), ("local", "http://localhost")))

TEXT = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(
    " \n\r\t'\":#-{}[]&*!|>%@\\ab\x85\u2028\ufeff", max_size=200
)
NAMES = st.sampled_from(["Accept", "accept", "OpenAI-Beta", "Content-Type", "Set-Cookie", "Date"]) | st.text(
    "Xx-", min_size=1, max_size=140
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=12,
)


@st.composite
def text_bodies(draw: st.DrawFn) -> bytes:
    """Draw a body that is text: JSON in some layout, an event stream, lines of JSON, anything."""
    value = {"a": draw(JSON_VALUES)}
    as_json = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2])))
    line = json.dumps(value)
    return draw(
        st.sampled_from([as_json, f"data: {line}\n\ndata: [DONE]\n\n", f"{line}\n{line}\n", draw(TEXT), ""])
    ).encode()


BINARY_BODIES = st.binary(max_size=80) | text_bodies().map(lambda body: gzip.compress(body, mtime=0))
URIS = st.sampled_from(
    [
        "https://api.openai.com/v1/chat/completions",
        "http://127.0.0.1:8080/v1/x?q=%20&a=1&a=",
        "http://localhost:1/?",
        "https://user:secret@h:8443/a;b?c#d",
        "http://[::1]:80/\u00e9",
        "",
    ]
)


@st.composite
def responses(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> dict[str, Any]:
    """Draw a response as one of vcrpy's stubs records it, of version 4 to 9."""
    headers = draw(st.dictionaries(NAMES, st.lists(TEXT, max_size=3), max_size=4))
    status = {"code": draw(st.sampled_from([200, 204, 500])), "message": draw(st.sampled_from(["OK", "", None]))}
    kind = draw(st.sampled_from(["usual", "usual", "url", "no-body", "old-httpx", "plain-headers"]))
    if kind == "old-httpx":
        return {"status_code": 200, "http_version": "HTTP/2", "headers": headers, "content": draw(TEXT)}
    response: dict[str, Any] = {"status": status, "headers": headers, "body": {"string": draw(bodies)}}
    if kind == "url":
        response["url"] = draw(URIS)
    if kind == "no-body":
        response["body"] = draw(st.sampled_from([{}, {"string": None}]))
    if kind == "plain-headers":
        response["headers"] = {name: ",".join(values) for name, values in headers.items()}
    return response


@st.composite
def cassettes(draw: st.DrawFn, *, is_json: bool) -> str:
    """Draw a cassette as vcrpy writes it, with repeated requests and responses among others."""
    bodies = text_bodies() if is_json else text_bodies() | BINARY_BODIES
    sent = st.none() | bodies | (st.nothing() if is_json else bodies.map(io.BytesIO))
    requests = st.builds(
        Request,
        st.sampled_from(["GET", "POST", "PATCH"]),
        URIS,
        sent,
        st.dictionaries(NAMES, TEXT, max_size=4),
    )
    pairs = draw(st.lists(st.tuples(requests, responses(bodies)), min_size=1, max_size=4))
    pairs += draw(st.lists(st.sampled_from(pairs), max_size=2))
    document: dict[str, Any] = {"requests": [pair[0] for pair in pairs], "responses": [pair[1] for pair in pairs]}
    if draw(st.booleans()):
        document["metadata"] = {"note": draw(TEXT)}
    return str(serialize(document, jsonserializer if is_json else yamlserializer))


def stored_and_written(data: bytes, path: str) -> bytes:
    """Return a cassette after a stay in blobs and manifests, read from them in another order."""
    sources = read_cassette(data, path, UPSTREAMS)
    return write_cassette(
        [
            (decode_recording(encode_recording(source.recording), "blob"), json.loads(json.dumps(source.origin)))
            for source in reversed(sources)
        ]
    )


def as_loaded(text: str, serializer: Any) -> Any:
    """Return what vcrpy makes of a cassette, in a form that can be compared."""
    requests, responses, *metadata = deserialize(text, serializer)
    return (
        [(request.method, request.uri, _content(request.body), list(request.headers.items())) for request in requests],
        responses,
        metadata,
    )


def _content(body: Any) -> Any:
    return ("file", body.read()) if hasattr(body, "read") else body


@given(cassettes(is_json=False))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_yaml_cassettes_come_back_byte_for_byte_and_load_equal(text: str) -> None:
    """Any cassette of vcrpy's YAML serializer: the same bytes, and so the same requests and responses."""
    actual = stored_and_written(text.encode(), "cassettes/test_a/test_b.yaml")

    assert text.encode() == actual
    assert as_loaded(text, yamlserializer) == as_loaded(actual.decode(), yamlserializer)


@given(text=cassettes(is_json=True), is_old=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_json_cassettes_come_back_byte_for_byte_and_load_equal(text: str, *, is_old: bool) -> None:
    """Any cassette of vcrpy's JSON serializer, with its line feed at the end or without."""
    text = text.rstrip("\n") if is_old else text

    actual = stored_and_written(text.encode(), "cassettes/test_a/test_b.json")

    assert text.encode() == actual
    assert as_loaded(text, jsonserializer) == as_loaded(actual.decode(), jsonserializer)


@given(
    cassettes(is_json=False),
    st.sampled_from([{"default_flow_style": True}, {"default_style": '"'}, {"indent": 7, "width": 30}]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_cassettes_in_other_layouts_come_back_byte_for_byte(text: str, layout: dict[str, Any]) -> None:
    """A cassette that another tool has laid out again comes back as that tool wrote it."""
    document = load(text.encode())
    laid_out = yaml.dump(_without_tags(document), Dumper=yaml.CSafeDumper, **layout)

    actual = stored_and_written(laid_out.encode(), "cassettes/test_a/test_b.yaml")

    assert laid_out.encode() == actual


def _without_tags(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_tags(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_tags(item) for item in value]
    return "tagged" if isinstance(value, Tagged) else value


@given(cassettes(is_json=False), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_spoilt_cassette_is_damage_or_comes_back(text: str, data: st.DataObject) -> None:
    """Cut anywhere, or with any bytes put anywhere: an error that names it, or the same bytes again."""
    whole = text.encode()
    place = data.draw(st.integers(0, len(whole)))
    inserted = data.draw(
        st.sampled_from([None, b"\xff", b"\n", b"'", b": ", b"  ", b"!!x ", b"&a ", b"*a", b"# ", b"<<: {a: b}\n"])
    )
    spoilt = whole[:place] if inserted is None else whole[:place] + inserted + whole[place:]
    try:
        if not read_cassette(spoilt, "a.yaml", UPSTREAMS):
            return
        actual = stored_and_written(spoilt, "a.yaml")
    except DamagedSource:
        return

    assert spoilt == actual


@given(st.text(" \n\t'\":#-{}[]&*!|>%@\\?,~<=ab01._+\x85\u2028\ufeff", max_size=40))
@settings(max_examples=500, deadline=None)
def test_yaml_is_read_as_pyyaml_reads_it(text: str) -> None:
    """Any text that PyYAML takes for a document of plain values is taken for the same one."""
    try:
        expected = yaml.load(text, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, LookupError):
        return
    try:
        actual = load(text.encode())
    except ValueError:
        assert expected is None
        return

    assert repr(expected) == repr(actual) or "Tagged" in repr(actual)

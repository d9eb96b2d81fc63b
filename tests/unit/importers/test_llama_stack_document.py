"""What a llama-stack recording is understood as; `tests/property` shows that nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recstore.errors import RecstoreError
from recstore.importers import llama_stack_files as llama_stack_file
from recstore.importers.formats import parse_source
from recstore.model import Entry, JsonBody, Manifest, Recording, StreamBody
from recstore.store.blob import decode_recording, encode_recording, placeholder_id
from recstore.store.manifest import format_manifest
from recstore.upstreams import UpstreamMap
from tests.generator import SHAPES, as_recorded, generated

HASH = "0123456789ab" + "c" * 52
PATH = f"tests/recordings/{HASH}.json"
DOCUMENTS = {shape: (path, document) for shape, path, document in generated(0)}


def read(document: Any, path: str = PATH) -> Any:
    """Return what the adapter reads from a document."""
    return llama_stack_file.read_document(document, path, UpstreamMap())


def call(url: str = "https://api.openai.com/v1/v1/chat", endpoint: str = "/v1/chat", **members: Any) -> dict[str, Any]:
    """Return a recording of a call of a client library."""
    request = {"method": "POST", "url": url, "headers": {}, "body": {"model": "m"}, "endpoint": endpoint, "model": "m"}
    return {
        "test_id": "tests/a.py::test_a",
        "request": request,
        "response": {"body": {"__type__": "a.B", "__data__": {"id": 1}}, "is_streaming": False},
        "id_normalization_mapping": {},
    } | members


def with_request(**members: Any) -> dict[str, Any]:
    """Return a recording of a call with other members in its request."""
    document = call()
    return document | {"request": document["request"] | members}


def with_response(body: Any, **members: Any) -> dict[str, Any]:
    """Return a recording of a call with another response."""
    return call(response={"body": body, "is_streaming": isinstance(body, list), **members})


# -- what is one


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_recognised(shape: str) -> None:
    """Whatever the recorder writes."""
    assert llama_stack_file.is_recording(DOCUMENTS[shape][1])


@pytest.mark.parametrize(
    "document",
    [
        None,
        5,
        "x",
        [],
        {},
        {"request": {}},
        {"request": {}, "response": {}},
        {"request": [], "response": {"body": 1}},
        {"request": {}, "response": "body"},
    ],
)
def test_other_json_is_not(document: Any) -> None:
    """A package file, a cassette, half a recording."""
    assert not llama_stack_file.is_recording(document)


# -- the request


@pytest.mark.parametrize(
    ("url", "endpoint", "upstream", "path", "query"),
    [
        (
            "https://api.openai.com/v1/v1/chat/completions",
            "/v1/chat/completions",
            "api.openai.com",
            "/v1/chat/completions",
            "",
        ),
        ("https://x.example/openai/v1/v1/models", "/v1/models", "x.example", "/openai/v1/models", ""),
        ("http://localhost:8080/v1/models", "/v1/models", "localhost", "/models", ""),
        ("http://localhost:11434/api/ps", "/api/ps", "localhost", "/api/ps", ""),
        ("https://x.example/v1/v1/chat?version=2", "/v1/chat", "x.example", "/v1/v1/chat", "version=2"),
        ("vertexai:///generate_content", "/generate_content", "vertexai", "/generate_content", ""),
    ],
)
def test_the_url_is_the_one_that_the_client_called(
    url: str, endpoint: str, upstream: str, path: str, query: str
) -> None:
    """The recorder joins a base that ends in /v1 and an endpoint that begins with it."""
    source = read(call(url, endpoint))

    request = source.recording.request
    assert (upstream, path, query) == (request.upstream, request.path, request.query)
    assert as_recorded(call(url, endpoint)) == llama_stack_file.write_file(
        source.recording, source.test_id, source.origin
    )


@pytest.mark.parametrize("path", ["/v1/models", "/api/ps", "/api/tags"])
def test_a_listing_is_a_get(path: str) -> None:
    """The recorder notes down POST and an empty body for requests that have none."""
    document = call(f"https://x.example{path}", path)
    document["request"] |= {"body": {}, "model": ""}

    source = read(document)

    assert ("GET", None) == (source.recording.request.method, source.recording.request.body)
    assert as_recorded(document) == llama_stack_file.write_file(source.recording, source.test_id, source.origin)


@pytest.mark.parametrize(("method", "body"), [("DELETE", {}), ("POST", {"id": "m"}), ("POST", None)])
def test_what_is_no_listing_stays_what_it_was(method: str, body: Any) -> None:
    """Only an empty POST stands for a GET."""
    document = with_request(method=method, body=body, url="https://x.example/v1/v1/models", endpoint="/v1/models")

    request = read(document).recording.request

    assert (method, None if body is None else JsonBody(body)) == (request.method, request.body)


def test_a_tool_invocation_is_a_call_of_its_provider() -> None:
    """It never was HTTP: the provider is the upstream, the tool the path."""
    request = read(DOCUMENTS["web search"][1]).recording.request

    assert ("CALL", "tavily", "/web_search") == (request.method, request.upstream, request.path)
    assert isinstance(request.body, JsonBody)
    assert DOCUMENTS["web search"][1]["request"]["kwargs"] == request.body.value


def test_a_file_processor_call_has_its_own_members_as_arguments() -> None:
    """The test's id is not among them: two tests that process one file share it."""
    request = read(DOCUMENTS["file processor"][1]).recording.request

    assert ("CALL", "pypdf", "/file_processors") == (request.method, request.upstream, request.path)
    assert isinstance(request.body, JsonBody)
    assert {"file_id"} == set(request.body.value)  # type: ignore[arg-type]


def test_the_test_is_no_part_of_a_request() -> None:
    """Neither in the file, nor in the request of the forms that name it there."""
    for shape in ("web search", "file processor", "HTTP error", "chat stream"):
        _, document = DOCUMENTS[shape]
        other = json.loads(json.dumps(document).replace(document["test_id"], "tests/other.py::test_other"))

        assert read(document).recording == read(other).recording


# -- the response


@pytest.mark.parametrize(
    ("body", "type_name", "events"),
    [
        ([{"__type__": "a.B", "__data__": 1}, {"__type__": "a.B", "__data__": 2}], "a.B", [1, 2]),
        ([{"__type__": "a.B", "__data__": 1}, {"__type__": "a.C", "__data__": 2}], "", None),
        ([{"__type__": "a.B", "__data__": 1}, 5], "", None),
        ([{"x": 1}], "", None),
        ([1, "x", None], "", None),
    ],
)
def test_a_list_is_a_stream_of_events(body: list[Any], type_name: str, events: list[Any] | None) -> None:
    """Of one type, which is then said once, or of any values."""
    response = read(with_response(body)).recording.response

    assert type_name == response.type_name
    assert StreamBody("objects", body if events is None else events) == response.body


def test_lines_of_an_event_stream_are_read_as_events() -> None:
    """The recorder noted down the lines, without their ends."""
    lines = ["event: x", 'data: {"a":1}', "", 'data: {"a":2}', ""]

    body = read(with_response(lines)).recording.response.body

    assert StreamBody("sse", [{"event": "x", "data": {"a": 1}}, {"data": {"a": 2}}], "compact") == body


@pytest.mark.parametrize("lines", [["x"], ["", ""], ["data: x"], ["data: a\nb", ""], ["data: \ud800", ""], [""]])
def test_other_lines_stay_lines(lines: list[str]) -> None:
    """What would not come back as it was is not read as events."""
    assert StreamBody("objects", list(lines)) == read(with_response(lines)).recording.response.body


def test_an_exception_is_an_error() -> None:
    """With all that the recorder noted down of it."""
    data = {"type": "BadRequestError", "message": "no", "status_code": 400}

    response = read(
        with_response(None, is_exception=True, exception_data=data, exception_message="no")
    ).recording.response

    assert (None, data) == (response.body, response.error)


def test_a_status_is_kept() -> None:
    """Of the forms that have one."""
    assert 404 == read(with_response({}, status=404)).recording.response.status


# -- the origin


def test_a_usual_recording_needs_a_short_origin() -> None:
    """What can be predicted is not said: manifests stay small."""
    assert {"format", "path", "form", "base"} == set(read(call()).origin)


@pytest.mark.parametrize(
    ("members", "test_id"),
    [({"test_id": None}, None), ({"test_id": ""}, None), ({"test_id": 5}, None), ({}, "tests/a.py::test_a")],
)
def test_a_recording_belongs_to_its_test_or_to_none(members: dict[str, Any], test_id: str | None) -> None:
    """An empty id, or one that is no text, is none."""
    assert test_id == read(call(**members)).test_id


@pytest.mark.parametrize(
    ("path", "is_union"),
    [(f"a/models-{HASH}-0.json", True), (f"models-{HASH}-0.json", True), (PATH, False), ("a/my-models-x.json", False)],
)
def test_a_model_list_is_one_of_several(path: str, is_union: bool) -> None:  # noqa: FBT001 - pytest's
    """By the name of its file."""
    assert is_union == read(call(), path).is_union


# -- out again


@pytest.mark.parametrize(
    "document",
    [
        with_request(body=None),
        with_request(method="GET"),
        with_request(method=None),
        with_request(url="http://localhost:1/x?a=1#part"),
        with_request(url="no url at all"),
        with_request(url=""),
        with_request(endpoint=None),
        with_request(endpoint=""),
        with_request(endpoint="/v1/other"),
        with_request(headers=None),
        with_request(model="other"),
        with_request(provider_metadata={"a": 1}),
        with_request(provider_metadata=None),
        with_request(payload={"x": 1}),
        call(response={"body": {}}),
        call(response={"is_streaming": False, "body": {}}),
        call(response={"body": None, "is_streaming": True}),
        call(response={"body": [], "is_streaming": True}),
        with_response({"__type__": "a.B", "__data__": 1, "more": 2}),
        with_response({"__data__": 1, "__type__": "a.B"}),
        with_response({"__type__": None, "__data__": 1}),
        with_response({"__type__": "a.B"}),
        with_response({}, status="404"),
        with_response({}, status=True),
        with_response(None, is_exception=True, exception_message="x"),
        with_response({}, is_exception=False, exception_data=None),
        call(more={"x": 1}),
        call(id_normalization_mapping={"a": "b"}),
        call(id_normalization_mapping=None),
        {"response": call()["response"], "request": call()["request"]},
    ],
    ids=lambda document: repr({**document["request"], **document["response"]})[-90:],
)
def test_an_unusual_document_is_understood_and_comes_out_exactly(document: dict[str, Any]) -> None:
    """One odd member costs a few words in the origin, not the structure of the whole recording."""
    [prepared] = parse_source(as_recorded(document), PATH, UpstreamMap())

    assert "verbatim" != prepared.entry.origin["form"]
    recording = decode_recording(prepared.data, "blob", placeholder_id(prepared.entry.origin))
    assert as_recorded(document) == llama_stack_file.write_file(recording, prepared.test_id, prepared.entry.origin)


def exported(data: bytes) -> bytes:
    """Return what a file is written as after its recording went through a blob and a manifest."""
    [prepared] = parse_source(data, PATH, UpstreamMap())
    format_manifest(
        Manifest(prepared.test_id, (Entry(prepared.entry.blob, 1, prepared.entry.is_union, prepared.entry.origin),))
    )
    recording = decode_recording(prepared.data, "blob", placeholder_id(prepared.entry.origin))
    return llama_stack_file.write_file(recording, prepared.test_id, prepared.entry.origin)


def spoiled(raw: bytes, *path: str, shape: str = "chat completion") -> bytes:
    """Return the file of a shape with some JSON text in one place."""
    document = json.loads(json.dumps(DOCUMENTS[shape][1]))
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = "HERE"
    return as_recorded(document).replace(b'"HERE"', raw)


RAW = {
    "lone surrogate": b'"\\ud800"',
    "NaN": b"NaN",
    "an integer beyond 64 bits": b"9" * 40,
    "an integer of 5000 digits": b"9" * 5000,
    "a real beyond all bounds": b"1e-99999999999999999999",
    "300 levels": b"[" * 300 + b"]" * 300,
    "1010 levels": b"[" * 1010 + b"]" * 1010,
    "5000 levels": b"[" * 5000 + b"]" * 5000,
}
PLACES = [
    ("chat completion", "test_id"),
    ("chat completion", "more"),
    ("chat completion", "request", "url"),
    ("chat completion", "request", "method"),
    ("chat completion", "request", "endpoint"),
    ("chat completion", "request", "body", "x"),
    ("chat completion", "request", "more"),
    ("chat completion", "response", "body"),
    ("chat completion", "response", "status"),
    ("chat completion", "response", "exception_data"),
    ("web search", "request", "provider"),
    ("web search", "request", "tool_name"),
    ("web search", "request", "kwargs"),
    ("HTTP error", "request", "payload"),
    ("HTTP error", "request", "test_id"),
]


@pytest.mark.parametrize("what", RAW)
@pytest.mark.parametrize("place", PLACES, ids=" ".join)
def test_what_no_value_carries_is_stored_exactly_or_named(what: str, place: tuple[str, ...]) -> None:
    """Wherever in a file it is: the whole file is kept by its bytes, or an error of the store names the file."""
    data = spoiled(RAW[what], *place[1:], shape=place[0])

    try:
        written = exported(data)
    except RecstoreError as error:
        named = str(error)
    else:
        named = ""
        assert data == written
    assert not named or PATH in named


def test_equal_answers_share_a_blob_whatever_the_file_is_called() -> None:
    """The id that the recorder made of the file's name is a placeholder in the blob."""

    def blob(generated_id: str) -> bytes:
        events = [{"__type__": "a.B", "__data__": {"id": f"rec-{generated_id}"}}] * 2
        source = read(with_response(events), f"tests/recordings/{generated_id}{'0' * 52}.json")
        return encode_recording(source.recording, placeholder_id(source.origin))

    assert blob("0" * 12) == blob("f" * 12)


def test_a_recording_is_written_without_touching_its_origin() -> None:
    """The same manifest can be exported twice."""
    document = call(more={"x": [1]}, id_normalization_mapping={"a": "b"})
    source = read(document)
    before = json.dumps(source.origin)

    written = [llama_stack_file.write_file(source.recording, source.test_id, source.origin) for _ in range(2)]

    assert [as_recorded(document)] * 2 == written
    assert before == json.dumps(source.origin)
    assert isinstance(source.recording, Recording)

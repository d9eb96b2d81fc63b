"""vcrpy's cassettes: what is one, what is in one, and that it is written back as it was."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import yaml

from recstore.content.bodies import body_bytes
from recstore.errors import DamagedSource
from recstore.importers import SourceRecording
from recstore.importers.vcr.cassette import id_of_test, read_cassette, write_cassette
from recstore.model import JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.store.blob import decode_recording, encode_recording
from recstore.upstreams import UpstreamMap

PATH = "tests/cassettes/test_chat/test_answer.yaml"
UPSTREAMS = UpstreamMap((("openai", "https://api.openai.com/v1"),))


def interaction(**changes: Any) -> dict[str, Any]:
    """Return an interaction as vcrpy records one with requests; `changes` replace members of request and response."""
    request = {
        "body": '{"model": "gpt-4o"}',
        "headers": {"Accept": ["*/*"], "Authorization": ["Bearer x"], "OpenAI-Beta": ["assistants=v2"]},
        "method": "POST",
        "uri": "https://api.openai.com/v1/chat/completions?a=1",
    }
    response = {
        "body": {"string": '{"id": 1}'},
        "headers": {"Content-Type": ["application/json"], "Set-Cookie": ["a=1", "b=2"]},
        "status": {"code": 200, "message": "OK"},
    }
    request.update({name.removeprefix("sent_"): value for name, value in changes.items() if name.startswith("sent_")})
    response.update({name: value for name, value in changes.items() if not name.startswith("sent_")})
    return {"request": request, "response": response}


def cassette(*interactions: dict[str, Any], **settings: Any) -> bytes:
    """Return a cassette as vcrpy's YAML serializer writes it."""
    document = {"interactions": list(interactions), "version": 1}
    return str(yaml.dump(document, **{"Dumper": yaml.CDumper, **settings})).encode()


def sources(data: bytes, path: str = PATH) -> list[SourceRecording]:
    """Return what the adapter reads from a cassette."""
    return read_cassette(data, path, UPSTREAMS)


def stored(data: bytes) -> list[tuple[Recording, dict[str, Any]]]:
    """Return the recordings of a cassette and their origins after a stay in blobs and manifests."""
    return [
        (decode_recording(encode_recording(source.recording), "blob"), json.loads(json.dumps(source.origin)))
        for source in sources(data)
    ]


def only(data: bytes) -> Recording:
    """Return the one recording of a cassette."""
    (source,) = sources(data)
    return source.recording


# -- what is a cassette


@pytest.mark.parametrize(
    "data",
    [
        cassette(interaction()),
        json.dumps({"version": 1, "interactions": [interaction()]}).encode(),
        cassette(interaction()).replace(b"\n", b"\r\n"),
        b"{interactions: [{request: {method: GET, uri: 'http://x/'}, response: null}], version: 1}",
    ],
    ids=["yaml", "json", "crlf", "flow-yaml"],
)
def test_is_a_cassette(data: bytes) -> None:
    """Content decides, not the name: JSON and YAML in whatever layout."""
    assert sources(data, "some/file.txt")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"services:\n  db: {image: postgres}\n",
        b"a: !Ref b\n",
        b"--- 1\n--- {interactions: 2}\n",
        b"interactions: {{ .Values.interactions }}\n",
        b'{"interactions": 3}',
        b'{"consumer": {}, "interactions": [{"description": "d", "request": {"method": "get", "path": "/"}}]}',
        b"version: 1\ninteractions:\n- request: {url: 'http://x/', method: GET}\n  response: {body: ''}\n",
        b"\xff\xfe interactions",
    ],
    ids=["empty", "compose", "tags", "documents", "template", "number", "pact", "go-vcr", "no-utf8"],
)
def test_is_no_cassette(data: bytes) -> None:
    """Other tools' files are none, and are no damage either, however broken."""
    assert sources(data, "some.yaml") == []


WHOLE = cassette(interaction())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (WHOLE[: WHOLE.index(b"*/*")], "cannot be read"),
        (WHOLE.replace(b"  response:\n", b"<<<<<<< HEAD\n  response:\n"), "conflict markers"),
        (WHOLE.replace(b"id", b"\xe9"), "utf-8"),
        (b'{"version": 1, "interactions": [{"request": {"method": "GE', "Unterminated string"),
        (b"- request: !!python/object:vcr.request.Request {}\n  response: {}\n", "before 1.0"),
        (b'{"interactions": [{"request": {"uri": "", "body": ' + b"[" * 9999, "nests too deep"),
        (b'{"interactions": [{"request": {"uri": "", "body": ' + b"[" * 70 + b"]" * 70 + b"}}]}", "64 levels"),
        (WHOLE + b"x: " + b"[" * 99999, "cannot be read"),
        (WHOLE + b"x: &x [*x]\n", "what it is part of"),
        (WHOLE + b"x: {[1]: 2}\n", "cannot be read"),
    ],
    ids=[
        "cut",
        "conflict",
        "no-utf8",
        "cut-json",
        "before-1.0",
        "endless-json",
        "deep-json",
        "deep-yaml",
        "cycle",
        "list-key",
    ],
)
def test_damaged_cassettes_are_damage(data: bytes, reason: str) -> None:
    """What begins as a cassette and cannot be read as one is damage, and says what is wrong."""
    with pytest.raises(DamagedSource, match=reason):
        sources(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (cassette(interaction(), {"request": interaction()["request"]}), "interaction 2 has no response"),
        (cassette(interaction(), {"response": None}), "interaction 2 has no request"),
        (cassette(interaction(), {"request": {"uri": "x"}, "response": None}), "interaction 2 .* without `method`"),
        (WHOLE[: WHOLE.index(b"    status")], "is cut short"),
        (WHOLE[: WHOLE.index(b"      message")], "is cut short"),
    ],
)
def test_incomplete_interactions_are_damage(data: bytes, reason: str) -> None:
    """A cassette that YAML can read and vcrpy could not play back is damage as well."""
    with pytest.raises(DamagedSource, match=reason):
        sources(data)


def test_aliases_that_expand_beyond_all_bounds_are_refused() -> None:
    """Thirteen lines that stand for a billion nodes are refused at once."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]

    with pytest.raises(DamagedSource, match="aliases stand for more than"):
        sources(WHOLE + "\n".join(lines).encode())


def test_merge_keys_that_expand_beyond_all_bounds_are_refused() -> None:
    """Merging is bounded as aliases are."""
    members = ", ".join(f"k{number}: 1" for number in range(1000))
    merges = f"a: &a {{{members}}}\nb: &b {{<<: [{', '.join(['*a'] * 100_000)}]}}\n"

    with pytest.raises(DamagedSource, match="aliases stand for more than"):
        sources(WHOLE + merges.encode())


# -- which test


@pytest.mark.parametrize(
    ("path", "test_id"),
    [
        ("tests/cassettes/test_chat/test_answer.yaml", "tests/test_chat.py::test_answer"),
        ("tests/a/cassettes/test_chat/TestChat.test_answer.json", "tests/a/test_chat.py::TestChat::test_answer"),
        ("cassettes/test_chat/test_answer[gpt-4.1].yml", "test_chat.py::test_answer[gpt-4.1]"),
        ("cassettes/chat_test/test_answer.yaml", "chat_test.py::test_answer"),
        ("tests/cassettes/test_answer.yaml", "tests/cassettes/test_answer"),
        ("tests/cassettes/openai/test_answer.yaml", "tests/cassettes/openai/test_answer"),
        ("tests/cassettes/test_chat/login.yaml", "tests/cassettes/test_chat/login"),
        ("fixtures/vcr/weather.json", "fixtures/vcr/weather"),
    ],
)
def test_the_path_says_which_test(path: str, test_id: str) -> None:
    """The path of pytest-recording's cassettes names a test; any other cassette is a test of its own."""
    actual = id_of_test(path)

    assert test_id == actual


# -- what is in it


def test_a_recording_has_the_request_and_the_response() -> None:
    """Upstream, path, query and identity headers of the request; all of the response."""
    expected = Recording(
        Request(
            "POST",
            "openai",
            "/chat/completions",
            "a=1",
            (("openai-beta", "assistants=v2"),),
            JsonBody({"model": "gpt-4o"}, "spaced-ascii"),
        ),
        Response(
            200,
            "OK",
            (("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
            body=JsonBody({"id": 1}, "spaced-ascii"),
        ),
    )

    actual = only(cassette(interaction()))

    assert expected == actual


def test_the_origin_of_a_usual_interaction_is_short() -> None:
    """Only what the recording does not say: path, position, base URL, and the request's headers as they were."""
    expected = {
        "format": "vcr",
        "path": PATH,
        "index": 1,
        "base": "https://api.openai.com/v1",
        "headers": interaction()["request"]["headers"],
    }

    actual = sources(cassette(interaction(), interaction()))[1].origin

    assert expected == actual


STATUS = {"code": None, "message": None}

SHAPES: dict[str, Any] = {
    "no-bodies": None,
    "empty-bodies": {"/request/body": "", "/response/body/string": ""},
    "bytes": None,
    "object-bodies": {"/request/body": {"a": [1, 1.0, "x"]}, "/response/body/string": {"a": None}},
    "base64": {"/response/body": {"base64_string": None, "encoding": "utf-8"}},
    "parsed-bodies": {
        "/request": {"method": None, "parsed_body": None, "uri": None},
        "/response": {"parsed_body": [], "status": {"code": None, "message": ""}},
    },
    "single-headers": {"/response/headers": {"a": "b"}},
    "bytes-in-headers": None,
    "no-reason": None,
    "tornado-url": {"/response": {"body": {"string": None}, "headers": None, "status": STATUS, "url": None}},
    "other-url": {
        "/response": {"body": {"string": None}, "headers": None, "status": STATUS, "url": "https://elsewhere/"}
    },
    "empty-query": {"/request/uri": "https://x/y?"},
    "no-query": None,
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_origin_keeps_of_an_unusual_interaction_what_is_unusual(name: str) -> None:
    """Bodies and headers that the recording carries are not said twice."""
    actual = sources(cassette({**UNUSUAL, "no-query": interaction(sent_uri="https://x/y")}[name]))[0].origin

    assert (SHAPES[name], None) == (actual.get("shape"), actual.get("text"))


def test_text_with_lone_surrogates_is_carried_by_the_recording() -> None:
    """A JSON cassette can hold text that is no Unicode; its body is bytes then."""
    data = json.dumps({"version": 1, "interactions": [interaction(sent_body="a\ud800")]}).encode()

    actual = sources(data)[0]

    assert RawBody(b"a\xed\xa0\x80") == actual.recording.request.body
    assert data.decode() == actual.origin["text"]


def test_each_interaction_is_a_recording_of_one_test() -> None:
    """Repeated requests are recordings of their own, in the order of the cassette."""
    data = cassette(*(interaction(body={"string": answer}) for answer in ("one", "two", "one")))

    actual = [(source.test_id, source.recording.response.body) for source in sources(data)]

    test_id = "tests/test_chat.py::test_answer"
    assert [(test_id, RawBody(b"one")), (test_id, RawBody(b"two")), (test_id, RawBody(b"one"))] == actual


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\x00\xfe",
        gzip.compress(b"{}", mtime=0),
        "h\u00e9llo\r\n\u2028\x85\x07\U0001f600".encode(),
        b"\xef\xbb\xbf{}",
        b" ",
    ],
)
def test_a_body_that_is_no_json_is_carried_by_its_bytes(content: bytes) -> None:
    """Binary, compressed and odd text alike."""
    string = content if b"\xff" in content or b"\x8b" in content else content.decode()

    actual = only(cassette(interaction(body={"string": string}))).response.body

    assert RawBody(content) == actual


def test_an_event_stream_is_kept_as_events() -> None:
    """A stream is readable in the store, and its bytes come back."""
    stream = 'data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n'

    actual = only(cassette(interaction(body={"string": stream}))).response.body

    assert isinstance(actual, StreamBody)
    assert stream.encode() == body_bytes(actual)


def test_old_httpx_responses_are_understood() -> None:
    """Versions 4.1 to 5.1 wrote httpx's responses as `content`, `http_version` and `status_code`."""
    data = interaction()
    data["response"] = {"content": "hi", "headers": {"a": ["b"]}, "http_version": "HTTP/1.1", "status_code": 201}

    actual = only(cassette(data)).response

    assert Response(201, headers=(("a", "b"),), body=RawBody(b"hi")) == actual


def test_the_content_of_a_sent_file_is_the_body() -> None:
    """A file that was sent, which vcrpy writes as a tagged object, is its content, and is never constructed."""
    data = WHOLE.replace(
        b"""    body: '{"model": "gpt-4o"}'\n""",
        b"    body: !!python/object/new:_io.BytesIO\n      state: !!python/tuple\n"
        b"      - !!binary |\n        /wBhYmM=\n      - 0\n      - null\n",
    )

    (pair,) = stored(data)

    assert RawBody(b"\xff\x00abc") == pair[0].request.body
    assert data == write_cassette([pair])


def test_the_chunks_of_a_sent_iterator_are_the_body() -> None:
    """An iterator that was sent is its chunks, joined."""
    data = WHOLE.replace(
        b"""    body: '{"model": "gpt-4o"}'\n""",
        b"    body: !!python/object/apply:builtins.iter\n      args:\n      - - !!binary |\n          YWI=\n"
        b"        - !!binary |\n          Y2Q=\n      state: 0\n",
    )

    (pair,) = stored(data)

    assert RawBody(b"abcd") == pair[0].request.body
    assert data == write_cassette([pair])


def test_an_iterator_of_text_has_no_body_and_comes_back() -> None:
    """An iterator that vcrpy could not send as bytes stays in the origin."""
    data = WHOLE.replace(
        b"""    body: '{"model": "gpt-4o"}'\n""",
        b"    body: !!python/object/apply:builtins.iter\n      args:\n      - - a\n        - b\n      state: 0\n",
    )

    (pair,) = stored(data)

    assert pair[0].request.body is None
    assert data == write_cassette([pair])


def test_a_named_object_is_not_constructed(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever a tag names is carried along as text."""
    data = WHOLE.replace(b"version: 1", b"version: 1\nz: !!python/object/apply:builtins.print\n- constructed")

    pairs = stored(data)

    assert data == write_cassette(pairs)
    assert "constructed" not in capfd.readouterr().out


# -- and back


def with_status(**status: Any) -> dict[str, Any]:
    """Return an interaction with that status."""
    return interaction(status=status)


UNUSUAL: dict[str, dict[str, Any]] = {
    "no-bodies": interaction(sent_body=None, body={"string": None}),
    "empty-bodies": interaction(sent_body="", body={"string": ""}),
    "bytes-that-are-text": interaction(sent_body=b"text", body={"string": b"text"}),
    "bytes": interaction(sent_body=b"\xff", body={"string": b"\xff"}),
    "empty-bytes": interaction(sent_body=b"", body={"string": b""}),
    "object-bodies": interaction(sent_body={"a": [1, 1.0, "x"]}, body={"string": {"a": None}}),
    "no-string": interaction(body={}),
    "body-is-text": interaction(body="text"),
    "base64": interaction(body={"encoding": "utf-8", "base64_string": "/wBhYmM="}),
    "bad-base64": interaction(body={"base64_string": "%"}),
    "parsed-bodies": {
        "request": {"method": "GET", "uri": "http://x/", "parsed_body": {"b": 1, "a": [2]}},
        "response": {"parsed_body": [], "status": {"code": 200, "message": ""}},
    },
    "single-headers": interaction(sent_headers={"a": "b"}, headers={"a": "b"}),
    "odd-headers": interaction(sent_headers={"a": [], 1: ["b", "c"]}, headers={"a": [1, None, b"\xff"], "b": []}),
    "bytes-in-headers": interaction(sent_headers={"a": [b"b", b"\xff"], "c": b"d"}),
    "looks-like-bytes": interaction(sent_headers={"!bytes": "b"}),
    "pairs-of-headers": interaction(headers=[["a", ["b", "c"]], ["d"], "e"]),
    "no-headers": interaction(sent_headers=None, headers=None),
    "no-reason": with_status(code=200, message=None),
    "odd-status": with_status(code="200", message=3),
    "huge-status": with_status(code=1 << 70, message="OK"),
    "true-status": with_status(code=True, message="OK"),
    "no-status": interaction(status={}),
    "no-response": {**interaction(), "response": None},
    "tornado-url": interaction(url="https://api.openai.com/v1/chat/completions?a=1"),
    "other-url": interaction(url="https://elsewhere/"),
    "fragment": interaction(sent_uri="https://x/y?#z"),
    "empty-query": interaction(sent_uri="https://x/y?"),
    "no-url": interaction(sent_uri=""),
    "bytes-url": interaction(sent_uri=b"https://x/"),
    "no-method": interaction(sent_method=None),
    "more-members": {**interaction(sent_protocol="https", ip="::1"), "recorded_at": 1.5, "!": {"!x": 2}},
    "dates": interaction(recorded="2020-01-01"),
    "long-keys": interaction(**{"k" * 200: "v" * 200}),
    "reals": interaction(values=[float("nan"), float("inf"), -0.0, 1e300]),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_interactions_come_back_byte_for_byte(name: str) -> None:
    """Nothing that YAML can say of an interaction is lost, between usual ones and alone."""
    data = cassette(interaction(), UNUSUAL[name], interaction())

    actual = write_cassette(stored(data))

    assert data == actual


JSON_ONLY: dict[str, dict[str, Any]] = {
    "lone-surrogate": interaction(sent_body="\ud800", body={"string": "\udfff"}, headers={"\ud800": ["\ud800"]}),
    "surrogate-url": interaction(sent_uri="http://x/\ud800?\ud801", sent_method="\ud802"),
}


@pytest.mark.parametrize(
    "name", [name for name in (*UNUSUAL, *JSON_ONLY) if "bytes" not in name and name != "odd-headers"]
)
@pytest.mark.parametrize("ending", ["", "\n"], ids=["4-to-8", "9"])
def test_json_cassettes_come_back_byte_for_byte(name: str, ending: str) -> None:
    """Version 9 ends a JSON cassette with a line feed, earlier ones do not."""
    unusual = (UNUSUAL | JSON_ONLY)[name]
    data = (json.dumps({"version": 1, "interactions": [interaction(), unusual]}, indent=4) + ending).encode()

    actual = write_cassette(stored(data))

    assert data == actual


LITERAL = WHOLE.replace(b"""'{"id": 1}'""", b"""|-\n        one\n        h\xc3\xa9""")

STYLES: dict[str, bytes] = {
    "crlf": WHOLE.replace(b"\n", b"\r\n"),
    "unicode": cassette(interaction(body={"string": "h\u00e9 " * 99}), allow_unicode=True),
    "unsorted": cassette({"response": interaction()["response"], "request": interaction()["request"]}, sort_keys=False),
    "pure-python": cassette(interaction(body={"string": "h\u00e9 " * 99}), Dumper=yaml.Dumper),
    "literal": LITERAL,
    "comments": b"# by hand\n" + WHOLE.replace(b"version", b"\n# the end\nversion"),
    "flow": WHOLE.replace(b"\n      code: 200\n      message: OK", b" {code: 0xC8, message: !!python/unicode OK}"),
    "no-line-feed-at-end": WHOLE.removesuffix(b"\n"),
    "byte-order-mark": b"\xef\xbb\xbf" + WHOLE,
    "mixed-line-ends": WHOLE.replace(b"\n", b"\r\n", 3),
    "no-version": WHOLE.removesuffix(b"version: 1\n"),
    "metadata": WHOLE.replace(b"version", b"metadata:\n  recorded: 2020-01-01\nversion"),
    "compact-json": json.dumps({"version": 1, "interactions": [interaction()]}, separators=(",", ":")).encode(),
    "sorted-json": json.dumps({"version": 1, "interactions": [interaction()]}, sort_keys=True, indent=2).encode(),
    "json-key-twice": json.dumps({"version": 1, "interactions": [interaction()]})
    .replace("{", '{"version": 1, ', 1)
    .encode(),
    "merge-key": b"base: &base {method: GET, body: null}\n"
    + WHOLE.replace(b"    method: POST\n", b"    <<: [*base, {headers: {}}]\n").replace(
        b"""    body: '{"model": "gpt-4o"}'\n""", b""
    ),
}


@pytest.mark.parametrize("name", STYLES)
def test_other_layouts_come_back_byte_for_byte(name: str) -> None:
    """What was written on Windows, with other settings or without libyaml, or edited by hand, comes back as it was."""
    actual = write_cassette(stored(STYLES[name]))

    assert STYLES[name] == actual


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("crlf", "yaml-crlf"),
        ("unicode", "yaml-unicode"),
        ("unsorted", "yaml-unsorted"),
        ("pure-python", "yaml-python"),
        ("literal", "yaml-literal"),
        ("compact-json", "compact"),
        ("sorted-json", "indent-2"),
    ],
)
def test_known_layouts_are_kept_by_name(name: str, style: str) -> None:
    """A layout that has a name costs the origin that name and no text."""
    actual = sources(STYLES[name])[0].origin

    assert (style, None) == (actual["style"], actual.get("text"))


def test_a_cassette_in_a_layout_of_its_own_is_kept_as_text() -> None:
    """A cassette that shares no line with any known layout comes back all the same; its recordings are as usual."""
    usual = cassette(*(interaction(body={"string": f"answer {number}"}) for number in range(99)))
    data = str(yaml.dump(yaml.safe_load(usual), default_flow_style=True)).encode()

    read = sources(data)

    assert data == write_cassette(stored(data))
    assert data.decode() == read[0].origin["text"]
    assert [source.recording for source in sources(usual)] == [source.recording for source in read]
    assert not any("text" in source.origin for source in read[1:])


def test_what_yaml_says_by_an_alias_is_said_by_an_alias_again() -> None:
    """Two interactions that share a response in the file share it again."""
    one = interaction()
    data = cassette(one, {"request": interaction()["request"], "response": one["response"]}, one)
    assert b"*id001" in data

    actual = write_cassette(stored(data))

    assert data == actual


def test_recordings_are_written_in_the_order_of_the_cassette() -> None:
    """The order of the entries, which is that of their keys, does not matter."""
    data = cassette(*(interaction(sent_uri=f"http://x/{number}") for number in range(12)))

    actual = write_cassette(sorted(stored(data), key=lambda pair: -pair[1]["index"]))

    assert data == actual


@pytest.mark.parametrize("to_json", [False, True], ids=["yaml", "json"])
def test_what_is_left_of_a_cassette_is_written(*, to_json: bool) -> None:
    """Where the first recording is gone from the store, the others still make a cassette of the same kind."""

    def written(*interactions: dict[str, Any]) -> bytes:
        document = {"version": 1, "interactions": list(interactions)}
        return json.dumps(document, indent=4).encode() if to_json else cassette(*interactions)

    first, second, third = (interaction(sent_uri=f"http://x/{number}") for number in range(3))

    actual = write_cassette(stored(written(first, second, third))[1:])

    assert written(second, third) == actual


def test_an_edited_text_is_not_forced_upon_other_recordings() -> None:
    """The text of a cassette is written only where all of its recordings are there."""
    data = b"# by hand\n" + cassette(interaction(), interaction(sent_uri="http://x/"))

    actual = write_cassette(stored(data)[:1])

    assert cassette(interaction()) == actual


@pytest.mark.parametrize(
    "change",
    [
        {"style": "unknown"},
        {"shape": {"/nowhere": 1}},
        {"base": 1},
        {"shape": [1]},
        {"headers": {"!bytes": "\u0100"}},
        {"index": None},
        {"frame": [1]},
        {"text": 1, "count": 1},
        {"text": "x"},
        {"text": "x", "count": 2},
    ],
    ids=str,
)
def test_an_origin_that_does_not_fit_is_refused_or_ignored(change: dict[str, Any]) -> None:
    """A manifest that somebody edited leads to an ordinary error, or to the cassette without the edit."""
    ((recording, origin),) = stored(WHOLE)

    try:
        actual = write_cassette([(recording, {**origin, **change})])
    except (ValueError, KeyError, TypeError, AttributeError):
        return

    assert WHOLE == actual

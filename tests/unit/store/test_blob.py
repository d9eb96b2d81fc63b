"""The blob writer and reader: the layout of format.md, and everything that is not in it refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recstore.errors import DamagedBlob, NewerVersion
from recstore.model import Body, Json, JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.store.blob import decode_recording, decode_request, encode_recording

MINTED = "rec-0123456789ab"
REQUEST = Request(
    "POST", "api.openai.com", "/v1/chat", body=JsonBody({"model": "gpt-4o", "messages": [{"role": "user"}, {}]})
)
HEAD = b"""\
{"recstore":1,
"request":{"method":"POST","upstream":"api.openai.com","path":"/v1/chat",
"json":{
"model":"gpt-4o",
"messages":[
{"role":"user"},
{}
]
}},
"""


def recorded(body: Body | None = None, **response: Any) -> Recording:
    """Return a recording of the request with a response."""
    return Recording(REQUEST, Response(body=body, **response))


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (Response(), b'"response":{}}\n'),
        (Response(200), b'"response":{"status":200}}\n'),
        (
            Response(404, "Not Found", (("A", "1"), ("B", "2"))),
            b'"response":{"status":404,\n"reason":"Not Found",\n"headers":[\n["A","1"],\n["B","2"]\n]}}\n',
        ),
        (Response(type_name="a.B", body=JsonBody({})), b'"response":{"type":"a.B",\n"json":{}}}\n'),
        (Response(body=JsonBody([1, {}], "compact-lf")), b'"response":{"layout":"compact-lf","json":[1,{}]}}\n'),
        (Response(body=JsonBody([{}, 1])), b'"response":{"json":[\n{},\n1\n]}}\n'),
        (Response(body=RawBody("ä\n".encode())), '"response":{"text":"ä\\n"}}\n'.encode()),
        (Response(body=RawBody(b"")), b'"response":{"text":""}}\n'),
        (Response(body=RawBody(b"\xff")), b'"response":{"base64":"/w=="}}\n'),
        (Response(error={"type": "E", "message": None}), b'"response":{"error":{\n"type":"E",\n"message":null\n}}}\n'),
        (Response(error={}), b'"response":{"error":{}}}\n'),
        (
            Response(body=StreamBody("sse", [{"data": {"a": 1}}, {"data": {"a": 2}}, {"data": "[DONE]"}], "compact")),
            b'"response":{"layout":"compact","stream":"sse","events":[\n{"data":{"a":1}},\n{"/data/a":2},\n{"/data":"[DONE]"}\n]}}\n',
        ),
        (Response(body=StreamBody("objects", [])), b'"response":{"stream":"objects","events":[]}}\n'),
        (Response(body=StreamBody("objects", [1, 1])), b'"response":{"stream":"objects","events":[1,{}]}}\n'),
    ],
)
def test_a_blob_is_laid_out_for_readers(response: Response, text: bytes) -> None:
    """Request first; a line for each member, message and event; the rest compact."""
    blob = encode_recording(Recording(REQUEST, response))

    assert HEAD + text == blob
    assert Recording(REQUEST, response) == decode_recording(blob, "blob")


def test_a_request_has_its_query_and_headers() -> None:
    """Members that say nothing are left out, the others have their place."""
    request = Request("GET", "a", "/x", "b=1", (("accept", "text/csv"),))

    blob = encode_recording(Recording(request, Response()))

    assert (
        b'{"recstore":1,\n"request":{"method":"GET","upstream":"a","path":"/x","query":"b=1","headers":[["accept","text/csv"]]},\n'
        b'"response":{}}\n'
    ) == blob
    assert request == decode_request(blob, "blob")


# -- ids that a recorder made up


def test_a_placeholder_id_becomes_a_placeholder_and_comes_back() -> None:
    """Everywhere in the response, keys and texts included."""
    recording = recorded(StreamBody("objects", [{"id": MINTED, MINTED: f"see {MINTED}."}, {"id": MINTED, MINTED: "b"}]))

    blob = encode_recording(recording, MINTED)

    assert b'"response":{"placeholder":"rec-*",\n"stream"' in blob
    assert MINTED.encode() not in blob
    assert recording == decode_recording(blob, "blob", MINTED)
    assert MINTED.replace("01", "zz") in str(decode_recording(blob, "blob", MINTED.replace("01", "zz")))


def test_a_placeholder_id_in_the_request_stays() -> None:
    """An earlier answer's id in a request is what was sent."""
    request = Request("POST", "a", "/", body=JsonBody({"previous": MINTED}))
    recording = Recording(request, Response(body=JsonBody({"id": MINTED})))

    blob = encode_recording(recording, MINTED)

    assert 1 == blob.count(MINTED.encode())
    assert recording == decode_recording(blob, "blob", MINTED)


@pytest.mark.parametrize("text", ["rec-*", "x rec-* y", f"{MINTED} rec-*", "rec-rec-*"])
def test_a_response_that_says_the_placeholder_is_stored_as_it_is(text: str) -> None:
    """What the model wrote is never mistaken for an id."""
    recording = recorded(JsonBody({"id": MINTED, "text": text}))

    blob = encode_recording(recording, MINTED)

    assert b"placeholder" not in blob
    assert recording == decode_recording(blob, "blob", MINTED)


def test_a_request_that_looks_like_a_response_is_left_alone() -> None:
    """The placeholder is filled in after the response's own beginning, not after one in a prompt."""
    trap: Json = {
        "response": {"placeholder": "rec-*", "x": ["rec-*"]},
        "text": '\n"response":{"placeholder":"rec-*",\n',
    }
    recording = Recording(Request("POST", "a", "/", body=JsonBody(trap)), Response(body=JsonBody({"id": MINTED})))

    assert recording == decode_recording(encode_recording(recording, MINTED), "blob", MINTED)


def test_without_an_id_the_placeholder_stays() -> None:
    """Who has the blob alone does not know the id."""
    blob = encode_recording(recorded(JsonBody({"id": MINTED})), MINTED)

    assert recorded(JsonBody({"id": "rec-*"})) == decode_recording(blob, "blob")


# -- damage

GOOD = json.loads(encode_recording(recorded(JsonBody({"a": 1}))))
REQUEST_TEXT = '"method":"P","upstream":"a","path":"/"'


def blob_of(request: str = "", response: str = "") -> bytes:
    """Return a blob with further members in its request or response."""
    return f'{{"recstore":1,"request":{{{REQUEST_TEXT}{request}}},"response":{{{response}}}}}'.encode()


def test_the_blob_that_the_damage_is_done_to_is_sound() -> None:
    """Otherwise the tests below would prove nothing."""
    assert Request("P", "a", "/") == decode_recording(blob_of(), "blob").request


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b'"recstore"',
        b"{}",
        b'{"recstore":true}',
        b'{"recstore":1.0,"request":{},"response":{}}',
        b'{"recstore":"1"}',
        b'{"recstore":0}',
        b'{"recstore":1}',
        b'{"recstore":1,"request":{}}',
        b'{"recstore":1,"request":null,"response":{}}',
        b'{"recstore":1,"request":[],"response":{}}',
        b'{"recstore":1,"request":"method upstream path","response":{}}',
        *(
            f'{{"recstore":1,"request":{{{REQUEST_TEXT}}},"response":{wrong}}}'.encode()
            for wrong in ("null", "[]", "1", '"x"')
        ),
        b'{"recstore":1,"request":{"method":1,"upstream":"a","path":"/"},"response":{}}',
        b'{"recstore":1,"request":{"method":"P","upstream":null,"path":"/"},"response":{}}',
        blob_of(',"query":1'),
        blob_of(',"headers":1'),
        blob_of(',"headers":{"ab":"c"}'),
        blob_of(',"headers":["ab"]'),
        blob_of(',"headers":[["a"]]'),
        blob_of(',"headers":[["a","b","c"]]'),
        blob_of(',"headers":[["a",1]]'),
        blob_of(',"json":1,"layout":"no such"'),
        blob_of(',"json":1,"layout":1'),
        blob_of(',"text":1'),
        blob_of(',"base64":1'),
        blob_of(',"base64":"*"'),
        blob_of(',"base64":"QQ"'),
        blob_of(',"base64":"ä"'),
        blob_of(',"events":[]'),
        blob_of(',"stream":"no such","events":[]'),
        blob_of(',"stream":[],"events":[]'),
        blob_of(',"stream":"objects","events":{}'),
        blob_of(',"stream":"objects","events":[1,2]'),
        blob_of(',"stream":"objects","events":[{},{"/x":1}]'),
        blob_of(',"stream":"objects","events":[[],{"/' + "9" * 5000 + '":1}]'),
        blob_of(',"stream":"sse","events":[1]'),
        blob_of(',"stream":"sse","events":[{"data":1}]'),
        blob_of(',"json":NaN'),
        blob_of(',"json":"\\ud800"'),
        blob_of("", '"status":"200"'),
        blob_of("", '"status":true'),
        blob_of("", '"status":200.0'),
        blob_of("", '"reason":1'),
        blob_of("", '"type":null'),
        blob_of("", '"error":[]'),
        blob_of("", '"error":"x"'),
        blob_of()[:-1],
        blob_of() + b"x",
    ],
    ids=lambda blob: repr(blob[:90]),
)
def test_what_is_not_in_the_format_is_damage(blob: bytes) -> None:
    """Every member of a wrong type, and every text that is no blob, is named as damage: never read otherwise."""
    with pytest.raises(DamagedBlob, match=r"^blobs/ab\.json: "):
        decode_recording(blob, "blobs/ab.json")


@pytest.mark.parametrize("version", [2, 10**9])
def test_a_newer_format_is_named_as_such(version: int) -> None:
    """Not as damage: the remedy is another one."""
    blob = json.dumps(GOOD | {"recstore": version}).encode()

    for decode in (decode_recording, decode_request):
        with pytest.raises(NewerVersion):
            decode(blob, "blob")


def test_members_of_later_minor_changes_are_ignored() -> None:
    """A reader takes what it knows."""
    assert decode_recording(blob_of(), "blob") == decode_recording(blob_of(',"more":1', '"more":[]'), "blob")

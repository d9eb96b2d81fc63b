"""Two recordings: what differs between them, and what differs at every call."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content.deltas import Difference
from recstore.model import Body, Headers, JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.transcript import Comparison, compare_recordings


def chat(content: str | None, question: str = "Who?", **members: Any) -> Recording:
    """Return a recorded chat."""
    calls = members.pop("calls", None)
    message = {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": members.pop("finish", "stop")}
    body = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o", "choices": [choice], **members}
    return Recording(asking(question), Response(status=200, body=JsonBody(body)))


def asking(question: str) -> Request:
    """Return the request of a chat."""
    messages: Any = [{"role": "user", "content": question}]
    return Request("POST", "openai", "/v1/chat/completions", body=JsonBody({"model": "gpt-4o", "messages": messages}))


def stream(*words: str, **members: Any) -> Recording:
    """Return a recorded chat that came in chunks."""
    chunks: list[Any] = [
        {"id": "chatcmpl-1", **members, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        for word in words
    ]
    chunks.append({"id": "chatcmpl-1", **members, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return Recording(asking("Who?"), Response(body=StreamBody("objects", chunks)))


def answered(body: Body | None, headers: Headers = (), **members: Any) -> Recording:
    """Return a recording of any response."""
    return Recording(asking("Who?"), Response(body=body, headers=headers, **members))


def call(arguments: str, name: str = "weather", call_id: str = "call_1") -> dict[str, Any]:
    """Return a call of a tool."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def shown(found: Comparison) -> list[str]:
    """Return the lines that differ, as a person would write them."""
    signs = {"removed": "-", "added": "+", "changed": "~"}
    marks = {"removed": "[-{}-]", "added": "{{+{}+}}", "same": "{}"}
    return [
        "~" + "".join(marks[piece.mark].format(piece.text) for piece in line.pieces)
        if line.mark == "changed"
        else signs[line.mark] + line.pieces[0].text
        for line in found.lines
        if line.mark in signs
    ]


def members(found: Comparison) -> list[tuple[str, Any, Any]]:
    """Return the members that differ, as place, old and new."""
    return [(change.place, change.old, change.new) for change in found.members]


def volatile(found: Comparison) -> set[str]:
    """Return the places of the volatile members that differ."""
    return {change.place for change in found.volatile}


def test_equal_recordings_do_not_differ() -> None:
    """There is nothing to say, not even of volatile members."""
    assert (Comparison(), Comparison()) == compare_recordings(chat("Hi."), chat("Hi."))


def test_the_only_recording_is_all_lines() -> None:
    """Of the request and of the answer, added or removed."""
    request, answer = compare_recordings(None, chat("Hi."))

    assert ["+POST openai/v1/chat/completions  gpt-4o", "+", "+user", "+  Who?"] == shown(request)
    assert ["+answer  200, stop", "+  Hi."] == shown(answer)
    assert ["-answer  200, stop", "-  Hi."] == shown(compare_recordings(chat("Hi."), None)[1])


def test_the_words_of_a_model_are_shown_and_volatile_members_are_not() -> None:
    """Ids, times and counts of tokens do not stand in the way of the words."""
    old = chat("Four it is.", id="chatcmpl-1", created=1, system_fingerprint="a", usage={"total_tokens": 5})
    new = chat("Five it is.", id="chatcmpl-2", created=2, system_fingerprint="b", usage={"total_tokens": 6})

    request, answer = compare_recordings(old, new)

    assert Comparison() == request
    assert ["~  [-Four-]{+Five+} it is."] == shown(answer)
    assert [("body.choices[0].message.content", "Four it is.", "Five it is.")] == members(answer)
    assert {"body.id", "body.created", "body.system_fingerprint", "body.usage.total_tokens"} == volatile(answer)


def test_a_changed_prompt_is_a_changed_request() -> None:
    """The answer is the same."""
    request, answer = compare_recordings(chat("Hi.", "Who is it?"), chat("Hi.", "Where is it?"))

    assert [Difference(("body", "messages", 0, "content"), "Who is it?", "Where is it?")] == list(request.members)
    assert ["~  [-Who-]{+Where+} is it?"] == shown(request)
    assert answer.is_same


def test_changed_arguments_of_a_call_are_shown_and_its_id_is_not() -> None:
    """Word by word."""
    old = chat(None, calls=[call('{"city": "Rome", "unit": "C"}')])
    new = chat(None, calls=[call('{"city": "Paris", "unit": "C"}', call_id="call_2")])

    _, answer = compare_recordings(old, new)

    assert ['~  -> weather({"city": "[-Rome-]{+Paris+}", "unit": "C"})  #1'] == shown(answer)
    assert {"body.choices[0].message.tool_calls[0].id"} == volatile(answer)


def test_a_call_in_place_of_an_answer_is_shown() -> None:
    """As a text gone and a call come, with another reason to end."""
    _, answer = compare_recordings(chat("Sunny."), chat(None, calls=[call("{}")], finish="tool_calls"))

    assert {"-  Sunny.", "+  -> weather({})  #1"} <= set(shown(answer))
    assert ("body.choices[0].finish_reason", "stop", "tool_calls") in members(answer)


def test_a_call_that_was_put_before_another_changes_nothing_of_it() -> None:
    """Equal lines stay."""
    old = chat(None, calls=[call("{}", "a")])
    new = chat(None, calls=[call('{"x":1}', "b"), call("{}", "a")])

    assert ['+  -> b({"x":1})  #1'] == shown(compare_recordings(old, new)[1])


def test_a_stream_cut_differently_says_the_same() -> None:
    """Its text is compared."""
    _, answer = compare_recordings(stream("Hum", "ans live", " here"), stream("Humans", " live", " here"))

    assert Comparison() == answer


def test_a_member_of_a_stream_that_no_transcript_reads_is_named() -> None:
    """The text is the same, however it is cut, and yet more than volatile members differ."""
    old, new = stream("Hum", "ans", safety="low", id="a"), stream("Humans", safety="high", id="b")

    _, answer = compare_recordings(old, new)

    assert not answer.is_same
    assert () == answer.lines
    assert [("body.safety", "low", "high")] == members(answer)
    assert {"body.id"} == volatile(answer)


def test_pings_and_numbers_of_events_say_nothing() -> None:
    """Of Anthropic and OpenAI: they come as the server likes."""
    texts = ({"type": "delta", "delta": {"text": word}} for word in ("Hum", "ans"))
    old: list[Any] = [{**event, "sequence_number": number} for number, event in enumerate(texts)]
    new: list[Any] = [{"type": "ping"}, {"type": "delta", "delta": {"text": "Humans"}, "sequence_number": 0}]

    _, answer = compare_recordings(answered(StreamBody("objects", old)), answered(StreamBody("objects", new)))

    assert answer.is_same


def test_a_stream_that_says_something_else_is_shown_as_text() -> None:
    """Joined."""
    _, answer = compare_recordings(stream("Hum", "ans"), stream("Hum", "an", "oids", system_fingerprint="x"))

    assert ["-  Humans", "+  Humanoids"] == shown(answer)
    assert not answer.is_same
    assert [] == members(answer)


def test_an_error_in_place_of_an_answer_is_shown() -> None:
    """With the status, and what was said before."""
    error = answered(JsonBody({"error": {"message": "Too many", "type": "rate"}}), status=429, reason="Slow down")

    _, answer = compare_recordings(chat("Hi."), error)

    assert ("status", 200, 429) in members(answer)
    assert {"-  Hi.", "+  error: HTTP 429 Slow down"} <= set(shown(answer))


def test_any_other_json_is_shown_as_it_is() -> None:
    """By member; an id is volatile."""
    old = answered(JsonBody({"id": 1, "role": "reader", "name": "A"}))
    new = answered(JsonBody({"id": 2, "role": "owner", "name": "A"}))

    _, answer = compare_recordings(old, new)

    assert [("body.role", "reader", "owner")] == members(answer)
    assert {"body.id"} == volatile(answer)
    assert '~    "role": "[-reader-]{+owner+}",' in shown(answer)


@pytest.mark.parametrize("text", ["Hi.", "low risk and high risk"])
def test_members_that_no_transcript_reads_differ(text: str) -> None:
    """Nothing but known volatile members is left out, whatever the answer says."""
    _, answer = compare_recordings(chat(text, safety={"level": "low"}), chat(text, safety={"level": "high"}))

    assert [("body.safety.level", "low", "high")] == members(answer)
    assert [] == shown(answer)
    assert not answer.is_same


def test_headers_differ_but_those_of_every_call() -> None:
    """Dates and ids of requests are volatile, a media type is not."""
    old = answered(None, (("Date", "Mon"), ("x-request-id", "1"), ("Content-Type", "text/plain")))
    new = answered(None, (("date", "Tue"), ("X-Request-Id", "2"), ("Content-Type", "text/html")))

    _, answer = compare_recordings(old, new)

    assert [("headers.content-type", "text/plain", "text/html")] == members(answer)
    assert {"headers.date", "headers.x-request-id"} == volatile(answer)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (RawBody(b"\x00\x01"), RawBody(b"\x00\x02")),
        (RawBody(b"plain"), RawBody(b"other")),
        (RawBody(b"plain"), JsonBody({"a": 1})),
        (None, JsonBody({"a": 1})),
        (JsonBody([1]), None),
        (StreamBody("ndjson", [{"a": 1}], "compact"), StreamBody("ndjson", [{"a": 2}], "compact")),
        (StreamBody("objects", [{"a": [1, 2]}]), StreamBody("objects", [{"a": 1}, {"a": 2}])),
        (StreamBody("sse", [{"data": "x"}], "compact"), StreamBody("sse", [{"data": "y"}], "compact")),
    ],
)
def test_bodies_of_any_kind_that_differ_are_never_the_same(old: Body | None, new: Body | None) -> None:
    """A change of an answer is a difference, whatever the answer is."""
    assert not compare_recordings(answered(old), answered(new))[1].is_same


def test_another_layout_of_the_same_json_says_the_same() -> None:
    """White space says nothing, but the bytes are others."""
    _, answer = compare_recordings(answered(JsonBody({"a": 1}, "compact")), answered(JsonBody({"a": 1}, "indent-2")))

    assert answer.is_same


def test_ids_in_a_conversation_are_volatile_and_other_ids_are_not() -> None:
    """A tool's result names the call of an earlier answer; an id elsewhere in a request is what is asked for."""

    def asked(call_id: str, store_id: str) -> Recording:
        messages: Any = [{"role": "tool", "tool_call_id": call_id, "content": "Sunny."}]
        body: Any = {"messages": messages, "store": {"id": store_id}}
        return Recording(Request("POST", "openai", "/v1", body=JsonBody(body)), Response())

    request, _ = compare_recordings(asked("call_1", "a"), asked("call_2", "b"))

    assert ["body.store.id"] == [change.place for change in request.members]
    assert {"body.messages[0].tool_call_id"} == volatile(request)

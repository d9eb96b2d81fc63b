"""Two recordings: what is told of them, and what is folded."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content.deltas import Difference
from recstore.model import Body, Headers, JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.transcript import Comparison, TextDifference, compare_recordings


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


def noise(found: Comparison) -> set[str]:
    """Return the names that are folded."""
    return {name for name, _ in found.noise}


def facts(found: Comparison) -> list[tuple[str, Any, Any]]:
    """Return the facts, as place, old and new."""
    return [(fact.place, fact.old, fact.new) for fact in found.facts]


def test_equal_recordings_do_not_differ() -> None:
    """There is nothing to say, not even noise."""
    assert Comparison() == compare_recordings(chat("Hi."), chat("Hi."))


def test_what_the_model_says_is_told_and_noise_is_named() -> None:
    """Ids, times and counts of tokens do not stand in the way of the words."""
    old = chat("Four.", id="chatcmpl-1", created=1, system_fingerprint="a", usage={"total_tokens": 5})
    new = chat("Five.", id="chatcmpl-2", created=2, system_fingerprint="b", usage={"total_tokens": 6})

    found = compare_recordings(old, new)

    assert (TextDifference("answer", "Four.", "Five."),) == found.texts
    assert ((), (), ()) == (found.request, found.calls, found.facts)
    assert {"id", "created", "system_fingerprint", "usage"} == noise(found)


def test_a_changed_prompt_is_told_as_a_path() -> None:
    """Of the request, the members that differ."""
    found = compare_recordings(chat("Hi.", "Who?"), chat("Hi.", "Where?"))

    assert (Difference(("messages", 0, "content"), "Who?", "Where?"),) == found.request
    assert found.is_same_answer


def test_changed_arguments_of_a_call_are_told_by_member() -> None:
    """The id of the call is noise, its arguments are not."""
    old = chat(None, calls=[call('{"city": "Rome", "unit": "C"}')])
    new = chat(None, calls=[call('{"city":"Paris","unit":"C"}', call_id="call_2")])

    [changed] = compare_recordings(old, new).calls

    assert ("weather", "changed") == (changed.name, changed.kind)
    assert [("city", "Rome", "Paris")] == [(change.place, change.old, change.new) for change in changed.changes]
    assert {"id"} == noise(compare_recordings(old, new))


def test_a_call_in_place_of_an_answer_is_told_once() -> None:
    """As a text gone and a call come, not again as members of JSON."""
    found = compare_recordings(chat("Sunny."), chat(None, calls=[call("{}")], finish="tool_calls"))

    assert [("weather", "added")] == [(change.name, change.kind) for change in found.calls]
    assert (TextDifference("answer", "Sunny.", ""),) == found.texts
    assert [("finish", "stop", "tool_calls")] == facts(found)


def test_calls_are_paired_by_name() -> None:
    """One that was put before another changes nothing of it."""
    old = chat(None, calls=[call("{}", "a")])
    new = chat(None, calls=[call('{"x":1}', "b"), call("{}", "a")])

    assert [("b", "added")] == [(change.name, change.kind) for change in compare_recordings(old, new).calls]


def test_a_stream_cut_otherwise_says_the_same() -> None:
    """Two places where only one of them cuts."""
    found = compare_recordings(stream("Hum", "ans live", " here"), stream("Humans", " live", " here"))

    assert found.is_same_answer
    assert found.cut is not None
    assert (4, 4, 2) == (found.cut.old_events, found.cut.new_events, found.cut.boundaries)


def test_a_stream_that_says_something_else_is_told_as_text() -> None:
    """Joined; how many chunks it came in is folded."""
    found = compare_recordings(stream("Hum", "ans"), stream("Hum", "an", "oids", system_fingerprint="x"))

    assert (TextDifference("answer", "Humans", "Humanoids"),) == found.texts
    assert () == found.facts
    assert {"system_fingerprint"} == noise(found)
    assert found.cut is not None
    assert (3, 4) == (found.cut.old_events, found.cut.new_events)


def test_an_error_in_place_of_an_answer_is_told() -> None:
    """With the status, and what was said before."""
    error = answered(JsonBody({"error": {"message": "Too many", "type": "rate"}}), status=429, reason="Slow down")

    found = compare_recordings(chat("Hi."), error)

    assert ("status", 200, 429) in facts(found)
    assert ["error", "Hi."] == [next(name for name, _, _ in facts(found) if name == "error"), found.texts[0].old]


def test_any_other_json_is_told_by_member() -> None:
    """Words of chat APIs mean nothing there: a role is a fact, an id is still noise."""
    old = answered(JsonBody({"id": 1, "role": "reader", "name": "A"}))
    new = answered(JsonBody({"id": 2, "role": "owner", "name": "A"}))

    found = compare_recordings(old, new)

    assert [("role", "reader", "owner")] == facts(found)
    assert {"id"} == noise(found)
    assert () == found.texts


def test_members_that_no_transcript_reads_are_told() -> None:
    """Nothing but known noise is folded."""
    found = compare_recordings(chat("Hi.", safety={"level": "low"}), chat("Hi.", safety={"level": "high"}))

    assert [("safety.level", "low", "high")] == facts(found)


def test_a_member_is_not_told_because_the_answer_has_its_words() -> None:
    """Only what a transcript reads is left to it."""
    found = compare_recordings(chat("low risk", safety={"level": "low"}), chat("high risk", safety={"level": "high"}))

    assert [("safety.level", "low", "high")] == facts(found)


def test_headers_are_told_but_those_of_every_call() -> None:
    """Dates and ids of requests are folded, a media type is a fact."""
    old = answered(None, (("Date", "Mon"), ("x-request-id", "1"), ("Content-Type", "text/plain")))
    new = answered(None, (("date", "Tue"), ("X-Request-Id", "2"), ("Content-Type", "text/html")))

    found = compare_recordings(old, new)

    assert [("header.content-type", "text/plain", "text/html")] == facts(found)
    assert {"header date", "header x-request-id"} == noise(found)


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
    """A change of an answer is told, whatever the answer is."""
    assert not compare_recordings(answered(old), answered(new)).is_same_answer


def test_another_layout_of_the_same_json_is_noise() -> None:
    """White space says nothing, but the bytes are others."""
    found = compare_recordings(answered(JsonBody({"a": 1}, "compact")), answered(JsonBody({"a": 1}, "indent-2")))

    assert found.is_same_answer
    assert {"response layout"} == noise(found)


def test_ids_in_a_conversation_are_folded_and_other_ids_are_not() -> None:
    """A tool's result names the call of an earlier answer; an id elsewhere in a request is what is asked for."""

    def asked(call_id: str, store_id: str) -> Recording:
        messages: Any = [{"role": "tool", "tool_call_id": call_id, "content": "Sunny."}]
        body: Any = {"messages": messages, "store": {"id": store_id}}
        return Recording(Request("POST", "openai", "/v1", body=JsonBody(body)), Response())

    found = compare_recordings(asked("call_1", "a"), asked("call_2", "b"))

    assert ["store.id"] == [change.place for change in found.request]
    assert {"tool_call_id"} == noise(found)

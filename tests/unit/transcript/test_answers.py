"""A response as answers, in the words of each API, told by their shape."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from recstore.model import JsonBody, StreamBody
from recstore.transcript.messages import Part
from recstore.transcript.responses import Answer
from tests.unit.transcript.samples import (
    PNG,
    answered,
    call_chunk,
    chat_chunk,
    google_chunk,
    responses_event,
    sent,
    streamed,
    text,
)

ANSWERS = [
    (
        "chat chunks",
        [
            chat_chunk({"role": "assistant", "content": ""}),
            chat_chunk({"content": "Hum"}),
            chat_chunk({"content": "ans"}),
            chat_chunk({}, "stop"),
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        ],
        [text("Humans")],
        "stop",
    ),
    (
        "reasoning before an answer",
        [
            chat_chunk({"reasoning": "H", "reasoning_content": "H", "content": ""}),
            chat_chunk({"reasoning": "m"}),
            chat_chunk({"content": "4"}),
        ],
        [Part("thinking", "Hm"), text("4")],
        "",
    ),
    (
        "two calls in fragments",
        [
            call_chunk("", id="c1", name="add"),
            call_chunk('{"a"'),
            call_chunk("", index=1, id="c2", name="now"),
            call_chunk(": 1}"),
            call_chunk("{}", index=1),
            chat_chunk({}, "tool_calls"),
        ],
        [Part("call", '{"a": 1}', "add", "c1"), Part("call", "{}", "now", "c2")],
        "tool_calls",
    ),
    (
        "calls that are all numbered 0",
        [call_chunk("{}", id="c1", name="add"), call_chunk("[]", id="c2", name="now"), call_chunk("!", id="c2")],
        [Part("call", "{}", "add", "c1"), Part("call", "[]!", "now", "c2")],
        "",
    ),
    (
        "calls that only their names or their ids tell apart",
        [
            call_chunk("1", name="add"),
            call_chunk("2", name="add"),
            call_chunk("3", name="now"),
            call_chunk("4", id="c1", name="now"),
            call_chunk("5", id="c2", name="now"),
        ],
        [Part("call", "12", "add"), Part("call", "34", "now", "c1"), Part("call", "5", "now", "c2")],
        "",
    ),
    (
        "a refusal in pieces",
        [chat_chunk({"refusal": "I "}), chat_chunk({"refusal": "won't."})],
        [Part("refusal", "I won't.")],
        "",
    ),
    (
        "completion chunks",
        [{"choices": [{"text": "a"}]}, {"choices": [{"text": "b", "finish_reason": "length"}]}],
        [text("ab")],
        "length",
    ),
    (
        "Ollama's chat",
        [
            {"message": {"role": "assistant", "content": "a", "thinking": None}, "done": False},
            {"message": {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}},
            {"message": {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 2}}}]}},
            {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"},
        ],
        [text("a"), Part("call", '{"x": 1}', "f"), Part("call", '{"x": 2}', "f")],
        "stop",
    ),
    (
        "what Ollama generates",
        [
            {"model": "m", "response": "", "thinking": "Hm", "done": False},
            {"model": "m", "response": "a", "done": False},
            {"model": "m", "response": "b", "done": True, "done_reason": "stop", "eval_count": 2},
        ],
        [Part("thinking", "Hm"), text("ab")],
        "stop",
    ),
    (
        "Anthropic's events",
        [
            {"type": "message_start", "message": {"role": "assistant", "content": [], "usage": {"input_tokens": 7}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "H"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "m"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "xyz"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "ping"},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
            {
                "type": "content_block_start",
                "index": 2,
                "content_block": {"type": "tool_use", "id": "t1", "name": "add", "input": {}},
            },
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ": 1}"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ],
        [Part("thinking", "Hm"), text("Hello"), Part("call", '{"a": 1}', "add", "t1")],
        "tool_use",
    ),
    (
        "events of OpenAI's responses",
        [
            responses_event("created", response={"status": "in_progress", "output": [], "model": "m"}),
            responses_event("output_item.added", output_index=0, item={"type": "reasoning", "summary": []}),
            responses_event("reasoning_summary_text.delta", output_index=0, summary_index=0, delta="Hm"),
            responses_event("output_item.added", output_index=1, item={"type": "message", "role": "a", "content": []}),
            responses_event("output_text.delta", output_index=1, content_index=0, delta="Hel"),
            responses_event("output_text.delta", output_index=1, content_index=0, delta="lo"),
            responses_event("output_text.done", output_index=1, content_index=0, text="Hello"),
            responses_event(
                "output_item.added",
                output_index=2,
                item={"type": "function_call", "call_id": "c1", "name": "add", "arguments": ""},
            ),
            responses_event("function_call_arguments.delta", output_index=2, delta='{"a"'),
            responses_event("function_call_arguments.delta", output_index=2, delta=": 1}"),
            responses_event(
                "output_item.done",
                output_index=2,
                item={"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
            ),
            responses_event(
                "completed",
                response={"status": "completed", "output": [{"type": "message", "content": [{"text": "Hello"}]}]},
            ),
        ],
        [Part("thinking", "Hm"), text("Hello"), Part("call", '{"a": 1}', "add", "c1")],
        "completed",
    ),
    (
        "a stream that only says what is complete",
        [
            responses_event(
                "incomplete",
                response={
                    "status": "incomplete",
                    "incomplete_details": {"reason": "max_output_tokens"},
                    "output": [
                        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hel"}]},
                        {"type": "web_search_call", "id": "w1", "action": {"query": "planets"}},
                    ],
                },
            )
        ],
        [text("Hel"), Part("call", '{"query": "planets"}', "web_search", "w1")],
        "max_output_tokens",
    ),
    (
        "Google's interactions",
        [
            {"event_type": "interaction.start", "interaction": {"status": "in_progress", "model": "m"}},
            {"event_type": "content.start", "index": 0, "content": {"type": "thought"}},
            {"event_type": "content.delta", "index": 0, "delta": {"type": "thought_signature", "signature": "x"}},
            {
                "event_type": "content.delta",
                "index": 0,
                "delta": {"type": "thought_summary", "content": {"text": "Hm"}},
            },
            {"event_type": "content.start", "index": 1, "content": {"type": "text"}},
            {"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "1, "}},
            {"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "2"}},
            {
                "event_type": "content.start",
                "index": 2,
                "content": {"type": "function_call", "name": "add", "id": "c1"},
            },
            {"event_type": "content.delta", "index": 2, "delta": {"type": "arguments", "partial_json": '{"a": 1}'}},
            {
                "event_type": "interaction.complete",
                "interaction": {"status": "completed", "usage": {"total_tokens": 9}},
            },
        ],
        [Part("thinking", "Hm"), text("1, 2"), Part("call", '{"a": 1}', "add", "c1")],
        "completed",
    ),
    *(
        (
            f"Google's chunks in {style} case",
            [
                google_chunk(style, [{"text": "Hm", "thought": True}]),
                google_chunk(style, [{"text": "Sat"}]),
                google_chunk(style, [{"text": "urn"}]),
                google_chunk(style, [{call: {"name": "f", "args": {}}}], "STOP"),
            ],
            [Part("thinking", "Hm"), text("Saturn"), Part("call", "{}", "f")],
            "STOP",
        )
        for style, call in (("snake", "function_call"), ("camel", "functionCall"))
    ),
    (
        "sound with what it says, and a refusal",
        [
            responses_event("audio.delta", delta=PNG),
            responses_event("audio.transcript.delta", delta="Hel"),
            responses_event("audio.transcript.delta", delta="lo"),
            responses_event("refusal.delta", content_index=1, delta="I won't."),
        ],
        [text("Hello"), Part("refusal", "I won't.")],
        "",
    ),
    (
        "a call that the stream tells only when it is done",
        [
            responses_event("output_item.added", output_index=0, item={"type": "web_search_call", "id": "w1"}),
            responses_event(
                "output_item.done",
                output_index=0,
                item={"type": "web_search_call", "id": "w1", "action": {"query": "planets"}},
            ),
        ],
        [Part("call", '{"query": "planets"}', "web_search", "w1")],
        "",
    ),
    (
        "an answer that is empty",
        [chat_chunk({"content": ""}), chat_chunk({}, "stop")],
        [],
        "stop",
    ),
]


@pytest.mark.parametrize(
    ("events", "parts", "finish"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)
@pytest.mark.parametrize("stream", [streamed, sent], ids=["objects", "wire"])
def test_a_stream_is_read_as_its_joined_answer(stream: Any, events: list[Any], parts: list[Part], finish: str) -> None:
    """However an API tells its answer in steps, as objects or as text of the wire, the transcript has it whole."""
    transcript = stream(*events)

    assert (Answer(tuple(parts), finish),) == transcript.answers
    assert ("", len(events)) == (transcript.error, transcript.event_count)


WHOLE = [
    (
        {"choices": [{"message": {"role": "assistant", "content": "Hi", "reasoning": "Hm"}, "finish_reason": "stop"}]},
        [text("Hi")],
        [Part("thinking", "Hm")],
    ),
    ({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]}, [text("Hi")], []),
    ({"message": {"role": "assistant", "content": "Hi"}, "done": True}, [text("Hi")], []),
    (
        {"choices": [{"message": {"content": None, "audio": {"id": "a", "data": PNG, "transcript": "Hi"}}}]},
        [Part("file", "audio, 300 bytes"), text("Hi")],
        [],
    ),
    ({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, [Part("refusal", "No.")], []),
    ({"object": "response", "output": [{"type": "message", "role": "a", "content": "Hi"}]}, [text("Hi")], []),
    ({"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}}, [text("Hi")], []),
    ({"outputs": [{"type": "thought"}, {"type": "text", "text": "Hi"}], "status": "completed"}, [text("Hi")], []),
    ([{"candidates": [{"content": {"parts": [{"text": "H"}]}}]}] * 2, [text("HH")], []),
    ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, [text("a"), text("b")], []),
    ({"content": '{"a":1}', "error_message": None, "error_code": None}, [Part("result", '{\n  "a": 1\n}')], []),
    ({"content": "done", "error_message": None}, [Part("result", "done")], []),
    ({"data": [{"embedding": [0.5] * 3}, {"embedding": [1] * 3}]}, [text("2 vectors of 3 dimensions")], []),
    (
        {"data": [{"embedding": base64.b64encode(bytes(40)).decode()}]},
        [text("1 vector of 10 dimensions")],
        [],
    ),
    ({"embeddings": [[0.5] * 1000]}, [text("1 vector of 1,000 dimensions")], []),
    ({"embeddings": [{"values": [1]}, {"values": [1, 2]}]}, [text("2 vectors of 1 or 2 dimensions")], []),
    ({"embeddings": {"float": [[1, 2]]}}, [text("1 vector of 2 dimensions")], []),
    ({"embedding": {"values": [1, 2]}}, [text("1 vector of 2 dimensions")], []),
    ([[0.5] * 16] * 2, [text("2 vectors of 16 dimensions")], []),
    ([[1, 2]], [Part("json", "[\n  [\n    1,\n    2\n  ]\n]")], []),
    ({"object": "list", "data": [{"id": "a", "object": "model"}, {"id": "b", "object": "model"}]}, [Part("names", "a\nb")], []),
    ({"models": [{"name": "a:1"}, {"name": "b"}]}, [Part("names", "a:1\nb")], []),
    ({"id": "a", "object": "model"}, [Part("names", "a")], []),
    ({"data": [{"id": "file-1", "object": "file"}]}, [Part("json", json.dumps({"data": [{"id": "file-1", "object": "file"}]}, indent=2))], []),
    ({"content": [{"type": "text", "text": "a"}], "error_message": None}, [text("a")], []),
    ({"data": [{"embedding": [1]}, {"b": 1}]}, [Part("json", json.dumps({"data": [{"embedding": [1]}, {"b": 1}]}, indent=2))], []),
    ({"embedding": [1, "a"]}, [Part("json", json.dumps({"embedding": [1, "a"]}, indent=2))], []),
    ({"content": "a"}, [Part("json", '{\n  "content": "a"\n}')], []),
    ({"error": True}, [Part("json", '{\n  "error": true\n}')], []),
    ({"delta": {"text": "é"}}, [Part("json", '{\n  "delta": {\n    "text": "é"\n  }\n}')], []),
    ({"models": [{"name": "a"}, {"x": 1}]}, [Part("json", json.dumps({"models": [{"name": "a"}, {"x": 1}]}, indent=2))], []),
    ({"data": [{"id": "a", "object": "model"}, {"id": "b"}]}, [Part("json", json.dumps({"data": [{"id": "a", "object": "model"}, {"id": "b"}]}, indent=2))], []),
    ({"item": {"type": "a_call"}}, [Part("json", json.dumps({"item": {"type": "a_call"}}, indent=2))], []),
    ([["a"] * 16, ["b"]], [Part("json", json.dumps([["a"] * 16, ["b"]], indent=2))], []),
    ([[0.5] * 16, [1]], [Part("json", json.dumps(["(16 numbers)", [1]], indent=2))], []),
    ({"models": [{"model": "a"}, {"id": "b"}]}, [Part("names", "a\nb")], []),
    ({"response": {"x": 1}}, [Part("json", '{\n  "response": {\n    "x": 1\n  }\n}')], []),
    (None, [Part("json", "null")], []),
]  # fmt: skip


@pytest.mark.parametrize(("value", "parts", "thinking"), WHOLE)
def test_a_whole_answer_is_read_by_its_shape(value: Any, parts: list[Part], thinking: list[Part]) -> None:
    """Chats as what was said, vectors counted, models named, what is unknown as JSON down the page."""
    transcript = answered(JsonBody(value))

    [answer] = transcript.answers
    assert (*thinking, *parts) == answer.parts
    assert transcript.event_count is None


def test_models_that_come_one_by_one_are_listed() -> None:
    """A recorder may write a listing as a stream of models."""
    transcript = streamed({"id": "a", "object": "model", "owned_by": "x"}, {"id": "b", "owned_by": "x"})

    assert (Answer((Part("names", "a\nb"),)),) == transcript.answers


def test_several_answers_are_kept_apart() -> None:
    """Choices of one response go by their index, however they are mixed in the stream."""
    transcript = streamed(
        chat_chunk({"content": "b"}, index=1), chat_chunk({"content": "a"}), chat_chunk({"content": "!"}, "stop", 1)
    )

    assert (Answer((text("a"),)), Answer((text("b!"),), "stop")) == transcript.answers
    candidates: Any = [{"index": index, "content": {"parts": [{"text": str(index)}]}} for index in (1, 0)]
    assert (Answer((text("0"),)), Answer((text("1"),))) == answered(JsonBody({"candidates": candidates})).answers


def test_tokens_are_counted_in_any_apis_words() -> None:
    """The greatest count of a stream is the whole, and has the same name whatever the API calls it."""
    openai: Any = {"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 2}}
    start, end = {"usage": {"input_tokens": 5, "output_tokens": 1}}, {"usage": {"output_tokens": 3}}

    chat = answered(JsonBody({"choices": [], "usage": openai, "model": "m-1"}))
    assert ("m-1", {"input": 5, "output": 3, "reasoning": 2}) == (chat.answer_model, dict(chat.usage))
    anthropic = streamed({"type": "message_start", "message": {"role": "a", **start}}, {"type": "message_delta", "delta": {"stop_reason": "x"}, **end})  # fmt: skip
    assert {"input": 5, "output": 3} == dict(anthropic.usage)
    responses = answered(JsonBody({"output": [], "model": "m-1", "usage": {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}}))  # fmt: skip
    assert ("m-1", {"input": 5, "cached": 4}) == (responses.answer_model, dict(responses.usage))
    wrapped = streamed(responses_event("completed", response={"model": "m-1", "usage": {"output_tokens": 2}}))
    assert ("m-1", {"output": 2}) == (wrapped.answer_model, dict(wrapped.usage))
    ollama = answered(
        JsonBody({"response": "a", "done": True, "prompt_eval_count": 5, "eval_count": 3, "model": "m-1"})
    )
    assert ("m-1", {"input": 5, "output": 3}) == (ollama.answer_model, dict(ollama.usage))
    google = streamed(google_chunk("snake", []), google_chunk("camel", []))
    assert {"input": 7} == dict(google.usage)


USAGE_NAMES = {
    "input": {"input_tokens", "prompt_tokens", "prompt_token_count", "promptTokenCount", "total_input_tokens"}
    | {"inputTokens", "prompt_eval_count"},
    "output": {"output_tokens", "completion_tokens", "candidates_token_count", "candidatesTokenCount"}
    | {"total_output_tokens", "outputTokens", "eval_count"},
    "reasoning": {"reasoning_tokens", "thoughts_token_count", "thoughtsTokenCount", "total_thought_tokens"},
    "cached": {"cached_tokens", "cache_read_input_tokens", "cached_content_token_count", "cachedContentTokenCount"}
    | {"total_cached_tokens"},
    "total": {"total_tokens", "total_token_count", "totalTokenCount", "totalTokens"},
}


@pytest.mark.parametrize("holder", ["usage", "usage_metadata", "usageMetadata"])
@pytest.mark.parametrize(
    ("name", "wire_name"), [(name, wire) for name in USAGE_NAMES for wire in sorted(USAGE_NAMES[name])]
)
def test_a_count_of_tokens_has_one_name(holder: str, name: str, wire_name: str) -> None:
    """What APIs call differently has one name here; what is no number, or nothing, is not counted."""
    assert ((name, 7),) == answered(JsonBody({"choices": [], holder: {wire_name: 7}})).usage
    assert () == answered(JsonBody({"choices": [], holder: {wire_name: 0, "x": 7}})).usage
    assert () == answered(JsonBody({"choices": [], holder: {wire_name: "7"}})).usage


@pytest.mark.parametrize("name", ["finish_reason", "finishReason", "done_reason", "stop_reason", "stopReason"])
def test_why_an_answer_ended_has_one_name(name: str) -> None:
    """The reason is read in any API's word for it; an answer that has only begun has none."""
    assert "stop" == answered(JsonBody({"role": "assistant", "content": "a", name: "stop"})).answers[0].finish
    for status in ("in_progress", "queued"):
        assert "" == answered(JsonBody({"output": [{"type": "x"}], "status": status})).answers[0].finish


ERRORS = [
    ({"error": {"type": "TimeoutError", "message": "too slow"}}, "TimeoutError: too slow"),
    ({"error": {"type": "BadRequestError", "status_code": 400, "message": "no"}}, "BadRequestError (400): no"),
    ({"error": {"odd": 1}}, 'error {\n  "odd": 1\n}'),
    ({"status": 503, "reason": "Busy"}, "HTTP 503 Busy"),
    ({"status": 400, "body": JsonBody({"error": {"message": "no", "code": "bad"}})}, "HTTP 400\nno (bad)"),
    ({"body": JsonBody({"error": "no"})}, "no"),
    ({"body": JsonBody({"type": "error", "error": {"type": "overloaded", "message": "no"}})}, "no (overloaded)"),
    ({"body": JsonBody({"object": "error", "message": "no", "code": 40})}, "no (40)"),
    ({"body": JsonBody({"detail": "no"})}, "no"),
    ({"body": JsonBody({"error": {"odd": 1}})}, '{\n  "odd": 1\n}'),
    ({"body": JsonBody({"promptFeedback": {"blockReason": "SAFETY"}})}, "the prompt was blocked: SAFETY"),
    ({"body": JsonBody({"content": None, "error_message": "no", "error_code": 1})}, "no (1)"),
    ({"body": JsonBody({"content": [{"type": "text", "text": "x"}], "isError": True})}, "the tool failed"),
    ({"body": StreamBody("objects", [chat_chunk({"content": "a"}), {"error": {"message": "cut"}}])}, "cut"),
    ({"body": StreamBody("objects", [responses_event("failed", response={"error": {"message": "cut"}})])}, "cut"),
]


@pytest.mark.parametrize(("response", "error"), ERRORS)
def test_errors_are_errors(response: dict[str, Any], error: str) -> None:
    """Whether the client raised it, the status says it, or it stands in place of an answer."""
    assert error == answered(**{"body": None, **response}).error


def test_an_error_hides_nothing_that_came_with_it() -> None:
    """An answer cut short is shown with its error, and so is a body that has more to say than an error."""
    cut = streamed(chat_chunk({"content": "a"}), {"error": "cut"})
    assert (Answer((text("a"),)),) == cut.answers
    more = answered(JsonBody({"error": "no", "rows": [1]}))
    assert '"rows"' in more.answers[0].parts[0].text
    assert () == answered(JsonBody({"error": "no"})).answers
    assert '"rows"' in streamed({"error": "no"}, {"rows": [1]}).answers[0].parts[0].text

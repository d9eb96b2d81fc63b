"""What changes though the answer does not: set to something constant, in answers that are recognised alone."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content.bodies import body_bytes, parse_body
from recstore.content.volatile import is_model_answer, scrub_volatile, stable_headers
from recstore.model import JsonBody

EPOCH = "1970-01-01T00:00:00Z"


def _settled(value: Any) -> Any:
    body = scrub_volatile(JsonBody(value), lambda name: f"<{name}>")
    assert isinstance(body, JsonBody)
    return body.value


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (
            {"object": "chat.completion", "id": "c1", "created": 17, "system_fingerprint": "fp_1", "model": "m"},
            {"object": "chat.completion", "id": "<c1>", "created": 0, "system_fingerprint": "fp_recstore", "model": "m"},
        ),
        (
            {"object": "text_completion", "id": "c1", "created": 17.5, "system_fingerprint": None},
            {"object": "text_completion", "id": "<c1>", "created": 0.0, "system_fingerprint": None},
        ),
        (
            {"object": "chat.completion.chunk", "obfuscation": "xyz", "usage": {"queue_time": 0.25, "total_tokens": 3}},
            {"object": "chat.completion.chunk", "obfuscation": "", "usage": {"queue_time": 0.0, "total_tokens": 3}},
        ),
        (
            {"object": "response", "created_at": 17, "completed_at": None, "previous_response_id": "r0",
             "output": [{"type": "function_call", "id": "f1", "call_id": "k1", "arguments": '{"id":"x"}'}]},
            {"object": "response", "created_at": 0, "completed_at": None, "previous_response_id": "<r0>",
             "output": [{"type": "function_call", "id": "<f1>", "call_id": "<k1>", "arguments": '{"id":"x"}'}]},
        ),
        (
            {"type": "response.output_item.added", "item": {"id": "i1"}, "sequence_number": 3},
            {"type": "response.output_item.added", "item": {"id": "<i1>"}, "sequence_number": 3},
        ),
        (
            {"object": "list", "data": [{"object": "embedding", "embedding": [0.5]}], "id": "e1"},
            {"object": "list", "data": [{"object": "embedding", "embedding": [0.5]}], "id": "<e1>"},
        ),
        (
            {"type": "message", "role": "assistant", "id": "m1",
             "content": [{"type": "tool_use", "id": "t1", "input": {"id": "x", "created": 3}}]},
            {"type": "message", "role": "assistant", "id": "<m1>",
             "content": [{"type": "tool_use", "id": "<t1>", "input": {"id": "x", "created": 3}}]},
        ),
        (
            {"type": "message_start", "message": {"id": "m1", "usage": {"input_tokens": 3}}},
            {"type": "message_start", "message": {"id": "<m1>", "usage": {"input_tokens": 3}}},
        ),
        (
            {"type": "error", "error": {"message": "x"}, "request_id": "q1"},
            {"type": "error", "error": {"message": "x"}, "request_id": "<q1>"},
        ),
        (
            {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"content": "a"}, "total_duration": 9, "eval_count": 3},
            {"model": "m", "created_at": EPOCH, "message": {"content": "a"}, "total_duration": 0, "eval_count": 3},
        ),
        (
            {"candidates": [{"index": 1}], "responseId": "x", "createTime": "2026-01-01T00:00:00Z"},
            {"candidates": [{"index": 1}], "responseId": "recstore", "createTime": EPOCH},
        ),
        ([{"candidates": [], "responseId": "x"}], [{"candidates": [], "responseId": "recstore"}]),
        (
            {"object": "file", "purpose": "batch", "bytes": 3, "id": "f1", "created_at": 17},
            {"object": "file", "purpose": "batch", "bytes": 3, "id": "<f1>", "created_at": 0},
        ),
        (
            {"object": "batch", "endpoint": "/x", "input_file_id": "f1", "id": "b1", "in_progress_at": 17},
            {"object": "batch", "endpoint": "/x", "input_file_id": "<f1>", "id": "<b1>", "in_progress_at": 0},
        ),
        (
            {"type": "message_batch", "processing_status": "ended", "request_counts": {}, "id": "b1", "ended_at": None},
            {"type": "message_batch", "processing_status": "ended", "request_counts": {}, "id": "<b1>", "ended_at": None},
        ),
        ({"created": 17, "data": [{"b64_json": "AAA="}]}, {"created": 0, "data": [{"b64_json": "AAA="}]}),
        ({"id": "modr-1", "model": "o", "results": []}, {"id": "<modr-1>", "model": "o", "results": []}),
        (
            {"models": [{"name": "m", "expires_at": "2026-01-01T00:00:00Z"}]},
            {"models": [{"name": "m", "expires_at": EPOCH}]},
        ),
        (
            {"object": "list", "data": [{"object": "model", "id": "m", "created": 17, "owned_by": "vllm"}]},
            {"object": "list", "data": [{"object": "model", "id": "<m>", "created": 0, "owned_by": "vllm"}]},
        ),
    ],
)  # fmt: skip
def test_what_is_volatile_in_a_models_answer_is_settled(live: Any, expected: Any) -> None:
    """Of every interface; what the model says stays, and what a tool is called with."""
    assert expected == _settled(live)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({"object": "chat.completion", "id": "any"}, {"object": "chat.completion", "id": "[any]"}),
        ({"object": "chat.completion", "id": ""}, {"object": "chat.completion", "id": "<>"}),
        (
            {"type": "message", "role": "assistant", "id": "any", "stop_reason": None},
            {"type": "message", "role": "assistant", "id": "[any]", "stop_reason": None},
        ),
        (
            {"type": "message", "role": "assistant", "content": [
                {"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
                {"type": "other", "signature": "s", "data": "d"}]},
            {"type": "message", "role": "assistant", "content": [
                {"type": "thinking", "thinking": "a", "signature": "[s]"}, {"type": "redacted_thinking", "data": "[d]"},
                {"type": "other", "signature": "s", "data": "d"}]},
        ),
        (
            {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "s"}},
            {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "[s]"}},
        ),
        (
            {"object": "response", "output": [{"type": "reasoning", "encrypted_content": "e", "summary": []}]},
            {"object": "response", "output": [{"type": "reasoning", "encrypted_content": "[e]", "summary": []}]},
        ),
        (
            {"candidates": [{"content": {"parts": [
                {"functionCall": {"name": "f", "args": {"id": "x"}, "id": "a1b2c3d4e"}, "thoughtSignature": "t"}]}}]},
            {"candidates": [{"content": {"parts": [
                {"functionCall": {"name": "f", "args": {"id": "x"}, "id": "[a1b2c3d4e]"}, "thoughtSignature": "[t]"}]}}]},
        ),
        *(
            (
                {"object": "chat.completion", "choices": [{"message": {"tool_calls": [{"id": live, "function": {}}]}}]},
                {"object": "chat.completion", "choices": [{"message": {"tool_calls": [{"id": kept, "function": {}}]}}]},
            )
            for live, kept in [
                ("call_a1b2", "[call_a1b2]"), ("D681PevKs", "[D681PevKs]"), ("function-call-17", "[function-call-17]"),
                ("functions.distance:0", "<functions.distance:0>"), ("call_1", "<call_1>"), ("assistant", "<assistant>"),
            ]
        ),
    ],
)  # fmt: skip
def test_what_only_a_server_can_have_made_up_is_told_from_names(live: Any, expected: Any) -> None:
    """Ids of answers and of calls, whatever they look like, and what is signed or encrypted; not names that are counted."""
    body = scrub_volatile(JsonBody(live), lambda name: f"<{name}>", lambda name: f"[{name}]")

    assert isinstance(body, JsonBody)
    assert expected == body.value


@pytest.mark.parametrize(
    "value",
    [
        {"id": "c1", "created": 17},
        {"object": "list", "data": [{"object": "model", "id": "gpt-4o", "created": 17}]},
        {"object": "file", "id": "file-1", "created_at": 17},
        {"object": "charge", "id": "ch_1", "created": 17, "data": [{"b64_json": ""}]},
        {"object": "model", "id": "m", "created": 17, "owned_by": "vllm"},
        {"object": "batch", "id": "b1", "created_at": 17},
        {"created": 17, "data": [{"url": "x"}]},
        {"models": [{"id": "m"}]},
        {"type": "message", "id": "m1"},
        {"type": "error", "error": "text", "request_id": "r"},
        {"type": 5, "id": "x"},
        {"object": ["chat.completion"], "id": "x"},
        {"object": "list", "data": [{"object": [], "type": {}}], "id": "x"},
        [{"id": "c1"}],
        "text",
        None,
    ],
)
def test_other_json_is_stored_as_it_came(value: Any) -> None:
    """An id and a time may be what a test is about."""
    assert value == _settled(value)
    assert not is_model_answer(value)


@pytest.mark.parametrize(
    "text",
    [
        'data: {"object":"chat.completion.chunk","created":17,"id":"a"}\n\ndata: [DONE]\n\n',
        'data: {"object":"chat.completion.chunk","created":17,"id":"a"}\r\n\r\ndata: [DONE]\r\n\r\n',
        'data:{"object":"chat.completion.chunk","created":17,"id":"a"}\n\ndata:[DONE]\n\n',
        ': hello\n\ndata: {"object":"chat.completion.chunk","created":17,"id":"a"}\n\n',
        'data: {"object":"chat.completion.chunk","created":17,"id":"a"}\n\ndata: {"object":"chat.comp',
        '{"model":"m","created_at":17,"id":"a"}\n{"model":"m","created_at":17,"id":"a"}\n',
        'data: {"x":1}\n\ndata: {"object": "chat.completion.chunk", "created": 17, "id": "a"}\n\n',
    ],
)
def test_streams_are_settled_event_by_event(text: str) -> None:
    """Plain ones, and those with comments, without blanks, broken off, or laid out in two ways."""
    settled = body_bytes(scrub_volatile(parse_body(text.encode()), str.upper)).decode()

    expected = text.replace("17", "0").replace('"a"', '"A"')
    assert expected == settled


def test_a_stream_of_something_else_is_left_alone() -> None:
    """Lines that are no JSON, JSON that is no answer, bytes that are no text."""
    data = b'data: {"id":"a","created":17}\n\ndata: {"broken\n\n\xff{"a":1}\n{not json}\n{"a":1,"a":2}\n'

    assert data == body_bytes(scrub_volatile(parse_body(data), str.upper))
    assert scrub_volatile(None, str.upper) is None


@pytest.mark.parametrize(
    "name",
    ["Date", "x-request-id", "request-id", "apim-request-id", "CF-Ray", "x-ratelimit-remaining-tokens", "anthropic-ratelimit-x",
     "openai-processing-ms", "x-envoy-upstream-service-time", "Set-Cookie", "server-timing", "Age", "Via", "openai-organization",
     "content-length", "transfer-encoding", "connection", "alt-svc", "nel", "report-to"],
)  # fmt: skip
def test_headers_that_differ_from_answer_to_answer_go(name: str) -> None:
    """In any case."""
    assert () == stable_headers(((name, "x"),))


@pytest.mark.parametrize(
    "name", ["content-type", "location", "retry-after", "etag", "x-total-count", "link", "openai-version"]
)
def test_headers_that_say_something_stay(name: str) -> None:
    """As they came."""
    assert ((name, "x"), (name, "y")) == stable_headers(((name, "x"), (name, "y")))

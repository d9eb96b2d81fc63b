"""Any recording whatsoever has a transcript, and any transcript a page."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from recstore.model import JsonBody, RawBody, Recording, Request, Response, StreamBody
from recstore.transcript import page_lines, transcript_of
from tests.unit.transcript.samples import page_text
from tests.values import recordings, scalars, values

NAMES: Final = sorted(
    {
        "messages", "input", "contents", "prompt", "system", "instructions", "config", "options", "tools", "images",
        "model", "role", "content", "parts", "type", "text", "thinking", "thought", "reasoning", "summary", "refusal",
        "tool_calls", "tool_call_id", "function", "function_call", "functionCall", "function_response", "name",
        "arguments", "args", "output", "result", "response", "call_id", "id", "image_url", "url", "source", "data",
        "inline_data", "mimeType", "file", "audio", "transcript", "choices", "message", "delta", "index",
        "finish_reason", "candidates", "promptFeedback", "done", "stop_reason", "content_block", "partial_json",
        "item", "output_index", "interaction", "outputs", "status", "incomplete_details", "usage", "total_tokens",
        "prompt_tokens_details", "cached_tokens", "error", "error_message", "error_code", "detail", "isError",
        "embedding", "embeddings", "values", "models", "object", "owned_by", "function_declarations", "event",
    }
)  # fmt: skip
WORDS: Final = ("text", "function_call", "tool_result", "reasoning", "image", "model", "error", "user", "a_call", "")

known_shapes: st.SearchStrategy[Any] = st.recursive(
    scalars | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)
any_json = values | known_shapes
any_body = (
    st.builds(JsonBody, any_json)
    | st.builds(StreamBody, st.sampled_from(["objects", "ndjson"]), st.lists(any_json, max_size=5))
    | st.builds(StreamBody, st.just("sse"), st.lists(st.fixed_dictionaries({"data": any_json}), max_size=5))
    | any_json.map(lambda value: RawBody(json.dumps(value, indent=3).encode()))
    | any_json.map(lambda value: RawBody(b"data: " + json.dumps(value).encode()))
)


def _is_text(value: Any) -> bool:
    """Return whether all that `value` holds is text that can be written down, or a number."""
    if isinstance(value, list | tuple):
        return all(map(_is_text, value))
    if isinstance(value, dict):
        return all(map(_is_text, value.values()))
    return value is None or type(value) is int or (type(value) is str and value.encode() is not None)


@given(recordings)
def test_any_recording_has_a_transcript(recording: Recording) -> None:
    """Whatever a recording holds, its transcript is text, and its page begins with the request."""
    transcript = transcript_of(recording)

    assert _is_text(dataclasses.asdict(transcript))
    assert page_text(transcript).startswith(recording.request.method)


@given(any_body, any_body)
def test_json_of_known_names_and_unknown_shape_has_a_transcript(asked: Any, answered: Any) -> None:
    """Members that an API knows, with values that none would send, break nothing."""
    transcript = transcript_of(Recording(Request("POST", "x", "/", body=asked), Response(body=answered)))

    assert _is_text(dataclasses.asdict(transcript))
    assert not [line for line in page_lines(transcript) if "\n" in line.text]


@given(st.lists(st.text(max_size=5), max_size=8), st.booleans())
def test_a_stream_says_what_its_chunks_say_together(words: list[str], is_reasoning: bool) -> None:  # noqa: FBT001 - drawn
    """However an answer is cut into chunks, the transcript has it in one piece."""
    member = "reasoning" if is_reasoning else "content"
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": {member: word}}]} for word in words]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    transcript = transcript_of(Recording(Request("POST", "x", "/"), Response(body=StreamBody("objects", chunks))))

    [answer] = transcript.answers
    kind = "thinking" if is_reasoning else "text"
    assert [(kind, "".join(words))] * bool("".join(words)) == [(part.kind, part.text) for part in answer.parts]
    assert "stop" == answer.finish

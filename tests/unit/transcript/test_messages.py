"""A request as messages, in the words of each API, told by their shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recstore.model import RawBody, Recording, Request, Response
from recstore.transcript import transcript_of
from recstore.transcript.messages import Message, Part
from tests.unit.transcript.samples import (
    PNG,
    asked,
    text,
)

MESSAGES = [
    ("a plain message", {"role": "user", "content": "Hi"}, "user", [text("Hi")]),
    (
        "text and an image by its data",
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
        "user",
        [text("What is it?"), Part("file", "image/png, 300 bytes")],
    ),
    (
        "an image by its place",
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]},
        "user",
        [Part("file", "image at https://example.com/a.png")],
    ),
    (
        "a place that is long",
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x/" + "a" * 300}}]},
        "user",
        [Part("file", "image at https://x/" + "a" * 190 + "...")],
    ),
    (
        "an image of Anthropic's",
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}],
        },
        "user",
        [Part("file", "image/png, 300 bytes")],
    ),
    (
        "audio",
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}]},
        "user",
        [Part("file", "audio wav, 300 bytes")],
    ),
    (
        "a file with a name",
        {
            "role": "user",
            "content": [
                {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PNG}"},
                {"type": "file", "file": {"file_id": "file-7"}},
            ],
        },
        "user",
        [Part("file", "application/pdf, 300 bytes", name="a.pdf"), Part("file", "file at file-7")],
    ),
    ("an image of Ollama's", {"role": "user", "images": [PNG]}, "user", [Part("file", "image, 300 bytes")]),
    (
        "calls",
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
                {"id": "c2", "type": "function", "function": {"name": "now", "arguments": ""}},
            ],
        },
        "assistant",
        [Part("call", '{"a": 1}', "add", "c1"), Part("call", "", "now", "c2")],
    ),
    (
        "a call of the old kind",
        {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}},
        "assistant",
        [Part("call", "{}", "add")],
    ),
    (
        "a result",
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
        },
        "tool",
        [Part("result", "1\n2", call_id="c1")],
    ),
    ("a result without an id", {"role": "tool", "content": "1"}, "tool", [Part("result", "1")]),
    (
        "a result of a function with an image",
        {"role": "function", "name": "f", "content": ["1", {"type": "image", "data": PNG, "mimeType": "image/png"}]},
        "function",
        [Part("result", "1", "f"), Part("file", "image/png, 300 bytes")],
    ),
    (
        "reasoning that is not summed up",
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        "assistant",
        [Part("thinking", "Hm.")],
    ),
    ("an item that is a message", {"type": "message", "content": "Hi"}, "user", [text("Hi")]),
    ("a role and nothing known", {"role": "user", "a": 1}, "user", [Part("json", '{\n  "role": "user",\n  "a": 1\n}')]),
    (
        "what has the name of a call or a result, but nothing of it",
        {"role": "user", "content": [{"name": "x", "colour": 1}, {"type": "tool_result"}]},
        "user",
        [Part("json", '{\n  "name": "x",\n  "colour": 1\n}'), Part("json", '{\n  "type": "tool_result"\n}')],
    ),
    (
        "thinking beside the content",
        {
            "role": "assistant",
            "reasoning_content": "Hm.",
            "reasoning": "Hm.",
            "content": [{"type": "text", "text": "A"}],
        },
        "assistant",
        [Part("thinking", "Hm."), text("A")],
    ),
    (
        "Anthropic's blocks",
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
            ],
        },
        "assistant",
        [Part("thinking", "Hm."), Part("thinking", "(redacted)"), Part("call", '{"a": 1}', "add", "t1")],
    ),
    (
        "a result in Anthropic's words",
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "1"}, "go on"]},
        "user",
        [Part("result", "1", call_id="t1"), text("go on")],
    ),
    (
        "a call and a result of OpenAI's responses",
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
        "assistant",
        [Part("call", "{}", "add", "c1")],
    ),
    (
        "a result of OpenAI's responses",
        {"type": "function_call_output", "call_id": "c1", "output": "2"},
        "tool",
        [Part("result", "2", call_id="c1")],
    ),
    (
        "a result that has content and no role",
        {"type": "function_result", "call_id": "c1", "content": "2"},
        "tool",
        [Part("result", "2", call_id="c1")],
    ),
    (
        "reasoning of OpenAI's responses",
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm."}]},
        "assistant",
        [Part("thinking", "Hm.")],
    ),
    (
        "Google's parts",
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"functionCall": {"name": "add", "args": {"a": 1}}},
                {"function_response": {"name": "add", "response": {"sum": 2}}},
                {"inlineData": {"mimeType": "image/png", "data": PNG}},
                {"file_data": {"mime_type": "video/mp4", "file_uri": "gs://a/b.mp4"}},
                {"executableCode": {"language": "PYTHON", "code": "1 + 1"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
            ],
        },
        "model",
        [
            Part("thinking", "Hm."),
            Part("call", '{"a": 1}', "add"),
            Part("result", '{"sum": 2}', "add"),
            Part("file", "image/png, 300 bytes"),
            Part("file", "video/mp4 at gs://a/b.mp4"),
            Part("call", "1 + 1", "PYTHON"),
            Part("result", "2"),
        ],
    ),
    (
        "blocks of Bedrock's",
        {
            "role": "user",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm."}}},
                {"toolResult": {"toolUseId": "t1", "content": [{"text": "2"}]}},
            ],
        },
        "user",
        [Part("thinking", "Hm."), Part("result", "2", call_id="t1")],
    ),
    (
        "what no API sends",
        {"role": "user", "content": [{"colour": "red"}, 7]},
        "user",
        [Part("json", '{\n  "colour": "red"\n}'), Part("json", "7")],
    ),
]


@pytest.mark.parametrize(
    ("message", "role", "parts"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES]
)
@pytest.mark.parametrize("member", ["messages", "input", "contents"])
def test_a_message_is_read_in_any_apis_words(member: str, message: Any, role: str, parts: list[Part]) -> None:
    """Text as text, files by kind and size, calls and results as such, whichever member holds the conversation."""
    assert (Message(role, tuple(parts)),) == asked({member: [message]}).messages


ATTACHED: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "image", "data": PNG, "mimeType": "image/png"}, "image/png, 300 bytes", ""),
    ({"image": {"format": "png", "source": {"bytes": PNG}}}, "image png, 300 bytes", ""),
    ({"video": {"format": "mp4", "source": {"bytes": PNG}}}, "video mp4, 300 bytes", ""),
    ({"document": {"format": "pdf", "name": "a.pdf", "source": {"bytes": PNG}}}, "document pdf, 300 bytes", "a.pdf"),
    (
        {"type": "document", "title": "A", "source": {"type": "url", "url": "https://x/a"}},
        "document at https://x/a",
        "A",
    ),
    ({"type": "video_url", "video_url": {"url": "https://x/a.mp4"}}, "video at https://x/a.mp4", ""),
    ({"video_url": {"url": "https://x/a.mp4"}}, "video at https://x/a.mp4", ""),
    ({"image_url": {"url": "https://x/a.png"}}, "image at https://x/a.png", ""),
    ({"input_audio": {"data": PNG, "format": "wav"}}, "audio wav, 300 bytes", ""),
    ({"audio": {"id": "audio-1"}}, "audio at audio-1", ""),
    ({"file": {"filename": "a", "file_data": PNG}}, "file, 300 bytes", "a"),
    ({"file": {"file_id": "f-1"}}, "file at f-1", ""),
    ({"inline_data": {"mime_type": "a/b", "data": PNG, "display_name": "A"}}, "a/b, 300 bytes", "A"),
    ({"inlineData": {"data": PNG, "displayName": "A"}}, "file, 300 bytes", "A"),
    ({"fileData": {"fileUri": "gs://x"}}, "file at gs://x", ""),
    ({"file_data": {"file_uri": "gs://x"}}, "file at gs://x", ""),
    ({"type": "resource", "resource": {"uri": "file:///x", "blob": PNG}}, "file, 300 bytes", ""),
    ({"type": "resource", "resource": {"uri": "file:///x"}}, "file at file:///x", ""),
    ({"source": {"type": "base64", "media_type": "image/png", "data": PNG}}, "image/png, 300 bytes", ""),
]


@pytest.mark.parametrize(("attachment", "described", "name"), ATTACHED)
def test_an_attachment_is_named_by_its_kind_and_size(attachment: dict[str, Any], described: str, name: str) -> None:
    """Whatever an API calls it and wherever it keeps the bytes, none of them are shown."""
    [message] = asked({"messages": [{"role": "user", "content": [attachment]}]}).messages

    assert (Part("file", described, name),) == message.parts


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
def test_what_was_thought_has_one_name(name: str) -> None:
    """A message's thinking is read in any API's word for it."""
    [message] = asked({"messages": [{"role": "assistant", name: "Hm."}, {"role": "assistant", "content": ""}]}).messages

    assert (Part("thinking", "Hm."),) == message.parts


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ({"type": "file_search_call", "queries": ["a"]}, '["a"]'),
        ({"type": "code_interpreter_call", "code": "1 + 1"}, "1 + 1"),
        ({"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}, '{"a": 1}'),
        ({"name": "f", "args": {"a": 1}}, '{"a": 1}'),
    ],
)
def test_what_was_called_has_arguments_in_any_apis_words(call: dict[str, Any], arguments: str) -> None:
    """A query, a code or an input is what was handed over."""
    [message] = asked({"input": [{"role": "assistant", "content": [call]}]}).messages

    assert [("call", arguments)] == [(part.kind, part.text) for part in message.parts]


def test_what_the_system_says_comes_first() -> None:
    """The system's instruction is the first message, wherever the API keeps it."""
    bodies: list[Any] = [
        {"messages": [{"role": "user", "content": "Hi"}], "system": [{"type": "text", "text": "Be kind."}]},
        {"input": "Hi", "instructions": "Be kind."},
        {
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "systemInstruction": {"parts": [{"text": "Be kind."}]},
        },
        {"contents": "Hi", "config": {"system_instruction": "Be kind."}},
        {"prompt": "Hi", "system": "Be kind."},
    ]

    expected = (Message("system", (text("Be kind."),)), Message("user", (text("Hi"),)))
    assert [expected] * len(bodies) == [asked(body).messages for body in bodies]


def test_texts_to_embed_and_tokens_are_messages_too() -> None:
    """Each text to embed is a message; token numbers are counted."""
    assert (Message("user", (text("a"),)), Message("user", (text("b"),))) == asked({"input": ["a", "b"]}).messages
    assert (Message("user", (text("(3 tokens)"),)),) == asked({"input": [5, 6, 7]}).messages
    assert (Message("user", (text("a"),)), Message("user", (Part("file", "image, 300 bytes"),))) == asked(
        {"prompt": "a", "images": [PNG]}
    ).messages
    assert (Message("user", (Part("json", "[\n  5\n]"),)),) == asked({"input": [[5]]}).messages


def test_the_model_is_in_the_body_or_in_the_path() -> None:
    """Some APIs name the model in the path, escaped."""
    assert "gpt-4o" == asked({"model": "gpt-4o"}, "/openai/deployments/eu/chat").model
    assert "eu" == asked({}, "/openai/deployments/eu/chat").model
    assert "gemini-2" == asked({}, "/v1beta/models/gemini-2:generateContent").model
    assert "a:1" == asked({}, "/model/a%3A1/invoke").model


def test_parameters_are_what_else_is_set() -> None:
    """Zero is a setting, null and false are none; nested settings have their holder's name; long ones are cut."""
    transcript = asked(
        {
            "model": "m",
            "messages": [],
            "temperature": 0,
            "stream": False,
            "stop": None,
            "tools": [],
            "options": {"top_p": 0.5, "seed": None},
            "config": {"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]},
            "response_format": {"schema": "x" * 300},
        }
    )

    assert {
        "temperature": "0",
        "options.top_p": "0.5",
        "response_format": '{"schema": "' + "x" * 188 + "... (314 characters)",
    } == dict(transcript.parameters)
    assert ("f", "g") == transcript.tools


def test_tools_are_named() -> None:
    """A tool goes by its function's name, its own, its type, or what it is made of."""
    tools = [
        {"type": "function", "function": {"name": "add"}},
        {"name": "get", "input_schema": {}},
        {"type": "web_search"},
        {"google_search": {}},
    ]

    assert ("add", "get", "web_search", "google_search") == asked({"messages": [], "tools": tools}).tools


def test_a_tools_run_is_a_call() -> None:
    """What a recorder noted down of a tool's run is shown as the call it was."""
    transcript = asked({"query": "planets"}, "/web_search", "CALL")

    assert (Message("tool call", (Part("call", '{"query": "planets"}', "web_search"),)),) == transcript.messages


def test_a_body_of_unknown_shape_is_shown_as_it_is() -> None:
    """JSON down the page, text as text, bytes by number and type; vectors and base64 are counted."""
    request = Request("PUT", "x", "/", body=RawBody(b"a=1&b=2"))
    binary = Request("PUT", "x", "/", headers=(("Content-Type", "image/webp; q=1"),), body=RawBody(b"\0\xff"))
    odd: dict[str, Any] = {"model": "m", "vector": [0.5] * 9, "few": [1, 2], "mixed": ["a"] + [1] * 9, "pdf": "A" * 400}

    assert (Message("body", (text("a=1&b=2"),)),) == transcript_of(Recording(request, Response())).messages
    assert (Message("body", (Part("file", "2 bytes of image/webp"),)),) == transcript_of(
        Recording(binary, Response())
    ).messages
    [message] = asked(odd).messages
    assert {
        **odd,
        "vector": "(9 numbers)",
        "pdf": "(400 characters of base64)",
    } == json.loads(message.parts[0].text)
    assert ((), (("keep_alive", "5"),)) == (
        asked({"model": "m", "keep_alive": 5}).messages,
        asked({"model": "m", "keep_alive": 5}).parameters,
    )

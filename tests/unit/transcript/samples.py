"""Requests, responses and chunks of them, as APIs send them, and their transcripts."""

from __future__ import annotations

import base64
import json
from typing import Any

from recstore.content.bodies import parse_body
from recstore.model import Body, Headers, JsonBody, Recording, Request, Response, StreamBody
from recstore.transcript import page_lines, transcript_of
from recstore.transcript.messages import Part
from recstore.transcript.render import Transcript

PNG = base64.b64encode(b"\x89PNG" + bytes(296)).decode()


def asked(body: Any, path: str = "/v1/x", method: str = "POST") -> Transcript:
    """Return the transcript of a request with this JSON body and no response."""
    return transcript_of(Recording(Request(method, "openai", path, body=JsonBody(body)), Response()))


def answered(body: Body | None, headers: Headers = (), **response: Any) -> Transcript:
    """Return the transcript of a response with this body."""
    return transcript_of(Recording(Request("GET", "openai", "/"), Response(body=body, headers=headers, **response)))


def streamed(*events: Any) -> Transcript:
    """Return the transcript of a stream of these events."""
    return answered(StreamBody("objects", list(events)))


def sent(*events: Any) -> Transcript:
    """Return the transcript of these events as they come over the wire."""
    return answered(parse_body(b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)))


def text(words: str) -> Part:
    """Return a part of plain text."""
    return Part("text", words)


def chat_chunk(delta: Any, finish: str | None = None, index: int = 0) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def call_chunk(arguments: str, index: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a chunk with a fragment of a call."""
    name = changes.pop("name", None)
    return chat_chunk({"tool_calls": [{"index": index, "function": {"name": name, "arguments": arguments}, **changes}]})


def google_chunk(style: str, parts: list[Any], finish: str | None = None) -> dict[str, Any]:
    """Return a chunk of Google's, its members named in snake or camel case."""
    names = {"snake": ("finish_reason", "usage_metadata"), "camel": ("finishReason", "usageMetadata")}[style]
    counts = {"snake": "prompt_token_count", "camel": "promptTokenCount"}[style]
    candidate = {"content": {"parts": parts, "role": "model"}, names[0]: finish}
    return {"candidates": [candidate], names[1]: {counts: 7}}


def responses_event(name: str, **members: Any) -> dict[str, Any]:
    """Return an event of OpenAI's responses."""
    return {"type": f"response.{name}", **members}


def page_text(transcript: Transcript) -> str:
    """Return the page as plain text."""
    return "".join(f"{line.text}\n" for line in page_lines(transcript))

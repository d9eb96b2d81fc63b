"""A real HTTP server on a loopback port that answers as OpenAI, Anthropic, Ollama and Gemini do.

What the model says is always the same; ids, times, fingerprints, padding and durations never are.
"""

from __future__ import annotations

import base64
import itertools
import json
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["TEXT", "VECTOR", "ModelServer", "serving_models"]

TEXT = ("Hum", "ans live", " on Earth.")
VECTOR = (0.25, -0.5, 1.0)
Answer = tuple[int, str, list[bytes], dict[str, str]]
"""Status, content type, the pieces of the body, more headers."""


class ModelServer:
    """The running server: its base URL, and the path of each request it has had."""

    _ticks = itertools.count(time.time_ns())

    def __init__(self, base: str) -> None:
        self.base = base
        self.paths: list[str] = []

    def unique(self) -> str:
        """Return digits that no other answer of this process has."""
        return f"{next(self._ticks):024}"


@contextmanager
def serving_models(port: int = 0) -> Iterator[ModelServer]:
    """Run the server until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    models = ModelServer(f"http://127.0.0.1:{server.server_address[1]}")
    server.models = models  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield models
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        self._answer({})

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        is_json = "json" in (self.headers.get("content-type") or "")
        self._answer(json.loads(body) if is_json and body else {"raw": body})

    def _answer(self, request: dict[str, Any]) -> None:
        models: ModelServer = self.server.models  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        models.paths.append(path)
        status, kind, pieces, headers = _answer_to(path, request, models)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("x-request-id", f"req_{models.unique()}")
        self.send_header("request-id", f"req_{models.unique()}")
        self.send_header("openai-processing-ms", str(time.time_ns() % 1000))
        for name, value in headers.items():
            self.send_header(name, value)
        is_stream = len(pieces) > 1
        length = ("transfer-encoding", "chunked") if is_stream else ("content-length", str(len(pieces[0])))
        self.send_header(*length)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_stream else piece)
        if is_stream:
            self.wfile.write(b"0\r\n\r\n")


def _answer_to(path: str, request: dict[str, Any], models: ModelServer) -> Answer:
    if "fail" in json.dumps(request, default=str):
        return _failure(path, request, models)
    routes = {
        "/v1/chat/completions": _chat,
        "/v1/responses": _responses,
        "/v1/embeddings": _embeddings,
        "/v1/files": _file,
        "/v1/audio/speech": lambda *_: (200, "audio/mpeg", [bytes(range(256))], {}),
        "/v1/messages": _messages,
        "/v1/messages/count_tokens": lambda *_: _json({"input_tokens": 9}),
        "/api/chat": _ollama,
        "/api/generate": _ollama,
        "/api/embed": lambda *_: _json({"model": "m", "embeddings": [VECTOR], **_durations(models)}),
        "/api/tags": lambda *_: _json(
            {"models": [{"model": "m", "modified_at": "2026-01-01T00:00:00Z", "size": 3, "digest": "d"}]}
        ),
    }
    if path in routes:
        return routes[path](request, models)
    return _gemini(path, models)


def _failure(path: str, request: dict[str, Any], models: ModelServer) -> Answer:
    """Answer a request that says `fail 429` with that status, once; the next one is answered well."""
    text = json.dumps(request)
    status = int(text[text.index("fail") + 5 :][:3])
    if "once" in text and models.paths.count(path) > 1:
        return _answer_to(path, json.loads(text.replace("fail", "well")), models)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Try again.", "code": status}}
    return (*_json(error, status)[:3], {"retry-after-ms": "1", "retry-after": "0"})


def _json(value: Any, status: int = 200) -> Answer:
    return status, "application/json", [json.dumps(value).encode()], {}


def _events(events: Iterable[tuple[str, Any]], *, is_named: bool, end: bytes = b"") -> Answer:
    pieces = [
        (f"event: {name}\n" if is_named else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"
        for name, data in events
    ]
    return 200, "text/event-stream; charset=utf-8", [*pieces, *([end] if end else [])], {}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09}Z"


# -- OpenAI


def _chat(request: dict[str, Any], models: ModelServer) -> Answer:
    number = models.unique()
    head = {"id": f"chatcmpl-{number}", "created": int(number) // 7, "model": "m", "system_fingerprint": f"fp_{number}"}
    usage = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
    function = {"name": "distance", "arguments": '{"to": "Mars"}'}
    calls: list[dict[str, Any]] = [
        {"id": f"call_{models.unique()}", "type": "function", "function": function}
        for _ in range(2 if request.get("tools") else 0)
    ]
    if not request.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": "".join(TEXT)}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return _json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    deltas: list[dict[str, Any]] = [{"content": word} for word in TEXT]
    deltas += [{"tool_calls": [{**call, "index": place}]} for place, call in enumerate(calls)]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta}], "obfuscation": models.unique()} for delta in deltas
    ]
    events: list[dict[str, Any]] = [*chunks, {"choices": [], "usage": usage}]
    body = [("", {**head, "object": "chat.completion.chunk", **event}) for event in events]
    return _events(body, is_named=False, end=b"data: [DONE]\n\n")


def _responses(request: dict[str, Any], models: ModelServer) -> Answer:
    number, item = models.unique(), f"msg_{models.unique()}"
    content = {"type": "output_text", "text": "".join(TEXT), "annotations": []}
    output = {"id": item, "type": "message", "role": "assistant", "status": "completed", "content": [content]}
    whole = {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": int(number) // 7,
        "model": "m",
        "status": "completed",
        "output": [output],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "previous_response_id": request.get("previous_response_id"),
        "usage": {"input_tokens": 9, "output_tokens": 6, "total_tokens": 15},
    }
    if not request.get("stream"):
        return _json(whole)
    place = {"item_id": item, "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        *({"type": "response.output_text.delta", **place, "delta": word, "logprobs": []} for word in TEXT),
        {"type": "response.completed", "response": whole},
    ]
    numbered = ({**event, "sequence_number": n} for n, event in enumerate(events))
    return _events(((event["type"], event) for event in numbered), is_named=True)


def _embeddings(request: dict[str, Any], _: ModelServer) -> Answer:
    packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    vector = packed if request.get("encoding_format") == "base64" else list(VECTOR)
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    return _json({"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}})


def _file(request: dict[str, Any], models: ModelServer) -> Answer:
    value = {"id": f"file-{models.unique()}", "object": "file", "bytes": 7, "created_at": 1, "filename": "a.txt"}
    return _json({**value, "purpose": "batch", "status": "processed", "has_it": b"of a file" in request["raw"]})


# -- Anthropic


def _messages(request: dict[str, Any], models: ModelServer) -> Answer:
    head = {"id": f"msg_{models.unique()}", "type": "message", "role": "assistant", "model": "m"}
    blocks: list[dict[str, Any]] = [{"type": "text", "text": "".join(TEXT)}]
    if request.get("tools"):
        blocks.append(
            {"type": "tool_use", "id": f"toolu_{models.unique()}", "name": "distance", "input": {"to": "Mars"}}
        )
    usage = {"input_tokens": 9, "output_tokens": 6}
    if not request.get("stream"):
        return _json({**head, "content": blocks, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})
    start: dict[str, Any] = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(blocks):
        is_text = block["type"] == "text"
        empty = {**block, "text": ""} if is_text else {**block, "input": {}}
        texts = TEXT if is_text else ('{"to": ', '"Mars"}')
        kind, name = ("text_delta", "text") if is_text else ("input_json_delta", "partial_json")
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: text}} for text in texts
        ]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 6}}, {"type": "message_stop"}]
    return _events(((event["type"], event) for event in events), is_named=True)


# -- Ollama


def _durations(models: ModelServer) -> dict[str, int]:
    names = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    return {name: int(models.unique()) % 10**9 for name in names}


def _ollama(request: dict[str, Any], models: ModelServer) -> Answer:
    def said(text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text}} if "messages" in request else {"response": text}

    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 6, **_durations(models)}
    if request.get("stream") is False:
        return _json({"model": "m", "created_at": _now(), **said("".join(TEXT)), **end})
    lines = [{"model": "m", "created_at": _now(), **said(word), "done": False} for word in TEXT]
    lines.append({"model": "m", "created_at": _now(), **said(""), **end})
    return 200, "application/x-ndjson", [json.dumps(line).encode() + b"\n" for line in lines], {}


# -- Gemini


def _gemini(path: str, models: ModelServer) -> Answer:
    if path.endswith(":countTokens"):
        return _json({"totalTokens": 9})
    if path.endswith((":embedContent", ":batchEmbedContents")):
        return _json({"embeddings": [{"values": VECTOR}], "embedding": {"values": VECTOR}})

    def part(text: str, **more: Any) -> dict[str, Any]:
        candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **more}
        head = {"modelVersion": "m", "responseId": models.unique(), "createTime": _now()}
        return {"candidates": [candidate], **head}

    usage = {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 6, "totalTokenCount": 15}}
    if path.endswith(":streamGenerateContent"):
        return _events([*(("", part(word)) for word in TEXT), ("", {**part(""), **usage})], is_named=False)
    return _json({**part("".join(TEXT), finishReason="STOP"), **usage})

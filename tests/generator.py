"""Recordings of every shape that llama-stack's recorder has written, made up: for whoever has no real ones.

Each is a document as the recorder dumps it; `as_recorded` gives the file's bytes. The same seed gives the same files.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["SHAPES", "as_recorded", "generated", "write_recordings"]

Document = dict[str, Any]

_WORDS: Final = (
    *(["the", "of", "planet", "answer", "sun", "people", "live", "naïve", "地球", "🌍"]),
    *('"quoted"', "back\\slash", "line\nbreak", "0.00001", "e-8", "rec-"),
)
_OPENAI: Final = "https://api.openai.com/v1"
_OLLAMA: Final = "http://0.0.0.0:11434/v1"


def as_recorded(document: Document) -> bytes:
    """Return the bytes of the file that holds `document`."""
    return (json.dumps(document, indent=2) + "\n").encode()


def generated(seed: int = 0) -> Iterator[tuple[str, str, Document]]:
    """Yield the name of the shape, the path of the file and the document, for every shape once."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    for shape, make in SHAPES.items():
        document = make(chance)
        test_id = document.get("test_id") or f"tests/common/{shape}"
        folder = str(test_id).rpartition("/")[0].partition("::")[0]
        digest = hashlib.sha256(f"{shape}{seed}{json.dumps(document, sort_keys=True)}".encode()).hexdigest()
        yield shape, f"{folder}/recordings/{_file_name(shape, digest)}", _with_placeholder_ids(document, digest[:12])


def write_recordings(folder: Path, count: int) -> None:
    """Write `count` recordings of all shapes into `folder`."""
    written = 0
    for seed in range(count):
        for _, path, document in generated(seed):
            if written == count:
                return
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(as_recorded(document))
            written += 1


def _file_name(shape: str, digest: str) -> str:
    if shape == "models":
        return f"models-{digest}-{digest[:8]}.json"
    return f"{digest[:12] if shape == 'short name' else digest}.json"


def _with_placeholder_ids(value: Any, generated_id: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_placeholder_ids(member, generated_id) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_placeholder_ids(item, generated_id) for item in value]
    return f"rec-{generated_id}" if value == "MINTED" else value


def _text(chance: random.Random, count: int = 8) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(count))


def _test_id(chance: random.Random) -> str:
    return f"tests/integration/inference/test_chat.py::test_answer[client-txt=openai/gpt-4o-{chance.randint(0, 9)}]"


def _call(chance: random.Random, base: str, endpoint: str, body: Any, response: Any, **changes: Any) -> Document:
    is_streaming = isinstance(response, list) and not endpoint.endswith("/models")
    return {
        "test_id": _test_id(chance),
        "request": {
            "method": "POST",
            "url": base + endpoint,
            "headers": {},
            "body": body,
            "endpoint": endpoint,
            "model": body.get("model", ""),
        },
        "response": {"body": response, "is_streaming": is_streaming},
        "id_normalization_mapping": {},
    } | changes


def _chat(chance: random.Random, **more: Any) -> Document:
    messages = [{"role": "system", "content": _text(chance)}, {"role": "user", "content": _text(chance)}]
    return {"model": "gpt-4o", "messages": messages, **more}


def _typed(name: str, data: Any) -> Document:
    return {"__type__": name, "__data__": data}


def _chunk(delta: Document, finish: str | None = None, usage: Document | None = None) -> Document:
    empty = {"content": None, "function_call": None, "refusal": None, "role": None, "tool_calls": None}
    choice = {"delta": empty | delta, "finish_reason": finish, "index": 0, "logprobs": None}
    data = {"id": "MINTED", "choices": [] if usage else [choice], "created": 0, "model": "gpt-4o", "usage": usage}
    return _typed("openai.types.chat.chat_completion_chunk.ChatCompletionChunk", data)


def _completion(message: Document) -> Document:
    choice = {"finish_reason": "stop", "index": 0, "logprobs": None, "message": {"role": "assistant"} | message}
    data = {"id": "MINTED", "choices": [choice], "created": 0, "model": "gpt-4o", "usage": {"total_tokens": 7}}
    return _typed("openai.types.chat.chat_completion.ChatCompletion", data)


def _chat_completion(chance: random.Random) -> Document:
    body = _chat(chance, temperature=0.0001)
    return _call(chance, _OPENAI, "/v1/chat/completions", body, _completion({"content": _text(chance)}))


def _chat_stream(chance: random.Random) -> Document:
    words = [_chunk({"content": _text(chance, 1)}) for _ in range(chance.randint(2, 9))]
    events = [_chunk({"content": "", "role": "assistant"}), *words, _chunk({}, "stop"), _chunk({}, usage={"total": 9})]
    return _call(chance, _OLLAMA, "/v1/chat/completions", _chat(chance, stream=True), events)


def _tool_call_stream(chance: random.Random) -> Document:
    def call(**function: Any) -> Document:
        return {"tool_calls": [{"index": 0, "id": function.pop("id", None), "function": function, "type": None}]}

    parts = [call(arguments=part, name=None) for part in ('{"', "city", '":"', _text(chance, 1).replace('"', ""), '"}')]
    events = [_chunk(call(id="call_1", arguments="", name="weather")), *map(_chunk, parts), _chunk({}, "tool_calls")]
    return _call(chance, _OPENAI, "/v1/chat/completions", _chat(chance, stream=True), events)


def _text_completion(chance: random.Random) -> Document:
    data = {"id": "MINTED", "choices": [{"finish_reason": "stop", "index": 0, "text": _text(chance)}], "created": 0}
    body = {"model": "davinci", "prompt": _text(chance)}
    return _call(chance, _OPENAI, "/v1/completions", body, _typed("openai.types.completion.Completion", data))


def _embedding(chance: random.Random) -> Document:
    vector = [chance.gauss(0, 0.05) for _ in range(48)] + [-1.5e-05, 2.5e-08, 0.0, -0.0, 1.0, 1e16, 0.0001]
    data = {"data": [{"embedding": vector, "index": 0, "object": "embedding"}], "model": "small", "object": "list"}
    body = {"model": "small", "input": [_text(chance)], "encoding_format": "float"}
    kind = "openai.types.create_embedding_response.CreateEmbeddingResponse"
    return _call(chance, _OPENAI, "/v1/embeddings", body, _typed(kind, data))


def _models(chance: random.Random) -> Document:
    models = [{"id": f"model-{chance.randint(0, 99)}", "created": 1754000000 + n, "object": "model"} for n in range(3)]
    listed = [_typed("openai.types.model.Model", model) for model in models]
    return _call(chance, _OPENAI, "/v1/models", {}, listed)


def _ollama_processes(chance: random.Random) -> Document:
    data = {"models": [{"model": "llama3.2:3b", "expires_at": "2025-10-08T14:29:52.3-07:00", "size": 1 << 33}]}
    return _call(chance, "http://localhost:11434", "/api/ps", {}, _typed("ollama._types.ProcessResponse", data))


def _ollama_stream(chance: random.Random) -> Document:
    parts = [
        {"model": "guard", "created_at": "1970-01-01T00:00:00.000000Z", "done": False, "response": _text(chance, 1)}
        for _ in range(4)
    ]
    events = [_typed("ollama._types.GenerateResponse", part) for part in [*parts, parts[0] | {"done": True}]]
    body = {"model": "guard", "raw": True, "prompt": _text(chance), "stream": True}
    return _call(chance, "http://localhost:11434", "/api/generate", body, events)


def _without_test(chance: random.Random) -> Document:
    document = _chat_completion(chance)
    del document["test_id"], document["id_normalization_mapping"]
    return document


def _with_null_test(chance: random.Random) -> Document:
    return _chat_stream(chance) | {"test_id": None}


def _without_mapping(chance: random.Random) -> Document:
    document = _chat_stream(chance)
    del document["id_normalization_mapping"]
    return document


def _with_mapping(chance: random.Random) -> Document:
    return _chat_completion(chance) | {"id_normalization_mapping": {"file-1": f"file-{chance.randint(0, 99)}"}}


def _with_provider(chance: random.Random) -> Document:
    document = _chat_completion(chance)
    document["request"]["provider_metadata"] = {"openai_sdk_version": "2.5.0"}
    return document


def _tool(chance: random.Random, request: Document, kind: str, data: Document) -> Document:
    test_id = _test_id(chance)
    return {
        "test_id": test_id,
        "request": {"test_id": test_id, **request},
        "response": {"body": _typed(kind, data), "is_streaming": False},
        "id_normalization_mapping": {},
    }


def _web_search(chance: random.Random) -> Document:
    request = {"provider": "tavily", "tool_name": "web_search", "kwargs": {"query": _text(chance, 3)}}
    return _tool(
        chance, request, "llama_stack_api.tools.ToolInvocationResult", {"content": _text(chance), "error": None}
    )


def _file_processor(chance: random.Random) -> Document:
    request = {"provider": "pypdf", "api": "file_processors", "file_id": f"file-{chance.randint(0, 10**9)}"}
    return _tool(chance, request, "some.unknown.Type", {"chunks": [{"content": _text(chance)}]})


def _http(chance: random.Random, response: Document) -> Document:
    test_id = _test_id(chance)
    payload = {"model": "gpt-oss:20b", "messages": [{"role": "user", "content": _text(chance)}]}
    request = {"test_id": test_id, "url": "http://0.0.0.0:11434/v1/messages", "method": "POST", "payload": payload}
    return {"test_id": test_id, "request": request, "response": response, "id_normalization_mapping": {}}


def _http_error(chance: random.Random) -> Document:
    body = {"type": "error", "error": {"type": "not_found_error", "message": _text(chance)}}
    return _http(chance, {"status": 404, "body": body, "is_streaming": False})


def _event_lines(chance: random.Random) -> Document:
    lines = []
    for word in _text(chance, 4).split(" "):
        data = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        lines += [
            "event: content_block_delta",
            f"data: {json.dumps(data, separators=(',', ':'), ensure_ascii=False)}",
            "",
        ]
    return _http(chance, {"body": lines, "is_streaming": True})


def _odd_lines(chance: random.Random) -> Document:
    return _http(chance, {"body": ["no event", _text(chance), ""], "is_streaming": True})


def _google_stream(chance: random.Random) -> Document:
    def part(number: int) -> Document:
        content = {"parts": [{"text": _text(chance, 2)}], "role": "model"}
        return {
            "sdk_http_response": {"headers": {"Content-Type": "text/event-stream", "Date": "Wed, 08 Apr 2026"}},
            "candidates": [{"content": content} | ({"finish_reason": "STOP"} if number == 3 else {})],
            "response_id": "CVjWabfELumx",
        }

    body = {"model": "gemini", "contents": [{"role": "user", "parts": [{"text": _text(chance)}]}], "config": {}}
    document = _call(chance, "vertexai://", "/generate_content_stream", body, [part(number) for number in range(4)])
    return document | {"test_id": None}


def _exception(chance: random.Random) -> Document:
    message = f"Error code: 400 - {_text(chance)}"
    response = {
        "body": None,
        "is_streaming": False,
        "is_exception": True,
        "exception_data": {
            "category": "provider_sdk",
            "type": "BadRequestError",
            "message": message,
            "status_code": 400,
        },
        "exception_message": message,
    }
    return _chat_completion(chance) | {"response": response}


def _legacy_exception(chance: random.Random) -> Document:
    response = {"body": None, "is_streaming": False, "is_exception": True, "exception_message": _text(chance)}
    return _chat_completion(chance) | {"response": response}


def _plain_objects(chance: random.Random) -> Document:
    return _call(
        chance, _OPENAI, "/v1/rerank", {"model": "r"}, [{"index": 0, "score": 0.5}, {"index": 1}, _text(chance)]
    )


def _mixed_types(chance: random.Random) -> Document:
    return _call(
        chance, _OPENAI, "/v1/responses", {"model": "r"}, [_typed("a.A", {"x": 1}), _typed("b.B", {"x": 2}), 5]
    )


SHAPES: Final[dict[str, Callable[[random.Random], Document]]] = {
    "chat completion": _chat_completion,
    "chat stream": _chat_stream,
    "tool call stream": _tool_call_stream,
    "text completion": _text_completion,
    "embedding": _embedding,
    "models": _models,
    "ollama processes": _ollama_processes,
    "ollama stream": _ollama_stream,
    "short name": _chat_completion,
    "without test": _without_test,
    "null test": _with_null_test,
    "without mapping": _without_mapping,
    "with mapping": _with_mapping,
    "provider metadata": _with_provider,
    "web search": _web_search,
    "file processor": _file_processor,
    "HTTP error": _http_error,
    "event lines": _event_lines,
    "odd lines": _odd_lines,
    "google stream": _google_stream,
    "exception": _exception,
    "legacy exception": _legacy_exception,
    "plain objects": _plain_objects,
    "mixed types": _mixed_types,
}
"""Shape -> what makes a document of it."""

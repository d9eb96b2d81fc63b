"""Servers of models that remember what they said: what a client sends back has to be what this very server made up.

What they say is always the same. Ids, times and what is signed or encrypted never are, and look as each vendor's do.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from tests.raw_server import Asked, Script, Step, chunked, sized

__all__ = ["STYLES", "anthropic_thinks", "events", "gemini_thinks", "json_answer", "openai_chats", "openai_thinks"]

SAID = ("It is ", "far.")


def _letters(count: int) -> str:
    letters = secrets.token_urlsafe(3 * count).replace("-", "").replace("_", "")[: count - 2]
    return letters + secrets.choice(string.ascii_uppercase) + secrets.choice(string.digits)


def _sealed() -> str:
    return base64.b64encode(secrets.token_bytes(151)).decode()


def _number() -> int:
    return 1_700_000_000 + secrets.randbelow(10**8)


STYLES: dict[str, tuple[Callable[[], str], Callable[[], str]]] = {
    "OpenAI": (lambda: f"chatcmpl-{_letters(29)}", lambda: f"call_{_letters(24)}"),
    "Ollama": (lambda: f"chatcmpl-{secrets.randbelow(999)}", lambda: f"call_{secrets.token_hex(4)}"),
    "Groq": (lambda: f"chatcmpl-{uuid.uuid4()}", lambda: f"call_{_letters(4).lower()}"),
    "Mistral": (lambda: secrets.token_hex(16), lambda: _letters(9)),
    "DeepSeek": (lambda: str(uuid.uuid4()), lambda: f"call_0_{uuid.uuid4()}"),
    "Gemini": (lambda: _letters(22), lambda: f"function-call-{secrets.randbelow(10**18):018}"),
    "vLLM": (lambda: f"chatcmpl-{secrets.token_hex(16)}", lambda: f"chatcmpl-tool-{secrets.token_hex(16)}"),
    "Kimi": (lambda: f"chatcmpl-{secrets.token_hex(12)}", lambda: "functions.distance:0"),
}
"""Service -> what makes up the id of an answer, and that of a call of a tool."""


def json_answer(value: Any, status: str = "200 OK", **headers: str) -> list[Step]:
    """Return an answer of JSON, with the headers that are never the same."""
    return sized(json.dumps(value).encode(), status, content_type="application/json", **_fresh_headers(), **headers)


def events(values: Iterable[Any], *, is_named: bool = False, end: bytes = b"", **options: Any) -> list[Step]:
    """Return an answer in events, chunk by chunk."""
    pieces = [
        (f"event: {value['type']}\n" if is_named else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"
        for value in values
    ]
    fresh: dict[str, Any] = {"content_type": "text/event-stream; charset=utf-8", **_fresh_headers()}
    return chunked(*pieces, *([end] if end else []), **fresh, **options)


def _fresh_headers() -> dict[str, str]:
    return {
        "date": f"Mon, 23 Nov 2026 10:00:{secrets.randbelow(60):02} GMT",
        "x_request_id": f"req_{secrets.token_hex(16)}",
        "request_id": f"req_{_letters(24)}",
        "cf_ray": f"{secrets.token_hex(8)}-FRA",
        "x_ratelimit_remaining_tokens": str(secrets.randbelow(10**6)),
        "anthropic_ratelimit_requests_reset": f"2026-11-23T10:00:{secrets.randbelow(60):02}Z",
        "openai_processing_ms": str(secrets.randbelow(10**6)),
        "x_envoy_upstream_service_time": str(secrets.randbelow(10**6)),
        "set_cookie": f"__cf_bm={secrets.token_hex(16)}; path=/",
        "openai_organization": f"org-{_letters(24)}",
    }


def _unknown(what: str) -> list[Step]:
    return json_answer(
        {"error": {"message": f"{what}: I have not said so", "type": "invalid_request_error"}}, "400 Bad"
    )


# -- OpenAI


def openai_chats(style: str) -> Script:
    """Return a server that calls two tools, and answers when it gets the results, by the ids that it gave the calls."""
    answer_id, call_id = STYLES[style]
    called: set[str] = set()

    def script(asked: Asked) -> list[Step]:
        request = json.loads(asked.body)
        head = {
            "id": answer_id(),
            "created": _number(),
            "model": "m",
            "system_fingerprint": f"fp_{secrets.token_hex(5)}",
        }
        results = {message["tool_call_id"] for message in request["messages"] if message["role"] == "tool"}
        if not results <= called:
            return _unknown(str(results - called))
        delta: dict[str, Any] = {"role": "assistant", "content": "".join(SAID)}
        if not results:
            names = [call_id() for _ in range(1 if style == "Kimi" else 2)]
            called.update(names)
            calls = [_called(name, {"to": f"Mars {place}"}) for place, name in enumerate(names)]
            delta = {"role": "assistant", "content": None, "tool_calls": calls}
        if not request.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": delta}
            return json_answer({**head, "object": "chat.completion", "choices": [choice]})
        return events(_chat_events(head, delta), end=b"data: [DONE]\n\n")

    return script


def _called(name: str, arguments: dict[str, str]) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "distance", "arguments": json.dumps(arguments)}}


def _chat_events(head: dict[str, Any], message: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield a message in pieces, calls and their arguments cut up as OpenAI cuts them."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if message["content"] is not None:
        deltas += [{"content": text} for text in SAID]
    for place, call in enumerate(message.get("tool_calls", [])):
        arguments = call["function"]["arguments"]
        function = {**call["function"], "arguments": ""}
        deltas.append({"tool_calls": [{**call, "index": place, "function": function}]})
        deltas += [{"tool_calls": [{"index": place, "function": {"arguments": text}}]} for text in arguments]
    for delta in deltas:
        choices = [{"index": 0, "delta": delta, "finish_reason": None}]
        padding = secrets.token_urlsafe(1 + secrets.randbelow(12))
        yield {**head, "object": "chat.completion.chunk", "choices": choices, "obfuscation": padding}
    usage = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
    yield {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}


def openai_thinks() -> Script:
    """Return a server of responses that thinks in secret, calls a tool, and wants its thoughts back with the result."""
    said: set[str] = set()

    def script(asked: Asked) -> list[Step]:
        request = json.loads(asked.body)
        items = [item for item in request["input"] if isinstance(item, dict) and "role" not in item]
        back = {item.get("encrypted_content") or item["call_id"] for item in items}
        if not back <= said:
            return _unknown(str(back - said))
        content = [{"type": "output_text", "text": "".join(SAID), "annotations": []}]
        output: list[dict[str, Any]] = [
            {"id": f"msg_{secrets.token_hex(24)}", "type": "message", "role": "assistant", "content": content}
        ]
        if not back:
            thought, call = _sealed(), f"call_{_letters(24)}"
            said.update((thought, call))
            output = [
                {"id": f"rs_{secrets.token_hex(24)}", "type": "reasoning", "summary": [], "encrypted_content": thought},
                {"id": f"fc_{secrets.token_hex(24)}", "type": "function_call", "call_id": call, "name": "distance",
                 "arguments": '{"to": "Mars"}'},
            ]  # fmt: skip
        whole = {
            "id": f"resp_{secrets.token_hex(24)}", "object": "response", "created_at": _number(), "model": "m",
            "completed_at": _number(), "status": "completed", "output": output, "parallel_tool_calls": True,
            "tool_choice": "auto", "tools": request.get("tools", []), "usage": None,
        }  # fmt: skip
        if not request.get("stream"):
            return json_answer(whole)
        return events(_response_events(whole), is_named=True)

    return script


def _response_events(whole: dict[str, Any]) -> Iterable[dict[str, Any]]:
    begun = {**whole, "status": "in_progress", "completed_at": None, "output": []}
    found: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for place, item in enumerate(whole["output"]):
        found.append({"type": "response.output_item.added", "output_index": place, "item": item})
        if item["type"] == "message":
            where = {"item_id": item["id"], "output_index": place, "content_index": 0}
            found += [{"type": "response.output_text.delta", **where, "delta": text, "logprobs": [],
                       "obfuscation": _letters(8)} for text in SAID]  # fmt: skip
        found.append({"type": "response.output_item.done", "output_index": place, "item": item})
    found.append({"type": "response.completed", "response": whole})
    return ({**event, "sequence_number": number} for number, event in enumerate(found))


# -- Anthropic


def anthropic_thinks() -> Script:
    """Return a server that signs its thoughts, blacks one out, calls a tool, and wants all of it back."""
    said: set[str] = set()

    def script(asked: Asked) -> list[Step]:
        request = json.loads(asked.body)
        blocks = [
            block
            for message in request["messages"]
            for block in (message["content"] if isinstance(message["content"], list) else [])
        ]
        members = {"thinking": "signature", "redacted_thinking": "data", "tool_use": "id", "tool_result": "tool_use_id"}
        back = {block[members[block["type"]]] for block in blocks if block["type"] in members}
        if not back <= said:
            return _unknown(str(back - said))
        head = {"id": f"msg_01{_letters(22)}", "type": "message", "role": "assistant", "model": "m"}
        content: list[dict[str, Any]] = [{"type": "text", "text": "".join(SAID)}]
        if not back:
            signature, hidden, call = _sealed(), _sealed(), f"toolu_01{_letters(22)}"
            said.update((signature, hidden, call))
            content = [
                {"type": "thinking", "thinking": "How far?", "signature": signature},
                {"type": "redacted_thinking", "data": hidden},
                {"type": "tool_use", "id": call, "name": "distance", "input": {"to": "Mars"}},
            ]
        whole = {**head, "content": content, "stop_reason": "end_turn", "stop_sequence": None,
                 "usage": {"input_tokens": 9, "output_tokens": 6}}  # fmt: skip
        return events(_message_events(whole), is_named=True) if request.get("stream") else json_answer(whole)

    return script


def _message_events(whole: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    for index, block in enumerate(whole["content"]):
        kind = block["type"]
        empty: dict[str, dict[str, Any]] = {
            "thinking": {"thinking": "", "signature": ""},
            "text": {"text": ""},
            "tool_use": {"input": {}},
        }
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty.get(kind, {})}}
        deltas: dict[str, list[dict[str, str]]] = {
            "thinking": [{"type": "thinking_delta", "thinking": "How "}, {"type": "thinking_delta", "thinking": "far?"},
                         {"type": "signature_delta", "signature": block.get("signature", "")}],
            "tool_use": [{"type": "input_json_delta", "partial_json": text} for text in ('{"to": ', '"Mars"}')],
            "text": [{"type": "text_delta", "text": text} for text in SAID],
        }  # fmt: skip
        for delta in deltas.get(kind, []):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 6}}
    yield {"type": "message_stop"}


# -- Gemini


def gemini_thinks() -> Script:
    """Return a server that signs a call of a tool, and wants the signature and the call's id back."""
    said: set[str] = set()

    def script(asked: Asked) -> list[Step]:
        parts = [part for content in json.loads(asked.body)["contents"] for part in content["parts"]]
        back = {
            part["thoughtSignature"].translate(str.maketrans("-_", "+/"))
            for part in parts
            if "thoughtSignature" in part
        }
        back |= {part["functionResponse"]["id"] for part in parts if "functionResponse" in part}
        if not back <= said:
            return _unknown(str(back - said))
        answer: list[dict[str, Any]] = [{"text": "".join(SAID)}]
        if not back:
            signature, call = _sealed(), _letters(9)
            said.update((signature, call))
            function = {"name": "distance", "args": {"to": "Mars"}, "id": call}
            answer = [{"functionCall": function, "thoughtSignature": signature}]
        candidate = {"index": 0, "content": {"role": "model", "parts": answer}, "finishReason": "STOP"}
        whole = {
            "candidates": [candidate],
            "modelVersion": "m",
            "responseId": _letters(22),
            "createTime": f"2026-11-23T10:00:00.{secrets.randbelow(10**6):06}Z",
            "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 15},
        }
        return events([whole]) if ":stream" in asked.target else json_answer(whole)

    return script

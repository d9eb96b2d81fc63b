"""The content of a message, in any API's words, as parts.

Told by the members that an object has; `type` only helps where two mean different things by the same member.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from recstore.transcript.attachments import read_attachment, read_image
from recstore.transcript.shapes import TOO_DEEP, compact, elements, indented, table_in, tables, text_in
from recstore.transcript.turns import Part

_THINKING: Final = ("reasoning_content", "reasoning", "thinking")
_THOUGHT: Final = ("reasoning", "thought", "thought_summary", "thinking")
_CALL_ID: Final = ("call_id", "tool_call_id", "tool_use_id", "toolUseId", "id")
_ARGUMENTS: Final = ("arguments", "input", "args", "action", "queries", "code")


def read_parts(content: Any) -> list[Part]:
    """Return the parts of `content`: a string, an object, or an array of both, nested however deeply."""
    try:
        return _parts_of(content)
    except RecursionError:
        return [Part("json", TOO_DEEP)]


def _parts_of(content: Any) -> list[Part]:
    if content is None or content == "":
        return []
    if type(content) is str:
        return [Part("text", content)]
    if type(content) is list:
        return [part for element in content for part in read_parts(element)]
    for read in _READERS if type(content) is dict else ():
        parts = read(content)
        if parts is not None:
            return parts
    return [Part("json", indented(content))]


def read_message(message: dict[str, Any]) -> list[Part]:
    """Return the parts of a message: what was thought, said, attached and called, in this order."""
    thinking, refusal = text_in(message, *_THINKING), text_in(message, "refusal")
    calls = [*tables(message.get("tool_calls")), *filter(None, [table_in(message, "function_call")])]
    audio = read_attachment({"audio": table_in(message, "audio")})
    return [
        *([Part("thinking", thinking)] if thinking else []),
        *read_parts(message.get("content", message.get("parts"))),
        *([Part("refusal", refusal)] if refusal else []),
        *filter(None, map(read_image, elements(message.get("images")))),
        *([audio, *read_parts(text_in(message["audio"], "transcript"))] if audio else []),
        *map(read_call, calls),
    ]


def read_call(call: dict[str, Any]) -> Part:
    """Return a tool call, or a fragment of one."""
    function = table_in(call, "function") or call
    arguments = next((function[name] for name in _ARGUMENTS if function.get(name) not in (None, "")), "")
    return Part("call", compact(arguments), name=text_in(function, "name"), call_id=text_in(call, *_CALL_ID))


def joined_text(parts: list[Part]) -> str:
    """Return what the parts say, one below the other."""
    return "\n".join(f"[{part.text}]" if part.kind == "file" else part.text for part in parts)


# -- what an object can be; each reader returns None where it is something else


def _read_nested_call(part: dict[str, Any]) -> list[Part] | None:
    call = table_in(part, "function_call", "functionCall", "toolUse", "function")
    return [read_call({"id": part.get("id"), **call})] if call else None


def _read_result(part: dict[str, Any]) -> list[Part] | None:
    nested = table_in(part, "function_response", "functionResponse", "toolResult")
    result = nested or part
    is_result = bool(nested) or text_in(part, "type").endswith(("_result", "_output", "_response"))
    values = [result[name] for name in ("output", "content", "result", "response") if name in result]
    if not is_result or not values:
        return None
    call_id = text_in(result, *_CALL_ID)
    return [Part("result", _result_text(values[0]), name=text_in(result, "name"), call_id=call_id)]


def _result_text(value: Any) -> str:
    return joined_text(read_parts(value)) if type(value) in (str, list) else compact(value)


def _read_direct_call(part: dict[str, Any]) -> list[Part] | None:
    kind = text_in(part, "type")
    if not (
        kind.endswith("_call") or ("name" in part and any(name in part for name in ("arguments", "input", "args")))
    ):
        return None
    call = read_call(part)
    return [Part("call", call.text, call.name or kind.removesuffix("_call"), call.call_id)]


def _read_thinking(part: dict[str, Any]) -> list[Part] | None:
    kind = text_in(part, "type")
    if kind == "redacted_thinking":
        return [Part("thinking", "(redacted)")]
    if not (text_in(part, "thinking") or part.get("thought") is True or kind in _THOUGHT or "reasoningContent" in part):
        return None
    text = _thought(part)
    return [Part("thinking", text)] if text else []


def _thought(part: dict[str, Any]) -> str:
    pieces = [
        table_in(table_in(part, "reasoningContent"), "reasoningText"),
        table_in(part, "content"),
        *tables(part.get("summary")),
        *tables(part.get("content")),
    ]
    joined = "\n\n".join(filter(None, (text_in(piece, "text") for piece in pieces)))
    return text_in(part, "thinking", "text", "reasoning") or joined


def _read_text(part: dict[str, Any]) -> list[Part] | None:
    if text_in(part, "refusal"):
        return [Part("refusal", part["refusal"])]
    if type(part.get("text")) is str:
        return [Part("text", part["text"])] if part["text"] else []
    return None


def _read_file(part: dict[str, Any]) -> list[Part] | None:
    attachment = read_attachment(part)
    return [attachment] if attachment else None


def _read_code(part: dict[str, Any]) -> list[Part] | None:
    code = table_in(part, "executable_code", "executableCode")
    if code:
        return [Part("call", text_in(code, "code"), name=text_in(code, "language") or "code")]
    outcome = table_in(part, "code_execution_result", "codeExecutionResult")
    return [Part("result", text_in(outcome, "output", "outcome"))] if outcome else None


def _read_nested_message(part: dict[str, Any]) -> list[Part] | None:
    return read_message(part) if "role" in part and ("content" in part or "parts" in part) else None


_READERS: Final[tuple[Callable[[dict[str, Any]], list[Part] | None], ...]] = (
    _read_nested_message,
    _read_nested_call,
    _read_result,
    _read_direct_call,
    _read_thinking,
    _read_code,
    _read_file,
    _read_text,
)

"""A request as messages: what was said before, what is asked now, and what else the request sets."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from recstore.model import Request
from recstore.transcript.content import Content
from recstore.transcript.parts import joined_text, read_message, read_parts
from recstore.transcript.shapes import compact, elements, indented, table, tables, text_in
from recstore.transcript.turns import Message, Part

_SYSTEM: Final = ("system", "instructions", "system_instruction", "systemInstruction")
_TURNS: Final = ("messages", "input", "contents", "prompt")
_SETTINGS: Final = ("config", "generation_config", "generationConfig", "options", "extra_body")
"""Members that hold parameters of their own, and in some APIs the system's instruction and the tools."""

_READ_ELSEWHERE: Final = frozenset((*_SYSTEM, *_TURNS, "images", "model", "tools", "functions"))
_CONTENT: Final = frozenset(("content", "parts", "tool_calls", "function_call", "images"))
_PARAMETER_LENGTH: Final = 200
_MODEL_IN_PATH: Final = re.compile(r"/(?:models/([^/:]+):|deployments/([^/]+)/|model/([^/]+)/)")


def read_messages(request: Request, content: Content) -> tuple[Message, ...]:
    """Return what the request, whose body holds `content`, says, first things first."""
    if request.method == "CALL":
        return (Message("tool call", (Part("call", _arguments(content), name=request.path.removeprefix("/")),)),)
    body = table(content.value)
    if not _is_understood(body):
        parts = content.whole()
        return (Message("body", tuple(parts)),) if parts else ()
    messages = [*_system_messages(body), *(message for name in _TURNS for message in _turns(name, body.get(name)))]
    messages.append(Message("user", tuple(read_message({"images": body.get("images")}))))
    return tuple(message for message in messages if message.parts)


def read_model(request: Request, content: Content) -> str:
    """Return the model that the request names in its body, or else in its path; "" if in neither."""
    model = text_in(content.value, "model")
    match = _MODEL_IN_PATH.search(request.path)
    return model or (unquote(match[match.lastindex or 0]) if match else "")


def read_parameters(content: Content) -> tuple[tuple[str, Any], ...]:
    """Return what else the body sets, by name; what is null, false or empty is left out."""
    body = table(content.value)
    if not _is_understood(body):
        return ()
    settings = {name: value for name, value in body.items() if name not in _READ_ELSEWHERE and name not in _SETTINGS}
    for holder in _SETTINGS:
        inner = table(body.get(holder)).items()
        settings.update((f"{holder}.{name}", value) for name, value in inner if name not in _READ_ELSEWHERE)
    return tuple((name, value) for name, value in settings.items() if not _is_idle(value))


def read_tools(content: Content) -> tuple[str, ...]:
    """Return the names of the tools that the request offers."""
    return tuple(name for tool in _tools(content) for name in _tool_names(tool))


def read_tool_definitions(content: Content) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the definitions of those tools, each with the name or the names that it defines."""
    return tuple((", ".join(_tool_names(tool)), tool) for tool in _tools(content))


def shortened(value: Any) -> str:
    """Return a parameter's value as text that fits a line."""
    text = compact(value)
    if len(text) <= _PARAMETER_LENGTH:
        return text
    return f"{text[:_PARAMETER_LENGTH]}... ({len(text):,} characters)"


def _is_idle(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})  # 0 sets something


def _is_understood(body: dict[str, Any]) -> bool:
    """Return whether the body holds a conversation, or at least a model and nothing to read but parameters."""
    if any(name in body for name in _TURNS):
        return True
    others = (value for name, value in body.items() if name not in _READ_ELSEWHERE and name not in _SETTINGS)
    return bool(text_in(body, "model")) and not any(type(value) in (list, dict) for value in others)


def _arguments(content: Content) -> str:
    return compact(content.value) if content.documents else joined_text(content.whole())


def _holders(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [body, *(table(body.get(name)) for name in _SETTINGS)]


def _tools(content: Content) -> list[dict[str, Any]]:
    return [tool for holder in _holders(table(content.value)) for tool in _tools_in(holder)]


def _tools_in(holder: dict[str, Any]) -> list[dict[str, Any]]:
    return [*tables(holder.get("tools")), *tables(holder.get("functions"))]


def _system_messages(body: dict[str, Any]) -> list[Message]:
    said = [read_parts(_unwrapped(holder.get(name))) for holder in _holders(body) for name in _SYSTEM]
    return [Message("system", tuple(parts)) for parts in said]


def _unwrapped(content: Any) -> Any:
    """Return the parts of a `{"parts": [...]}` that has no role."""
    return table(content).get("parts", content)


def _turns(name: str, value: Any) -> list[Message]:
    """Return the messages in the member `name`: a text, one message, or an array of texts or messages."""
    if name in ("prompt", "input") and _is_token_list(value):
        return [Message("user", (Part("text", f"({len(value):,} tokens)"),))]
    turns = value if type(value) is list else [] if value is None else [value]
    return [_turn(turn) for turn in turns]


def _is_token_list(value: Any) -> bool:
    return bool(elements(value)) and all(type(element) is int for element in value)


def _turn(turn: Any) -> Message:
    if type(turn) is not dict:
        return Message("user", tuple(read_parts(turn) if type(turn) is str else [Part("json", indented(turn))]))
    is_item = "role" not in turn and text_in(turn, "type") not in ("", "message")
    parts = read_parts(turn) if is_item else read_message(turn)
    if not parts and not _CONTENT.intersection(turn):
        parts = read_parts(turn)
    role, call_id = text_in(turn, "role"), text_in(turn, "tool_call_id")
    if call_id or role in ("tool", "function"):
        said = [part for part in parts if part.kind in ("text", "json")]
        result = Part("result", joined_text(said), name=text_in(turn, "name"), call_id=call_id)
        parts = [result, *(part for part in parts if part not in said)]
    return Message(role or _role_of(parts), tuple(parts))


def _role_of(parts: list[Part]) -> str:
    kinds = {part.kind for part in parts}
    return "tool" if "result" in kinds else "assistant" if kinds & {"call", "thinking"} else "user"


def _tool_names(tool: dict[str, Any]) -> list[str]:
    declared = tables(tool.get("function_declarations")) + tables(tool.get("functionDeclarations"))
    if declared:
        return [text_in(function, "name") or "?" for function in declared]
    return [text_in(tool, "name") or text_in(tool.get("function"), "name") or text_in(tool, "type") or ", ".join(tool)]

"""Messages in the words of any API: the parts of a content, and a request as messages, parameters and tools.

An object is recognised by its members; `type` helps only where two APIs mean different things by the same member.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote

from recstore.model import Request
from recstore.transcript.body import (
    TOO_DEEP,
    BodyContent,
    as_list,
    as_object,
    compact,
    indented,
    object_at,
    objects_in,
    string_at,
)

PartKind: TypeAlias = Literal["text", "thinking", "call", "result", "refusal", "file", "names", "json"]
"""`file` is an image, a sound or a document, described and never dumped; `names` is one name a line."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message or an answer: of a call, `name` is the function and `text` its arguments as they were sent."""

    kind: PartKind
    text: str
    name: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the request, with its role."""

    role: str
    parts: tuple[Part, ...]


_THOUGHT_TYPES: Final = ("reasoning", "thought", "thought_summary", "thinking", "redacted_thinking")
_CALL_ID: Final = ("call_id", "tool_call_id", "tool_use_id", "toolUseId", "id")
_ARGUMENTS: Final = ("arguments", "input", "args", "action", "queries", "code")
_HOLDERS: Final = {
    **dict.fromkeys(("image_url", "image"), "image"),
    **dict.fromkeys(("input_audio", "audio"), "audio"),
    **dict.fromkeys(("video", "video_url"), "video"),
    "document": "document",
    **dict.fromkeys(("inline_data", "inlineData", "file_data", "fileData", "file", "resource", "source"), "file"),
}
"""Members that hold an attachment, in the words of several APIs, and the kind of file that each implies."""

_URL: Final = ("url", "uri", "file_uri", "fileUri", "image_url", "file_url", "file_id", "fileId", "id")
_DATA: Final = ("data", "bytes", "blob", "file_data", "b64_json", *_URL)  # a URL may be a `data:` URL
_SHOWN_URL: Final = 200


def read_parts(content: Any) -> list[Part]:
    """Return the parts of `content`: a string, an object, or an array of both, nested to any depth."""
    try:
        if type(content) is str:
            return [Part("text", content)] if content else []
        if type(content) is list:
            return [part for element in content for part in read_parts(element)]
        if type(content) is dict:
            return _read_object(content)
        return [] if content is None else [Part("json", indented(content))]
    except RecursionError:
        return [Part("json", TOO_DEEP)]


def read_message(message: dict[str, Any]) -> list[Part]:
    """Return the parts of a message: its thinking, text, attachments and calls, in this order."""
    parts = [Part("thinking", string_at(message, "reasoning_content", "reasoning", "thinking"))]
    parts += read_parts(message.get("content", message.get("parts")))
    parts.append(Part("refusal", string_at(message, "refusal")))
    images = (image for image in as_list(message.get("images")) if type(image) is str)
    parts += (Part("file", f"image, {_decoded_size(image):,} bytes") for image in images)
    audio = _read_attachment({"audio": object_at(message, "audio")})
    parts += [audio, *read_parts(string_at(message["audio"], "transcript"))] if audio else []
    parts += map(read_call, filter(None, (*objects_in(message.get("tool_calls")), object_at(message, "function_call"))))
    return [part for part in parts if part.text or part.kind not in ("thinking", "refusal")]


def read_call(call: dict[str, Any]) -> Part:
    """Return a tool call, or a fragment of one."""
    function = object_at(call, "function") or call
    arguments = next((function[name] for name in _ARGUMENTS if function.get(name) not in (None, "")), "")
    return Part("call", compact(arguments), name=string_at(function, "name"), call_id=string_at(call, *_CALL_ID))


def whole_parts(content: BodyContent) -> list[Part]:
    """Return the content as it is, for a body that no reader knows."""
    if content.binary:
        return [Part("file", content.binary)]
    documents = [Part("json", indented(document)) for document in content.documents]
    if content.event_count is not None and documents:
        documents = [Part("json", "\n".join(map(compact, content.documents)))]
    return [*documents, *read_parts(content.text)]


def joined_text(parts: list[Part]) -> str:
    """Return the text of the parts, one below the other."""
    return "\n".join(f"[{part.text}]" if part.kind == "file" else part.text for part in parts)


def _read_object(part: dict[str, Any]) -> list[Part]:
    """Return the parts of a nested message, a call or a result, or of anything else that an object may say."""
    kind = string_at(part, "type")
    if "role" in part and ("content" in part or "parts" in part):
        return read_message(part)
    if nested_call := object_at(part, "function_call", "functionCall", "toolUse", "function"):
        return [read_call({"id": part.get("id"), **nested_call})]
    if code := object_at(part, "executable_code", "executableCode"):
        return [Part("call", string_at(code, "code"), name=string_at(code, "language") or "code")]
    if output := object_at(part, "code_execution_result", "codeExecutionResult"):
        return [Part("result", string_at(output, "output", "outcome"))]
    nested_result = object_at(part, "function_response", "functionResponse", "toolResult")
    if nested_result or kind.endswith(("_result", "_output", "_response")):
        result = nested_result or part
        values = [result[name] for name in ("output", "content", "result", "response") if name in result]
        if values:
            text = joined_text(read_parts(values[0])) if type(values[0]) in (str, list) else compact(values[0])
            return [Part("result", text, name=string_at(result, "name"), call_id=string_at(result, *_CALL_ID))]
    if kind.endswith("_call") or ("name" in part and any(name in part for name in ("arguments", "input", "args"))):
        call = read_call(part)
        return [replace(call, name=call.name or kind.removesuffix("_call"))]
    is_thought = part.get("thought") is True or kind in _THOUGHT_TYPES
    if is_thought or string_at(part, "thinking") or "reasoningContent" in part:
        nested = object_at(object_at(part, "reasoningContent"), "reasoningText")
        pieces = (nested, part.get("content"), *as_list(part.get("summary")), *as_list(part.get("content")))
        joined = "\n\n".join(filter(None, (string_at(piece, "text") for piece in pieces)))
        text = string_at(part, "thinking", "text", "reasoning") or joined
        text = "(redacted)" if kind == "redacted_thinking" else text
        return [Part("thinking", text)] if text else []
    if attachment := _read_attachment(part):
        return [attachment]
    if string_at(part, "refusal"):
        return [Part("refusal", part["refusal"])]
    return read_parts(part["text"]) if type(part.get("text")) is str else [Part("json", indented(part))]


def _read_attachment(part: dict[str, Any]) -> Part | None:
    """Return a description of the image, sound or document that the object attaches, None if it attaches nothing."""
    holder = next((name for name in _HOLDERS if object_at(part, name) or (name in _URL and string_at(part, name))), "")
    words = string_at(part, "type").split("_")
    kind = next((kind for kind in _HOLDERS.values() if kind in words), _HOLDERS.get(holder, ""))
    inner = as_object(part.get(holder))
    facts = {**part, **inner, **object_at(inner, "source")}
    data, url = string_at(facts, *_DATA), string_at(facts, *_URL)
    if not kind or not (data or url):
        return None
    media_type = string_at(facts, "media_type", "mime_type", "mimeType", "format")
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        media_type, url = head.removeprefix("data:").partition(";")[0] or media_type, ""
    description = media_type if "/" in media_type else f"{kind} {media_type}".rstrip()
    if data and data != url:
        description += f", {_decoded_size(data):,} bytes"
    else:
        description += f" at {url[:_SHOWN_URL]}{'...' if len(url) > _SHOWN_URL else ''}"
    return Part("file", description, name=string_at(facts, "filename", "name", "title", "display_name", "displayName"))


def _decoded_size(base64_text: str) -> int:
    return len(base64_text.rstrip("=")) * 3 // 4


# -- requests

_SYSTEM: Final = ("system", "instructions", "system_instruction", "systemInstruction")
_TURNS: Final = ("messages", "input", "contents", "prompt")
_SETTINGS: Final = ("config", "generation_config", "generationConfig", "options", "extra_body")
"""Members that hold parameters of their own, and in some APIs the system's instruction and the tools."""

_NOT_PARAMETERS: Final = frozenset((*_SYSTEM, *_TURNS, *_SETTINGS, "images", "model", "tools", "functions"))
_CONTENT: Final = frozenset(("content", "parts", "tool_calls", "function_call", "images"))
_MODEL_IN_PATH: Final = re.compile(r"/(?:models/([^/:]+):|deployments/([^/]+)/|model/([^/]+)/)")


def read_messages(request: Request, content: BodyContent) -> tuple[Message, ...]:
    """Return the messages of a request whose body holds `content`, oldest first."""
    if request.method == "CALL":
        arguments = compact(content.value) if content.documents else joined_text(whole_parts(content))
        return (Message("tool call", (Part("call", arguments, name=request.path.removeprefix("/")),)),)
    body = as_object(content.value)
    if not _is_understood(body):
        messages = [Message("body", tuple(whole_parts(content)))]
    else:
        said = (as_object(holder).get(name) for holder in (body, *map(body.get, _SETTINGS)) for name in _SYSTEM)
        messages = [Message("system", tuple(read_parts(as_object(value).get("parts", value)))) for value in said]
        for name in _TURNS:
            turns: Any = body.get(name)
            if name in ("prompt", "input") and as_list(turns) and all(type(element) is int for element in turns):
                turns = f"({len(turns):,} tokens)"
            messages += map(_read_turn, turns if type(turns) is list else [] if turns is None else [turns])
        messages.append(Message("user", tuple(read_message({"images": body.get("images")}))))
    return tuple(message for message in messages if message.parts)


def read_model(request: Request, content: BodyContent) -> str:
    """Return the model that the request names in its body, or else in its path; "" if in neither."""
    match = _MODEL_IN_PATH.search(request.path)
    return string_at(content.value, "model") or (unquote(match[match.lastindex or 0]) if match else "")


def read_parameters(content: BodyContent) -> list[tuple[str, Any]]:
    """Return the other members of the body by name, without those that are null, false or empty."""
    body = as_object(content.value)
    if not _is_understood(body):
        return []
    settings = {name: value for name, value in body.items() if name not in _NOT_PARAMETERS}
    for holder in _SETTINGS:
        members = as_object(body.get(holder)).items()
        known = ((name, value) for name, value in members if name in _SETTINGS or name not in _NOT_PARAMETERS)
        settings |= {f"{holder}.{name}": value for name, value in known}
    return [
        (name, value) for name, value in settings.items() if value or type(value) in (int, float)
    ]  # 0 sets something


def read_tools(content: BodyContent) -> list[tuple[list[str], dict[str, Any]]]:
    """Return the definitions of the tools that the request offers, each after the names that it defines."""
    body = as_object(content.value)
    holders = (body, *map(body.get, _SETTINGS))
    offers = [objects_in(as_object(holder).get(name)) for holder in holders for name in ("tools", "functions")]
    tools = []
    for tool in chain.from_iterable(offers):
        declared = objects_in(tool.get("function_declarations")) + objects_in(tool.get("functionDeclarations"))
        names = [string_at(function, "name") or "?" for function in declared]
        name = string_at(tool, "name") or string_at(tool.get("function"), "name") or string_at(tool, "type")
        tools.append((names or [name or ", ".join(tool)], tool))
    return tools


def _is_understood(body: dict[str, Any]) -> bool:
    """Return whether the body holds a conversation, or at least a model and nothing to read but parameters."""
    if any(name in body for name in _TURNS):
        return True
    others = (value for name, value in body.items() if name not in _NOT_PARAMETERS)
    return bool(string_at(body, "model")) and not any(type(value) in (list, dict) for value in others)


def _read_turn(turn: Any) -> Message:
    if type(turn) is not dict:
        return Message("user", tuple(read_parts(turn) if type(turn) is str else [Part("json", indented(turn))]))
    is_item = "role" not in turn and string_at(turn, "type") not in ("", "message")
    parts = [] if is_item else read_message(turn)
    if is_item or not (parts or _CONTENT.intersection(turn)):
        parts = read_parts(turn)
    role, call_id = string_at(turn, "role"), string_at(turn, "tool_call_id")
    if call_id or role in ("tool", "function"):
        texts = [part for part in parts if part.kind in ("text", "json")]
        result = Part("result", joined_text(texts), name=string_at(turn, "name"), call_id=call_id)
        parts = [result, *(part for part in parts if part not in texts)]
    kinds = {part.kind for part in parts}
    guess = "tool" if "result" in kinds else "assistant" if kinds & {"call", "thinking"} else "user"
    return Message(role or guess, tuple(parts))

"""Messages in the words of any API: the parts of a content, and a request as messages, parameters and tools.

An object is recognised by its members; `type` helps only where two APIs mean different things by the same member.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final
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
from recstore.transcript.model import Message, Part

_THINKING: Final = ("reasoning_content", "reasoning", "thinking")
_THOUGHT_TYPES: Final = ("reasoning", "thought", "thought_summary", "thinking")
_CALL_ID: Final = ("call_id", "tool_call_id", "tool_use_id", "toolUseId", "id")
_ARGUMENTS: Final = ("arguments", "input", "args", "action", "queries", "code")

_HOLDERS: Final = {
    "image_url": "image",
    "image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "video": "video",
    "video_url": "video",
    "document": "document",
    "inline_data": "file",
    "inlineData": "file",
    "file_data": "file",
    "fileData": "file",
    "file": "file",
    "resource": "file",
    "source": "file",
}
"""Members that hold an attachment, in the words of several APIs, and the kind of file that each implies."""

_FILE_KINDS: Final = ("image", "audio", "video", "document", "file")
_URL: Final = ("url", "uri", "file_uri", "fileUri", "image_url", "file_url", "file_id", "fileId", "id")
_DATA: Final = ("data", "bytes", "blob", "file_data", "b64_json", *_URL)  # a URL may be a `data:` URL
_SHOWN_URL: Final = 200


def read_parts(content: Any) -> list[Part]:
    """Return the parts of `content`: a string, an object, or an array of both, nested to any depth."""
    try:
        if content is None or content == "":
            return []
        if type(content) is str:
            return [Part("text", content)]
        if type(content) is list:
            return [part for element in content for part in read_parts(element)]
        found = None
        if type(content) is dict:
            found = _read_tool_use(content)
            found = _read_utterance(content) if found is None else found
        return [Part("json", indented(content))] if found is None else found
    except RecursionError:
        return [Part("json", TOO_DEEP)]


def read_message(message: dict[str, Any]) -> list[Part]:
    """Return the parts of a message: its thinking, text, attachments and calls, in this order."""
    thinking, refusal = string_at(message, *_THINKING), string_at(message, "refusal")
    calls = [*objects_in(message.get("tool_calls")), *filter(None, [object_at(message, "function_call")])]
    audio = read_attachment({"audio": object_at(message, "audio")})
    return [
        *([Part("thinking", thinking)] if thinking else []),
        *read_parts(message.get("content", message.get("parts"))),
        *([Part("refusal", refusal)] if refusal else []),
        *(
            Part("file", f"image, {_decoded_size(image):,} bytes")
            for image in as_list(message.get("images"))
            if type(image) is str
        ),
        *([audio, *read_parts(string_at(message["audio"], "transcript"))] if audio else []),
        *map(read_call, calls),
    ]


def read_call(call: dict[str, Any]) -> Part:
    """Return a tool call, or a fragment of one."""
    function = object_at(call, "function") or call
    arguments = next((function[name] for name in _ARGUMENTS if function.get(name) not in (None, "")), "")
    return Part("call", compact(arguments), name=string_at(function, "name"), call_id=string_at(call, *_CALL_ID))


def read_attachment(part: dict[str, Any]) -> Part | None:
    """Return a description of the image, sound or document that the object attaches, None if it attaches nothing."""
    holder = next((name for name in _HOLDERS if object_at(part, name) or (name in _URL and string_at(part, name))), "")
    words = string_at(part, "type").split("_")
    kind = next((kind for kind in _FILE_KINDS if kind in words), _HOLDERS.get(holder, ""))
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
    name = string_at(facts, "filename", "name", "title", "display_name", "displayName")
    return Part("file", description, name=name)


def joined_text(parts: list[Part]) -> str:
    """Return the text of the parts, one below the other."""
    return "\n".join(f"[{part.text}]" if part.kind == "file" else part.text for part in parts)


def _decoded_size(base64_text: str) -> int:
    """Return the size of the data, in bytes."""
    return len(base64_text.rstrip("=")) * 3 // 4


def _read_tool_use(part: dict[str, Any]) -> list[Part] | None:
    """Return the parts of a nested message, a call or a result; None if the object is none of them."""
    kind = string_at(part, "type")
    if "role" in part and ("content" in part or "parts" in part):
        return read_message(part)
    nested_call = object_at(part, "function_call", "functionCall", "toolUse", "function")
    if nested_call:
        return [read_call({"id": part.get("id"), **nested_call})]
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
    return None


def _read_utterance(part: dict[str, Any]) -> list[Part] | None:
    """Return the parts of a thought, of code and its output, of a file or a text; None if the object is none of them."""
    kind = string_at(part, "type")
    if kind == "redacted_thinking":
        return [Part("thinking", "(redacted)")]
    is_thought = part.get("thought") is True or kind in _THOUGHT_TYPES or "reasoningContent" in part
    if string_at(part, "thinking") or is_thought:
        nested = object_at(object_at(part, "reasoningContent"), "reasoningText")
        pieces = [
            nested,
            object_at(part, "content"),
            *objects_in(part.get("summary")),
            *objects_in(part.get("content")),
        ]
        joined = "\n\n".join(filter(None, (string_at(piece, "text") for piece in pieces)))
        text = string_at(part, "thinking", "text", "reasoning") or joined
        return [Part("thinking", text)] if text else []
    code = object_at(part, "executable_code", "executableCode")
    if code:
        return [Part("call", string_at(code, "code"), name=string_at(code, "language") or "code")]
    output = object_at(part, "code_execution_result", "codeExecutionResult")
    if output:
        return [Part("result", string_at(output, "output", "outcome"))]
    attachment = read_attachment(part)
    if attachment:
        return [attachment]
    if string_at(part, "refusal"):
        return [Part("refusal", part["refusal"])]
    if type(part.get("text")) is str:
        return [Part("text", part["text"])] if part["text"] else []
    return None


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
        arguments = compact(content.value) if content.documents else joined_text(content.whole())
        return (Message("tool call", (Part("call", arguments, name=request.path.removeprefix("/")),)),)
    body = as_object(content.value)
    if not _is_understood(body):
        parts = content.whole()
        return (Message("body", tuple(parts)),) if parts else ()
    said = (holder.get(name) for holder in _holders(body) for name in _SYSTEM)
    messages = [Message("system", tuple(read_parts(as_object(value).get("parts", value)))) for value in said]
    messages += (message for name in _TURNS for message in _turns(name, body.get(name)))
    messages.append(Message("user", tuple(read_message({"images": body.get("images")}))))
    return tuple(message for message in messages if message.parts)


def read_model(request: Request, content: BodyContent) -> str:
    """Return the model that the request names in its body, or else in its path; "" if in neither."""
    match = _MODEL_IN_PATH.search(request.path)
    return string_at(content.value, "model") or (unquote(match[match.lastindex or 0]) if match else "")


def read_parameters(content: BodyContent) -> tuple[tuple[str, Any], ...]:
    """Return the other members of the body by name, without those that are null, false or empty."""
    body = as_object(content.value)
    if not _is_understood(body):
        return ()
    settings = {name: value for name, value in body.items() if name not in _NOT_PARAMETERS}
    for holder in _SETTINGS:
        members = as_object(body.get(holder)).items()
        settings |= {
            f"{holder}.{name}": value for name, value in members if name in _SETTINGS or name not in _NOT_PARAMETERS
        }
    return tuple(
        (name, value)
        for name, value in settings.items()
        if not (value is None or value is False or value in ("", [], {}))  # 0 sets something
    )


def read_tools(content: BodyContent) -> tuple[tuple[tuple[str, ...], dict[str, Any]], ...]:
    """Return the definitions of the tools that the request offers, each after the names that it defines."""
    definitions = [
        definition
        for holder in _holders(as_object(content.value))
        for member in ("tools", "functions")
        for definition in objects_in(holder.get(member))
    ]
    return tuple((tuple(_tool_names(definition)), definition) for definition in definitions)


def _tool_names(tool: dict[str, Any]) -> list[str]:
    declared = objects_in(tool.get("function_declarations")) + objects_in(tool.get("functionDeclarations"))
    if declared:
        return [string_at(function, "name") or "?" for function in declared]
    name = string_at(tool, "name") or string_at(tool.get("function"), "name")
    return [name or string_at(tool, "type") or ", ".join(tool)]


def _is_understood(body: dict[str, Any]) -> bool:
    """Return whether the body holds a conversation, or at least a model and nothing to read but parameters."""
    if any(name in body for name in _TURNS):
        return True
    others = (value for name, value in body.items() if name not in _NOT_PARAMETERS)
    return bool(string_at(body, "model")) and not any(type(value) in (list, dict) for value in others)


def _holders(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that may hold the system's instruction and the tools."""
    return [body, *(as_object(body.get(name)) for name in _SETTINGS)]


def _turns(name: str, value: Any) -> list[Message]:
    """Return the messages in the member `name`: a text, one message, or an array of texts or messages."""
    if name in ("prompt", "input") and as_list(value) and all(type(element) is int for element in value):
        return [Message("user", (Part("text", f"({len(value):,} tokens)"),))]
    turns = value if type(value) is list else [] if value is None else [value]
    return [_turn(turn) for turn in turns]


def _turn(turn: Any) -> Message:
    if type(turn) is not dict:
        return Message("user", tuple(read_parts(turn) if type(turn) is str else [Part("json", indented(turn))]))
    is_item = "role" not in turn and string_at(turn, "type") not in ("", "message")
    parts = read_parts(turn) if is_item else read_message(turn)
    if not parts and not _CONTENT.intersection(turn):
        parts = read_parts(turn)
    role, call_id = string_at(turn, "role"), string_at(turn, "tool_call_id")
    if call_id or role in ("tool", "function"):
        texts = [part for part in parts if part.kind in ("text", "json")]
        result = Part("result", joined_text(texts), name=string_at(turn, "name"), call_id=call_id)
        parts = [result, *(part for part in parts if part not in texts)]
    kinds = {part.kind for part in parts}
    guess = "tool" if "result" in kinds else "assistant" if kinds & {"call", "thinking"} else "user"
    return Message(role or guess, tuple(parts))

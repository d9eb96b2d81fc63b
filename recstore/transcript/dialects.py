"""Whole answers in the words of each API, and chunks of streams that have a whole answer's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from recstore.transcript.draft import Draft
from recstore.transcript.parts import read_call, read_message, read_parts
from recstore.transcript.shapes import compact, elements, indented, parse_json, table, table_in, tables, text_in
from recstore.transcript.turns import Part

Reader: TypeAlias = Callable[[dict[str, Any], Draft], None]
"""Adds what a document says to the draft, if it is of the shape that the reader knows."""

_FINISH: Final = ("finish_reason", "finishReason", "done_reason", "stop_reason", "stopReason")
_UNFINISHED: Final = ("in_progress", "queued")


def index_in(holder: dict[str, Any], name: str, default: int = 0) -> int:
    """Return the member `name` if it is an integer, `default` if not."""
    value = holder.get(name)
    return value if type(value) is int else default


def add_outputs(holder: dict[str, Any], draft: Draft) -> None:
    """Add the items of OpenAI's `output` or Google's `outputs`, and why there are no more of them."""
    items = next((holder[name] for name in ("output", "outputs") if type(holder.get(name)) is list), None)
    if items is None or not all("type" in table(item) or "role" in table(item) for item in items):
        return
    for part in read_parts(items):
        draft.add(part)
    reason = text_in(table_in(holder, "incomplete_details"), "reason") or text_in(holder, "status")
    draft.finish(reason if reason not in _UNFINISHED else "")


def described_error(error: Any) -> str:
    """Return an upstream's error as text: its message, its type and its code."""
    message = text_in(error, "message", "detail") or (compact(error) if type(error) is str else "")
    if not message:
        return indented(error)
    facts = [compact(table(error)[name]) for name in ("type", "status", "code") if table(error).get(name)]
    return f"{message} ({', '.join(facts)})" if facts else message


def _read_choices(document: dict[str, Any], draft: Draft) -> None:
    """Read OpenAI's chat completions, whole (`message`) or in chunks (`delta`), and its completions (`text`)."""
    if type(document.get("choices")) is not list:
        return
    for position, choice in enumerate(tables(document["choices"])):
        answer = index_in(choice, "index", position)
        _add_message(table_in(choice, "message", "delta"), draft, answer)
        draft.add(Part("text", text_in(choice, "text")), answer)
        draft.finish(text_in(choice, *_FINISH), answer)


def _read_message_member(document: dict[str, Any], draft: Draft) -> None:
    """Read Ollama's chat, whole or in chunks, and the message that begins a stream of Anthropic's."""
    message = table_in(document, "message")
    if message:
        _add_message(message, draft, 0)
        draft.count(table_in(message, "usage"))
        draft.model = text_in(message, "model") or draft.model
        draft.finish(text_in(document, *_FINISH))


def _add_message(message: dict[str, Any], draft: Draft, answer: int) -> None:
    calls = tables(message.get("tool_calls"))
    for part in read_message({name: value for name, value in message.items() if name != "tool_calls"}):
        draft.add(part, answer, "call" if part.kind == "call" else None)
    for position, call in enumerate(calls):
        arguments = table_in(call, "function").get("arguments")
        slot = None if type(arguments) is dict else index_in(call, "index", position)  # an object is no fragment
        draft.add(read_call(call), answer, slot)


def _read_candidates(document: dict[str, Any], draft: Draft) -> None:
    """Read Google's generated content, whole or in chunks."""
    blocked = text_in(table_in(document, "prompt_feedback", "promptFeedback"), "block_reason", "blockReason")
    if blocked:
        draft.error = f"the prompt was blocked: {blocked}"
    if type(document.get("candidates")) is not list:
        return
    for position, candidate in enumerate(tables(document["candidates"])):
        answer = index_in(candidate, "index", position)
        content = candidate.get("content")
        for part in read_parts(table(content).get("parts", content)):
            draft.add(part, answer)
        draft.finish(text_in(candidate, *_FINISH), answer)


def _read_generated(document: dict[str, Any], draft: Draft) -> None:
    """Read what Ollama generates from a prompt, whole or in chunks."""
    if type(document.get("response")) is not str or not ("done" in document or "model" in document):
        return
    draft.add(Part("thinking", text_in(document, "thinking")))
    draft.add(Part("text", document["response"]))
    draft.finish(text_in(document, *_FINISH))


def _read_content(document: dict[str, Any], draft: Draft) -> None:
    """Read a message by itself, as Anthropic answers, and the content that a tool of MCP gives back."""
    content = document.get("content")
    is_message = "role" in document and type(content) in (str, list)
    if not is_message and not (elements(content) and all(text_in(element, "type") for element in elements(content))):
        return
    parts = read_message(document) if is_message else read_parts(content)
    for position, part in enumerate(parts):
        draft.add(part, slot=None if is_message else position)
    draft.finish(text_in(document, *_FINISH))
    if document.get("isError") is True:
        draft.error = "the tool failed"


def _read_tool_result(document: dict[str, Any], draft: Draft) -> None:
    """Read what a recorder noted down of a tool's run: `content`, `error_message`, `error_code`."""
    if "content" not in document or not ("error_message" in document or "error_code" in document):
        return
    content = document["content"]
    if type(content) is str and content:
        draft.add(Part("result", _laid_out(content)))
    code = document.get("error_code")
    message = text_in(document, "error_message") or ("the tool failed" if code else "")
    if message:
        draft.error = f"{message} ({compact(code)})" if code else message


def _laid_out(text: str) -> str:
    try:
        value = parse_json(text)
    except ValueError:
        return text
    return indented(value) if type(value) in (dict, list) else text


def _read_outputs(document: dict[str, Any], draft: Draft) -> None:
    """Read OpenAI's responses, Google's interactions, and the one message of Bedrock's Converse."""
    message = table_in(table_in(document, "output"), "message")
    if message:
        _add_message(message, draft, 0)
        draft.finish(text_in(document, *_FINISH))
    add_outputs(document, draft)


def _read_error(document: dict[str, Any], draft: Draft) -> None:
    """Read an error in place of an answer, or in the middle of a stream."""
    error: Any = document.get("error")
    if not error and (document.get("type") == "error" or document.get("object") == "error"):
        error = document
    if not error and list(document) == ["detail"]:
        error = document["detail"]
    if error and type(error) in (str, dict, list):
        draft.error = described_error(error)


WHOLE_READERS: Final[tuple[Reader, ...]] = (
    _read_choices,
    _read_message_member,
    _read_candidates,
    _read_generated,
    _read_content,
    _read_tool_result,
    _read_outputs,
    _read_error,
)

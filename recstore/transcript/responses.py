"""A response as answers: each document of it, whole or an event of a stream, adds to one draft.

A whole answer is read as a stream of one. Each reader knows one member by its name and shape and leaves
documents without it alone, so that no order of events and no mixture of APIs can go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from recstore.content.tokens import count_tokens
from recstore.model import Response
from recstore.transcript.body import (
    as_list,
    as_object,
    compact,
    indented,
    object_at,
    objects_in,
    parse_json,
    read_body,
    string_at,
)
from recstore.transcript.messages import read_call, read_message, read_parts
from recstore.transcript.model import Answer, Part, PartKind

_ERROR_STATUS: Final = 400
_ERROR_MEMBERS: Final = frozenset(
    ("error", "type", "object", "message", "code", "param", "status", "detail", "request_id")
)
_FINISH: Final = ("finish_reason", "finishReason", "done_reason", "stop_reason", "stopReason")
_FEWEST_DIMENSIONS: Final = 16
"""Arrays of fewer numbers may be anything but a vector."""


@dataclass(slots=True)
class _OpenPart:
    """A part that further pieces may be joined to."""

    kind: PartKind
    texts: list[str]
    name: str = ""
    call_id: str = ""


class ResponseDraft:
    """All that has been read of a response: pieces come in the order of the stream, and are joined to parts."""

    def __init__(self) -> None:
        self.model = ""
        self.error = ""
        self.usage: dict[str, int] = {}
        self.event_count: int | None = None
        self._parts: dict[int, list[_OpenPart]] = {}
        self._finish: dict[int, str] = {}
        self._slots: dict[tuple[int, str, object], _OpenPart] = {}

    def add(self, part: Part, answer: int = 0, slot: object = None, *, replaces: bool = False) -> None:
        """Join a piece to the part in its `slot`; without a slot, text is joined to text that comes just before it.

        With `replaces`, the piece is the whole text of the part in the slot.
        """
        if not part.text and part.kind != "call":
            return
        parts = self._parts.setdefault(answer, [])
        if slot is not None:
            target = self._slots.get((answer, part.kind, slot))
        else:
            is_open = bool(parts) and parts[-1].kind == part.kind and part.kind in ("text", "thinking", "refusal")
            target = parts[-1] if is_open else None
        if target is not None and not replaces:  # some servers number all calls 0
            names = (part.call_id, target.call_id), (part.name, target.name)
            if any(new and old and new != old for new, old in names):
                target = None
        if target is None:
            target = _OpenPart(part.kind, [])
            parts.append(target)
            if slot is not None:
                self._slots[answer, part.kind, slot] = target
        elif replaces and part.text:
            target.texts.clear()
        target.texts.append(part.text)
        target.name = target.name or part.name
        target.call_id = target.call_id or part.call_id

    def finish(self, reason: str, answer: int = 0) -> None:
        """Note why the answer ended; the last reason counts."""
        if reason:
            self._finish[answer] = reason

    def count(self, holder: Any) -> None:
        """Note token counts; of several counts of one kind, the greatest is the whole."""
        for kind, count in count_tokens(holder).items():
            self.usage[kind] = max(self.usage.get(kind, 0), count)

    @property
    def has_parts(self) -> bool:
        """Whether any answer has a part."""
        return any(self._parts.values())

    @property
    def is_finished(self) -> bool:
        """Whether any answer says why it ended."""
        return bool(self._finish)

    def answers(self) -> tuple[Answer, ...]:
        """Return the answers, by their index."""
        return tuple(
            Answer(
                tuple(
                    Part(part.kind, "".join(part.texts), part.name, part.call_id) for part in self._parts.get(index, [])
                ),
                self._finish.get(index, ""),
            )
            for index in sorted({*self._parts, *self._finish})
        )


def draft_response(response: Response) -> ResponseDraft:
    """Return the answers, the errors and the token counts of a response."""
    content = read_body(response.body, response.headers)
    draft = ResponseDraft()
    draft.event_count = content.event_count
    for document in content.documents:
        _read_document(document, draft)
    if not draft.has_parts:
        draft.add(Part("names", "\n".join(name for document in content.documents for name in _model_names(document))))
    is_error_alone = all(_ERROR_MEMBERS.issuperset(as_object(document)) for document in content.documents)
    if not (draft.has_parts or draft.is_finished or (draft.error and is_error_alone)):
        for part in content.whole():
            draft.add(part)
    errors = []
    if response.error is not None:  # raised by the client
        status, message = response.error.get("status_code"), string_at(response.error, "message")
        name = string_at(response.error, "type", "category") or "error"
        name += f" ({status})" if type(status) is int else ""
        errors.append(f"{name}: {message}" if message else f"{name} {indented(response.error)}")
    if response.status is not None and response.status >= _ERROR_STATUS:
        errors.append(f"HTTP {response.status} {response.reason}".rstrip())
    draft.error = "\n".join(filter(None, (*errors, draft.error)))
    return draft


def _read_document(document: Any, draft: ResponseDraft) -> None:
    vectors = _described_vectors(document)
    draft.add(Part("text", vectors))
    if not vectors and type(document) is list and len(objects_in(document)) == len(document):
        for element in document:
            _read_document(element, draft)
    members = as_object(document)
    for read in _READERS:
        read(members, draft)
    draft.model = string_at(members, "model", "model_version", "modelVersion") or draft.model
    draft.count(object_at(members, "usage", "usage_metadata", "usageMetadata") or members)


# -- whole answers, and chunks of streams in the shape of a whole answer


def _read_choices(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read OpenAI's chat completions, whole (`message`) or in chunks (`delta`), and its completions (`text`)."""
    for position, choice in enumerate(objects_in(document.get("choices"))):
        answer = _index(choice, "index", position)
        _add_message(object_at(choice, "message", "delta"), draft, answer)
        draft.add(Part("text", string_at(choice, "text")), answer)
        draft.finish(string_at(choice, *_FINISH), answer)


def _read_message_member(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read Ollama's chat, whole or in chunks, and the message that begins a stream of Anthropic's."""
    message = object_at(document, "message")
    if message:
        _add_message(message, draft)
        draft.count(object_at(message, "usage"))
        draft.model = string_at(message, "model") or draft.model
        draft.finish(string_at(document, *_FINISH))


def _add_message(message: dict[str, Any], draft: ResponseDraft, answer: int = 0) -> None:
    for part in read_message({name: value for name, value in message.items() if name != "tool_calls"}):
        draft.add(part, answer, "call" if part.kind == "call" else None)
    for position, call in enumerate(objects_in(message.get("tool_calls"))):
        is_whole = type(object_at(call, "function").get("arguments")) is dict  # an object is not a fragment
        draft.add(read_call(call), answer, None if is_whole else _index(call, "index", position))


def _read_candidates(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read Google's generated content, whole or in chunks."""
    blocked = string_at(object_at(document, "prompt_feedback", "promptFeedback"), "block_reason", "blockReason")
    if blocked:
        draft.error = f"the prompt was blocked: {blocked}"
    for position, candidate in enumerate(objects_in(document.get("candidates"))):
        answer = _index(candidate, "index", position)
        content = candidate.get("content")
        for part in read_parts(as_object(content).get("parts", content)):
            draft.add(part, answer)
        draft.finish(string_at(candidate, *_FINISH), answer)


def _read_generated(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read the text that Ollama generates from a prompt, whole or in chunks."""
    if type(document.get("response")) is str and ("done" in document or "model" in document):
        draft.add(Part("thinking", string_at(document, "thinking")))
        draft.add(Part("text", document["response"]))
        draft.finish(string_at(document, *_FINISH))


def _read_content(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read a message by itself, as Anthropic answers, and the content that a tool of MCP returns."""
    content = document.get("content")
    is_message = "role" in document and type(content) in (str, list)
    if not is_message and not (as_list(content) and all(string_at(element, "type") for element in as_list(content))):
        return
    parts = read_message(document) if is_message else read_parts(content)
    for position, part in enumerate(parts):
        draft.add(part, slot=None if is_message else position)
    draft.finish(string_at(document, *_FINISH))
    if document.get("isError") is True:
        draft.error = "the tool failed"


def _read_tool_result(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read a recorder's note of a tool's run: `content`, `error_message`, `error_code`."""
    if "content" not in document or not ("error_message" in document or "error_code" in document):
        return
    text = string_at(document, "content")
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    draft.add(Part("result", indented(value) if type(value) in (dict, list) else text))
    code = document.get("error_code")
    message = string_at(document, "error_message") or ("the tool failed" if code else "")
    if message:
        draft.error = f"{message} ({compact(code)})" if code else message


def _read_outputs(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read OpenAI's `output`, Google's `outputs`, and the one message of Bedrock's Converse."""
    message = object_at(object_at(document, "output"), "message")
    if message:
        _add_message(message, draft)
        draft.finish(string_at(document, *_FINISH))
    items = next((document[name] for name in ("output", "outputs") if type(document.get(name)) is list), None)
    if items is None or not all("type" in as_object(item) or "role" in as_object(item) for item in items):
        return
    for part in read_parts(items):
        draft.add(part)
    reason = string_at(object_at(document, "incomplete_details"), "reason") or string_at(document, "status")
    draft.finish(reason if reason not in ("in_progress", "queued") else "")


def _read_error(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read an error in place of an answer, or in the middle of a stream."""
    error: Any = document.get("error")
    if not error and (document.get("type") == "error" or document.get("object") == "error"):
        error = document
    if not error and list(document) == ["detail"]:
        error = document["detail"]
    if not error or type(error) not in (str, dict, list):
        return
    message = string_at(error, "message", "detail") or (error if type(error) is str else "")
    facts = [compact(as_object(error)[name]) for name in ("type", "status", "code") if as_object(error).get(name)]
    draft.error = f"{message} ({', '.join(facts)})" if message and facts else message or indented(error)


def _index(holder: dict[str, Any], name: str, default: int = 0) -> int:
    value = holder.get(name)
    return value if type(value) is int else default


# -- events that build an answer in steps: a block begins, text is added to it, the answer is complete
#
# Shape: Anthropic `content_block_start`, `content_block_delta`, `message_delta`; Google's interactions `content.start`,
# `content.delta`, `interaction.complete`; OpenAI's responses `response.output_item.added`,
# `response.output_text.delta`, `response.completed` and their kin.


def _read_block_start(event: dict[str, Any], draft: ResponseDraft) -> None:
    block = object_at(event, "content_block") or (object_at(event, "content") if "index" in event else {})
    for part in read_parts(block) if block else ():
        if part.kind not in ("names", "json"):
            arguments = "" if part.kind == "call" and part.text == "{}" else part.text  # they come in the deltas
            draft.add(Part(part.kind, arguments, part.name, part.call_id), slot=("block", _index(event, "index")))


def _read_block_delta(event: dict[str, Any], draft: ResponseDraft) -> None:
    delta = object_at(event, "delta")
    if not delta or not ("index" in event or "type" in event or "event_type" in event):
        return
    draft.finish(string_at(delta, "stop_reason", "finish_reason"))
    is_arguments = type(delta.get("partial_json")) is str
    for part in [Part("call", delta["partial_json"])] if is_arguments else read_parts(delta):
        if part.kind not in ("names", "json"):
            draft.add(part, slot=("block", _index(event, "index")))


def _read_text_delta(event: dict[str, Any], draft: ResponseDraft) -> None:
    delta, name = event.get("delta"), string_at(event, "type")
    if type(delta) is not str or not name:
        return
    if "_call" in name:
        draft.add(Part("call", delta), slot=("item", _index(event, "output_index")))
    elif "audio" not in name or "transcript" in name or "reasoning" in name:
        kind: PartKind = "thinking" if "reasoning" in name else "refusal" if "refusal" in name else "text"
        indices = (_index(event, member) for member in ("output_index", "content_index", "summary_index"))
        draft.add(Part(kind, delta), slot=("text", *indices))


def _read_item(event: dict[str, Any], draft: ResponseDraft) -> None:
    """Read the calls in an item that begins or is done; its text comes in deltas."""
    item = object_at(event, "item")
    for part in read_parts(item) if item and "output_index" in event else ():
        if part.kind == "call":
            draft.add(part, slot=("item", _index(event, "output_index")), replaces=True)


def _read_wrapper(event: dict[str, Any], draft: ResponseDraft) -> None:
    """Read the whole answer that some events carry: its facts, and its text if no delta carried any."""
    answer = object_at(event, "response", "interaction")
    if answer:
        draft.count(object_at(answer, "usage"))
        draft.model = string_at(answer, "model") or draft.model
        _read_error({"error": answer.get("error")}, draft)
        _read_outputs({**answer, "output": []} if draft.has_parts else answer, draft)


_READERS: Final = (
    *(_read_choices, _read_message_member, _read_candidates, _read_generated, _read_content),
    *(_read_tool_result, _read_outputs, _read_error),
    *(_read_block_start, _read_block_delta, _read_text_delta, _read_item, _read_wrapper),
)


# -- answers that are not a conversation


def _described_vectors(document: Any) -> str:
    """Return the number of vectors in the document and of their dimensions, "" if it holds none.

    Shape: OpenAI `{"data": [{"embedding": ...}]}`; Ollama, Google and Cohere `{"embeddings": ...}` or
    `{"embedding": ...}`; a bare array of long arrays. A vector is an array, base64 of 4-byte reals, or
    `{"values": ...}`.
    """
    members = as_object(document)
    rows = objects_in(members.get("data")) or objects_in(document)
    embeddings = members.get("embeddings")
    if rows and all("embedding" in row for row in rows):
        vectors = [row["embedding"] for row in rows]
    elif "embedding" in members:
        vectors = [members["embedding"]]
    elif type(embeddings) is dict:  # by the type of their numbers
        vectors = [vector for typed in embeddings.values() for vector in as_list(typed)]
    else:
        vectors = as_list(embeddings)
    if not vectors and all(len(as_list(vector)) >= _FEWEST_DIMENSIONS for vector in as_list(document)):
        vectors = as_list(document)
    sizes = [_dimensions(vector) for vector in vectors]
    if not sizes or 0 in sizes:
        return ""
    several = " or ".join(f"{size:,}" for size in sorted(set(sizes)))
    return f"{len(sizes):,} vector{'s' if len(sizes) != 1 else ''} of {several} dimensions"


def _dimensions(vector: Any) -> int:
    """Return the number of numbers in a vector, 0 if it is not one."""
    if type(vector) is str:
        return len(vector.rstrip("=")) * 3 // 4 // 4
    numbers = as_list(as_object(vector).get("values", vector))
    return len(numbers) if all(type(number) in (int, float) for number in numbers) else 0


def _model_names(document: Any) -> list[str]:
    """Return the names of the models that the document lists, or is; none if it is something else.

    Shape: OpenAI `{"data": [{"id": ..., "object": "model"}]}`, or one of these alone; Ollama and Google
    `{"models": [{"name": ...}]}`.
    """
    members = as_object(document)
    models = [string_at(model, "name", "model", "id") for model in objects_in(members.get("models"))]
    if models and all(models):
        return models
    rows = objects_in(members.get("data")) or objects_in(document) or [members]
    is_models = all(
        string_at(row, "id") and ("model" in (row.get("object"), row.get("type")) or "owned_by" in row) for row in rows
    )
    return [row["id"] for row in rows] if is_models else []

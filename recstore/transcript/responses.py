"""A response as answers: each document of it, whole or an event of a stream, adds to one draft.

Each reader looks for members of its own and leaves other documents alone: no order of events or mixture of APIs can go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from recstore.content.tokens import count_tokens
from recstore.model import RawBody, Response
from recstore.text import plural
from recstore.transcript.body import as_list, as_object, compact, indented, object_at, objects_in, read_body, string_at
from recstore.transcript.messages import Part, PartKind, read_call, read_message, read_parts, whole_parts

_ERROR_STATUS: Final = 400
_ERROR_MEMBERS: Final = frozenset(
    ("error", "type", "object", "message", "code", "param", "status", "detail", "request_id")
)
_FINISH: Final = ("finish_reason", "finishReason", "done_reason", "stop_reason", "stopReason")
_FEWEST_DIMENSIONS: Final = 16  # arrays of fewer numbers may be anything but a vector


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers in a response, which usually has one. The pieces of a stream are joined."""

    parts: tuple[Part, ...]
    finish: str = ""


@dataclass(slots=True)
class ResponseDraft:
    """All that has been read of a response: pieces come in the order of the stream, and are joined to parts."""

    model: str = ""
    error: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    event_count: int | None = None
    finishes: dict[int, str] = field(default_factory=dict)
    parts: dict[int, list[list[Part]]] = field(default_factory=dict)
    _slots: dict[tuple[int, str, object], list[Part]] = field(default_factory=dict)

    def add(self, *added: Part, answer: int = 0, slot: object = None, replaces: bool = False) -> None:
        """Join each piece to the part in its `slot`, or replace its text; without a slot, text joins the text just before it."""
        for part in added:
            if not part.text and part.kind != "call":
                continue
            parts = self.parts.setdefault(answer, [])
            pieces = self._slots.get((answer, part.kind, slot), [])
            if slot is None and parts and part.kind in ("text", "thinking", "refusal"):
                pieces = parts[-1] if parts[-1][0].kind == part.kind else []
            names = ((part.name, "name"), (part.call_id, "call_id"))
            if not replaces and any(new and _first(pieces, member) not in ("", new) for new, member in names):
                pieces = []  # some servers number all calls 0
            if not pieces:
                parts.append(pieces := [])
                if slot is not None:
                    self._slots[answer, part.kind, slot] = pieces
            elif replaces and part.text:
                pieces[:] = [replace(piece, text="") for piece in pieces]
            pieces.append(part)

    def add_message(self, message: dict[str, Any], answer: int = 0) -> None:
        """Add a message or a fragment of one; fragments of calls are numbered."""
        for part in read_message({name: value for name, value in message.items() if name != "tool_calls"}):
            self.add(part, answer=answer, slot="call" if part.kind == "call" else None)
        for position, call in enumerate(objects_in(message.get("tool_calls"))):
            is_whole = type(object_at(call, "function").get("arguments")) is dict  # an object is not a fragment
            self.add(read_call(call), answer=answer, slot=None if is_whole else _index(call, "index", position))

    def finish(self, holder: dict[str, Any], answer: int = 0) -> None:
        """Note why the answer ended, if the object says so; the last reason counts."""
        if reason := string_at(holder, *_FINISH):
            self.finishes[answer] = reason

    def describe(self, holder: dict[str, Any]) -> None:
        """Note the model and the token counts that the object names; of several counts of one kind, the greatest is the whole."""
        self.model = string_at(holder, "model", "model_version", "modelVersion") or self.model
        usage = object_at(holder, "usage", "usage_metadata", "usageMetadata")
        for kind, count in count_tokens(usage or holder).items():
            self.usage[kind] = max(self.usage.get(kind, 0), count)

    def answers(self) -> tuple[Answer, ...]:
        """Return the answers, by their index."""
        indices = sorted({*self.parts, *self.finishes})
        return tuple(Answer(tuple(map(_joined, self.parts.get(i, ()))), self.finishes.get(i, "")) for i in indices)


def draft_response(response: Response) -> ResponseDraft:
    """Return the answers, the errors and the token counts of a response."""
    content = read_body(response.body, response.headers)
    draft = ResponseDraft(event_count=content.event_count)
    for document in content.documents:
        _read_document(document, draft)
    if not draft.parts:
        draft.add(Part("names", "\n".join(name for document in content.documents for name in _model_names(document))))
    is_error_alone = all(_ERROR_MEMBERS.issuperset(as_object(document)) for document in content.documents)
    if not (draft.parts or draft.finishes or (draft.error and is_error_alone)):
        draft.add(*whole_parts(content))
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
    for read in (_read_answers, _read_content, _read_outputs, _read_error, _read_block, _read_response_event):
        read(members, draft)
    draft.describe(members)


def _joined(pieces: list[Part]) -> Part:
    text = "".join(piece.text for piece in pieces)
    return Part(pieces[0].kind, text, _first(pieces, "name"), _first(pieces, "call_id"))


def _first(pieces: list[Part], member: str) -> str:
    return next(filter(None, (getattr(piece, member) for piece in pieces)), "")


def _index(holder: dict[str, Any], name: str, default: int = 0) -> int:
    value = holder.get(name)
    return value if type(value) is int else default


def _read_answers(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read OpenAI's `choices`, Google's `candidates`, Ollama's `response`, its and Anthropic's `message`, Bedrock's `output`."""
    for position, choice in enumerate(objects_in(document.get("choices"))):
        answer = _index(choice, "index", position)
        draft.add_message(object_at(choice, "message", "delta"), answer)
        draft.add(Part("text", string_at(choice, "text")), answer=answer)
        draft.finish(choice, answer)
    for position, candidate in enumerate(objects_in(document.get("candidates"))):
        answer, content = _index(candidate, "index", position), candidate.get("content")
        draft.add(*read_parts(as_object(content).get("parts", content)), answer=answer)
        draft.finish(candidate, answer)
    message = object_at(document, "message") or object_at(object_at(document, "output"), "message")
    if message:
        draft.add_message(message)
        draft.describe(message)
        draft.finish(document)
    if type(document.get("response")) is str and ("done" in document or "model" in document):
        draft.add(Part("thinking", string_at(document, "thinking")), Part("text", document["response"]))
        draft.finish(document)


def _read_content(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read a message by itself (Anthropic), what a tool of MCP returns, and a recorder's note of it, with `error_code`."""
    content, code = document.get("content"), document.get("error_code")
    is_message = "role" in document and type(content) in (str, list)
    if is_message or (as_list(content) and all(string_at(element, "type") for element in as_list(content))):
        for position, part in enumerate(read_message(document) if is_message else read_parts(content)):
            draft.add(part, slot=None if is_message else position)
        draft.finish(document)
        draft.error = "the tool failed" if document.get("isError") is True else draft.error
    if "content" in document and ("error_message" in document or "error_code" in document):
        text = string_at(document, "content")
        value = read_body(RawBody(text.encode(errors="replace"))).value
        draft.add(Part("result", indented(value) if type(value) in (dict, list) else text))
        message = string_at(document, "error_message") or ("the tool failed" if code else "")
        draft.error = f"{message} ({compact(code)})" if code else message or draft.error


def _read_outputs(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read OpenAI's `output` and Google's `outputs`."""
    items = next((document[name] for name in ("output", "outputs") if type(document.get(name)) is list), None)
    if items is not None and all("type" in as_object(item) or "role" in as_object(item) for item in items):
        draft.add(*read_parts(items))
        reason = string_at(object_at(document, "incomplete_details"), "reason") or string_at(document, "status")
        draft.finish({"finish_reason": reason if reason not in ("in_progress", "queued") else ""})


def _read_error(document: dict[str, Any], draft: ResponseDraft) -> None:
    """Read an error in place of an answer, or in the middle of a stream."""
    error: Any = document.get("error")
    if not error and "error" in (document.get("type"), document.get("object")):
        error = document
    if not error and list(document) == ["detail"]:
        error = document["detail"]
    if error and type(error) in (str, dict, list):
        message = string_at(error, "message", "detail") or (error if type(error) is str else "")
        facts = [compact(as_object(error)[name]) for name in ("type", "status", "code") if as_object(error).get(name)]
        draft.error = f"{message} ({', '.join(facts)})" if message and facts else message or indented(error)
    feedback = object_at(document, "prompt_feedback", "promptFeedback")
    if reason := string_at(feedback, "block_reason", "blockReason"):
        draft.error = f"the prompt was blocked: {reason}"


def _read_block(event: dict[str, Any], draft: ResponseDraft) -> None:
    """Read a block that begins, or what is added to one, in a stream of Anthropic's or of Google's interactions."""
    block = object_at(event, "content_block") or (object_at(event, "content") if "index" in event else {})
    delta = object_at(event, "delta") if not event.keys().isdisjoint(("index", "type", "event_type")) else {}
    draft.finish(delta)
    is_arguments = type(delta.get("partial_json")) is str
    parts = [Part("call", delta["partial_json"])] if is_arguments else read_parts(block or delta or None)
    for part in parts:
        if part.kind not in ("names", "json"):
            is_empty = bool(block) and part.kind == "call" and part.text == "{}"  # the arguments come in the deltas
            draft.add(replace(part, text="") if is_empty else part, slot=("block", _index(event, "index")))


def _read_response_event(event: dict[str, Any], draft: ResponseDraft) -> None:
    """Read an item, text that is added to one, or the whole answer, of OpenAI's responses and Google's `interaction.complete`."""
    delta, name = event.get("delta"), string_at(event, "type")
    item_slot = ("item", _index(event, "output_index"))
    if type(delta) is str and "_call" in name:
        draft.add(Part("call", delta), slot=item_slot)
    elif type(delta) is str and name and ("audio" not in name or "transcript" in name or "reasoning" in name):
        kind: PartKind = "thinking" if "reasoning" in name else "refusal" if "refusal" in name else "text"
        indices = (_index(event, member) for member in ("output_index", "content_index", "summary_index"))
        draft.add(Part(kind, delta), slot=("text", *indices))
    if "output_index" in event:  # an item's text comes in deltas
        calls = [part for part in read_parts(object_at(event, "item") or None) if part.kind == "call"]
        draft.add(*calls, slot=item_slot, replaces=True)
    if answer := object_at(event, "response", "interaction"):
        draft.describe(answer)
        _read_error({"error": answer.get("error")}, draft)
        _read_outputs({**answer, "output": []} if draft.parts else answer, draft)


def _described_vectors(document: Any) -> str:
    """Return the number of vectors in the document and of their dimensions, "" if it holds none.

    Shape: a vector is an array, base64 of 4-byte reals, or `{"values": ...}`; they may also be a bare array of long arrays.
    """
    members = as_object(document)
    rows = objects_in(members.get("data")) or objects_in(document) or [members]
    embeddings = members.get("embeddings")
    if all("embedding" in row for row in rows):
        vectors = [row["embedding"] for row in rows]
    elif type(embeddings) is dict:  # by the type of their numbers
        vectors = [vector for typed in embeddings.values() for vector in as_list(typed)]
    else:
        vectors = as_list(embeddings)
    if not vectors and all(len(as_list(vector)) >= _FEWEST_DIMENSIONS for vector in as_list(document)):
        vectors = as_list(document)
    sizes: list[int] = []
    for vector in vectors:
        numbers = as_list(as_object(vector).get("values", vector))
        is_numeric = all(type(number) in (int, float) for number in numbers)
        sizes.append(len(vector.rstrip("=")) * 3 // 16 if type(vector) is str else len(numbers) * is_numeric)
    if not sizes or 0 in sizes:
        return ""
    several = " or ".join(f"{size:,}" for size in sorted(set(sizes)))
    return f"{plural(len(sizes), 'vector')} of {several} dimensions"


def _model_names(document: Any) -> list[str]:
    """Return the names of the models that the document lists, or is; none if it is something else."""
    members = as_object(document)
    models = [string_at(model, "name", "model", "id") for model in objects_in(members.get("models"))]
    if models and all(models):
        return models
    rows = objects_in(members.get("data")) or objects_in(document) or [members]
    are_models = ("owned_by" in row or "model" in (row.get("object"), row.get("type")) for row in rows)
    return [row["id"] for row in rows] if all(are_models) and all(string_at(row, "id") for row in rows) else []

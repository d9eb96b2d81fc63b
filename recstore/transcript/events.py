"""Events of streams that tell an answer in steps: a block begins, text is added to it, the answer is complete.

Shape: Anthropic `content_block_start`, `content_block_delta`, `message_delta`; Google's interactions
`content.start`, `content.delta`, `interaction.complete`; OpenAI's responses `response.output_item.added`,
`response.output_text.delta`, `response.completed` and their kin.
"""

from __future__ import annotations

from typing import Any, Final

from recstore.transcript.dialects import Reader, add_outputs, described_error, index_in
from recstore.transcript.draft import Draft
from recstore.transcript.parts import read_parts
from recstore.transcript.shapes import table_in, text_in
from recstore.transcript.turns import Kind, Part

_TOLD_IN_STEPS: Final = ("text", "thinking", "call", "result", "refusal", "file")


def _read_block_start(event: dict[str, Any], draft: Draft) -> None:
    block = table_in(event, "content_block") or (table_in(event, "content") if "index" in event else {})
    if not block:
        return
    for part in read_parts(block):
        if part.kind in _TOLD_IN_STEPS:
            arguments = "" if part.kind == "call" and part.text == "{}" else part.text  # they come in the deltas
            draft.add(Part(part.kind, arguments, part.name, part.call_id), slot=_block(event))


def _read_block_delta(event: dict[str, Any], draft: Draft) -> None:
    delta = table_in(event, "delta")
    if not delta or not ("index" in event or "type" in event or "event_type" in event):
        return
    draft.finish(text_in(delta, "stop_reason", "finish_reason"))
    if type(delta.get("partial_json")) is str:
        draft.add(Part("call", delta["partial_json"]), slot=_block(event))
        return
    for part in read_parts(delta):
        if part.kind in _TOLD_IN_STEPS:
            draft.add(part, slot=_block(event))


def _block(event: dict[str, Any]) -> object:
    return ("block", index_in(event, "index"))


def _read_text_delta(event: dict[str, Any], draft: Draft) -> None:
    delta, name = event.get("delta"), text_in(event, "type")
    if type(delta) is not str or not name:
        return
    kind = _kind_of(name)
    if kind == "call":
        draft.add(Part(kind, delta), slot=_item(event))
    elif kind != "file":
        place = (index_in(event, part) for part in ("output_index", "content_index", "summary_index"))
        draft.add(Part(kind, delta), slot=("text", *place))


def _kind_of(name: str) -> Kind:
    """Return what a delta of the event `name` adds to."""
    if "_call" in name:
        return "call"
    if "reasoning" in name:
        return "thinking"
    if "audio" in name and "transcript" not in name:
        return "file"
    return "refusal" if "refusal" in name else "text"


def _read_item(event: dict[str, Any], draft: Draft) -> None:
    """Read an item that begins or is done: of calls alone, text comes in deltas."""
    item = table_in(event, "item")
    if not item or "output_index" not in event:
        return
    for part in read_parts(item):
        if part.kind == "call":
            draft.replace(part, slot=_item(event))


def _item(event: dict[str, Any]) -> object:
    return ("item", index_in(event, "output_index"))


def _read_wrapper(event: dict[str, Any], draft: Draft) -> None:
    """Read the whole answer that some events carry: its facts, and its text only where no delta has told it."""
    answer = table_in(event, "response", "interaction")
    if not answer:
        return
    draft.count(table_in(answer, "usage"))
    draft.model = text_in(answer, "model") or draft.model
    if answer.get("error"):
        draft.error = described_error(answer["error"])
    add_outputs({**answer, "output": []} if draft.has_parts else answer, draft)


EVENT_READERS: Final[tuple[Reader, ...]] = (
    _read_block_start,
    _read_block_delta,
    _read_text_delta,
    _read_item,
    _read_wrapper,
)

"""What a client library gave its caller, turned back into what the server must have sent.

Imported recordings hold values, and no bytes: a completion, the chunks of a stream, a bare list of models.
"""

from __future__ import annotations

from typing import Any, Final

from recstore.content.json_text import compact_text
from recstore.model import Json, StreamBody

_DONE: Final = b"data: [DONE]\n\n"


def sent_chunks(stream: StreamBody, type_name: str) -> tuple[str, tuple[bytes, ...]]:
    """Return the content type and the chunks of a stream of values, by who sends such values.

    Lines of text are themselves; OpenAI and those who speak as it does send events, and say when they are done;
    typed events bear their type; everything else comes as lines of JSON.
    """
    events = stream.events
    if events and all(isinstance(event, str) for event in events):
        return _lines([event for event in events if isinstance(event, str)])
    if _is_typed(events):
        return "text/event-stream", tuple(map(_typed_event, events))
    if type_name.startswith("openai.") or _is_openai(events):
        return "text/event-stream", (*(b"data: %b\n\n" % compact_text(event) for event in events), _DONE)
    return "application/x-ndjson", tuple(compact_text(event) + b"\n" for event in events)


def listed(value: Json, path: str) -> Json:
    """Return the body of a listing of models, of which a client library hands out the bare list."""
    return {"object": "list", "data": value} if isinstance(value, list) and path.endswith("/models") else value


def united(values: list[Json]) -> Json:
    """Return the answer that several servers' listings of models give together: each model once, by name."""
    seen: dict[str, Json] = {}
    for value in values:
        for model in _models_of(value):
            seen[_model_name(model)] = model
    models: list[Json] = [seen[name] for name in sorted(seen)]
    first = values[0]
    if isinstance(first, dict):
        member = next((name for name in ("models", "data") if name in first), "data")
        return {**first, member: models}
    return models


def _models_of(value: Any) -> list[Json]:
    if isinstance(value, dict):
        value = value.get("models", value.get("data"))
    return value if isinstance(value, list) else []


def _model_name(model: Any) -> str:
    names = (model.get(member) for member in ("id", "model", "name")) if isinstance(model, dict) else ()
    return next((name for name in names if isinstance(name, str)), repr(model))


def _lines(lines: list[str]) -> tuple[str, tuple[bytes, ...]]:
    is_events = any(line.startswith(("data:", "event:")) for line in lines)
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).encode("utf-8", "replace")
    if not is_events:
        return "application/x-ndjson", tuple(text.splitlines(keepends=True))
    blocks = text.split(b"\n\n")
    chunks = (*(block + b"\n\n" for block in blocks[:-1]), blocks[-1])
    return "text/event-stream", tuple(chunk for chunk in chunks if chunk)


def _is_typed(events: list[Json]) -> bool:
    """Return whether the events are of OpenAI's responses or Anthropic's messages, which bear a type each."""
    first = events[0] if events else None
    said = first.get("type") if isinstance(first, dict) else None
    return isinstance(said, str) and (said.startswith("response.") or said == "message_start")


def _typed_event(event: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(event.get("type")).encode("utf-8", "replace"), compact_text(event))


def _is_openai(events: list[Json]) -> bool:
    first = events[0] if events else None
    return isinstance(first, dict) and first.get("object") in ("chat.completion.chunk", "text_completion")

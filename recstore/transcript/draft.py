"""Answers in the making: pieces come in the order of the stream, and are joined where they belong together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recstore.content.tokens import count_tokens
from recstore.transcript.turns import Answer, Kind, Part


class Draft:
    """What has been read of a response so far."""

    def __init__(self) -> None:
        self.model = ""
        self.error = ""
        self.usage: dict[str, int] = {}
        self._answers: dict[int, _AnswerDraft] = {}

    def add(self, part: Part, answer: int = 0, slot: object = None) -> None:
        """Add a part to the answer, or to the part in its `slot`; without a slot, text goes on where the last was text."""
        if part.text or part.kind == "call":
            self._answer(answer).add(part, slot)

    def replace(self, part: Part, slot: object) -> None:
        """Put the part in the slot of the first answer, in place of what has been joined there."""
        self._answer(0).replace(part, slot)

    def finish(self, reason: str, answer: int = 0) -> None:
        """Note why the answer ended; the last reason counts."""
        if reason:
            self._answer(answer).finish = reason

    def count(self, holder: Any) -> None:
        """Note the tokens that an object tells of; of several counts of one kind, the greatest is the whole."""
        for kind, count in count_tokens(holder).items():
            self.usage[kind] = max(self.usage.get(kind, 0), count)

    @property
    def has_parts(self) -> bool:
        """Whether any answer has a part."""
        return any(answer.parts for answer in self._answers.values())

    @property
    def is_finished(self) -> bool:
        """Whether any answer says why it ended."""
        return any(answer.finish for answer in self._answers.values())

    def answers(self) -> tuple[Answer, ...]:
        """Return the answers, by their index."""
        return tuple(self._answers[index].result() for index in sorted(self._answers))

    def _answer(self, index: int) -> _AnswerDraft:
        return self._answers.setdefault(index, _AnswerDraft())


@dataclass(slots=True)
class _PartDraft:
    kind: Kind
    texts: list[str]
    name: str
    call_id: str

    def is_other_call(self, part: Part) -> bool:
        """Return whether a fragment for this place begins another call: some servers number all calls 0."""
        return bool(
            (part.call_id and self.call_id and part.call_id != self.call_id)
            or (part.name and self.name and part.name != self.name)
        )

    def join(self, part: Part) -> None:
        self.texts.append(part.text)
        self.name = self.name or part.name
        self.call_id = self.call_id or part.call_id


@dataclass(slots=True)
class _AnswerDraft:
    finish: str = ""
    parts: list[_PartDraft] = field(default_factory=list)
    _slots: dict[object, _PartDraft] = field(default_factory=dict)

    def add(self, part: Part, slot: object) -> None:
        present = self._slots.get((part.kind, slot)) if slot is not None else self._open_end(part.kind)
        if present is None or present.is_other_call(part):
            self._append(part, slot)
        else:
            present.join(part)

    def replace(self, part: Part, slot: object) -> None:
        present = self._slots.get((part.kind, slot))
        if present is None:
            self._append(part, slot)
        elif part.text:
            present.texts = [part.text]
            present.name = present.name or part.name

    def result(self) -> Answer:
        parts = (Part(part.kind, "".join(part.texts), part.name, part.call_id) for part in self.parts)
        return Answer(tuple(parts), self.finish)

    def _append(self, part: Part, slot: object) -> None:
        draft = _PartDraft(part.kind, [part.text], part.name, part.call_id)
        self.parts.append(draft)
        if slot is not None:
            self._slots[part.kind, slot] = draft

    def _open_end(self, kind: Kind) -> _PartDraft | None:
        is_open = bool(self.parts) and self.parts[-1].kind == kind and kind in ("text", "thinking", "refusal")
        return self.parts[-1] if is_open else None

"""Two recordings: what was asked otherwise, what came back otherwise, and the noise around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import zip_longest
from typing import Any, Final, Literal

from recstore.comparison.bodies import Cut, Told, body_changes, cut_between
from recstore.comparison.noise import header_noise, request_noise, response_noise
from recstore.content.deltas import ABSENT, Difference, JsonPath, differences
from recstore.model import Headers, JsonBody, Recording, Request, Response, StreamBody
from recstore.transcript import Answer, Part, Transcript, transcript_of
from recstore.transcript.content import read_body
from recstore.transcript.shapes import parse_json

_TEXTS: Final = {
    "text": "answer",
    "names": "answer",
    "file": "answer",
    "thinking": "thinking",
    "refusal": "refusal",
    "result": "result",
}
"""Kind of a part -> the text that it is compared in. Calls are compared by themselves."""

_TOLD_OF_ERRORS: Final = (("type",), ("message",), ("status_code",))


@dataclass(frozen=True, slots=True)
class TextChange:
    """A text that both sides have, joined: `answer`, `thinking`, `answer 2`; "" where one says nothing."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class CallChange:
    """A call of a tool: `old` and `new` are its arguments as sent, `changes` their members if both are objects."""

    name: str
    kind: Literal["changed", "added", "removed"]
    old: str = ""
    new: str = ""
    changes: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All in which two recordings differ.

    `facts` are a status, an error, a reason to end, and members that no transcript reads; `noise` is folded, each under
    a name; `cut` tells of chunks.
    """

    request: tuple[Difference, ...] = ()
    texts: tuple[TextChange, ...] = ()
    calls: tuple[CallChange, ...] = ()
    facts: tuple[Difference, ...] = ()
    noise: tuple[tuple[str, Difference], ...] = ()
    cut: Cut | None = None

    @property
    def is_same_answer(self) -> bool:
        """Whether the answers say the same."""
        return not (self.texts or self.calls or self.facts)


def compare_recordings(old: Recording, new: Recording) -> Comparison:
    """Return in what `new` differs from `old`."""
    before, after = transcript_of(old), transcript_of(new)
    told = Told(_told(before), _told(after))
    answers = [change for change in body_changes(old.response, new.response) if not told.has(change)]
    asked, asked_noise = _sorted_out(_request_changes(old.request, new.request), request_noise)
    members, noise = _sorted_out(answers, partial(response_noise, is_known=bool(told.old or told.new)))
    headers, header_names = _sorted_out(_header_changes(old.response.headers, new.response.headers), header_noise)
    return Comparison(
        request=tuple(asked),
        texts=tuple(_text_changes(before.answers, after.answers, _texts_of(old.response, new.response))),
        calls=tuple(_call_changes(before.answers, after.answers)),
        facts=(*_facts(old.response, new.response), *_transcript_facts(before, after), *headers, *members),
        noise=(*asked_noise, *header_names, *noise, *_spelling(old, new)),
        cut=cut_between(old.response, new.response),
    )


# -- the request


def _request_changes(old: Request, new: Request) -> Iterator[Difference]:
    for name in ("method", "upstream", "path", "query"):
        yield from differences(getattr(old, name), getattr(new, name), (name,))
    yield from differences([list(pair) for pair in old.headers], [list(pair) for pair in new.headers], ("headers",))
    yield from differences(_asked(old), _asked(new))


def _asked(request: Request) -> Any:
    """Return a value that stands for the body: the JSON that it is, or its text."""
    content = read_body(request.body, request.headers)
    if content.documents and content.event_count is None:
        value = content.value
        return value if type(value) is dict else {"body": value}
    if content.documents or content.text:
        return {"body": content.text or content.documents}
    return {"body": content.binary.text} if content.binary is not None else {}


# -- the answers


def _texts_of(old: Response, new: Response) -> Mapping[str, str]:
    """Return kind of a part -> text: JSON is compared by its members, unless only one side has any."""
    both = all(read_body(response.body, response.headers).documents for response in (old, new))
    return _TEXTS if both else {**_TEXTS, "json": "answer"}


def _text_changes(old: tuple[Answer, ...], new: tuple[Answer, ...], texts: Mapping[str, str]) -> Iterator[TextChange]:
    is_one = max(len(old), len(new)) == 1
    for number, (before, after) in enumerate(zip_longest(old, new, fillvalue=Answer(())), 1):
        for name in dict.fromkeys(_TEXTS.values()):
            one, other = (
                _joined(part for part in side.parts if texts.get(part.kind) == name) for side in (before, after)
            )
            if one != other:
                yield TextChange(name if is_one else f"{name} {number}", one, other)


def _joined(parts: Iterable[Part]) -> str:
    return "\n".join(f"[{part.text}]" if part.kind == "file" else part.text for part in parts)


def _call_changes(old: tuple[Answer, ...], new: tuple[Answer, ...]) -> Iterator[CallChange]:
    before, after = _calls(old), _calls(new)
    matcher = SequenceMatcher(None, [part.name for part in before], [part.name for part in after], autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        gone, come = before[old_start:old_end], after[new_start:new_end]
        if tag == "equal":
            pairs = zip(gone, come, strict=True)
            yield from (_changed_call(one, other) for one, other in pairs if one.text != other.text)
        else:
            yield from (CallChange(call.name, "removed", old=call.text) for call in gone)
            yield from (CallChange(call.name, "added", new=call.text) for call in come)


def _calls(answers: tuple[Answer, ...]) -> list[Part]:
    return [part for answer in answers for part in answer.parts if part.kind == "call"]


def _changed_call(old: Part, new: Part) -> CallChange:
    try:
        before, after = parse_json(old.text), parse_json(new.text)
    except ValueError:
        before = after = None
    is_spoken = type(before) is dict and type(after) is dict
    changes = tuple(differences(before, after)) if is_spoken else ()
    return CallChange(old.name, "changed", old.text, new.text, changes)


# -- facts


def _facts(old: Response, new: Response) -> Iterator[Difference]:
    yield from _fact("status", old.status, new.status)
    yield from _fact("type", old.type_name, new.type_name)
    if old.error is not None and new.error is not None:
        changes = differences(old.error, new.error, ("error",))
        yield from (change for change in changes if change.path[1:] not in _TOLD_OF_ERRORS)
    before, after = (read_body(response.body, response.headers).binary for response in (old, new))
    if before is not None and before == after and old.body != new.body:
        yield Difference(("body",), before.text, f"{before.text}, other ones")


def _transcript_facts(before: Transcript, after: Transcript) -> Iterator[Difference]:
    yield from _fact("error", before.error, after.error)
    yield from _fact("finish", _finishes(before), _finishes(after))
    yield from _fact("model", before.answer_model, after.answer_model)


def _fact(name: str, old: Any, new: Any) -> Iterator[Difference]:
    if old != new:
        yield Difference((name,), old or ABSENT, new or ABSENT)


def _finishes(transcript: Transcript) -> str:
    return ", ".join(dict.fromkeys(answer.finish for answer in transcript.answers if answer.finish))


def _header_changes(old: Headers, new: Headers) -> Iterator[Difference]:
    before, after = _by_name(old), _by_name(new)
    yield from differences(before, after, ("header",))


def _by_name(headers: Headers) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        values[lower] = f"{values[lower]}, {value}" if lower in values else value
    return values


# -- noise


def _told(transcript: Transcript) -> str:
    """Return all that the answers say, one below the other; "" where they are bodies laid out."""
    parts = [part for answer in transcript.answers for part in answer.parts]
    if parts and all(part.kind == "json" for part in parts):
        return ""
    said = [text for part in parts if part.kind != "json" for text in (part.text, part.name)]
    return "\n".join([*said, _finishes(transcript), transcript.answer_model, transcript.error])


def _sorted_out(
    changes: Iterable[Difference], named: Callable[[JsonPath], str]
) -> tuple[list[Difference], list[tuple[str, Difference]]]:
    """Return those changes that tell something, and those that are noise, each with its name."""
    telling, noise = [], []
    for change in changes:
        name = named(change.path)
        if name:
            noise.append((name, change))
        else:
            telling.append(change)
    return telling, noise


def _spelling(old: Recording, new: Recording) -> Iterator[tuple[str, Difference]]:
    """Yield what differs in how the bodies are written down."""
    for side in ("request", "response"):
        before, after = getattr(old, side).body, getattr(new, side).body
        for name in ("layout", "framing"):
            one, other = getattr(before, name, ""), getattr(after, name, "")
            if isinstance(before, JsonBody | StreamBody) and isinstance(after, JsonBody | StreamBody) and one != other:
                yield f"{side} {name}", Difference((side, name), one, other)

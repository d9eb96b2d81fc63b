"""Two recordings compared: changes of the request, changes of the answer, and volatile members that are only named.

A stream is not compared chunk by chunk, as an answer is cut differently each time: for each member the values of all
chunks are compared, one after the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, zip_longest
from typing import Any, Final, Literal, TypeAlias

from recstore.content.deltas import ABSENT, Difference, JsonPath, differences
from recstore.content.volatile import CONSTANTS, DURATIONS, OPAQUE, TIMES, is_volatile_header
from recstore.model import Headers, JsonBody, Recording, Request, StreamBody
from recstore.transcript.body import BodyContent, compact, parse_json, read_body
from recstore.transcript.messages import Part, joined_text
from recstore.transcript.render import Transcript, transcript_of
from recstore.transcript.responses import Answer

_TEXT_NAMES: Final = {
    "text": "answer",
    "names": "answer",
    "file": "answer",
    "thinking": "thinking",
    "refusal": "refusal",
    "result": "result",
}
"""Kind of a part -> name of the text in which it is compared. Calls are compared one by one."""

_SHOWN_FIELDS: Final = frozenset(
    (
        *("content", "text", "delta", "message", "parts", "output", "output_text", "response", "item", "part"),
        *("arguments", "partial_json", "input", "args", "name", "function", "tool_calls", "tool_use"),
        *("reasoning", "reasoning_content", "thinking", "thought", "summary", "refusal", "transcript"),
        *("model", "model_version", "modelVersion", "finish_reason", "finishReason", "done_reason", "stop_reason"),
        *("stopReason", "status", "reason", "error", "detail", "code", "type", "data", "models"),
    )
)
"""Members that transcripts read. If their values are in the transcript, they are compared there."""

_IDS: Final = frozenset(
    ("call_id", "id", "item_id", "previous_response_id", "tool_call_id", "tool_use_id", "toolCallId", "toolUseId")
)
_VOLATILE: Final = frozenset(
    (
        *(*_IDS, *TIMES, *DURATIONS, *CONSTANTS, *OPAQUE),
        *("createdAt", "updated_at", "duration", "latency", "elapsed", "signature", "metrics", "timings", "x_groq"),
        *("sequence_number", "service_tier", "logprobs", "avg_logprobs", "avgLogprobs"),
        *("usage", "usage_metadata", "usageMetadata", "prompt_eval_count", "eval_count"),
        *("event", "event_id", "output_index", "content_index", "summary_index", "index"),
        *("request_id", "requestId", "_request_id", "response_id", "trace_id"),
    )
)
"""Volatile members of an answer that a transcript was made of, ids included."""

_VOLATILE_ANYWHERE: Final = frozenset(
    ("id", "created", "created_at", "createdAt", "updated_at", "updatedAt", "request_id", "requestId", "trace_id")
)
_SHAPE: Final = frozenset(("type", "role", "object"))
"""Members that say what a piece of an answer is: a text or a call that was added or removed is shown itself."""

_CONVERSATION: Final = ("contents", "input", "messages", "previous_response_id")
_STORED_HEADERS: Final = re.compile("etag|last-modified|.*-region")
"""Volatile headers that are stored all the same."""


@dataclass(frozen=True, slots=True)
class TextDifference:
    """Two joined texts that differ: `answer`, `thinking`, `answer 2`; "" on a side that has none."""

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
class ChunkingChange:
    """A stream that was cut into chunks differently: events of both sides, and cuts in equal text that one side has."""

    old_events: int
    new_events: int
    boundaries: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two recordings.

    `facts` are a status, an error, a reason to end, and members that no transcript reads; `noise` holds volatile
    members, each with the name that stands for it; `cut` says how chunks differ.
    """

    request: tuple[Difference, ...] = ()
    texts: tuple[TextDifference, ...] = ()
    calls: tuple[CallChange, ...] = ()
    facts: tuple[Difference, ...] = ()
    noise: tuple[tuple[str, Difference], ...] = ()
    cut: ChunkingChange | None = None

    @property
    def is_same_answer(self) -> bool:
        """Whether the answers say the same."""
        return not (self.texts or self.calls or self.facts)


def compare_recordings(old: Recording, new: Recording) -> Comparison:
    """Return the differences between two recordings."""
    before, after = transcript_of(old), transcript_of(new)
    bodies = read_body(old.response.body, old.response.headers), read_body(new.response.body, new.response.headers)
    shown = _shown_text(before), _shown_text(after)
    names = _VOLATILE if any(shown) else _VOLATILE_ANYWHERE
    request: list[Difference] = []
    facts = [
        *_fact("status", old.response.status, new.response.status),
        *_fact("type", old.response.type_name, new.response.type_name),
        *_error_members(old, new),
        *_fact("error", before.error, after.error),
        *_fact("finish", _finishes(before), _finishes(after)),
        *_fact("model", before.answer_model, after.answer_model),
    ]
    if bodies[0].binary and bodies[0] == bodies[1] and old.response.body != new.response.body:
        facts.append(Difference(("body",), bodies[0].binary, f"{bodies[1].binary}, other ones"))
    noise: list[tuple[str, Difference]] = []
    for change in _request_differences(old.request, new.request):
        name = _name_in(change.path, _IDS) if change.path[0] in _CONVERSATION else ""
        _add(change, name, request, noise)
    for change in differences(_by_name(old.response.headers), _by_name(new.response.headers), ("header",)):
        header = str(change.path[-1])
        is_volatile = is_volatile_header(header) or _STORED_HEADERS.fullmatch(header)
        _add(change, f"header {header}" if is_volatile else "", facts, noise)
    for change in _body_differences(*bodies):
        if not _is_shown(change, *shown):
            is_shape = any(shown) and bool(change.path) and change.path[-1] in _SHAPE
            _add(change, str(change.path[-1]) if is_shape else _name_in(change.path, names), facts, noise)
    return Comparison(
        request=tuple(request),
        texts=tuple(_text_changes(before.answers, after.answers, is_json=all(body.documents for body in bodies))),
        calls=tuple(_call_changes(before.answers, after.answers)),
        facts=tuple(facts),
        noise=(*noise, *_spelling(old, new)),
        cut=_cut_between(*bodies),
    )


def _add(change: Difference, noise_name: str, told: list[Difference], noise: list[tuple[str, Difference]]) -> None:
    if noise_name:
        noise.append((noise_name, change))
    else:
        told.append(change)


def _name_in(path: JsonPath, names: frozenset[str]) -> str:
    """Return the first step of the path that is one of `names`, "" if none is."""
    return next((step for step in path if isinstance(step, str) and step in names), "")


def _fact(name: str, old: Any, new: Any) -> list[Difference]:
    return [Difference((name,), old or ABSENT, new or ABSENT)] if old != new else []


def _error_members(old: Recording, new: Recording) -> Iterator[Difference]:
    if old.response.error is not None and new.response.error is not None:
        for change in differences(old.response.error, new.response.error, ("error",)):
            if change.path[1:] not in (("type",), ("message",), ("status_code",)):  # which the transcript shows
                yield change


def _finishes(transcript: Transcript) -> str:
    return ", ".join(dict.fromkeys(answer.finish for answer in transcript.answers if answer.finish))


def _by_name(headers: Headers) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        values[lower] = f"{values[lower]}, {value}" if lower in values else value
    return values


def _spelling(old: Recording, new: Recording) -> Iterator[tuple[str, Difference]]:
    """Yield differences in how the bodies are written down."""
    for side in ("request", "response"):
        before, after = getattr(old, side).body, getattr(new, side).body
        if isinstance(before, JsonBody | StreamBody) and isinstance(after, JsonBody | StreamBody):
            for name in ("layout", "framing"):
                values = getattr(before, name, ""), getattr(after, name, "")
                if values[0] != values[1]:
                    yield f"{side} {name}", Difference((side, name), *values)


def _request_differences(old: Request, new: Request) -> Iterator[Difference]:
    for name in ("method", "upstream", "path", "query"):
        yield from differences(getattr(old, name), getattr(new, name), (name,))
    yield from differences([list(pair) for pair in old.headers], [list(pair) for pair in new.headers], ("headers",))
    yield from differences(_request_value(old), _request_value(new))


def _request_value(request: Request) -> Any:
    """Return an object that stands for the body: the JSON that it is, or its text."""
    content = read_body(request.body, request.headers)
    if content.documents and content.event_count is None:
        return content.value if type(content.value) is dict else {"body": content.value}
    value = content.text or content.documents or content.binary
    return {"body": value} if value else {}


# -- answers


def _text_changes(old: tuple[Answer, ...], new: tuple[Answer, ...], *, is_json: bool) -> Iterator[TextDifference]:
    """Yield the texts that differ. If both bodies are JSON, parts of JSON are compared by their members instead."""
    names = _TEXT_NAMES if is_json else {**_TEXT_NAMES, "json": "answer"}
    for number, (before, after) in enumerate(zip_longest(old, new, fillvalue=Answer(())), 1):
        for name in dict.fromkeys(_TEXT_NAMES.values()):
            texts = [
                joined_text([part for part in answer.parts if names.get(part.kind) == name])
                for answer in (before, after)
            ]
            if texts[0] != texts[1]:
                yield TextDifference(name if max(len(old), len(new)) == 1 else f"{name} {number}", *texts)


def _call_changes(old: tuple[Answer, ...], new: tuple[Answer, ...]) -> Iterator[CallChange]:
    before, after = ([part for answer in side for part in answer.parts if part.kind == "call"] for side in (old, new))
    matcher = SequenceMatcher(None, [part.name for part in before], [part.name for part in after], autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        removed, added = before[old_start:old_end], after[new_start:new_end]
        if tag == "equal":
            pairs = zip(removed, added, strict=True)
            yield from (_changed_call(left, right) for left, right in pairs if left.text != right.text)
        else:
            yield from (CallChange(call.name, "removed", old=call.text) for call in removed)
            yield from (CallChange(call.name, "added", new=call.text) for call in added)


def _changed_call(old: Part, new: Part) -> CallChange:
    try:
        before, after = parse_json(old.text), parse_json(new.text)
    except ValueError:
        before = after = None
    are_objects = type(before) is dict and type(after) is dict
    changes = tuple(differences(before, after)) if are_objects else ()
    return CallChange(old.name, "changed", old.text, new.text, changes)


def _shown_text(transcript: Transcript) -> str:
    """Return all text of the answers; "" if they are just bodies laid out."""
    parts = [part for answer in transcript.answers for part in answer.parts]
    if parts and all(part.kind == "json" for part in parts):
        return ""
    texts = [text for part in parts if part.kind != "json" for text in (part.text, part.name)]
    return "\n".join([*texts, _finishes(transcript), transcript.answer_model, transcript.error])


def _is_shown(change: Difference, old_text: str, new_text: str) -> bool:
    """Return whether the transcripts show both values of the change."""
    is_read = any(step in _SHOWN_FIELDS for step in change.path)
    return is_read and _is_covered(change.old, old_text) and _is_covered(change.new, new_text)


def _is_covered(value: Any, text: str) -> bool:
    if type(value) is dict:
        return all(
            _is_covered(member, text) for name, member in value.items() if name not in _SHAPE and name not in _VOLATILE
        )
    if type(value) is list:
        return all(_is_covered(element, text) for element in value)
    if value is None or value is ABSENT:
        return True
    leaf = compact(value)
    return leaf in text or json.dumps(leaf, ensure_ascii=False)[1:-1] in text


def _body_differences(old: BodyContent, new: BodyContent) -> Iterator[Difference]:
    """Yield the members in which two JSON bodies differ."""
    if not (old.documents and new.documents):
        return
    if old.event_count is None and new.event_count is None:
        yield from differences(old.value, new.value)
        return
    before, after = ({path: _run(values) for path, values in _leaves_of(body).items()} for body in (old, new))
    for path in dict.fromkeys((*before, *after)):
        runs = before.get(path, []), after.get(path, [])
        if runs[0] != runs[1]:
            yield Difference(path, *((run[0] if len(run) == 1 else run) if run else ABSENT for run in runs))


def _run(values: list[Any]) -> list[Any]:
    """Return the values of a member in the events, without empty ones and repetitions."""
    run: list[Any] = []
    for value in values:
        if value not in (None, "", [], {}) and (not run or run[-1] != value):
            run.append(value)
    return run


def _leaves_of(content: BodyContent) -> dict[JsonPath, list[Any]]:
    """Return the values that each member has in the events, in order."""
    leaves: dict[JsonPath, list[Any]] = {}
    for document in content.documents:
        for path, value in _leaves(document):
            leaves.setdefault(path, []).append(value)
    return leaves


def _leaves(value: Any, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Any]]:
    if type(value) is dict and value:
        for name, member in value.items():
            yield from _leaves(member, (*path, name))
    elif type(value) is list and value and type(value[0]) in (dict, list):
        for index, element in enumerate(value):
            yield from _leaves(element, (*path, index))
    else:
        yield path, value


def _cut_between(old: BodyContent, new: BodyContent) -> ChunkingChange | None:
    """Return how differently the answer was cut into events, None if it was not or one of them is not a stream."""
    if old.event_count is None or new.event_count is None:
        return None
    others = _leaves_of(new)
    boundaries = 0
    for path, values in _leaves_of(old).items():
        before, after = ([text for text in side if type(text) is str] for side in (values, others.get(path, [])))
        if before and after and "".join(before) == "".join(after):
            boundaries += len({*accumulate(map(len, before))} ^ {*accumulate(map(len, after))})
    is_same = not boundaries and old.event_count == new.event_count
    return None if is_same else ChunkingChange(old.event_count, new.event_count, boundaries)


# -- two texts, line by line, and within a line word by word

DiffMark: TypeAlias = Literal["same", "removed", "added", "changed", "skipped"]

_CJK: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts that put no space between words
_WORD: Final = re.compile(rf"[^\W{_CJK}]+|\s+|.", re.DOTALL)
_ALIKE: Final = 0.5
"""Lines with a smaller share of words in common are shown one below the other."""

_LONGEST_ALIGNED: Final = 2000
_CONTEXT: Final = 2


@dataclass(frozen=True, slots=True)
class DiffPiece:
    """A run of words: `same`, `removed` or `added`."""

    mark: DiffMark
    text: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of one text, or of both: `changed`, in pieces. A `skipped` one counts lines that are the same."""

    mark: DiffMark
    pieces: tuple[DiffPiece, ...]

    @property
    def text(self) -> str:
        """The text of all pieces, removed ones included."""
        return "".join(piece.text for piece in self.pieces)


def diff_lines(old: str, new: str) -> tuple[DiffLine, ...]:
    """Return the lines in which two texts differ, each run with two lines around it; none for equal texts."""
    if old == new:
        return ()
    before, after = (text.split("\n") if text else [] for text in (old, new))
    lines: list[DiffLine] = []
    for tag, old_start, old_end, new_start, new_end in _opcodes(before, after):
        if tag != "equal":
            lines += _changed_lines(before[old_start:old_end], after[new_start:new_end])
            continue
        same = after[new_start:new_end]
        head = same[:_CONTEXT] if new_start else []
        tail = same[len(head) :][-_CONTEXT:] if new_end < len(after) else []
        skipped = len(same) - len(head) - len(tail)
        lines += (_line("same", text) for text in head)
        if skipped:
            lines.append(_line("skipped", f"{skipped:,} line{'' if skipped == 1 else 's'} the same"))
        lines += (_line("same", text) for text in tail)
    return tuple(lines)


def _opcodes(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the runs of equal and of differing items, as difflib does, but in bounded time: equal ends are taken off."""
    shorter = min(len(before), len(after))
    start = next((index for index in range(shorter) if before[index] != after[index]), shorter)
    left = shorter - start
    end = next((index for index in range(left) if before[-1 - index] != after[-1 - index]), left)
    old_end, new_end = len(before) - end, len(after) - end
    if start:
        yield "equal", 0, start, 0, start
    if max(old_end, new_end) - start > _LONGEST_ALIGNED:
        yield "replace", start, old_end, start, new_end
    else:
        for tag, *indices in SequenceMatcher(None, before[start:old_end], after[start:new_end]).get_opcodes():
            yield tag, indices[0] + start, indices[1] + start, indices[2] + start, indices[3] + start
    if end:
        yield "equal", old_end, len(before), new_end, len(after)


def _changed_lines(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    removed: list[DiffLine] = []
    added: list[DiffLine] = []
    for old, new in zip_longest(before, after):
        line = _in_words(old, new) if old is not None and new is not None else None
        if line is not None:
            yield from (*removed, *added, line)
            removed, added = [], []
            continue
        if old is not None:
            removed.append(_line("removed", old))
        if new is not None:
            added.append(_line("added", new))
    yield from (*removed, *added)


def _in_words(old: str, new: str) -> DiffLine | None:
    """Return a line that shows which words differ, None if hardly any is the same."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    pieces: list[DiffPiece] = []
    removed = added = ""
    same = 0
    for tag, old_start, old_end, new_start, new_end in _opcodes(before, after):
        old_run, new_run = "".join(before[old_start:old_end]), "".join(after[new_start:new_end])
        if tag != "equal" or (new_run.isspace() and (removed or added) and new_end < len(after)):
            removed, added = removed + old_run, added + new_run  # a space between changed words joins them
            continue
        pieces += (DiffPiece("removed", removed), DiffPiece("added", added), DiffPiece("same", new_run))
        removed = added = ""
        same += _count_words(after[new_start:new_end])
    pieces += (DiffPiece("removed", removed), DiffPiece("added", added))
    if 2 * same < _ALIKE * (_count_words(before) + _count_words(after)):
        return None
    return DiffLine("changed", tuple(piece for piece in pieces if piece.text))


def _count_words(words: Iterable[str]) -> int:
    return sum(word[0].isalnum() for word in words)  # punctuation makes no two sentences alike


def _line(mark: DiffMark, text: str) -> DiffLine:
    return DiffLine(mark, (DiffPiece(mark, text),))

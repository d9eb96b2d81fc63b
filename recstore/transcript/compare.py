"""Two recordings compared as a person reads them: the lines of their review texts, and the members of their JSON.

Volatile members (ids, times, counts of tokens) make no difference. Of a stream, the text is compared, and where it is
the same, the values of each member over all events: an answer is cut into events differently each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final, Literal, TypeAlias

from recstore.content.deltas import ABSENT, Difference, JsonPath, differences
from recstore.content.volatile import CONSTANTS, DURATIONS, OPAQUE, TIMES, is_volatile_header
from recstore.model import Digest, RawBody, Recording, Request, Response, StreamBody
from recstore.text import plural
from recstore.transcript.body import as_object, compact, read_body
from recstore.transcript.render import review_texts

_IDS: Final = ("id", "call_id", "item_id", "previous_response_id", "tool_call_id", "tool_use_id", "toolUseId")
_VOLATILE: Final = frozenset(
    (
        *(*_IDS, *TIMES, *DURATIONS, *CONSTANTS, *OPAQUE, "response_id", "toolCallId", "trace_id", "event_id"),
        *("createdAt", "updated_at", "updatedAt", "duration", "latency", "elapsed", "signature", "metrics", "timings"),
        *("logprobs", "avg_logprobs", "avgLogprobs", "usage", "usage_metadata", "usageMetadata", "service_tier"),
        *("prompt_eval_count", "eval_count", "request_id", "requestId", "_request_id", "x_groq", "sequence_number"),
    )
)
"""Volatile members of an answer, and of the conversation in a request."""

_CONVERSATION: Final = frozenset(("contents", "input", "messages", "previous_response_id"))
_STORED_HEADERS: Final = re.compile("etag|last-modified|.*-region")
"""Volatile headers that are stored all the same."""

_PING: Final = {"type": "ping"}
"""An event of Anthropic's that says nothing, and comes at any time."""

_DEEPEST: Final = 100
"""Members below this depth are compared as a whole: a hostile value must not exhaust the stack."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between two requests or answers (or all of one): in review texts, in JSON, and in its volatile members."""

    is_same: bool = True
    lines: tuple[DiffLine, ...] = ()
    members: tuple[Difference, ...] = ()
    volatile: tuple[Difference, ...] = ()


def compare_recordings(old: Recording | None, new: Recording | None) -> tuple[Comparison, Comparison]:
    """Return the differences between the requests and between the answers of two recordings, of which one may be missing."""
    texts = [review_texts(recording) if recording is not None else ("", "") for recording in (old, new)]
    halves: list[Comparison] = []
    for index, name in enumerate(("request", "response")):
        lines = diff_lines(texts[0][index], texts[1][index])
        members: list[Difference] = []
        volatile: list[Difference] = []
        if old is not None and new is not None:
            sides = getattr(old, name), getattr(new, name)
            of_streams = () if lines else _stream_differences(*map(_stream_members, sides))
            for change in (*differences(_comparable(sides[0]), _comparable(sides[1])), *of_streams):
                (volatile if _is_volatile(change, name) else members).append(change)
        halves.append(Comparison(not (lines or members), lines, tuple(members), tuple(volatile)))
    return halves[0], halves[1]


def _comparable(half: Request | Response) -> dict[str, Any]:
    """Return all that counts, as one object."""
    members = {field.name: getattr(half, field.name) for field in fields(half) if field.name not in ("body", "reason")}
    headers: dict[str, str] = {}
    for name, value in half.headers:
        headers[name.lower()] = ", ".join(filter(None, (headers.get(name.lower()), value)))
    content = read_body(half.body, half.headers)
    body: Any = content.value if content.documents else content.text
    if content.event_count is not None:
        body = None  # `_stream_differences` compares it
    elif content.binary and isinstance(half.body, RawBody):
        body = f"{content.binary}, digest {Digest.of(half.body.data)[:12]}"
    return {**members, "headers": headers, "body": body}


def _stream_members(half: Request | Response) -> dict[JsonPath, list[Any]]:
    """Return all values of each member of the events; an element of an array is known by its `index`, if it has one."""
    members: dict[JsonPath, list[Any]] = {}

    def add(path: JsonPath, value: Any) -> None:
        if type(value) is dict and len(path) < _DEEPEST:
            for name, member in value.items():
                add((*path, name), member)
        elif type(value) is list and any(type(element) is dict for element in value) and len(path) < _DEEPEST:
            for element in value:
                index = as_object(element).get("index")
                add((*path, index) if type(index) is int else path, element)
        elif value not in (None, "", [], {}):
            members.setdefault(path, []).append(value)

    content = read_body(half.body, half.headers)
    if content.event_count is not None:
        for document in (*content.documents, content.text):
            add(("body",), document if document != _PING else None)
    if isinstance(half.body, StreamBody) and half.body.framing.startswith("sse"):
        for name in (as_object(event).get("event") for event in half.body.events):
            add(("body", "event"), name if name != _PING["type"] else None)
    return members


def _stream_differences(old: dict[JsonPath, list[Any]], new: dict[JsonPath, list[Any]]) -> Iterator[Difference]:
    """Yield the members that have neither the same text, however it is cut, nor the same set of values."""
    for path in dict.fromkeys((*old, *new)):
        sides = old.get(path, []), new.get(path, [])
        texts = ["".join(map(compact, values)) for values in sides]
        before, after = ({compact(value): value for value in values} for values in sides)
        if texts[0] != texts[1] and before.keys() != after.keys():
            shown = ([*values.values()] or [ABSENT] for values in (before, after))
            yield Difference(path, *(values if len(values) > 1 else values[0] for values in shown))


def _is_volatile(change: Difference, half: str) -> bool:
    names = [step for step in change.path if isinstance(step, str)]
    if half == "response" and names[0] == "headers":
        return is_volatile_header(names[-1]) or _STORED_HEADERS.fullmatch(names[-1]) is not None
    return (half == "response" or not _CONVERSATION.isdisjoint(names[1:2])) and not _VOLATILE.isdisjoint(names)


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


def diff_lines(old: str, new: str) -> tuple[DiffLine, ...]:
    """Return the lines in which two texts differ, each run with two lines around it; none for equal texts."""
    lines: list[DiffLine] = []
    blocks = _aligned(*(text.split("\n") if text else [] for text in (old, new))) if old != new else []
    for number, (tag, removed, added) in enumerate(blocks, 1):
        if tag == "equal":
            head = added[:_CONTEXT] if number > 1 else []
            tail = added[len(head) :][-_CONTEXT:] if number < len(blocks) else []
            skipped = len(added) - len(head) - len(tail)
            lines += (_line("same", text) for text in head)
            lines += [_line("skipped", f"{plural(skipped, 'line')} the same")] if skipped else []
            lines += (_line("same", text) for text in tail)
            continue
        gone: list[DiffLine] = []
        come: list[DiffLine] = []
        for before, after in zip_longest(removed, added):
            pieces = diff_words(before, after) if before is not None and after is not None else ()
            if pieces:
                lines += (*gone, *come, DiffLine("changed", pieces))
                gone, come = [], []
                continue
            gone += [_line("removed", before)] if before is not None else []
            come += [_line("added", after)] if after is not None else []
        lines += (*gone, *come)
    return tuple(lines)


def diff_words(old: str, new: str) -> tuple[DiffPiece, ...]:
    """Return two texts as one, in runs of words that are the same, removed or added; none if hardly any is the same."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    blocks = _aligned(before, after)
    pieces: list[DiffPiece] = []
    gone = come = ""
    same_count = 0
    for number, (tag, removed, added) in enumerate(blocks, 1):
        run = "".join(added)
        if tag != "equal" or (run.isspace() and (gone or come) and number < len(blocks)):
            gone, come = gone + "".join(removed), come + run  # a space between changed words joins them
            continue
        pieces += (DiffPiece("removed", gone), DiffPiece("added", come), DiffPiece("same", run))
        gone = come = ""
        same_count += _count_words(added)
    pieces += (DiffPiece("removed", gone), DiffPiece("added", come))
    if 2 * same_count < _ALIKE * (_count_words(before) + _count_words(after)):
        return ()
    return tuple(piece for piece in pieces if piece.text)


def _aligned(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, Sequence[str], Sequence[str]]]:
    """Return runs that are equal or differ, as difflib has them, but in bounded time: equal ends are taken off first."""
    shorter = min(len(before), len(after))
    start = next((index for index in range(shorter) if before[index] != after[index]), shorter)
    left = shorter - start
    end = next((index for index in range(left) if before[-1 - index] != after[-1 - index]), left)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    codes = [("replace", 0, len(old), 0, len(new))]
    if max(len(old), len(new)) <= _LONGEST_ALIGNED:
        codes = list(SequenceMatcher(None, old, new).get_opcodes())
    middle = [(tag, old[i:j], new[k:m]) for tag, i, j, k, m in codes]
    head, tail = before[:start], before[len(before) - end :]
    return [block for block in (("equal", head, head), *middle, ("equal", tail, tail)) if block[1] or block[2]]


def _count_words(words: Iterable[str]) -> int:
    return sum(word[0].isalnum() for word in words)  # punctuation makes no two sentences alike


def _line(mark: DiffMark, text: str) -> DiffLine:
    return DiffLine(mark, (DiffPiece(mark, text),))

"""What changes at every call and says nothing: minted ids, times, counts of tokens, places of chunks.

It is folded, never hidden: whoever reads a comparison is told the names.
"""

from __future__ import annotations

import re
from typing import Final

from recstore.content.deltas import JsonPath
from recstore.content.volatile import CONSTANTS, DURATIONS, OPAQUE, TIMES, is_volatile_header

_IDS: Final = frozenset(
    ("call_id", "id", "item_id", "previous_response_id", "tool_call_id", "tool_use_id", "toolCallId", "toolUseId")
)

_TURNS: Final = frozenset(("contents", "input", "messages"))

_VOLATILE: Final = (
    _IDS
    | TIMES
    | DURATIONS
    | CONSTANTS.keys()
    | OPAQUE
    | {
        *("createdAt", "updated_at", "duration", "latency", "elapsed", "signature"),
        *("sequence_number", "service_tier", "logprobs", "avg_logprobs", "avgLogprobs"),
        *(
            "usage",
            "usage_metadata",
            "usageMetadata",
            "prompt_eval_count",
            "eval_count",
            "metrics",
            "timings",
            "x_groq",
        ),
        *("event", "event_id", "output_index", "content_index", "summary_index", "index"),
        *("request_id", "requestId", "_request_id", "response_id", "trace_id"),
    }
)

_EVERYWHERE: Final = frozenset(
    ("id", "created", "created_at", "createdAt", "updated_at", "updatedAt", "request_id", "requestId", "trace_id")
)

_SHAPE: Final = frozenset(("type", "role", "object"))
"""What a piece of an answer is: a text or a call that came or went is shown itself."""

_HEADERS: Final = re.compile("etag|last-modified|.*-region")
"""Headers that are stored, and say nothing."""


def response_noise(path: JsonPath, *, is_known: bool) -> str:
    """Return the name under which a member of a response is folded, "" if it tells something.

    `is_known`: a transcript has made sense of the response. In any other JSON little is noise.
    """
    if is_known and path and path[-1] in _SHAPE:
        return str(path[-1])
    names = _VOLATILE if is_known else _EVERYWHERE
    return next((step for step in path if isinstance(step, str) and step in names), "")


def request_noise(path: JsonPath) -> str:
    """Return the same of a member of a request: only ids that an earlier answer had are noise, no others."""
    is_said = path[:1] == ("previous_response_id",) or path[0] in _TURNS
    return next((step for step in path if isinstance(step, str) and step in _IDS), "") if is_said else ""


def header_noise(path: JsonPath) -> str:
    """Return the same of a response's header, which is the last of `path`, in lower case."""
    name = str(path[-1])
    return f"header {name}" if is_volatile_header(name) or _HEADERS.fullmatch(name) else ""

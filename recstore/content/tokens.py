"""Token counts: how many tokens an answer of a language model accounts for."""

from __future__ import annotations

from typing import Any, Final

from recstore.model import Json, JsonBody, Response, StreamBody

_NAMES: Final = {
    "input": (
        *("input_tokens", "prompt_tokens", "prompt_token_count", "promptTokenCount"),
        *("total_input_tokens", "inputTokens", "prompt_eval_count"),
    ),
    "output": (
        *("output_tokens", "completion_tokens", "candidates_token_count", "candidatesTokenCount"),
        *("total_output_tokens", "outputTokens", "eval_count"),
    ),
    "reasoning": ("reasoning_tokens", "thoughts_token_count", "thoughtsTokenCount", "total_thought_tokens"),
    "cached": (
        *("cached_tokens", "cache_read_input_tokens", "cached_content_token_count"),
        *("cachedContentTokenCount", "total_cached_tokens"),
    ),
    "total": ("total_tokens", "total_token_count", "totalTokenCount", "totalTokens"),
}
_CACHE_INPUT: Final = ("cache_creation_input_tokens", "cache_read_input_tokens")
"""Anthropic counts these beside `input_tokens`, and gives no total."""


def count_tokens(usage: Any) -> dict[str, int]:
    """Return the counts in the `usage` object of an answer by kind, the greatest of each kind.

    Shape: a subset of `{"input": 3, "output": 4, "reasoning": 1, "cached": 2, "total": 7}`.
    """
    members = _as_object(usage)
    holders = [members, *(_as_object(members[name]) for name in members if name.endswith("_tokens_details"))]
    counts: dict[str, int] = {}
    for kind, names in _NAMES.items():
        found = [holder[name] for holder in holders for name in names if type(holder.get(name)) is int]
        if any(found):
            counts[kind] = max(found)
    return counts


def tokens_paid(response: Response) -> int:
    """Return the tokens that the response accounts for, 0 where it does not say."""
    body = response.body
    if isinstance(body, JsonBody):
        return _total(body.value)
    if not isinstance(body, StreamBody):
        return 0
    events = [event.get("data", event) if isinstance(event, dict) else None for event in body.events]
    last = next((total for total in map(_total, reversed(events)) if total), 0)
    first = _as_object(events[0]) if events else {}
    if first.get("type") == "message_start":  # Anthropic counts the input in the first event, the output in the last
        usage = _as_object(_as_object(first.get("message")).get("usage"))
        return last + count_tokens(usage).get("input", 0) + _cache_input(usage)
    return last


def _total(value: Json) -> int:
    answer = _as_object(value)
    usage = answer.get("usage") or _as_object(answer.get("response")).get("usage") or answer.get("usageMetadata")
    counts = count_tokens(usage or answer)  # Ollama has its counts beside the message
    if answer.get("type") == "message_delta":
        return counts.get("output", 0)
    return counts.get("total") or counts.get("input", 0) + counts.get("output", 0) + _cache_input(_as_object(usage))


def _cache_input(usage: dict[str, Any]) -> int:
    return sum(usage[name] for name in _CACHE_INPUT if type(usage.get(name)) is int)


def _as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

"""How many tokens an answer says were paid for: what a replayed one saves."""

from __future__ import annotations

from typing import Any, Final

from recstore.model import Json, JsonBody, Response, StreamBody

_PARTS: Final = (
    ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),  # Anthropic
    ("prompt_tokens", "completion_tokens"),  # OpenAI, where no total is given
)


def tokens_paid(response: Response) -> int:
    """Return the tokens that the response accounts for, 0 where it does not say."""
    body = response.body
    if isinstance(body, JsonBody):
        return _tokens(body.value)
    if isinstance(body, StreamBody):
        return _of_stream([_data(event) for event in body.events])
    return 0


def _data(event: Json) -> Any:
    return event.get("data", event) if isinstance(event, dict) else None


def _of_stream(events: list[Any]) -> int:
    """Return what the last event that says anything says; Anthropic counts the input at the start, the output at the end."""
    last = next((tokens for tokens in map(_tokens, reversed(events)) if tokens), 0)
    first = events[0] if events else None
    if isinstance(first, dict) and first.get("type") == "message_start":
        usage = _member(_member(first, "message"), "usage")
        return last + sum(_count(usage, name) for name in _PARTS[0] if name != "output_tokens")
    return last


def _tokens(value: Any) -> int:
    if not isinstance(value, dict):
        return 0
    usage = _member(value, "usage") or _member(_member(value, "response"), "usage")
    if value.get("type") == "message_delta":
        return _count(usage, "output_tokens")
    if usage:
        return _count(usage, "total_tokens") or max(sum(_count(usage, name) for name in names) for names in _PARTS)
    google = _member(value, "usageMetadata")
    return _count(google, "totalTokenCount") or _count(value, "prompt_eval_count") + _count(value, "eval_count")


def _member(value: dict[str, Any], name: str) -> dict[str, Any]:
    member = value.get(name)
    return member if isinstance(member, dict) else {}


def _count(usage: dict[str, Any], name: str) -> int:
    count = usage.get(name)
    return count if type(count) is int else 0

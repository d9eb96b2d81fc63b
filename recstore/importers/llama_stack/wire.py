"""What a client sent for a call that llama-stack's recorder wrote down, and the call again from what was sent.

The recorder notes the arguments of a client's method, and an endpoint that it has chosen for the method. Neither is
always what goes over the wire, where another client, which no recorder has patched, is to find the recording.

Source: openai-python, `_base_client.py`; ollama-python, `_client.py`; the recorder, June 2025 to May 2026.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from recstore.model import Json

_VERSION_SEGMENT: Final = "/v1"

_EXTRAS: Final = frozenset(("extra_body", "extra_query", "extra_headers", "timeout"))
"""Arguments that the openai client does not send as they are: it adds those of the first to the body, of the second to the query."""

_ELSEWHERE: Final = (("/api/embeddings", "input", "/api/embed"), ("/v1/completions", "messages", "/chat/completions"))
"""An endpoint as noted down, the argument that tells it is another, and where the request went.

The ollama client's `embed` has an endpoint of its own, and early recordings of chats bear that of plain completions.
"""

_ADDED: Final = {"/api/chat": "tools"}
"""Endpoint -> the list that the ollama client sends, empty, where it was not among the arguments."""


def sent_url(url: str, endpoint: str, arguments: Any) -> str:
    """Return the URL that the client called: the recorder joins a base that ends in /v1 and an endpoint that begins so."""
    if not endpoint or not url.endswith(endpoint):
        return url
    names = arguments if type(arguments) is dict else {}
    went_to = (
        path for noted, sign, path in _ELSEWHERE if noted == endpoint and sign in names and "prompt" not in names
    )
    return url.removesuffix(endpoint) + next(went_to, _without_version(endpoint))


def recorded_url(base: str, path: str, endpoint: str) -> str:
    """Return the URL that the recorder has noted down."""
    went_to = [sent for noted, _, sent in _ELSEWHERE if noted == endpoint]
    ending = next(filter(path.endswith, [*went_to, _without_version(endpoint)]), "")
    return base + path.removesuffix(ending) + endpoint if ending else base + path


def sent_body(arguments: Any, endpoint: str) -> tuple[Any, dict[str, Json]]:
    """Return the body that the client makes of its arguments, and what the origin must say to tell those again.

    The recorder notes those that are not sent as they are last. Anywhere else, or where both name the same member,
    nothing is known for sure, and the arguments stand for the body.
    """
    if type(arguments) is not dict:
        return arguments, {}
    added = _ADDED.get(endpoint)
    if added is not None and added not in arguments:
        return {**arguments, added: []}, {"added": added}
    if _EXTRAS.isdisjoint(arguments):
        return arguments, {}
    plain = {name: value for name, value in arguments.items() if name not in _EXTRAS}
    extras = {name: value for name, value in arguments.items() if name in _EXTRAS}
    members = _members(extras)
    if list(arguments) != [*plain, *extras] or not plain.keys().isdisjoint(members):
        return arguments, {}
    return {**plain, **members}, {"arguments": extras}


def sent_query(query: str, arguments: Any) -> str:
    """Return the query of the request, with what the arguments add to it."""
    added = arguments.get("extra_query") if type(arguments) is dict else None
    if type(added) is not dict or not all(type(value) in (str, int, float) for value in added.values()):
        return query
    return "&".join(filter(None, (query, urlencode(added))))


def recorded_body(body: Json, origin: dict[str, Any]) -> Json:
    """Return the arguments that the recorder has noted down."""
    extras, added = origin.get("arguments", {}), origin.get("added")
    if not isinstance(body, dict):
        return dict(extras) if extras else body
    plain = {name: value for name, value in body.items() if name != added and name not in _members(extras)}
    return {**plain, **extras}


def _members(extras: dict[str, Any]) -> dict[str, Json]:
    members = extras.get("extra_body")
    return members if type(members) is dict else {}


def _without_version(endpoint: str) -> str:
    return endpoint.removeprefix(_VERSION_SEGMENT) if endpoint.startswith(_VERSION_SEGMENT + "/") else endpoint

"""Rules under a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from recstore.rules.kinds import IgnoreJson, IgnoreQuery, Replace, Round, RuleSet, Scope

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_SEARCH_RESULTS: Final = (
    (r"score:\s*[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", "score: __NORMALIZED__"),
    # Begins at the first of several blanks only: a page of them would be searched from each.
    (r"(?:,|(?<![,\s]))\s*+attributes:\s*+\{[^}]*+\}", ""),
    (rf"document_id:\s*{_UUID}", "document_id: __NORMALIZED__"),
    (rf"<\|{_UUID}\|>", "<|__NORMALIZED__|>"),
)
"""What differs between two searches that found the same passages, as text in a prompt."""


def _llama_stack() -> RuleSet:
    """Return what llama-stack's recorder does to a request before it takes the hash that names the file.

    Arguments of tools, which no HTTP request carries, stay as they are. Bedrock is an upstream that has the
    word in its label, or in its host where it has no label of its own.

    Source: the recorder, `src/llama_stack/testing/api_recorder.py`, May 2026.
    """
    sent = Scope((("method", "POST"),))
    bedrock = Scope((("method", "POST"), ("upstream", "*bedrock*")))
    return RuleSet(
        (
            IgnoreJson(("extra_body", "project_id"), sent),
            IgnoreJson(("extra_query", "project_id"), sent),
            IgnoreJson(("project_id",), sent),  # where the client has put it into what it sends
            IgnoreQuery("project_id", sent),
            IgnoreJson(("stream_options",), bedrock),
            *(Replace(re.compile(pattern), replacement, scope=sent) for pattern, replacement in _SEARCH_RESULTS),
            Round(digits=5, text_from=4, scope=sent),
        )
    )


PRESETS: Final[Mapping[str, Callable[[], RuleSet]]] = MappingProxyType({"llama-stack": _llama_stack})
"""What makes the rules of each name."""

"""The preset `llama-stack` against the real corpus: file names that its recorder made of normalised requests.

A recording's file is named by a hash of what the recorder normalised, so that a name is evidence of what
it did, without its code. It has changed its rules since: a name made under earlier rules tells nothing. How
many names its rules of May 2026 explain was counted once with the recorder itself; the preset has to
explain as many.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from recstore.content.canonical import request_key
from recstore.model import JsonBody, Request
from recstore.rules import RuleSet, parse_rules
from recstore.upstreams import UpstreamMap

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

ANSWERED_TO_ANY_TEST = ("/api/tags", "/v1/models", "/v1/openai/v1/models")
"""Endpoints whose hash has no test id in it."""


@pytest.mark.parametrize(
    ("state", "recordings", "explained", "explained_by_rules_alone"),
    [("llama-stack-2025-10-22", 1649, 1184, 4), ("llama-stack-2025-12-01", 1480, 1358, 6)],
)
def test_the_preset_explains_as_many_names_as_the_recorders_own_rules(
    state: str, recordings: int, explained: int, explained_by_rules_alone: int
) -> None:
    """Some names are those of the request as sent; others need every step of the rules to be right."""
    rules = parse_rules([{"preset": "llama-stack"}], "test")
    documents = list(_corpus_documents(state))
    by_rules = {name for name, document in documents if _recorder_hash(document, rules) in name}
    as_sent = {name for name, document in documents if _recorder_hash(document, RuleSet()) in name}

    assert (recordings, explained, explained_by_rules_alone) == (
        len(documents),
        len(by_rules),
        len(by_rules - as_sent),
    )


@pytest.mark.parametrize(
    ("state", "as_sent", "under_the_preset"),
    [("llama-stack-2025-10-22", 956, 943), ("llama-stack-2025-12-01", 1150, 1117)],
)
def test_real_requests_that_differ_as_sent_are_equal_under_the_preset(
    state: str, as_sent: int, under_the_preset: int
) -> None:
    """The same question, asked again after another search, is another request and close enough."""
    rules = parse_rules([{"preset": "llama-stack"}], "test")
    requests = [_request_of(document) for _, document in _corpus_documents(state)]
    keys = {request_key(request) for request in requests}
    normalised_keys = {request_key(rules.normalised(request)) for request in requests}

    assert (as_sent, under_the_preset) == (len(keys), len(normalised_keys))


def test_the_preset_makes_no_two_requests_of_one_test_equal_that_the_recorder_kept_apart() -> None:
    """Requests are close enough exactly where the recorder's hash of them, test ids aside, is the same."""
    rules = parse_rules([{"preset": "llama-stack"}], "test")
    hash_of_key: dict[str, str] = {}
    mixed = []
    for name, document in _corpus_documents("llama-stack-2025-12-01"):
        hashed = _recorder_hash({**document, "test_id": None}, rules)
        key = request_key(rules.normalised(_request_of(document)))
        if hash_of_key.setdefault(key, hashed) != hashed:
            mixed.append(name)

    assert not mixed


def _corpus_documents(state: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the file name and the content of every recording of one state of the corpus."""
    folder = CORPUS / state
    if not folder.is_dir():
        pytest.skip(f"the corpus is not here: {folder}")
    for file in sorted(folder.rglob("*.json")):
        if "recordings" in file.parts:
            yield file.name, json.loads(file.read_bytes())


def _request_of(document: dict[str, Any]) -> Request:
    """Return the request in a recording: one to a tool has no URL, and its arguments are its body."""
    request = document["request"]
    if "tool_name" in request:
        return Request("CALL", request["provider"], f"/{request['tool_name']}", body=JsonBody(request["kwargs"]))
    address = UpstreamMap().address(request["url"])
    return Request(request["method"], address.upstream, address.path, address.query, body=JsonBody(request["body"]))


def _recorder_hash(document: dict[str, Any], rules: RuleSet) -> str:
    """Return the hash by which the recorder finds the request, normalised by `rules`."""
    request = document["request"]
    normal = rules.normalised(_request_of(document)).body
    assert isinstance(normal, JsonBody)
    if "tool_name" in request:
        hashed = {"provider": request["provider"], "tool_name": request["tool_name"], "kwargs": normal.value}
    else:
        endpoint = urlsplit(request["url"]).path
        hashed = {"method": request["method"].upper(), "endpoint": endpoint, "body": normal.value}
        if endpoint not in ANSWERED_TO_ANY_TEST:
            hashed["test_id"] = document.get("test_id")
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()

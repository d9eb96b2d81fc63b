"""What went over the wire for a call that the recorder wrote down, and the call again."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.importers.llama_stack_files import from_wire_body, from_wire_request, to_wire_request
from recstore.model import JsonBody, Request
from recstore.upstreams import UpstreamMap

OPENAI = "https://api.openai.com/v1"
OLLAMA = "http://localhost:11434"


def noted(base: str, endpoint: str, **arguments: Any) -> dict[str, Any]:
    """Return a request as the recorder notes it down."""
    return {
        "method": "POST",
        "url": base + endpoint,
        "headers": {},
        "body": arguments,
        "endpoint": endpoint,
        "model": "",
    }


def read(request: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
    """Return what was sent, and the origin."""
    return to_wire_request(request, UpstreamMap())


@pytest.mark.parametrize(
    ("request_noted", "path", "body"),
    [
        (noted(OPENAI, "/v1/chat/completions", messages=[]), "/v1/chat/completions", {"messages": []}),
        (noted(OPENAI, "/v1/completions", messages=[]), "/v1/chat/completions", {"messages": []}),
        (noted(OPENAI, "/v1/completions", prompt="x"), "/v1/completions", {"prompt": "x"}),
        (noted(OPENAI, "/v1/completions", prompt="x", extra_body={}), "/v1/completions", {"prompt": "x"}),
        (
            noted(OPENAI, "/v1/completions", prompt="", extra_body={"a": [1]}),
            "/v1/completions",
            {"prompt": "", "a": [1]},
        ),
        (noted(OPENAI, "/v1/completions", prompt="", timeout=5), "/v1/completions", {"prompt": ""}),
        (noted(OLLAMA, "/api/embeddings", input="x"), "/api/embed", {"input": "x"}),
        (noted(OLLAMA, "/api/embeddings", prompt="x"), "/api/embeddings", {"prompt": "x"}),
        (noted(OLLAMA, "/api/chat", messages=[]), "/api/chat", {"messages": [], "tools": []}),
        (noted(OLLAMA, "/api/chat", tools=[], messages=[]), "/api/chat", {"tools": [], "messages": []}),
    ],
)
def test_the_request_is_the_one_that_the_client_sent(request_noted: dict[str, Any], path: str, body: Any) -> None:
    """To where it sent it, with the body that it made of its arguments; and the call comes out as it was noted."""
    sent, origin = read(request_noted)

    assert (path, JsonBody(body)) == (sent.path, sent.body)
    again = from_wire_request("call", sent, None, origin)
    assert (request_noted["url"], request_noted["endpoint"]) == (again["url"], again["endpoint"])
    assert list(request_noted["body"].items()) == list(dict(from_wire_body(sent, origin)).items())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        {"extra_body": {"a": 1}, "prompt": "it came first"},
        {"a": 2, "extra_body": {"a": 1}},
        {"a": 2, "extra_body": {"a": 1}, "timeout": 5},
    ],
)
def test_what_is_not_known_for_sure_is_left_alone(arguments: dict[str, Any]) -> None:
    """The arguments stand for the body: which of two was sent, or how they stood, no origin tells."""
    sent, origin = read(noted(OPENAI, "/v1/completions", **arguments))

    assert (JsonBody(arguments), {"base": "https://api.openai.com"}) == (sent.body, origin)


def test_a_query_among_the_arguments_is_sent_as_one() -> None:
    """A list of models that is asked for with it is still a list, and a request without a body."""
    sent, origin = read(noted(OPENAI, "/v1/models", extra_query={"project_id": "a b"}))

    assert ("GET", "/v1/models", "project_id=a+b", None) == (sent.method, sent.path, sent.query, sent.body)
    assert {"extra_query": {"project_id": "a b"}} == from_wire_body(sent, origin)

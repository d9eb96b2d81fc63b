"""What the index keeps of a blob."""

from __future__ import annotations

import pytest

from recstore.errors import DamagedBlob
from recstore.model import (
    JsonBody,
    RawBody,
    Recording,
    Request,
    Response,
    StreamBody,
)
from recstore.store.blob import decode_recording
from recstore.store.index import BlobFacts


def _facts(request: Request, response: Response | None = None) -> BlobFacts:
    return BlobFacts.of(Recording(request, response or Response()))


MODELS = [
    ("/v1/chat", JsonBody({"model": "gpt-4o"}), "gpt-4o"),
    ("/v1/chat", JsonBody({"model": "gpt-4o"}, "indent-2"), "gpt-4o"),
    ("/v1/chat", JsonBody({"model": {"name": "gpt-4o"}}), ""),
    ("/v1/chat", JsonBody(["model"]), ""),
    ("/v1/chat", JsonBody({"models": "gpt-4o"}), ""),
    ("/v1/chat", RawBody(b"\xff"), ""),
    ("/v1/models", None, ""),
    ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", JsonBody({"contents": []}), "gemini-2.5-pro"),
    ("/openai/deployments/gpt-4o-eu/chat/completions", JsonBody({}), "gpt-4o-eu"),
    ("/openai/deployments/gpt-4o-eu/chat/completions", JsonBody({"model": "gpt-4o"}), "gpt-4o"),
    ("/model/anthropic.claude-v2%3A1/invoke", JsonBody({}), "anthropic.claude-v2:1"),
]


@pytest.mark.parametrize(("path", "body", "model"), MODELS)
def test_the_model_is_what_the_body_names_or_else_the_path(
    path: str, body: JsonBody | RawBody | None, model: str
) -> None:
    """A request names its model in its JSON body, or in its path as Google, Azure and Bedrock have it."""
    assert model == _facts(Request("POST", "openai", path, body=body)).model


RESPONSES = [
    (Response(), None, False, False),
    (Response(status=200, body=JsonBody({"events": [], "error": 1})), 200, False, False),
    (Response(status=200, body=StreamBody("objects", [{"a": 1}, {"a": 2}])), 200, True, False),
    (Response(status=399), 399, False, False),
    (Response(status=400), 400, False, True),
    (Response(error={"type": "TimeoutError"}), None, False, True),
    (Response(error={}), None, False, True),
    (Response(status=1 << 63), 1 << 63, False, True),
]


@pytest.mark.parametrize(("response", "status", "is_stream", "is_error"), RESPONSES)
def test_status_stream_and_error_are_those_of_the_response(
    response: Response, status: int | None, *, is_stream: bool, is_error: bool
) -> None:
    """A raised error and a status from 400 are errors, events are a stream; a body's own members are neither."""
    found = _facts(Request("GET", "openai", "/v1/models"), response)

    assert (status, is_stream, is_error) == (found.status, found.is_stream, found.is_error)


@pytest.mark.parametrize("response", [b"", b',"response":[]', b',"response":{"status":"200"}'])
def test_a_blob_without_a_response_is_damaged(response: bytes) -> None:
    """The index has no facts of it."""
    data = b'{"recstore":1,"request":{"method":"GET","upstream":"a","path":"/"}' + response + b"}"

    with pytest.raises(DamagedBlob, match="response"):
        decode_recording(data, "a blob")

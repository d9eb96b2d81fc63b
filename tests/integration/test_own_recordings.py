"""Recordings in this repository's own `.recstore`: whatever has been recorded replays, by every later version.

    pytest tests/integration/test_own_recordings.py -p no:randomly --recstore=record-if-missing

records what is new, with the loopback server of these tests. What is there already is left as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from tests.clients import openai
from tests.loopback import WORDS, serving

PORT = 8766
BASE = f"http://127.0.0.1:{PORT}"
MESSAGES: Any = [{"role": "user", "content": "Where do people live?"}]


@pytest.fixture(scope="module", autouse=True)
def _upstream(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the server, but only where something is to be recorded."""
    if request.config.getoption("recstore") in (None, "replay"):
        yield
        return
    with serving(PORT):
        yield


@pytest.fixture
def client() -> Iterator[Any]:
    """Return the client of openai, with a key that is none."""
    with openai.OpenAI(base_url=f"{BASE}/v1", api_key="not a key", max_retries=0) as opened:
        yield opened


def test_chat(client: Any) -> None:
    """A plain answer, with its usage."""
    answer = client.chat.completions.create(model="demo-1", messages=MESSAGES)

    assert ("Humans live on Earth.", 15) == (answer.choices[0].message.content, answer.usage.total_tokens)
    assert answer.id.startswith("chatcmpl-")


def test_streamed_chat(client: Any) -> None:
    """A stream, event by event."""
    stream = client.chat.completions.create(model="demo-1", messages=MESSAGES, stream=True)

    assert list(WORDS) == [chunk.choices[0].delta.content for chunk in stream]


def test_the_same_chat_twice(client: Any) -> None:
    """A request that is made twice is answered twice, under ids of its own."""
    first, second = (client.chat.completions.create(model="demo-1", messages=MESSAGES) for _ in range(2))

    assert first.choices == second.choices
    assert first.id != second.id


def test_embedding(client: Any) -> None:
    """Numbers come as they were; the client asks for base64, and may get a list."""
    answer = client.embeddings.create(model="e", input="a", encoding_format="float")

    assert [0.25, -0.5] == answer.data[0].embedding[:2]


def test_gzip_with_requests() -> None:
    """An answer that came compressed."""
    assert {"packed"} == set(requests.get(f"{BASE}/gzip", timeout=5).json())


def test_an_error_with_httpx() -> None:
    """A status that tells of an error, and its body."""
    response = httpx.get(f"{BASE}/teapot")

    assert 418 == response.status_code
    assert response.json()["error"]["message"].startswith("no coffee")


def test_a_broken_stream_with_httpx() -> None:
    """A stream that broke breaks again, after what had come."""
    with httpx.stream("GET", f"{BASE}/broken") as response:
        parts = response.iter_raw()

        assert b"data: one\n\n" == next(parts)
        with pytest.raises(httpx.RemoteProtocolError):
            next(parts)


async def _lines() -> list[bytes]:
    sent = {"model": "demo-1", "messages": MESSAGES, "stream": True}
    async with aiohttp.ClientSession() as session, session.post(f"{BASE}/v1/chat/completions", json=sent) as response:
        return [line async for line in response.content if line.strip()]


def test_a_stream_with_aiohttp() -> None:
    """A stream of events, as lines."""
    import asyncio

    lines = asyncio.run(_lines())

    assert len(WORDS) + 1 == len(lines)
    assert b"data: [DONE]\n" == lines[-1]

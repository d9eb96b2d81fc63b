"""The real openai client: recorded once, replayed with no server and no key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import recstore
from recstore.errors import ReplayMiss
from recstore.store import Store
from tests.clients import openai
from tests.loopback import WORDS, serving

MESSAGES: Any = [{"role": "user", "content": "Where do people live?"}]
SENTENCE = "".join(WORDS)


def client(base: str) -> Any:
    """Return a client whose key is none."""
    return openai.OpenAI(base_url=f"{base}/v1", api_key="not a key", max_retries=0)


def chat(base: str) -> Any:
    """Ask plainly."""
    with client(base) as opened:
        answer = opened.chat.completions.create(model="demo-1", messages=MESSAGES)
    return answer.choices[0].message.content, answer.usage.total_tokens


def streamed(base: str) -> Any:
    """Ask for a stream."""
    with client(base) as opened:
        stream = opened.chat.completions.create(model="demo-1", messages=MESSAGES, stream=True)
        return [chunk.choices[0].delta.content for chunk in stream]


def streamed_async(base: str) -> Any:
    """Ask for a stream, asynchronously."""

    async def asked() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="not a key") as opened:
            stream = await opened.chat.completions.create(model="demo-1", messages=MESSAGES, stream=True)
            return [chunk.choices[0].delta.content async for chunk in stream]

    return asyncio.run(asked())


def embedding(base: str) -> Any:
    """Ask for an embedding."""
    with client(base) as opened:
        return opened.embeddings.create(model="e", input="one", encoding_format="float").data[0].embedding


def raw(base: str) -> Any:
    """Ask for the response itself."""
    with client(base) as opened:
        response = opened.chat.completions.with_raw_response.create(model="demo-1", messages=MESSAGES)
        return response.status_code, response.parse().choices[0].message.content


@pytest.mark.parametrize("ask", [chat, streamed, streamed_async, embedding, raw])
def test_the_client_gets_the_same_again(tmp_path: Path, ask: Any) -> None:
    """Whatever it asks for, the client gets from the store what it got from the server."""
    Store.create(tmp_path)
    with serving() as upstream, recstore.use("a test", mode="record", project=tmp_path):
        live = ask(upstream.base)
    with recstore.use("a test", project=tmp_path) as used:
        again = ask(upstream.base)

    assert live == again
    assert used.report is not None
    assert 1 == used.report.requests_saved


def test_recording_the_same_answer_again_changes_no_byte(tmp_path: Path) -> None:
    """New ids and new times are no change."""
    store = Store.create(tmp_path)
    seen = []
    for _ in range(2):
        with serving() as upstream, recstore.use("a test", mode="record", project=tmp_path):
            chat(upstream.base)
            chat(upstream.base)
            streamed(upstream.base)
        seen.append(
            {
                file.name: Path(file.path).read_bytes()
                for folder in ("blobs", "tests")
                for file in store.directory.walk(folder)
            }
        )

    assert seen[0] == seen[1]


def test_a_miss_that_the_client_wraps_is_told_in_the_end(tmp_path: Path) -> None:
    """The client makes a connection error of it; the block ends with the miss itself, and the differences."""
    Store.create(tmp_path)
    with serving() as upstream, recstore.use("a test", mode="record", project=tmp_path):
        chat(upstream.base)
    other: Any = [{"role": "user", "content": "Where do whales live?"}]

    def swallowed() -> None:
        with client(upstream.base) as opened, pytest.raises(openai.APIConnectionError):
            opened.chat.completions.create(model="demo-1", messages=other)

    with pytest.raises(ReplayMiss, match="whales"), recstore.use("a test", project=tmp_path):
        swallowed()

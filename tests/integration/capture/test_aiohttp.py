"""What aiohttp's client got live it gets again: chunks, errors, redirects, uploads of every kind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import recstore
from recstore.capture import release_clients
from recstore.errors import ReplayMiss
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.loopback import serving

Ask = Callable[[aiohttp.ClientSession, str], Awaitable[Any]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a store."""
    Store.create(tmp_path)
    return tmp_path


def answered(ask: Ask, base: str, **options: Any) -> Any:
    """Return what `ask` gets with a client of its own."""

    async def asked() -> Any:
        async with aiohttp.ClientSession(**options) as client:
            return await ask(client, base)

    return asyncio.run(asked())


def both(project: Path, ask: Ask, **options: Any) -> tuple[Any, Any]:
    """Return what `ask` gets live, and what it gets when the server has gone."""
    with serving() as upstream, recstore.use("a test", mode="record", project=project):
        live = answered(ask, upstream.base, **options)
    with recstore.use("a test", project=project):
        again = answered(ask, upstream.base, **options)

    assert () == verify_store(Store.open(project)).problems
    return live, again


async def chunks(client: aiohttp.ClientSession, url: str, **arguments: Any) -> list[Any]:
    """Return each chunk with whether it is a whole one, and the error at the end."""
    seen: list[Any] = []
    async with client.post(url, **arguments) as response:
        try:
            async for chunk in response.content.iter_chunks():
                seen += [chunk] if chunk[0] else []  # at the end an empty one may come, or not
        except aiohttp.ClientError as error:
            seen.append((type(error), str(error)))
    return seen


def test_a_stream_comes_event_by_event(project: Path) -> None:
    """Each event of a stream is a chunk of its own, live and again; ids are generated, the texts are the same."""
    sent = {"model": "m", "stream": True}
    live, again = both(project, lambda client, base: chunks(client, f"{base}/v1/chat/completions", json=sent))

    assert 7 == len(live) == len(again)
    assert [data.rpartition(b'"choices"')[2] for data, _ in live] == [
        data.rpartition(b'"choices"')[2] for data, _ in again
    ]
    assert all(is_whole for _, is_whole in (*live, *again))


def test_a_live_stream_is_passed_on_at_once(project: Path) -> None:
    """An event is there before the server sends the next one."""

    async def ask(client: aiohttp.ClientSession, base: str) -> list[bytes]:
        async with client.get(f"{base}/waiting") as response:
            first = await response.content.readuntil(b"\n\n")
            upstream.may_go_on.set()
            return [first, await response.content.read()]

    with serving() as upstream, recstore.use("a test", mode="record", project=project):
        live = answered(ask, upstream.base)
    with recstore.use("a test", project=project):
        again = answered(ask, upstream.base)

    assert [b"data: first\n\n", b"data: second\n\n"] == live == again


def test_a_broken_stream_breaks_again(project: Path) -> None:
    """What came before comes, then the same error."""
    live, again = both(project, lambda client, base: chunks(client, f"{base}/broken"))

    assert (b"data: one\n\n", True) == live[0]
    assert aiohttp.ClientPayloadError is live[1][0]
    assert live == again


async def _error(client: aiohttp.ClientSession, url: str) -> tuple[type, str]:
    with pytest.raises((aiohttp.ClientError, TimeoutError)) as caught:
        async with client.get(url) as response:
            await response.read()
    return caught.type, str(caught.value)


@pytest.mark.parametrize("timeout", [{"sock_read": 0.3}, {"total": 0.3}], ids=["sock_read", "total"])
def test_a_timeout_is_one_again(project: Path, timeout: dict[str, float]) -> None:
    """A server that stops sending is recorded as the timeout that the client raised."""
    options = {"timeout": aiohttp.ClientTimeout(**timeout)}
    live, again = both(project, lambda client, base: _error(client, f"{base}/waiting"), **options)

    assert issubclass(live[0], TimeoutError)
    assert live == again


def test_a_refused_connection_is_refused_again(project: Path) -> None:
    """The exception's class and text are the recorded ones."""
    with serving() as upstream:
        pass
    with recstore.use("a test", mode="record", project=project):
        live = answered(_error, f"{upstream.base}/gone")
    with recstore.use("a test", project=project):
        again = answered(_error, f"{upstream.base}/gone")

    assert aiohttp.ClientConnectorError is live[0]
    assert live == again


async def _pieces() -> AsyncIterator[bytes]:
    yield b"piece by "
    yield b"piece"


def _form() -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("name", "value")
    form.add_field("file", b"\x00\xff", filename="a.bin", content_type="application/octet-stream")
    return form


@pytest.mark.parametrize(
    "body", [_pieces, _form, lambda: io.BytesIO(b"of a file"), lambda: "text", lambda: {"a": "form"}]
)
def test_whatever_is_uploaded_arrives_and_is_known_again(project: Path, body: Callable[[], Any]) -> None:
    """The server gets the whole body, and the same body finds the recording; a multipart boundary does not count."""

    async def ask(client: aiohttp.ClientSession, base: str) -> Any:
        async with client.post(f"{base}/upload", data=body()) as response:
            return await response.json()

    live, again = both(project, ask)

    assert live == again
    assert live["echo"]


def test_another_body_is_a_miss(project: Path) -> None:
    """Nothing is served for a request that was not recorded."""

    async def ask(client: aiohttp.ClientSession, base: str) -> int:
        async with client.post(f"{base}/json", json={"q": question}) as response:
            return response.status

    question = "one"
    with serving() as upstream, recstore.use("a test", mode="record", project=project):
        answered(ask, upstream.base)
    question = "another"
    with pytest.raises(ReplayMiss, match="another"), recstore.use("a test", project=project):
        answered(ask, upstream.base)


def test_many_at_once_get_their_own_answers(project: Path) -> None:
    """Tasks that ask at the same time do not get each other's answers."""

    async def one(client: aiohttp.ClientSession, base: str, number: int) -> str:
        async with client.post(f"{base}/json", json={"q": number}) as response:
            return str((await response.json())["echo"])

    async def ask(client: aiohttp.ClientSession, base: str) -> list[str]:
        return await asyncio.gather(*(one(client, base, number) for number in range(40)))

    live, again = both(project, ask)

    assert [f'{{"q": {number}}}' for number in range(40)] == live == again


def test_it_is_left_alone_outside(project: Path) -> None:
    """After `release_clients` the client is what it was."""
    connect, start = aiohttp.BaseConnector.connect, aiohttp.ClientResponse.start
    with recstore.use("a test", mode="live", project=project):
        pass
    release_clients()

    assert connect is not aiohttp.BaseConnector.connect
    assert start is not aiohttp.ClientResponse.start
    assert "aiohttp" in aiohttp.BaseConnector.connect.__module__
    assert "recstore" not in aiohttp.BaseConnector.connect.__module__

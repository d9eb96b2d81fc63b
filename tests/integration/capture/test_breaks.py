"""What goes wrong on the way is recorded too: replay raises the same, after the same bytes, with nobody there."""

from __future__ import annotations

import asyncio
import http.client
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import urllib3

import recstore
from recstore.store import Store
from tests.clients import anthropic, genai, ollama, openai
from tests.raw_server import CUT, RESET, Asked, Script, Step, chunked, head, serving_raw, sized
from tests.rehearsal import rehearsed

httpx2 = pytest.importorskip("httpx2")

TIMEOUT_S = 0.3
EVENTS = (b"data: one\n\n", b"data: two\n\n")
KEY = "not a key, and long enough"
BROKEN: dict[str, list[Step]] = {
    "fewer bytes than promised": [head(content_length="20", content_type="text/plain") + b"only ten!!", CUT],
    "no last chunk": chunked(*EVENTS, is_whole=False, content_type="text/event-stream"),
    "reset within the body": [head(content_length="20", content_type="text/plain") + b"only ten!!", 0.1, RESET],
    "silence within the body": [*chunked(*EVENTS, content_type="text/event-stream")[:-1], 5.0],
    "no answer": [CUT],
    "reset": [RESET],
    "no HTTP": [b"SSH-2.0-x\r\n\r\n", CUT],
    "silence": [5.0],
}
"""What goes wrong -> the server's part in it."""


def outcome(take: Callable[[list[bytes]], Any]) -> Any:
    """Return the bytes that came, and the error by its class and its words."""
    found: list[bytes] = []
    try:
        take(found)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return b"".join(found), type(error), str(error.args[0] if error.args else "").partition(" at 0x")[0]
    return b"".join(found), None, ""


def of_httpx(module: Any) -> Callable[[str], Any]:
    """Return what reads a stream with httpx or httpx2."""

    def ask(url: str) -> Any:
        def take(found: list[bytes]) -> None:
            with module.stream("GET", url, timeout=TIMEOUT_S) as response:
                found += response.iter_raw()  # extends as it goes

        return outcome(take)

    return ask


def of_httpx_async(url: str) -> Any:
    """Read asynchronously."""

    async def read(found: list[bytes]) -> None:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client, client.stream("GET", url) as response:
            async for piece in response.aiter_raw():
                found.append(piece)  # noqa: PERF401 - what came before the error counts

    return outcome(lambda found: asyncio.run(read(found)))


def of_requests(url: str) -> Any:
    """Read piece by piece with requests."""

    def take(found: list[bytes]) -> None:
        with requests.get(url, timeout=TIMEOUT_S, stream=True) as response:
            found += response.iter_content(7)

    return outcome(take)


def of_urllib3(url: str) -> Any:
    """Read at once with urllib3."""

    def take(found: list[bytes]) -> None:
        with urllib3.PoolManager(retries=False) as pool:
            found.append(pool.request("GET", url, timeout=TIMEOUT_S).data)

    return outcome(take)


def of_urllib3_stream(url: str) -> Any:
    """Read piece by piece with urllib3."""

    def take(found: list[bytes]) -> None:
        with urllib3.PoolManager(retries=False) as pool:
            response = pool.request("GET", url, timeout=TIMEOUT_S, preload_content=False)
            found += response.stream(7)

    return outcome(take)


def of_urllib(url: str) -> Any:
    """Read at once with urllib.request."""

    def take(found: list[bytes]) -> None:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:  # noqa: S310 - of the loopback server
            found.append(response.read())

    return outcome(take)


def of_http_client(url: str) -> Any:
    """Read into a buffer with http.client."""

    def take(found: list[bytes]) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=TIMEOUT_S)
        try:
            connection.request("GET", "/")
            response, buffer = connection.getresponse(), bytearray(7)
            while size := response.readinto(buffer):
                found.append(bytes(buffer[:size]))
        finally:
            connection.close()

    return outcome(take)


CLIENTS: dict[str, Callable[[str], Any]] = {
    "httpx": of_httpx(httpx),
    "httpx2": of_httpx(httpx2),
    "httpx async": of_httpx_async,
    "requests": of_requests,
    "urllib3": of_urllib3,
    "urllib3 stream": of_urllib3_stream,
    "urllib": of_urllib,
    "http.client": of_http_client,
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("client", CLIENTS)
def test_it_breaks_again_in_the_same_way(tmp_path: Path, client: str, broken: str) -> None:
    """Live, recorded and replayed: the same bytes, then an error of the same class, in the same words."""
    done = rehearsed(tmp_path, lambda: lambda _: BROKEN[broken], CLIENTS[client])

    assert done.plain == done.recorded[0] == done.recorded[1] == done.replayed
    assert done.is_unchanged
    is_unseen = client == "http.client" and broken == "fewer bytes than promised"  # its readinto says nothing of it
    assert is_unseen == (done.plain[1] is None)


def recorded_by(project: Path, broken: str, ask: Callable[[str], Any]) -> str:
    """Return a URL whose broken answer is recorded."""
    Store.create(project)
    with (
        serving_raw(lambda _: BROKEN[broken]) as server,
        recstore.use("a test", mode="record", project=project),
    ):
        ask(server.base)
    return server.base


@pytest.mark.parametrize(
    "broken", ["fewer bytes than promised", "no last chunk", "silence within the body", "no answer"]
)
@pytest.mark.parametrize(("recorder", "player"), [("httpx", "requests"), ("requests", "httpx"), ("urllib", "httpx2")])
def test_what_one_client_recorded_breaks_another(tmp_path: Path, recorder: str, player: str, broken: str) -> None:
    """A recording is nobody's: another client raises what it would have raised itself."""
    url = recorded_by(tmp_path, broken, CLIENTS[recorder])
    with serving_raw(lambda _: BROKEN[broken]) as server:
        own = CLIENTS[player](server.base)
    with recstore.use("a test", project=tmp_path):
        replayed = CLIENTS[player](url)

    assert own[1] == replayed[1] is not None
    assert recorder == "urllib" or own[0] == replayed[0]


# -- the clients of models


def _outcome(ask: Callable[[], Any]) -> Any:
    """Return the class of the error, of its cause where that is a client's, and its status."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - whatever it is
        cause = type(error.__cause__)
        status = getattr(error, "status_code", getattr(error, "code", None))
        return type(error), cause if cause.__module__.startswith("httpx") else None, status


def of_openai(base: str, retries: int = 0) -> Any:
    """Ask for a stream, and read it to its end."""
    with openai.OpenAI(base_url=base, api_key=KEY, max_retries=retries, timeout=TIMEOUT_S) as client:
        stream = client.chat.completions.create(model="m", messages=[], stream=True)
        return [chunk.choices[0].delta.content for chunk in stream]


def of_openai_async(base: str) -> Any:
    """Do so asynchronously."""

    async def asked() -> Any:
        async with openai.AsyncOpenAI(base_url=base, api_key=KEY, max_retries=0, timeout=TIMEOUT_S) as client:
            stream = await client.chat.completions.create(model="m", messages=[], stream=True)
            return [chunk async for chunk in stream]

    return asyncio.run(asked())


def of_anthropic(base: str) -> Any:
    """Ask for a message."""
    with anthropic.Anthropic(base_url=base, api_key=KEY, max_retries=0, timeout=TIMEOUT_S) as client:
        return client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}])


def of_ollama(base: str) -> Any:
    """Ask for a stream of lines."""
    with ollama.Client(host=base, timeout=TIMEOUT_S) as client:
        return list(client.generate(model="m", prompt="?", stream=True))


def of_genai(base: str) -> Any:
    """Ask for content."""
    client = genai.Client(api_key=KEY, http_options={"base_url": base, "timeout": int(1000 * TIMEOUT_S)})
    try:
        return client.models.generate_content(model="m", contents="?")
    finally:
        client.close()


def _status(status: str) -> list[Step]:
    return sized(b'{"error": {"type": "overloaded_error", "message": "No."}}', status, content_type="application/json")


CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"one"}}]}\n\n'
ANSWERS: dict[str, list[Step]] = {
    **{name: BROKEN[name] for name in ("no answer", "reset", "silence", "fewer bytes than promised")},
    "a stream that breaks": chunked(CHUNK, is_whole=False, content_type="text/event-stream"),
    "400": _status("400 Bad Request"),
    "401": _status("401 Unauthorized"),
    "429": _status("429 Too Many Requests"),
    "500": _status("500 Internal Server Error"),
    "529": _status("529 Overloaded"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("ask", [of_openai, of_openai_async, of_anthropic, of_ollama, of_genai])
def test_clients_of_models_fail_again(tmp_path: Path, ask: Callable[[str], Any], answer: str) -> None:
    """The exception is the client's own, with the same cause and the same status."""
    done = rehearsed(tmp_path, lambda: lambda _: ANSWERS[answer], lambda base: _outcome(lambda: ask(base)))

    assert done.plain == done.recorded[0] == done.recorded[1] == done.replayed
    assert done.is_unchanged
    assert (
        isinstance(done.plain, tuple) or answer == "a stream that breaks"
    )  # which is an answer to who reads a message
    assert KEY.encode() not in done.everything


def _well_in_the_end(failures: int) -> Script:
    """Return a server that says 429 so many times, and that there is no need to wait."""
    told: list[Asked] = []

    def script(asked: Asked) -> list[Step]:
        told.append(asked)
        if len(told) <= failures:
            return sized(b"{}", "429 Too Many Requests", retry_after_ms="1", retry_after="0")
        return chunked(CHUNK, b"data: [DONE]\n\n", content_type="text/event-stream")

    return script


def test_each_try_is_a_call(tmp_path: Path) -> None:
    """The client tries again by itself, live and from the store; each time is a recording of its own."""
    done = rehearsed(tmp_path, lambda: _well_in_the_end(2), lambda base: of_openai(base, retries=2))

    assert ["one"] == done.plain == done.recorded[1] == done.replayed
    assert 3 == done.requests
    assert done.is_unchanged

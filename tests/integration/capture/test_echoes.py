"""Keys, wherever a client puts one and wherever a server repeats it: none is in any file of the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

from tests.clients import anthropic, genai, ollama, openai
from tests.keys import KEYS
from tests.raw_server import Asked, Step, chunked, sized
from tests.rehearsal import Rehearsal, rehearsed

httpx2 = pytest.importorskip("httpx2")

PLAIN = "Plain7Words8Without9Shape0"
"""A secret that is known by its place alone."""
HEADERS = ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "x-auth-token", "cookie")
QUERY = ("key", "api_key", "api-key", "apikey", "access_token", "token", "sig", "signature", "X-Amz-Signature")


def echoing(asked: Asked) -> list[Step]:
    """Repeat all that was sent: in a header, and in the body; as an error, a stream of events or of lines, or JSON."""
    text = json.dumps([asked.target, dict(asked.headers), asked.body.decode("latin-1")])
    path = asked.target.partition("?")[0]
    if path.endswith("error"):
        return sized(json.dumps({"error": {"message": f"Not with {text}"}}).encode(), "401 No", x_said=asked.target)
    pieces = [text[at : at + 11] for at in range(0, len(text), 11)]
    if path.endswith("events"):
        said = [b"data: " + json.dumps({"delta": piece}).encode() + b"\n\n" for piece in pieces]
        return chunked(*said, content_type="text/event-stream")
    if path.endswith("lines"):
        return chunked(
            *(json.dumps({"message": piece}).encode() + b"\n" for piece in pieces), content_type="application/x-ndjson"
        )
    return sized(text.encode(), content_type="application/json", x_said=asked.target, set_cookie=f"session={PLAIN}")


def of_httpx(url: str, headers: dict[str, str], body: Any) -> Any:
    """Send with httpx."""
    return httpx.post(url, headers=headers, json=body).status_code


def of_httpx2(url: str, headers: dict[str, str], body: Any) -> Any:
    """Send with httpx2."""
    return httpx2.post(url, headers=headers, json=body).status_code


def of_requests(url: str, headers: dict[str, str], body: Any) -> Any:
    """Send with requests."""
    return requests.post(url, headers=headers, json=body, timeout=5).status_code


def of_urllib3(url: str, headers: dict[str, str], body: Any) -> Any:
    """Send with urllib3."""
    with urllib3.PoolManager() as pool:
        return pool.request("POST", url, headers=headers, json=body).status


def of_aiohttp(url: str, headers: dict[str, str], body: Any) -> Any:
    """Send with aiohttp."""

    async def asked() -> Any:
        async with aiohttp.ClientSession() as session, session.post(url, headers=headers, json=body) as got:
            await got.read()
            return got.status

    return asyncio.run(asked())


def _is_clean(done: Rehearsal, secret: str) -> None:
    assert done.plain == done.recorded[0] == done.replayed
    assert [] == [name for name, data in done.stored[1].items() if secret.encode() in data]
    for length in (11, 16):  # no long piece of it either
        pieces = {secret[at : at + length] for at in range(len(secret) - length + 1)}
        assert [] == [piece for piece in pieces if piece.encode() in done.everything]


@pytest.mark.parametrize("path", ["json", "error", "events", "lines"])
@pytest.mark.parametrize("client", [of_httpx, of_httpx2, of_requests, of_urllib3, of_aiohttp])
def test_keys_that_are_known_by_their_shape(tmp_path: Path, client: Callable[..., Any], path: str) -> None:
    """In every header, in the query, in the body under any name; and all of it repeated."""
    key = KEYS["OpenAI"]
    headers = {name: f"Bearer {key}" if name == "authorization" else key for name in HEADERS}
    body = {"q": f"My key is {key}.", "password": key, "nested": [{"api_key": key}]}

    done = rehearsed(tmp_path, lambda: echoing, lambda base: client(f"{base}/{path}?key={key}&q={key}", headers, body))

    _is_clean(done, key)


@pytest.mark.parametrize("path", ["json", "error", "events", "lines"])
@pytest.mark.parametrize("header", HEADERS)
def test_keys_that_are_known_by_their_header(tmp_path: Path, header: str, path: str) -> None:
    """Without any shape of their own: a server that repeats them does not get them onto the disk."""
    value = {"authorization": f"Token {PLAIN}", "cookie": f"session={PLAIN}"}.get(header, PLAIN)
    done = rehearsed(tmp_path, lambda: echoing, lambda base: of_httpx(f"{base}/{path}", {header: value}, {}))

    _is_clean(done, PLAIN)


@pytest.mark.parametrize("path", ["json", "error", "events"])
@pytest.mark.parametrize("name", QUERY)
def test_keys_that_are_known_by_their_parameter(tmp_path: Path, name: str, path: str) -> None:
    """The same of a query's."""
    done = rehearsed(tmp_path, lambda: echoing, lambda base: of_requests(f"{base}/{path}?{name}={PLAIN}", {}, {}))

    _is_clean(done, PLAIN)


def _with_openai(base: str) -> Any:
    with openai.OpenAI(base_url=f"{base}/error", api_key=PLAIN, max_retries=0) as client:
        client.chat.completions.create(model="m", messages=[])


def _with_azure(base: str) -> Any:
    options = {"azure_endpoint": f"{base}/error", "api_key": PLAIN, "api_version": "1", "max_retries": 0}
    with openai.AzureOpenAI(**options) as client:
        client.chat.completions.create(model="m", messages=[])


def _with_anthropic(base: str) -> Any:
    with anthropic.Anthropic(base_url=base, api_key=PLAIN, max_retries=0) as client:
        client.post("/error", cast_to=object, body={})


def _with_ollama(base: str) -> Any:
    with ollama.Client(host=f"{base}/error", headers={"authorization": f"Bearer {PLAIN}"}) as client:
        client.chat(model="m", messages=[])


def _with_genai(base: str) -> Any:
    client = genai.Client(api_key=PLAIN, http_options={"base_url": base, "api_version": "error"})
    try:
        client.models.generate_content(model="m", contents="?")
    finally:
        client.close()


@pytest.mark.parametrize("ask", [_with_openai, _with_azure, _with_anthropic, _with_ollama, _with_genai])
def test_keys_of_the_clients_of_models(tmp_path: Path, ask: Callable[[str], Any]) -> None:
    """Each puts its key elsewhere; an error that repeats the whole request has none of it in the store."""

    def failing(base: str) -> Any:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - each has its own
            ask(base)
        return type(caught.value)

    def script(asked: Asked) -> list[Step]:
        return echoing(Asked(asked.method, f"/error?of={asked.target}", asked.headers, asked.body))

    _is_clean(rehearsed(tmp_path, lambda: script, failing), PLAIN)

"""What a client got live it gets again from the store, with no server and no credentials."""

from __future__ import annotations

import asyncio
import concurrent.futures
import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

import recstore
from recstore.capture import intercept_clients, release_clients
from recstore.errors import DamagedBlob, ReplayMiss
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.loopback import Upstream, serving

httpx2 = pytest.importorskip("httpx2")

Ask = Callable[[str], Any]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store in the test's folder."""
    return Store.create(tmp_path)


def recorded_and_replayed(store: Store, path: str, ask: Ask) -> tuple[Any, Any, int]:
    """Return what `ask` gets live and then from the store, and how many requests the server had."""
    project = store.directory.root.parent
    with serving() as upstream:
        with recstore.use("a test", mode="record", project=project):
            live = ask(upstream.base + path)
        count = len(upstream.requests)
    with recstore.use("a test", project=project) as used:
        again = ask(upstream.base + path)
    assert used.report is not None
    return live, again, count


def of_httpx(module: Any) -> Ask:
    """Return what asks with a client of httpx or httpx2."""

    def ask(url: str) -> Any:
        with module.Client() as client:
            response = client.post(url, json={"q": 1})
            return response.status_code, response.content, response.headers.get("content-type")

    return ask


def of_async_httpx(module: Any) -> Ask:
    """Return what asks with its asynchronous client."""

    async def asked(url: str) -> Any:
        async with module.AsyncClient() as client:
            response = await client.post(url, json={"q": 1})
            return response.status_code, response.content, response.headers.get("content-type")

    return lambda url: asyncio.run(asked(url))


def of_aiohttp(url: str) -> Any:
    """Ask with aiohttp."""

    async def asked() -> Any:
        async with aiohttp.ClientSession() as client, client.post(url, json={"q": 1}) as response:
            return response.status, await response.read(), response.headers.get("content-type")

    return asyncio.run(asked())


def of_requests(url: str) -> Any:
    """Ask with requests."""
    with requests.Session() as session:
        response = session.post(url, json={"q": 1}, timeout=5)
    return response.status_code, response.content, response.headers.get("content-type")


def of_urllib3(url: str) -> Any:
    """Ask with urllib3."""
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", url, json={"q": 1})
    return response.status, response.data, response.headers.get("content-type")


def of_urllib(url: str) -> Any:
    """Ask with urllib.request."""
    request = urllib.request.Request(  # noqa: S310 - of the loopback server
        url, data=b'{"q": 1}', headers={"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - of the loopback server
            return response.status, response.read(), response.headers.get("content-type")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("content-type")


def of_http_client(url: str) -> Any:
    """Ask with http.client, in two chunks."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.request(
        "POST", f"/{path}", body=iter([b'{"q"', b": 1}"]), headers={"Transfer-Encoding": "chunked"}, encode_chunked=True
    )
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body, response.headers.get("content-type")


CLIENTS: dict[str, Ask] = {
    "httpx": of_httpx(httpx),
    "httpx async": of_async_httpx(httpx),
    "httpx2": of_httpx(httpx2),
    "httpx2 async": of_async_httpx(httpx2),
    "aiohttp": of_aiohttp,
    "requests": of_requests,
    "urllib3": of_urllib3,
    "urllib": of_urllib,
    "http.client": of_http_client,
}


@pytest.mark.parametrize("path", ["/json?a=1", "/binary", "/teapot", "/empty"])
@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_gets_the_same_again(store: Store, client: str, path: str) -> None:
    """Status, bytes and content type come back; the server has seen one request."""
    live, again, count = recorded_and_replayed(store, path, CLIENTS[client])

    assert (live, 1) == (again, count)
    assert () == verify_store(store).problems


@pytest.mark.parametrize("client", [name for name in CLIENTS if name not in ("urllib", "http.client")])
def test_packed_answers_are_unpacked_alike(store: Store, client: str) -> None:
    """A gzip body reaches the client as it would have, though it is stored unpacked."""
    live, again, _ = recorded_and_replayed(store, "/gzip", CLIENTS[client])

    assert live == again
    assert b'{"packed": 1}' == live[1]


def stream_of(module: Any, url: str) -> Iterator[bytes]:
    """Yield the raw chunks of a streamed answer."""
    with module.stream("GET", url) as response:
        yield from response.iter_raw()


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_live_stream_is_not_held_back(store: Store, module: Any) -> None:
    """While recording the first event arrives before the server has sent the second; on replay they come one by one."""
    project = store.directory.root.parent
    with serving() as upstream, recstore.use("a test", mode="record", project=project):
        chunks = stream_of(module, f"{upstream.base}/waiting")
        first = next(chunks)
        upstream.may_go_on.set()
        rest = list(chunks)
    with recstore.use("a test", project=project):
        again = list(stream_of(module, f"{upstream.base}/waiting"))

    assert (b"data: first\n\n", [b"data: second\n\n"]) == (first, rest)
    assert [first, *rest] == again


def lines_of(url: str) -> Iterator[bytes]:
    """Yield the lines of an answer as requests delivers them."""
    with requests.get(url, stream=True, timeout=5) as response:
        yield from response.iter_lines(chunk_size=1)


def test_requests_streams_while_it_records(store: Store) -> None:
    """What stands on http.client gets lines as they come, and the same again."""
    project = store.directory.root.parent
    with serving() as upstream, recstore.use("a test", mode="record", project=project):
        lines = lines_of(f"{upstream.base}/waiting")
        first = next(lines)
        upstream.may_go_on.set()
        rest = list(lines)
    with recstore.use("a test", project=project):
        again = list(lines_of(f"{upstream.base}/waiting"))

    assert [b"data: first", b"", b"data: second"] == [first, *rest][:3]
    assert [first, *rest] == again


def unreachable() -> str:
    """Return a URL on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/x"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_refused_connection_is_refused_again(store: Store, client: str) -> None:
    """Errors are recordings, too: replay raises what the client raised live."""
    project, url = store.directory.root.parent, unreachable()
    with recstore.use("a test", mode="record", project=project), pytest.raises(Exception) as live:  # noqa: PT011 - whatever it is
        CLIENTS[client](url)
    with recstore.use("a test", project=project) as used, pytest.raises(type(live.value)):
        CLIENTS[client](url)

    assert used.report is not None
    assert () == used.report.misses


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_stream_that_broke_breaks_again(store: Store, module: Any) -> None:
    """What came before the break is delivered; then the same error is raised."""
    project = store.directory.root.parent
    seen = []
    for mode in ("record", "replay"):
        with serving() as upstream, recstore.use("a test", mode=mode, project=project):
            chunks = stream_of(module, f"{upstream.base}/broken")
            seen.append(next(chunks))
            with pytest.raises(module.RemoteProtocolError):
                next(chunks)

    assert [b"data: one\n\n"] * 2 == seen


@pytest.mark.parametrize("client", CLIENTS)
def test_a_miss_is_an_error_and_no_call(store: Store, client: str) -> None:
    """Replay never reaches the server: a request that was not recorded is a miss that says how to record it."""
    with (
        serving() as upstream,
        pytest.raises(ReplayMiss, match="/other"),
        recstore.use("a test", project=store.directory.root.parent),
    ):
        CLIENTS[client](f"{upstream.base}/other")

    assert [] == upstream.requests


def test_damage_is_never_called_over(store: Store) -> None:
    """A damaged recording is an error in replay, and no reason to ask the server."""
    project = store.directory.root.parent
    recorded_and_replayed(store, "/json", CLIENTS["httpx"])
    [blob] = store.directory.walk("blobs")
    Path(blob.path).write_bytes(Path(blob.path).read_bytes().replace(b"number", b"nummer"))
    with serving() as upstream, pytest.raises(DamagedBlob), recstore.use("a test", project=project):
        CLIENTS["httpx"](f"{upstream.base}/json")

    assert [] == upstream.requests


def test_a_client_that_nobody_intercepts_cannot_get_out(store: Store) -> None:
    """In replay a socket to another machine is refused, with the address; outside it is not recstore's business."""
    release_clients()
    intercept_clients()  # above the guard of these tests, which would refuse first
    with (
        pytest.raises(ReplayMiss, match=r"192\.0\.2\.1:9"),
        recstore.use("a test", project=store.directory.root.parent),
        socket.socket() as plain,
    ):
        plain.connect(("192.0.2.1", 9))


def test_equal_requests_are_answered_in_order(store: Store) -> None:
    """The n-th time gets the n-th answer; one time more is a miss."""
    project = store.directory.root.parent
    with serving() as upstream, recstore.use("a test", mode="record", project=project):
        live = [httpx.get(f"{upstream.base}/json").json()["number"] for _ in range(3)]
    url = f"{upstream.base}/json"
    with recstore.use("a test", project=project):
        again = [httpx.get(url).json()["number"] for _ in range(3)]
    with pytest.raises(ReplayMiss), recstore.use("a test", project=project):
        list(map(httpx.get, [url] * 4))

    assert [1, 2, 3] == live == again


def test_threads_and_tasks_find_their_session(store: Store) -> None:
    """Requests from plain threads and from gathered tasks are all recorded, and all replayed."""

    async def gathered(base: str) -> list[int]:
        async with httpx.AsyncClient() as client:
            found = await asyncio.gather(*(client.get(f"{base}/task{n}") for n in range(8)))
        return [response.status_code for response in found]

    def all_of(base: str) -> Any:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda n: httpx.get(f"{base}/thread{n}").json()["path"], range(8))
            return list(answers), asyncio.run(gathered(base))

    live, again, count = recorded_and_replayed(store, "", all_of)

    assert (live, 16) == (again, count)


def test_nothing_is_intercepted_outside_a_session(store: Store) -> None:
    """Without an active session clients do what they always do."""
    with serving() as upstream:
        answer = httpx.get(f"{upstream.base}/json").json()

    assert (1, []) == (answer["number"], list(store.tests()))


def test_secrets_do_not_reach_the_disk(store: Store) -> None:
    """Neither keys in headers, nor in the query, nor in the body are in any file of the store."""
    secret = "sk-proj-" + "A1b2C3d4" * 5
    headers = {"authorization": f"Bearer {secret}", "cookie": f"session={secret}"}

    def ask(url: str) -> Any:
        return httpx.post(
            f"{url}?api_key={secret}", headers=headers, json={"password": secret, "q": secret}
        ).status_code

    live, again, _ = recorded_and_replayed(store, "/json", ask)

    assert 200 == live == again
    assert [] == [file.path for file in store.directory.walk("") if secret.encode() in Path(file.path).read_bytes()]


def test_mock_transports_are_left_alone(store: Store) -> None:
    """A transport that makes no network call is not recorded and not replayed."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"mock": True}))
    with recstore.use("a test", project=store.directory.root.parent), httpx.Client(transport=transport) as client:
        answer = client.get("http://example.com/").json()

    assert {"mock": True} == answer


def test_a_second_server_on_another_port_is_the_same_upstream(store: Store, upstream: Upstream) -> None:
    """A loopback port never counts: what was recorded on one port is replayed on any."""
    project = store.directory.root.parent
    with recstore.use("a test", mode="record", project=project):
        live = httpx.get(f"{upstream.base}/json").json()
    with recstore.use("a test", project=project):
        again = httpx.get("http://localhost:1/json").json()

    assert json.dumps(live) == json.dumps(again)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Return a running server."""
    with serving() as running:
        yield running

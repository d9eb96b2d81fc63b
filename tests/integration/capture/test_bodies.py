"""Bodies of every kind, both ways: packed, in chunks, binary, in parts, empty; and the pauses of streams."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import io
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
import zstandard

import recstore
from tests.raw_server import Asked, Step, chunked, head, sized
from tests.rehearsal import rehearsed, with_timing

httpx2 = pytest.importorskip("httpx2")
brotli = pytest.importorskip("brotli")

JSON = b'{ "a": [1, 2.50, "\\u00e9", 1e3] }'
BINARY = bytes(range(256)) * 40
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(gzip.compress, mtime=0),
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
EVENTS = (b"data: one\n\n", b"data: two\n\n", b"data: three\n\n")
PAUSE_S = 0.15


def script(asked: Asked) -> list[Step]:
    """Answer as the path says."""
    name, _, rest = asked.target.strip("/").partition("/")
    if name == "packed":
        return sized(PACK[rest](JSON), content_type="application/json", content_encoding=rest)
    if name == "chunks":
        packed = PACK[rest](BINARY)
        pieces = [packed[at : at + 50] for at in range(0, len(packed), 50)]
        return chunked(*pieces, content_type="application/octet-stream", content_encoding=rest)
    if name == "seen":
        seen = f"{asked.method} {asked.headers.get('content-type', '').partition(';')[0]} {len(asked.body)}"
        return sized(seen.encode() + b"\n" + zlib.crc32(asked.body).to_bytes(4, "big"), x_kind="seen")
    fixed: dict[str, list[Step]] = {
        "file": sized(b"%d file" % asked.body.count(BINARY)),
        "binary": sized(BINARY, content_type="application/octet-stream"),
        "head": [head(content_type="text/plain", content_length="12345", etag='"x"')],
        "204": [head("204 No Content")],
        "304": [head("304 Not Modified", etag='"x"')],
        "302": sized(b"moved", "302 Found", location="/binary"),
        "beyond": sized("naïve".encode("latin-1"), content_type="text/plain; charset=latin-1", x_name="na\u00efve"),
        "twice": sized(b"x", x_a="1\r\nX-A: 2"),
        "early": [b"HTTP/1.1 100 Continue\r\n\r\n", *sized(b"after")],
        "events": chunked(*EVENTS, pause_s=PAUSE_S, content_type="text/event-stream"),
    }
    return fixed[name]


Answer = tuple[int, str, bytes, list[str | None]]
TOLD = ("content-type", "etag", "x-name", "x-a", "x-kind")
Client = Callable[..., Answer]


def of_httpx(module: Any, method: str, url: str, **sent: Any) -> Answer:
    """Ask with httpx or httpx2."""
    with module.Client(follow_redirects=True) as client:
        got = client.request(method, url, **sent)
    length = got.headers.get("content-length") if method == "HEAD" else None
    return got.status_code, got.reason_phrase, got.content, [*map(got.headers.get, TOLD), length]


def of_httpx_async(method: str, url: str, content: Any = None, **sent: Any) -> Answer:
    """Ask asynchronously."""

    async def pieces() -> Any:
        for piece in content:
            yield piece

    async def asked() -> Answer:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            body: dict[str, Any] = {"content": content if isinstance(content, bytes | None) else pieces()}
            got = await client.request(method, url, **body, **sent)
        length = got.headers.get("content-length") if method == "HEAD" else None
        return got.status_code, got.reason_phrase, got.content, [*map(got.headers.get, TOLD), length]

    return asyncio.run(asked())


def of_requests(method: str, url: str, content: Any = None, **sent: Any) -> Answer:
    """Ask with requests."""
    with requests.Session() as session:
        got = session.request(method, url, data=content, timeout=5, allow_redirects=True, **sent)
    length = got.headers.get("content-length") if method == "HEAD" else None
    return got.status_code, got.reason, got.content, [*map(got.headers.get, TOLD), length]


def of_urllib3(method: str, url: str, content: Any = None, files: Any = None) -> Answer:
    """Ask with urllib3, and read in pieces."""
    fields = None if files is None else {name: (file[0], file[1].read()) for name, file in files.items()}
    with urllib3.PoolManager() as pool:
        got = pool.request(method, url, body=content, fields=fields, preload_content=False, redirect=True)
        body = got.read(10) + got.read()
        got.release_conn()
    length = got.headers.get("content-length") if method == "HEAD" else None
    return got.status, got.reason or "", body, [*map(got.headers.get, TOLD), length]


def of_aiohttp(method: str, url: str, content: Any = None, files: Any = None) -> Answer:
    """Ask with aiohttp."""

    async def pieces() -> Any:
        for piece in content:
            yield piece

    async def asked() -> Answer:
        form = aiohttp.FormData()
        for name, file in (files or {}).items():
            form.add_field(name, file[1].read(), filename=file[0])
        data = form if files else content if isinstance(content, bytes | None) else pieces()
        async with aiohttp.ClientSession() as session, session.request(method, url, data=data) as got:
            body = await got.read()
        length = got.headers.get("content-length") if method == "HEAD" else None
        return got.status, got.reason or "", body, [*map(got.headers.get, TOLD), length]

    return asyncio.run(asked())


def of_urllib(method: str, url: str, content: Any = None) -> Answer:
    """Ask with urllib.request."""
    request = urllib.request.Request(url, data=content, method=method)  # noqa: S310 - of the loopback server
    try:
        got = urllib.request.urlopen(request, timeout=5)  # noqa: S310 - of the loopback server
    except urllib.error.HTTPError as error:
        got = error
    with got:
        length = got.headers.get("content-length") if method == "HEAD" else None
        told = [got.headers.get(name) for name in TOLD]
        return got.status, got.reason, got.read(), [*told, length]


CLIENTS: dict[str, Client] = {
    "httpx": partial(of_httpx, httpx),
    "httpx2": partial(of_httpx, httpx2),
    "httpx async": of_httpx_async,
    "requests": of_requests,
    "urllib3": of_urllib3,
    "aiohttp": of_aiohttp,
}
PLAIN: dict[str, Client] = {**CLIENTS, "urllib": of_urllib}
UNZSTD = ("httpx", "httpx async")  # the others take zstd where Python has it, from 3.14 on


def _same(project: Path, ask: Callable[[str], Any]) -> Any:
    """Return what the client got, after it got the same each time, and no byte of the store has changed."""
    done = rehearsed(project, lambda: script, ask)

    assert done.plain == done.recorded[0] == done.recorded[1] == done.replayed
    assert done.is_unchanged
    return done


@pytest.mark.parametrize("path", [f"{kind}/{packing}" for kind in ("packed", "chunks") for packing in PACK])
@pytest.mark.parametrize("client", CLIENTS)
def test_packed_bodies_are_unpacked_alike(tmp_path: Path, client: str, path: str) -> None:
    """Whatever they are packed with, in one piece or in chunks; they are stored as what they say."""
    if path.endswith("zstd") and client not in UNZSTD:
        pytest.skip("the client cannot unpack zstd here")
    done = _same(tmp_path, lambda base: CLIENTS[client]("GET", f"{base}/{path}"))

    assert done.plain[2] == (JSON if path.startswith("packed") else BINARY)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "binary"), ("HEAD", "head"), ("GET", "204"), ("GET", "304"), ("GET", "302"), ("GET", "beyond"),
     ("GET", "twice"), ("POST", "early"), ("DELETE", "204"), ("PATCH", "seen")],
)  # fmt: skip
@pytest.mark.parametrize("client", PLAIN)
def test_every_status_and_method(tmp_path: Path, client: str, method: str, path: str) -> None:
    """No body, a body that is not sent, one redirect, headers beyond ASCII, headers that come twice."""
    _same(tmp_path, lambda base: PLAIN[client](method, f"{base}/{path}"))


def _pieces() -> Iterator[bytes]:
    yield from (b"one ", b"two ", BINARY)


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_sent_in_chunks_is_what_is_sent_at_once(tmp_path: Path, client: str) -> None:
    """A generator's body is the same request as the whole of it: one recording is found for the other."""
    ask = CLIENTS[client]
    done = _same(tmp_path, lambda base: ask("POST", f"{base}/seen", content=_pieces())[2])
    with recstore.use("a test", project=tmp_path):
        at_once = ask("POST", "http://localhost:1/seen", content=b"".join(_pieces()))

    assert done.plain == at_once[2]


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "httpx async"])
def test_files_are_sent_in_parts(tmp_path: Path, client: str) -> None:
    """Each time with another boundary, which is no part of the request; another file is another request."""
    ask = CLIENTS[client]

    def send(base: str, data: bytes = BINARY) -> Any:
        return ask("POST", f"{base}/file", files={"file": ("a.bin", io.BytesIO(data))})[2]

    done = _same(tmp_path, send)

    assert b"1 file" == done.plain
    with pytest.raises(recstore.errors.ReplayMiss), recstore.use("a test", project=tmp_path):
        send("http://localhost:1", b"another file")


@pytest.mark.parametrize("client", ["httpx", "requests", "urllib3"])
def test_many_requests_over_one_connection(tmp_path: Path, client: str) -> None:
    """Recording does not make a client open more connections than it would; each answer belongs to its request."""

    def ask(base: str) -> Any:
        if client == "urllib3":
            with urllib3.PoolManager() as pool:
                return [pool.request("POST", f"{base}/seen", body=b"x" * size).data for size in range(20)]
        if client == "requests":
            with requests.Session() as session:
                return [session.post(f"{base}/seen", data=b"x" * size).content for size in range(20)]
        with httpx.Client() as opened:
            return [opened.post(f"{base}/seen", content=b"x" * size).content for size in range(20)]

    done = _same(tmp_path, ask)

    assert 20 == len(set(done.plain))
    assert (1, 1) == done.connections


# -- pauses


def _arrivals(pieces: Iterator[Any]) -> list[tuple[str, bool]]:
    """Return each piece, and whether it came after a pause."""
    found, last_s = [], time.monotonic()
    for piece in pieces:
        now_s = time.monotonic()
        found.append((piece.decode() if isinstance(piece, bytes) else piece, now_s - last_s > PAUSE_S / 2))
        last_s = now_s
    return [(text, waited) for text, waited in found if text.strip()]


def _of_aiohttp(url: str) -> Any:
    async def asked() -> Any:
        found, last_s = [], time.monotonic()
        async with aiohttp.ClientSession() as session, session.get(url) as got:
            async for line in got.content:
                now_s = time.monotonic()
                found.append((line.decode(), now_s - last_s > PAUSE_S / 2))
                last_s = now_s
        return [(text.strip(), waited) for text, waited in found if text.strip()]

    return asyncio.run(asked())


def _of_httpx_async(url: str) -> Any:
    async def asked() -> Any:
        found = []
        async with httpx.AsyncClient() as client, client.stream("GET", url) as got:
            last_s = time.monotonic()
            async for line in got.aiter_lines():
                now_s = time.monotonic()
                found.append((line, now_s - last_s > PAUSE_S / 2))
                last_s = now_s
        return [(text, waited) for text, waited in found if text]

    return asyncio.run(asked())


def _of_httpx(module: Any, url: str) -> Any:
    with module.stream("GET", url) as got:
        return _arrivals(got.iter_lines())


def _of_requests(url: str) -> Any:
    with requests.get(url, stream=True, timeout=5) as got:
        return _arrivals(got.iter_lines(chunk_size=1))


def _of_urllib3(url: str) -> Any:
    with urllib3.PoolManager() as pool:
        return _arrivals(piece.strip() for piece in pool.request("GET", url, preload_content=False).stream())


def _of_http_client(url: str) -> Any:
    connection = http.client.HTTPConnection(url.removeprefix("http://").partition("/")[0], timeout=5)
    connection.request("GET", "/events")
    found = _arrivals(line.strip() for line in connection.getresponse())
    connection.close()
    return found


STREAMS: dict[str, Callable[[str], Any]] = {
    "httpx": partial(_of_httpx, httpx),
    "httpx2": partial(_of_httpx, httpx2),
    "httpx async": _of_httpx_async,
    "aiohttp": _of_aiohttp,
    "requests": _of_requests,
    "urllib3": _of_urllib3,
    "http.client": _of_http_client,
}


@pytest.mark.parametrize("client", STREAMS)
def test_a_stream_has_its_pauses_where_that_is_asked_for(tmp_path: Path, client: str) -> None:
    """Recorded with them, it is replayed with them: each event comes as late as it came."""
    waited = [(event.decode().strip(), True) for event in EVENTS]
    rehearsal = rehearsed(with_timing(tmp_path), lambda: script, lambda base: STREAMS[client](f"{base}/events"))

    assert waited == rehearsal.plain == rehearsal.recorded[1] == rehearsal.replayed


@pytest.mark.parametrize("client", STREAMS)
def test_a_stream_has_no_pauses_otherwise(tmp_path: Path, client: str) -> None:
    """Replay is quick, event by event all the same."""
    at_once = [(event.decode().strip(), False) for event in EVENTS]
    rehearsal = rehearsed(tmp_path, lambda: script, lambda base: STREAMS[client](f"{base}/events"))

    assert at_once == rehearsal.replayed
    assert rehearsal.is_unchanged

"""Exchanges under way: what is noted, when they are complete, and whose ids are known before that."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest

from recstore.model import Headers, JsonBody, Mode, Recording
from recstore.record.exchange import Exchange, WireError, WireRequest
from recstore.record.normalise import normalise_request
from recstore.record.server_ids import IdMap
from recstore.record.session import Session
from recstore.secrets.redact import Redaction
from recstore.store import Store
from recstore.upstreams import UpstreamMap
from tests.exchanges import TEST, asked, live, replayed, session

HEADERS = (("a", "b"),)
GONE = WireError("read", "E", "gone")
EVENT = b'data: {"object":"chat.completion.chunk","id":"chatcmpl-LiveLive"}\n\n'


@pytest.fixture
def recording(tmp_path: Path) -> Session:
    """Return a session that records into an empty store."""
    Store.create(tmp_path)
    return session(tmp_path, Mode.RECORD)


def _published(recording: Session) -> list[Recording]:
    """Finish the session, and return what it recorded."""
    recording.finish(passed=True)
    manifest = recording.store.manifest(TEST)
    return [recording.store.get(entry) for entry in manifest.entries] if manifest else []


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def test_an_answer_is_recorded_once_when_it_is_complete(recording: Session) -> None:
    """Whatever comes afterwards."""
    exchange = live(recording.begin(asked({})))
    exchange.on_headers(200, "OK", HEADERS)
    for chunk in (b"a", b"", bytearray(b"b")):
        exchange.on_chunk(bytes(chunk))

    recording.complete(exchange)
    exchange.on_chunk(b"c")
    recording.complete(exchange)
    recording.complete(exchange, GONE)

    assert [b"a", b"b"] == exchange.chunks
    [recorded] = _published(recording)
    assert (200, HEADERS, None) == (recorded.response.status, recorded.response.headers, recorded.response.error)


def test_a_failure_is_recorded_with_what_had_come(recording: Session) -> None:
    """Nothing, or half an answer."""
    recording.complete(live(recording.begin(asked({}))), GONE)
    exchange = live(recording.begin(asked({})))
    exchange.on_headers(200, "OK", HEADERS)
    exchange.on_chunk(b"a")
    recording.complete(exchange, GONE)
    recording.complete(exchange)
    recording.finish(passed=True)

    replay = Session(recording.store, recording.settings, TEST, Mode.REPLAY)
    first, second = (replayed(replay.begin(asked({}))) for _ in range(2))

    assert (None, (), GONE) == (first.status, first.chunks, first.error)
    assert (200, (b"a",), GONE) == (second.status, second.chunks, second.error)


def test_an_exchange_without_an_answer_does_not_end(recording: Session) -> None:
    """A client that gives up before the head came has nothing to record; an error may still come."""
    exchange = live(recording.begin(asked({})))
    recording.complete(exchange)
    assert not exchange.is_complete

    recording.complete(exchange, GONE)

    assert 1 == len(_published(recording))


def test_a_replayed_exchange_takes_nothing(recording: Session) -> None:
    """It is complete."""
    recording.complete(live(recording.begin(asked({}))), GONE)
    recording.finish(passed=True)
    replay = Session(recording.store, recording.settings, TEST, Mode.REPLAY)
    exchange = replay.begin(asked({}))
    assert exchange is not None
    exchange.on_chunk(b"a")
    replay.complete(exchange)

    assert [] == exchange.chunks
    assert 0 == replay.finish(passed=True).recorded


def test_times_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the exchange began, and when each chunk came."""
    times = iter((10.0, 10.5, 12.0))
    sent = normalise_request(asked(), UpstreamMap(), Redaction(), IdMap("t"))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    exchange = Exchange(asked(), sent)
    exchange.on_chunk(b"a")
    exchange.on_chunk(b"b")
    monkeypatch.undo()

    assert [10.0, 10.5, 12.0] == exchange.times_s


def test_an_answer_is_stored_unpacked_and_without_the_credentials_of_its_request(recording: Session) -> None:
    """Those that the server repeats."""
    exchange = live(recording.begin(asked({}, headers=(("authorization", "Bearer hunter2-hunter2"),))))
    exchange.on_headers(200, "OK", (("content-encoding", "gzip"),))
    exchange.on_chunk(gzip.compress(b'{"said":"hunter2-hunter2"}'))
    recording.complete(exchange)

    [recorded] = _published(recording)

    assert JsonBody({"said": "REDACTED"}, "compact") == recorded.response.body
    assert () == recorded.response.headers


def _key_of(recording: Session, request: WireRequest) -> str:
    """Return the key of a request that the session begins."""
    return live(recording.begin(request)).request.key


@pytest.mark.parametrize(("headers", "data"), [((), EVENT), ((("content-encoding", "gzip"),), _packed(EVENT))])
def test_ids_of_a_stream_that_is_still_coming_in_are_known(recording: Session, headers: Headers, data: bytes) -> None:
    """By the name that they are stored under when it is complete; packed streams, too."""
    exchange = live(recording.begin(asked({"a": 1})))
    exchange.on_headers(200, "OK", headers)
    exchange.on_chunk(data)
    request = asked({"x": "chatcmpl-LiveLive"})

    key = _key_of(recording, request)

    unknown = session(recording.store.directory.root.parent, Mode.RECORD)
    assert key != _key_of(unknown, request)
    recording.complete(exchange)
    assert key == _key_of(recording, request)


def test_ids_of_answers_that_were_never_noted_are_not_known(recording: Session) -> None:
    """Neither while the answer is under way, nor after it."""
    exchange = live(recording.begin(asked({"a": 1})))
    exchange.on_headers(200, "OK", ())
    request = asked({"x": "chatcmpl-LiveLive"})
    key = _key_of(recording, request)

    recording.complete(exchange)
    exchange.on_chunk(EVENT)

    assert key == _key_of(recording, request)

"""Live calls: what came back is stored, and its ids are known as soon as a client can have them."""

from __future__ import annotations

import gzip
import zlib

import pytest

from recstore.model import Headers, JsonBody, Response
from recstore.record.call import Call
from recstore.record.kept import LiveAnswer
from recstore.record.listening import Listener
from recstore.record.sent import read_request
from recstore.record.server_ids import Names
from recstore.secrets.redact import Redaction
from recstore.upstreams import UpstreamMap
from tests.exchanges import asked

EVENT = b'data: {"object":"chat.completion.chunk","id":"chatcmpl-LiveLive"}\n\n'


def _begun(names: Names, listener: Listener, taken: list[Response]) -> Call:
    wire = asked({"a": 1}, headers=(("authorization", "Bearer hunter2-hunter2"),))

    def take(_: LiveAnswer, response: Response) -> None:
        taken.append(response)

    return listener.call(read_request(wire, UpstreamMap(), Redaction(), names), wire, take)


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def test_an_answer_is_taken_as_it_is_stored() -> None:
    """Unpacked, and without the credentials of the request it answers."""
    taken: list[Response] = []
    names = Names("t")
    call = _begun(names, Listener(names, Redaction(), None), taken)
    call.answered(200, "OK", (("content-encoding", "gzip"),))
    call.received(gzip.compress(b'{"said":"hunter2-hunter2"}'))
    call.ended()

    assert [Response(200, "OK", body=JsonBody({"said": "REDACTED"}, "compact"))] == taken


@pytest.mark.parametrize(("headers", "data"), [((), EVENT), ((("content-encoding", "gzip"),), _packed(EVENT))])
def test_ids_of_a_stream_that_is_still_coming_in_are_known(headers: Headers, data: bytes) -> None:
    """By the name that they are stored under when it is over; packed streams, too."""
    taken: list[Response] = []
    names = Names("t")
    listener = Listener(names, Redaction(), None)
    call = _begun(names, listener, taken)
    call.answered(200, "OK", headers)
    call.received(data)
    listener.hear(asked({"x": "chatcmpl-NotHeard"}))
    known_before = names.stored_as(b"chatcmpl-LiveLive")

    listener.hear(asked({"x": "chatcmpl-LiveLive"}))

    known = names.stored_as(b"chatcmpl-LiveLive")
    assert known is not None
    assert (known_before is None) == (headers == ())  # of packed ones it is not known whether they have it
    call.ended()
    assert known == names.stored_as(b"chatcmpl-LiveLive")


def test_without_calls_under_way_nothing_is_looked_for() -> None:
    """Nor after they are over."""
    names = Names("t")
    listener = Listener(names, Redaction(), None)
    call = _begun(names, listener, [])
    call.answered(200, "OK", ())
    call.ended()

    listener.hear(asked({"x": "chatcmpl-LiveLive"}))

    assert names.stored_as(b"chatcmpl-LiveLive") is None

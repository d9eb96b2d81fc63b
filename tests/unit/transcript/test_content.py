"""What a body holds, whatever its bytes are."""

from __future__ import annotations

import gzip
import zlib

import pytest

from recstore.model import Headers, RawBody, Recording, Request, Response
from recstore.transcript import transcript_of
from recstore.transcript.messages import Part
from recstore.transcript.responses import Answer
from tests.unit.transcript.samples import (
    answered,
    page_text,
    streamed,
    text,
)

BODIES = [
    (b"plain text", (), text("plain text")),
    (b"\x89PNG\r\n\x1a\n\0\0", (), Part("file", "10 bytes of image/png")),
    (b"\xff\0\xff", (("content-type", "audio/wav"),), Part("file", "3 bytes of audio/wav")),
    (b"\xff\0\xff", (), Part("file", "3 bytes of application/octet-stream")),
    (b'{"choices": [{"text":"odd spacing"}]  }', (), text("odd spacing")),
    (b'{"choices": [{"text":"a", "text":"b"}]}', (), text("b")),
    (b'{"choices": [{"text":"\\ud800"}]}', (), text("?")),
    (b'{"choices": [{"text":"a"}]}\n{"choices":[{"text":"b"}] }\n', (), text("ab")),
    (b'data:{"choices": [{"text":"a"}]}\n\ndata:{"choices":[{"text":"b"}]}\n\ndata: [DONE]', (), text("ab")),
    (b': hello\r\n\r\ndata: {"choices":\r\ndata: [{"text":"a"}]}\r\n\r\n', (), text("a")),
    (b"event: x\ndata: hello\n\ndata: world\n\n", (), text("hello\nworld")),
    (b"data: hello\n\nnot an event\n", (), text("data: hello\n\nnot an event\n")),
    (gzip.compress(b"packed", mtime=0), (("Content-Encoding", "gzip"),), text("packed")),
    (zlib.compress(b"packed"), (("content-encoding", "deflate"),), text("packed")),
    (b"not packed", (("content-encoding", "gzip"),), text("not packed")),
    (b"{not json", (), text("{not json")),
    (b"[" * 5000, (), text("[" * 5000)),
    (b'{"n": NaN}', (), Part("json", '{\n  "n": NaN\n}')),
]


@pytest.mark.parametrize(("data", "headers", "part"), BODIES)
def test_bytes_are_read_as_what_they_hold(data: bytes, headers: Headers, part: Part) -> None:
    """JSON however it is spelled, events however they are framed, text as text, and bytes by number and type."""
    assert (Answer((part,)),) == answered(RawBody(data), headers).answers


@pytest.mark.parametrize("levels", [100, 400, 900, 5000])
@pytest.mark.parametrize(
    "nest", ["[%s]", '{"role":"u","content":%s}', '{"type":"a_result","content":[%s]}', '{"a":%s}']
)
def test_nesting_of_any_depth_is_read(nest: str, levels: int) -> None:
    """What is nested too deeply to look into is said to be so, or shown as the text it is."""
    opening, closing = nest.split("%s")
    deep = f"{opening * levels}1{closing * levels}"
    request = Request("POST", "x", "/", body=RawBody(f'{{"input":{deep}}}'.encode()))

    transcript = transcript_of(Recording(request, Response(body=RawBody(deep.encode()))))

    assert page_text(transcript).startswith("POST x/\n")


def test_lines_of_a_stream_that_a_recorder_kept_are_read() -> None:
    """A recorder may keep a stream as its lines, blank ones included."""
    transcript = streamed('data: {"choices":[{"text":"a"}]}', "", "data: [DONE]", "")

    assert (Answer((text("a"),)),) == transcript.answers
    assert (Answer((Part("json", 'x\n{"a": 1}'),)),) == streamed("x", {"a": 1}).answers


def test_events_of_unknown_shape_are_shown_a_line_each() -> None:
    """What no reader knows is shown as it is."""
    assert (Answer((Part("json", '{"a": 1}\n{"b": 2}'),)),) == streamed({"a": 1}, {"b": 2}).answers

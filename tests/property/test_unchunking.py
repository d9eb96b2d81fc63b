"""A body in chunks is the same body however it is cut up on its way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recstore.capture.http1 import ChunkedDecoder, encode_chunk, read_request

pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


@given(
    pieces,
    st.lists(st.integers(1, 9), min_size=1),
    st.sampled_from([b"", b"0\r\n"]),
    st.sampled_from([b"", b";a=b", b" "]),
)
def test_any_way_of_reading_gives_the_whole_body(
    body: list[bytes], sizes: list[int], end: bytes, extension: bytes
) -> None:
    """With extensions too; whether the last chunk has come is known."""
    sent = b"".join(map(encode_chunk, body)).replace(b"\r\n", extension + b"\r\n", 1) + end
    unchunking, found, at = ChunkedDecoder(), b"", 0
    for turn in range(len(sent)):
        size = sizes[turn % len(sizes)]
        found += b"".join(unchunking.feed(sent[at : at + size]))
        at += size

    assert b"".join(body) == found
    assert bool(end) == unchunking.is_whole


@given(pieces)
def test_a_request_in_chunks_is_read_as_what_it_says(body: list[bytes]) -> None:
    """As http.client writes it."""
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    found = read_request(head + b"".join(map(encode_chunk, [*body, b""])), "http://a")

    assert ("POST", "http://a/x", b"".join(body)) == (found.method, found.url, found.body)

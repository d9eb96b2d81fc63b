"""Ids: stored under a name that never changes, replayed under one that never repeats, understood when they come back."""

from __future__ import annotations

import base64
import re

import pytest

from recstore.model import RequestKey
from recstore.record.server_ids import IdMap, IdRewriter, looks_generated

KEY, OTHER = RequestKey("a" * 64), RequestKey("b" * 64)


def _stored(names: IdMap, live: str, key: RequestKey = KEY, sent: bytes = b"") -> str:
    return IdRewriter(names, key, sent).stored(live)


@pytest.mark.parametrize(
    "text",
    ["chatcmpl-BxT3kqLmN0", "chatcmpl-6f1c2d3e-0000-4000-8000-0123456789ab", "chatcmpl-tool-" + "a1" * 16, "cmpl-12345678",
     "resp_68af0a1b", "msg_01XFDUDYJgAACzvnptvVoYEL", "msg_bdrk_01XFDUDYJgAA", "call_abcdefgh", "fc_12345678", "rs_12345678",
     "toolu_01A09q90qw90lq", "srvtoolu_01A09q90", "gen-1722222222", "req_0123456789", "0123456789abcdef" * 2,
     "6f1c2d3e-0000-4000-8000-0123456789ab"],
)  # fmt: skip
def test_ids_that_servers_make_up_are_seen(text: str) -> None:
    """By their prefix, or by being a UUID or 32 digits."""
    assert looks_generated(text)


@pytest.mark.parametrize("text", ["", "call_1", "call_get_weather", "asst_abcdefghij", "gpt-4o", "call_"])
def test_other_names_are_none(text: str) -> None:
    """What a user chose, or what is made by another call, keeps its name."""
    assert not looks_generated(text)
    assert text == _stored(IdMap("t"), text)


def test_a_stored_id_follows_from_the_request_and_its_place_in_the_answer() -> None:
    """Whatever the server called it; so that recording again changes nothing."""
    first, again = IdRewriter(IdMap("t"), KEY, b""), IdRewriter(IdMap("u"), KEY, b"")

    ids = [first.stored("chatcmpl-aaaaaaaa1"), first.stored("call_bbbbbbbb"), first.stored("chatcmpl-aaaaaaaa1")]

    assert ids == [
        again.stored("chatcmpl-zzzzzzzz9"),
        again.stored("call_yyyyyyyy"),
        again.stored("chatcmpl-zzzzzzzz9"),
    ]
    assert ids[0] == ids[2] != ids[1]
    assert re.fullmatch("chatcmpl-recstore[0-9a-f]{12}", ids[0])
    assert re.fullmatch("call_recstore[0-9a-f]{12}", ids[1])
    assert ids[0] != _stored(IdMap("t"), "chatcmpl-aaaaaaaa1", OTHER)


def test_a_live_id_that_comes_back_is_stored_as_before() -> None:
    """In a body, a path or a query; and longer names that begin alike are others."""
    names = IdMap("t")
    stored = _stored(names, "call_abcdefgh").encode()

    assert b'{"tool_call_id":"%b","x":"call_abcdefghi"}' % stored == names.to_stored(
        b'{"tool_call_id":"call_abcdefgh","x":"call_abcdefghi"}'
    )
    assert b"/responses/%b?x=%b" % (stored, stored) == names.to_stored(b"/responses/call_abcdefgh?x=call_abcdefgh")
    assert b"call_abcdefgh" == IdMap("t").to_stored(b"call_abcdefgh")


def test_an_id_of_the_request_keeps_its_name_in_the_answer() -> None:
    """Where an earlier answer had it, the name that it was stored under; otherwise the one that the request used."""
    names = IdMap("t")
    earlier = _stored(names, "resp_abcdefgh")

    assert earlier == _stored(names, "resp_abcdefgh", OTHER, sent=f'"{earlier}"'.encode())
    assert "resp_unheard0" == _stored(names, "resp_unheard0", OTHER, sent=b'"resp_unheard0"')


def test_a_server_that_always_says_the_same_id_makes_new_ones() -> None:
    """Which answer came first must not matter; a look-up speaks of what is there."""
    names = IdMap("t")
    first = _stored(names, "resp_abcdefgh")

    assert first != _stored(names, "resp_abcdefgh", OTHER)
    assert _stored(names, "resp_abcdefgh", OTHER) == IdRewriter(names, KEY, b"", is_lookup=True).stored("resp_abcdefgh")


def test_replayed_ids_differ_by_test_and_by_time_and_are_understood_anywhere() -> None:
    """Another process, which has never heard of them, reads off what they are stored as."""
    stored = _stored(IdMap("t"), "call_abcdefgh").encode()
    times = [names.to_replayed((stored,), KEY, n) for names in (IdMap("t"), IdMap("u"), IdMap(None)) for n in (1, 2)]

    assert 6 == len(set(times))
    assert {stored} == {IdMap("v").to_stored(chunk) for [chunk] in times}
    assert times[0] == IdMap("t").to_replayed((stored,), KEY, 1)
    assert len("call_") + 32 == len(times[0][0])


def test_all_chunks_of_a_stream_present_the_same_id() -> None:
    """And chunks without one are left alone."""
    stored = _stored(IdMap("t"), "call_abcdefgh").encode()

    chunks = IdMap("t").to_replayed((b"[%b]" % stored, b"{}", stored), KEY, 1)

    assert chunks[0] == b"[%b]" % chunks[2]
    assert (b"{}", True) == (chunks[1], chunks[2].startswith(stored))


def test_an_answer_repeats_an_earlier_id_as_it_was_replayed() -> None:
    """Whether this session replayed it, or only its request shows that somebody did."""
    stored = _stored(IdMap("t"), "resp_abcdefgh").encode()
    names, other = IdMap("t"), IdMap("u")
    [first] = names.to_replayed((stored,), KEY, 1)
    other.to_stored(b"x %b" % first)

    assert (first,) == names.to_replayed((stored,), OTHER, 7)
    assert (first,) == other.to_replayed((stored,), OTHER, 7)
    assert (first,) != names.to_replayed((stored,), KEY, 2)


def test_a_test_understands_the_ids_of_its_fixtures() -> None:
    """Live ones, and which names they were replayed under; other tests' are not its business."""
    fixture = IdMap("fixture")
    stored = _stored(fixture, "resp_abcdefgh").encode()
    replayed = fixture.to_replayed((stored,), KEY, 1)

    assert stored == IdMap("t", [fixture]).to_stored(b"resp_abcdefgh")
    assert replayed == IdMap("t", [fixture]).to_replayed((stored,), OTHER, 2)
    assert b"resp_abcdefgh" == IdMap("t").to_stored(b"resp_abcdefgh")


def test_ids_nobody_has_heard_of_are_named() -> None:
    """A client may use one of an answer that is still coming in."""
    names = IdMap("t")
    _stored(names, "call_abcdefgh")

    assert frozenset((b"call_zzzzzzzz",)) == names.unknown_in(b'["call_abcdefgh", "call_zzzzzzzz", "x"]')


@pytest.mark.parametrize("live", ["D681PevKs", "call_a1b2", "chatcmpl-7", "functions.x:0"])
def test_what_a_server_made_up_comes_back_whatever_it_looks_like(live: str) -> None:
    """As a whole string, or a step of a path; not where it is part of a word, or a word that somebody says."""
    names = IdMap("t")
    stored = IdRewriter(names, KEY, b"").stored(live, is_generated=True)
    sent = f'{{"a": "{live}", "b": "{{\\"c\\":\\"{live}\\"}}", "d": "It said {live}x.", "/v1/{live}/x?id={live}": 1}}'

    found = names.to_stored(sent.encode()).decode()

    assert 1 == found.count(live)
    assert 4 == found.count(stored)
    assert re.fullmatch("(?:call_|chatcmpl-)?recstore[0-9a-f]{12}", stored)
    assert stored == IdRewriter(IdMap("u"), KEY, b"").stored(live[:-1] + "z", is_generated=True)


def test_what_is_sealed_comes_back_in_either_alphabet_and_in_one_piece_with_another() -> None:
    """Clients join what came in two events; Google's writes base64 as it is written in URLs."""
    names, first, second = IdMap("t"), "ab+/" * 30 + "ab==", "cd/+" * 30 + "cd=="
    minter = IdRewriter(names, KEY, b"")
    stored = minter.stored(first, is_generated=True) + minter.stored(second, is_generated=True)

    assert stored.encode() == names.to_stored((first + second).encode())
    assert stored.encode() == names.to_stored((first + second).replace("+", "-").replace("/", "_").encode())
    [replayed] = names.to_replayed((stored.encode(),), KEY, 1)
    assert stored.encode() == IdMap("u").to_stored(replayed)
    for half in (replayed[: len(replayed) // 2], stored[: len(stored) // 2].encode()):
        assert base64.b64encode(base64.b64decode(half, validate=True)) == half


def test_what_the_request_says_keeps_its_name_and_what_only_looks_so_does_not() -> None:
    """An id that a server repeats is the caller's; a word of the request that an id happens to be part of is none."""
    assert "call_a1b2" == IdRewriter(IdMap("t"), KEY, b'{"id": "call_a1b2"}').stored("call_a1b2", is_generated=True)
    assert "call_a1b2" != IdRewriter(IdMap("t"), KEY, b'{"text": "call_a1b2c3"}').stored("call_a1b2", is_generated=True)

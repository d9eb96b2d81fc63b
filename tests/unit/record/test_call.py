"""Calls under way: what they are told, and when they are over."""

from __future__ import annotations

from recstore.record.call import Call
from recstore.record.kept import LiveAnswer
from recstore.record.wire import WireError, WireResponse

HEADERS = (("a", "b"),)
GONE = WireError("read", "E", "gone")


def test_an_answer_is_taken_once_when_it_is_complete() -> None:
    """Whatever is told afterwards."""
    taken: list[LiveAnswer] = []
    call = Call(None, taken.append)
    call.answered(200, "OK", HEADERS)
    for chunk in (b"a", b"", bytearray(b"b")):
        call.received(bytes(chunk))

    call.ended()
    call.received(b"c")
    call.ended()
    call.failed(GONE)

    assert [LiveAnswer(200, "OK", HEADERS, (b"a", b"b"))] == taken


def test_a_failure_is_taken_with_what_had_come() -> None:
    """Nothing, or half an answer."""
    taken: list[LiveAnswer] = []
    Call(None, taken.append).failed(GONE)
    call = Call(None, taken.append)
    call.answered(200, "OK", HEADERS)
    call.received(b"a")
    call.failed(GONE)
    call.ended()

    assert [LiveAnswer(None, "", (), (), error=GONE), LiveAnswer(200, "OK", HEADERS, (b"a",), error=GONE)] == taken


def test_a_call_without_an_answer_does_not_end() -> None:
    """A client that gives up before the head came has nothing to record; a failure may still be told."""
    taken: list[LiveAnswer] = []
    call = Call(None, taken.append)
    call.ended()
    assert [] == taken

    call.failed(GONE)

    assert 1 == len(taken)


def test_a_replayed_call_may_be_told_anything() -> None:
    """Nobody listens."""
    answer = WireResponse(200, "", (), ())
    call = Call(answer)
    call.answered(200, "", ())
    call.received(b"a")
    call.ended()
    call.failed(GONE)

    assert answer is call.replayed
    assert () == call.so_far().chunks


def test_times_are_noted_where_there_is_a_clock() -> None:
    """When the call began, and when each chunk came."""
    times = iter((10.0, 10.5, 12.0))
    call = Call(None, lambda _: None, lambda: next(times))
    call.answered(200, "OK", ())
    call.received(b"a")
    call.received(b"b")

    assert (10.0, 10.5, 12.0) == call.so_far().times_s

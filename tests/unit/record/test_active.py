"""Which session answers: by thread and task first, by process where nothing else is known."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from pathlib import Path
from threading import Thread

from recstore.model import Mode
from recstore.record.session import Session, activate, current
from recstore.settings import Settings
from recstore.store import Store
from recstore.store.directory import Directory


def _session(name: str) -> Session:
    return Session(Store(Directory(Path("nowhere"))), Settings(), name, Mode.REPLAY)


def _seen_in_a_thread() -> Session | None:
    seen: list[Session | None] = []
    thread = Thread(target=lambda: seen.append(current()))
    thread.start()
    thread.join()
    return seen[0]


def test_without_a_session_there_is_none() -> None:
    """Before, and after."""
    assert current() is None

    with activate(_session("a")):
        pass

    assert current() is None


def test_the_inner_session_answers_and_then_the_outer_one_again() -> None:
    """As `with` blocks nest."""
    outer, inner = _session("outer"), _session("inner")

    with activate(outer):
        with activate(inner):
            assert current() is inner
        assert current() is outer


def test_a_context_returns_to_its_own_outer_session() -> None:
    """Though another one, of another context, was activated since."""
    outer, inner = _session("outer"), _session("inner")
    other = activate(_session("other"))

    with activate(outer):
        copy_context().run(other.__enter__)
        with activate(inner):
            pass
        assert current() is outer
    other.__exit__(None, None, None)


def test_a_plain_thread_finds_the_session_of_the_test() -> None:
    """It has a context of its own, in which none was activated."""
    session = _session("a")

    with activate(session):
        assert _seen_in_a_thread() is session


def test_tasks_that_run_at_once_have_a_session_each() -> None:
    """Though the process has both."""

    async def seen(session: Session, both: asyncio.Barrier) -> bool:
        with activate(session):
            await both.wait()
            found = current() is session
            await both.wait()
            return found

    async def run() -> list[bool]:
        both = asyncio.Barrier(2)
        return list(await asyncio.gather(seen(_session("a"), both), seen(_session("b"), both)))

    assert [True, True] == asyncio.run(run())


def test_threads_leave_in_any_order() -> None:
    """The one that stays is still found, from anywhere."""
    first, second = activate(_session("first")), activate(_session("second"))
    stays = second
    first.__enter__()
    session = stays.__enter__()

    first.__exit__(None, None, None)

    assert _seen_in_a_thread() is session
    stays.__exit__(None, None, None)
    assert _seen_in_a_thread() is None


def test_a_context_that_outlives_its_session_finds_the_next_one() -> None:
    """A client's background task was started in one test, and makes a request in another."""
    with activate(_session("first")):
        context = copy_context()

    assert context.run(current) is None
    with activate(_session("second")) as second:
        assert context.run(current) is second


def test_a_session_may_be_left_in_another_context() -> None:
    """As asynchronous fixtures are."""
    block = activate(_session("a"))
    copy_context().run(block.__enter__)

    copy_context().run(block.__exit__, None, None, None)

    assert current() is None

"""Which session answers a request that is made here and now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from recstore.record.session import Session

_of_context: Final[ContextVar[Session | None]] = ContextVar("recstore_session", default=None)

_active: list[Session] = []  # the one thing of the process that must be found from any thread


def current() -> Session | None:
    """Return the session of this thread or task; else the one that was activated last; None if none is active.

    A context may outlive its session (a client's background task, say): a session that is over is never returned.
    """
    if not _active:
        return None
    session = _of_context.get()
    if session is not None and any(session is other for other in _active):
        return session
    try:
        return _active[-1]
    except IndexError:  # another thread left the last one since
        return None


@contextmanager
def activate(session: Session) -> Iterator[Session]:
    """Have `session` answer what is requested inside the block: in this context, and in threads that know of none."""
    before = _of_context.get()
    _of_context.set(session)
    _active.append(session)
    try:
        yield session
    finally:
        # By value and by identity, not by token and place: a fixture may end in another context than it began in,
        # and threads leave in any order.
        _of_context.set(before)
        _active[:] = [other for other in _active if other is not session]

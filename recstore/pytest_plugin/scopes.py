"""A session as the run of pytest sees it: it answers for a while, steps aside, answers again, and is over."""

from __future__ import annotations

from contextlib import ExitStack

from recstore.errors import RecstoreError
from recstore.record.active import activate
from recstore.record.report import SessionReport
from recstore.record.session import Session


class Scope:
    """A session, whether it is the one that answers, and what of its troubles was told already."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_broken = False
        self._active = ExitStack()
        self._depth = 0
        self._told: set[str] = set()

    def enter(self) -> None:
        """Answer from here on, until it was left as often as entered."""
        if not self._depth:
            self._active.enter_context(activate(self.session))
        self._depth += 1

    def leave(self) -> None:
        """Step aside; no harm where it was not active."""
        self._depth = max(0, self._depth - 1)
        if not self._depth:
            self._active.close()

    @property
    def troubles(self) -> tuple[RecstoreError, ...]:
        """Every miss and every damage so far."""
        return (*self.session.misses, *self.session.problems)

    def fresh_troubles(self) -> list[RecstoreError]:
        """Return what went wrong since this was last asked; what reads the same, a client's retries say, once."""
        fresh = []
        for trouble in self.troubles:
            if str(trouble) not in self._told:
                self._told.add(str(trouble))
                fresh.append(trouble)
        return fresh

    def finish(self, *, passed: bool) -> SessionReport:
        """End the session; a scope in which something was missing or damaged has not passed."""
        self._active.close()
        return self.session.finish(passed=passed and not self.is_broken and not self.troubles)

"""What the fixture `recstore` gives a test."""

from __future__ import annotations

from dataclasses import dataclass

from recstore.errors import ReplayMiss
from recstore.record.modes import Mode
from recstore.record.session import Session


@dataclass(frozen=True, slots=True)
class SessionView:
    """The session of the running test, to look at: whose recordings, in which mode, what was missing so far."""

    _session: Session

    @property
    def test_id(self) -> str:
        """The id that the test's recordings are kept under."""
        return self._session.scope_id or ""

    @property
    def mode(self) -> Mode:
        """What becomes of requests; it compares equal to its name: `recstore.mode == "replay"`."""
        return self._session.mode

    @property
    def misses(self) -> tuple[ReplayMiss, ...]:
        """Every request so far that had no recording."""
        return self._session.misses

"""What SQLite's errors mean for whoever waits for the lock."""

from __future__ import annotations

import sqlite3

import pytest

from recstore.errors import Locked
from recstore.store.os_errors import lock_failure


def failed(name: str) -> sqlite3.OperationalError:
    """Return an error as SQLite raises it."""
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorname = name
    return error


SAID = {
    "SQLITE_FULL": ("cannot be locked: the disk is full", "Free some disk space"),
    "SQLITE_READONLY_DBMOVED": ("cannot be locked: it is read-only", "Check who may write"),
    "SQLITE_CANTOPEN_ISDIR": ("cannot be locked: it cannot be opened", "Check what it is"),
    "SQLITE_NOTADB": ("cannot be locked: it is no lock file", "Remove that file"),
    "SQLITE_CORRUPT": ("cannot be locked: it is damaged", "Remove that file"),
    "SQLITE_IOERR_LOCK": ("cannot be locked: what SQLite says", ""),
    "": ("cannot be locked: what SQLite says", ""),
}


@pytest.mark.parametrize("name", SAID)
def test_a_failure_has_the_remedy_that_mends_it_and_no_other(name: str) -> None:
    """The lock file is to be removed only where it is damaged."""
    failure = lock_failure("/x/.recstore/local/lock", failed(name), 1.0)

    reason, remedy = SAID[name]
    assert reason == failure.reason
    assert failure.remedy.startswith(remedy)
    assert bool(remedy) == bool(failure.remedy)
    assert "/x/.recstore/local/lock" == failure.subject


@pytest.mark.parametrize("name", ["SQLITE_BUSY", "SQLITE_BUSY_RECOVERY", "SQLITE_LOCKED"])
def test_another_process_is_no_trouble_with_the_file(name: str) -> None:
    """It is the store that is locked."""
    failure = lock_failure("/x/.recstore/local/lock", failed(name), 1.5)

    assert isinstance(failure, Locked)
    assert "/x/.recstore" == failure.subject
    assert "1.5 s" in failure.reason

"""The table that decides: mode x what the store has -> what is done."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final


class Mode(StrEnum):
    """What a session does with requests."""

    REPLAY = "replay"
    RECORD = "record"
    RECORD_IF_MISSING = "record-if-missing"
    LIVE = "live"
    VERIFY = "verify"


class Finding(StrEnum):
    """What the store has for a request."""

    HIT = auto()
    MISS = auto()
    DAMAGE = auto()


class Action(StrEnum):
    """What is done with a request."""

    SERVE = auto()
    FAIL = auto()
    RECORD = auto()
    """Call, and keep the answer."""
    REUSE_OR_RECORD = auto()
    """Answer with another test's recording where only one can be meant; otherwise as RECORD."""
    PASS = auto()
    """Call, and look away."""
    COMPARE = auto()
    """Call, and report where the answer differs from the recording, or that there is none."""


ACTIONS: Final[Mapping[tuple[Mode, Finding], Action]] = MappingProxyType(
    {
        (Mode.REPLAY, Finding.HIT): Action.SERVE,
        (Mode.REPLAY, Finding.MISS): Action.FAIL,
        (Mode.REPLAY, Finding.DAMAGE): Action.FAIL,
        (Mode.RECORD, Finding.HIT): Action.RECORD,
        (Mode.RECORD, Finding.MISS): Action.RECORD,
        (Mode.RECORD, Finding.DAMAGE): Action.RECORD,
        (Mode.RECORD_IF_MISSING, Finding.HIT): Action.SERVE,
        (Mode.RECORD_IF_MISSING, Finding.MISS): Action.REUSE_OR_RECORD,
        (Mode.RECORD_IF_MISSING, Finding.DAMAGE): Action.FAIL,
        (Mode.LIVE, Finding.HIT): Action.PASS,
        (Mode.LIVE, Finding.MISS): Action.PASS,
        (Mode.LIVE, Finding.DAMAGE): Action.PASS,
        (Mode.VERIFY, Finding.HIT): Action.COMPARE,
        (Mode.VERIFY, Finding.MISS): Action.COMPARE,
        (Mode.VERIFY, Finding.DAMAGE): Action.FAIL,
    }
)
"""Every cell of the table."""

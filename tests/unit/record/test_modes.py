"""The table of modes: every cell, and the words that settings use for them."""

from __future__ import annotations

import pytest

from recstore.record.modes import ACTIONS, Action, Finding, Mode
from recstore.settings import MODES


@pytest.mark.parametrize(
    ("mode", "hit", "miss", "damage"),
    [
        (Mode.REPLAY, Action.SERVE, Action.FAIL, Action.FAIL),
        (Mode.RECORD, Action.RECORD, Action.RECORD, Action.RECORD),
        (Mode.RECORD_IF_MISSING, Action.SERVE, Action.REUSE_OR_RECORD, Action.FAIL),
        (Mode.LIVE, Action.PASS, Action.PASS, Action.PASS),
        (Mode.VERIFY, Action.COMPARE, Action.COMPARE, Action.FAIL),
    ],
)
def test_every_cell_of_the_table_is_what_is_promised(mode: Mode, hit: Action, miss: Action, damage: Action) -> None:
    """Damage is never a miss: nothing that only replays or fills gaps goes on after it."""
    expected = {Finding.HIT: hit, Finding.MISS: miss, Finding.DAMAGE: damage}

    assert expected == {finding: ACTIONS[mode, finding] for finding in Finding}


def test_settings_know_the_same_modes() -> None:
    """They stand below the session, and have a list of their own."""
    assert MODES == tuple(Mode)
    assert len(Mode) * len(Finding) == len(ACTIONS)

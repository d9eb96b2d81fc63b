"""Which mode counts."""

from __future__ import annotations

import pytest

from recstore.errors import UsageError
from recstore.pytest_plugin import MODES
from recstore.pytest_plugin.mode_choice import Wishes
from recstore.record.modes import Mode

CASES = {
    "nothing": (Wishes(), "", Mode.REPLAY),
    "a setting": (Wishes(setting="live"), "", Mode.LIVE),
    "a marker above a setting": (Wishes(setting="live"), "verify", Mode.VERIFY),
    "a variable above a marker": (Wishes(variable="record"), "verify", Mode.RECORD),
    "an option above all": (Wishes("replay", "record", "live"), "verify", Mode.REPLAY),
    "a setting that records, on CI": (Wishes(setting="record-if-missing", is_ci=True), "", Mode.REPLAY),
    "a marker that records, on CI": (Wishes(is_ci=True), "record", Mode.REPLAY),
    "a marker that does not record, on CI": (Wishes(setting="record", is_ci=True), "live", Mode.LIVE),
    "a variable that does not record, on CI": (Wishes(variable="verify", is_ci=True), "", Mode.VERIFY),
    "an option, on CI": (Wishes(option="record", is_ci=True), "", Mode.RECORD),
}


@pytest.mark.parametrize("case", CASES)
def test_the_nearest_word_counts_and_ci_does_not_record(case: str) -> None:
    """Unless its command line says so."""
    wishes, marker, expected = CASES[case]

    assert expected is wishes.mode(marker)


WRONG = {
    "an option": (Wishes(option="rewind"), ""),
    "a variable": (Wishes(variable="rewind"), ""),
    "a marker": (Wishes(), "rewind"),
    "a setting": (Wishes(setting="rewind"), ""),
    "a variable that records, on CI": (Wishes(variable="record", is_ci=True), "live"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_names_no_mode_or_none_that_counts_is_an_error(case: str) -> None:
    """Whoever asked meant something: it is not passed over."""
    wishes, marker = WRONG[case]

    with pytest.raises(UsageError):
        wishes.mode(marker)


def test_a_setting_that_ci_passes_over_is_said_to_be() -> None:
    """Only where it would have counted."""
    assert [True, False, False, False] == [
        wishes.is_refused
        for wishes in (
            Wishes(setting="record", is_ci=True),
            Wishes(setting="record"),
            Wishes(setting="live", is_ci=True),
            Wishes(option="record", setting="record", is_ci=True),
        )
    ]


def test_the_options_modes_are_all_modes() -> None:
    """The plugin's first file spells them out, because it imports nothing."""
    assert tuple(Mode) == MODES

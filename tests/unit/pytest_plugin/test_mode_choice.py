"""Which mode counts."""

from __future__ import annotations

import pytest

from recstore.errors import UsageError
from recstore.model import Mode
from recstore.pytest_plugin import MODES
from recstore.pytest_plugin.hooks import ModeSources

CASES = {
    "nothing": (ModeSources(), "", Mode.REPLAY),
    "a setting": (ModeSources(setting="live"), "", Mode.LIVE),
    "a marker above a setting": (ModeSources(setting="live"), "verify", Mode.VERIFY),
    "a variable above a marker": (ModeSources(variable="record"), "verify", Mode.RECORD),
    "an option above all": (ModeSources("replay", "record", "live"), "verify", Mode.REPLAY),
    "a setting that records, on CI": (ModeSources(setting="record-if-missing", is_ci=True), "", Mode.REPLAY),
    "a marker that records, on CI": (ModeSources(is_ci=True), "record", Mode.REPLAY),
    "a marker that does not record, on CI": (ModeSources(setting="record", is_ci=True), "live", Mode.LIVE),
    "a variable that does not record, on CI": (ModeSources(variable="verify", is_ci=True), "", Mode.VERIFY),
    "an option, on CI": (ModeSources(option="record", is_ci=True), "", Mode.RECORD),
}


@pytest.mark.parametrize("case", CASES)
def test_the_nearest_word_counts_and_ci_does_not_record(case: str) -> None:
    """Unless its command line says so."""
    sources, marker, expected = CASES[case]

    assert expected is sources.resolve(marker)


WRONG = {
    "an option": (ModeSources(option="rewind"), ""),
    "a variable": (ModeSources(variable="rewind"), ""),
    "a marker": (ModeSources(), "rewind"),
    "a setting": (ModeSources(setting="rewind"), ""),
    "a variable that records, on CI": (ModeSources(variable="record", is_ci=True), "live"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_names_no_mode_or_none_that_counts_is_an_error(case: str) -> None:
    """Whoever asked meant something: it is not passed over."""
    sources, marker = WRONG[case]

    with pytest.raises(UsageError):
        sources.resolve(marker)


def test_a_setting_that_ci_passes_over_is_said_to_be() -> None:
    """Only where it would have counted."""
    assert [True, False, False, False] == [
        sources.is_setting_ignored
        for sources in (
            ModeSources(setting="record", is_ci=True),
            ModeSources(setting="record"),
            ModeSources(setting="live", is_ci=True),
            ModeSources(option="record", setting="record", is_ci=True),
        )
    ]


def test_the_options_modes_are_all_modes() -> None:
    """The plugin's first file spells them out, because it imports nothing."""
    assert tuple(Mode) == MODES

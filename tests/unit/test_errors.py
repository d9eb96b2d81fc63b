"""Errors: what they say, what they carry, and how a process ends with them."""

from __future__ import annotations

import pytest

from recstore import errors
from recstore.errors import Damage, DamagedBlob, Missing, NotInStore, RecstoreError, UsageError


def test_an_error_says_what_happened_to_what_and_how_to_mend_it() -> None:
    """Subject and reason on one line, the remedy on the next."""
    error = UsageError("--workers", "is no number", "Give a number from 1 to 64.")

    assert "--workers: is no number\n  Give a number from 1 to 64." == str(error)


def test_an_error_carries_its_parts_as_data() -> None:
    """Who handles an error need not read its text."""
    error = UsageError("--workers", "is no number", "Give a number.")

    assert ("--workers", "is no number", "Give a number.") == (error.subject, error.reason, error.remedy)


def test_an_error_without_a_remedy_has_one_line() -> None:
    """Where nothing helps, nothing is said."""
    assert "x: broke" == str(RecstoreError("x", "broke"))


def test_an_error_has_the_remedy_of_its_class() -> None:
    """A class knows what usually helps; the place that raises it may know better."""
    assert NotInStore.default_remedy == NotInStore("t", "is not there").remedy
    assert "Look elsewhere." == NotInStore("t", "is not there", "Look elsewhere.").remedy


@pytest.mark.parametrize(
    ("error", "group"), [(NotInStore, Missing), (DamagedBlob, Damage), (DamagedBlob, RecstoreError)]
)
def test_an_error_is_caught_as_its_group(error: type[RecstoreError], group: type[RecstoreError]) -> None:
    """Callers choose how closely they look."""
    with pytest.raises(group):
        raise error("x", "y")


def test_damage_is_never_taken_for_something_missing() -> None:
    """A file that is there and wrong must not lead to recording it again."""
    assert not issubclass(Damage, Missing)
    assert Damage.exit_code != Missing.exit_code


def test_exit_codes_are_those_of_the_table() -> None:
    """Scripts depend on them."""
    expected = {
        "RecstoreError": 1,
        "UsageError": 2,
        "Missing": 10,
        "Damage": 20,
        "NewerVersion": 21,
        "Locked": 30,
        "GitError": 40,
        "ManifestConflict": 41,
    }

    assert expected == {name: getattr(errors, name).exit_code for name in expected}

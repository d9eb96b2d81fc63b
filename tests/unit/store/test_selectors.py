"""Words that stand for tests, and what becomes of ids under new names."""

from __future__ import annotations

import pytest

from recstore.errors import UsageError
from recstore.store.rename import is_selected, renamed_id

A = "tests/test_a.py::TestA::test_x[1/2::3]"
CASES = {
    "the test": (A, "tests/test_b.py::test_y", "tests/test_b.py::test_y"),
    "all its parameters": ("tests/test_a.py::TestA::test_x", "a.py::test_y", "a.py::test_y[1/2::3]"),
    "the class": ("tests/test_a.py::TestA", "tests/test_a.py::TestB", "tests/test_a.py::TestB::test_x[1/2::3]"),
    "the file": ("tests/test_a.py", "tests/unit/b.py", "tests/unit/b.py::TestA::test_x[1/2::3]"),
    "the folder": ("tests/", "checks", "checks/test_a.py::TestA::test_x[1/2::3]"),
    "the folder, from here": ("./tests", "./checks/", "checks/test_a.py::TestA::test_x[1/2::3]"),
    "a star in the file": ("tests/test_*.py", "tests/*_test.py", "tests/a_test.py::TestA::test_x[1/2::3]"),
    "a star in the function": ("*::test_x", "*::test_y", "tests/test_a.py::TestA::test_y[1/2::3]"),
    "two stars": ("*::TestA::*", "*::TestB::*", "tests/test_a.py::TestB::test_x[1/2::3]"),
    "another test": ("tests/test_a.py::TestA::test_", "a", None),
    "another file": ("tests/test_a", "a", None),
    "another folder": ("test", "a", None),
    "a pattern's letters": ("tests/test.a.py", "a", None),
    "a bracket": ("tests/test_[ab].py", "a", None),
}


@pytest.mark.parametrize("case", CASES)
def test_an_id_is_renamed_by_what_stands_for_it(case: str) -> None:
    """What follows the named part stays as it was; what is not named is left alone."""
    old, new, expected = CASES[case]

    assert expected == renamed_id(A, old, new)
    assert (expected is not None) is is_selected(A, old)


def test_stars_must_fit() -> None:
    """A star on one side alone says nothing."""
    with pytest.raises(UsageError, match=r"has 0 `\*`"):
        renamed_id(A, "tests/*.py", "b.py")

"""Ids of tests, taken apart."""

from __future__ import annotations

import pytest

from recstore.gc.test_presence import TestName

IDS = {
    "tests/test_a.py::test_x": ("tests/test_a.py", "test_x"),
    "tests/test_a.py::test_x[a-b]": ("tests/test_a.py", "test_x"),
    "tests/test_a.py::test_x[a::b/c.py::d]": ("tests/test_a.py", "test_x"),
    "tests/test_a.py::TestA::TestB::test_x[1]": ("tests/test_a.py", "TestA::TestB::test_x"),
    "tests/test_ä b.py::test_ö": ("tests/test_ä b.py", "test_ö"),
    "tests/test_a.py": ("tests/test_a.py", ""),
}


@pytest.mark.parametrize("test_id", IDS)
def test_a_pytest_id_names_a_file_and_a_function(test_id: str) -> None:
    """Parameters are left out, whatever is in them."""
    name = TestName.of(test_id)

    assert name is not None
    assert IDS[test_id] == (name.file, "::".join(name.names))


@pytest.mark.parametrize(
    "test_id",
    [
        "",
        "some words",
        "tests/data.yaml::case 1",
        "README.md::line 3",
        "tests/test_a.py::FLAKE 8",
        "tests/test_a.py::module.function",
        "tests/test_a.py::",
        "/abs/test_a.py::test_x",
        "../other/test_a.py::test_x",
        "tests/test_a.py::test_x::",
        "a\0.py::test_x",
    ],
)
def test_any_other_id_names_nothing(test_id: str) -> None:
    """From such an id nothing is concluded."""
    name = TestName.of(test_id)

    assert name is None or name == TestName("tests/test_a.py", ())

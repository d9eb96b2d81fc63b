"""Ids: the same from every folder, and a fixture's never taken for a test's."""

from __future__ import annotations

import pytest

from recstore.gc.test_presence import TestName
from recstore.pytest_plugin.ids import function_of, is_setup, project_id

SEEN = [
    ("tests/test_a.py::test_x[1]", "", "tests/test_a.py::test_x[1]"),
    ("tests/test_a.py::test_x[../y]", "", "tests/test_a.py::test_x[../y]"),
    ("tests/test_a.py::test_x", "sub", "sub/tests/test_a.py::test_x"),
    ("../other/test_a.py::test_x", "sub", "other/test_a.py::test_x"),
    (".hidden/test_a.py::test_x", "", ".hidden/test_a.py::test_x"),
    ("::client@session", "", "::client@session"),
    (".", "", ""),
    (".", "sub", "sub"),
    ("", "", ""),
    ("", "sub", "sub"),
]


@pytest.mark.parametrize(("node_id", "prefix", "expected"), SEEN)
def test_an_id_is_that_of_the_projects_folder(node_id: str, prefix: str, expected: str) -> None:
    """The way from the project to pytest's root folder is put before it; parameters are left alone."""
    assert expected == project_id(node_id, prefix)


@pytest.mark.parametrize(
    "fixture_id",
    [
        "tests/test_a.py::client@module",
        "tests/test_a.py::TestA::client@class[x]",
        "tests::client@package",
        "::client@session",
    ],
)
def test_nobody_takes_a_fixture_for_a_test_that_is_gone(fixture_id: str) -> None:
    """Whether it is still there cannot be told from a Python file, so it is not judged."""
    assert TestName.of(fixture_id) is None


@pytest.mark.parametrize(
    ("test_id", "expected"),
    [("a.py::test_x", "a.py::test_x"), ("a.py::test_x[1[2]]", "a.py::test_x"), ("a.py::f@module[x]", "a.py::f@module")],
)
def test_a_function_is_the_id_without_parameters(test_id: str, expected: str) -> None:
    """Of a fixture as of a test."""
    assert expected == function_of(test_id)


def test_the_fixtures_that_pytest_makes_of_setup_functions_are_known() -> None:
    """By the beginning of their names, which differ in the rest from pytest to pytest."""
    assert [True, True, False, False] == [
        is_setup(name)
        for name in (
            "_xunit_setup_module_fixture_test_a",
            "_unittest_setUpClass_fixture_TestA",
            "setup",
            "tmp_path_factory",
        )
    ]

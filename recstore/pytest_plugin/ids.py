"""The ids of recordings: a test's, and a fixture's that outlives one test.

A test's id is pytest's, as it is where pytest's root folder is the project's: which folder pytest was started in,
and whether a worker ran it, changes no name. A fixture of a wider scope has an id of its own,

    tests/test_a.py::client@module        tests/test_a.py::TestA::client@class        tests::client@package
    tests::client@session                 (of the folder or file that defines it)      tests::client@session[gpt-4o]
    tests/test_a.py::TestA::setup@class   (`setup_class`, `setUpClass`; `setup_module` alike)

which is not the id of any Python function, so that it is not taken for a stale test's. After `[` stands the fixture's parameter.
"""

from __future__ import annotations

import posixpath
from typing import Any, Final

import pytest

_LONGEST_PARAMETER: Final = 100


def project_id(node_id: str, prefix: str) -> str:
    """Return a node id as seen from the project's folder; `prefix` leads from there to pytest's root folder."""
    file, separator, rest = node_id.partition("::")
    if prefix or file.startswith("."):
        file = posixpath.normpath(posixpath.join(prefix, file))
    return f"{'' if file == '.' else file}{separator}{rest}"


def fixture_id(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest, prefix: str) -> str:
    """Return the id of the recordings that a fixture makes for all tests of its scope."""
    home = fixturedef.baseid if fixturedef.scope == "session" else request.node.nodeid
    name = "setup" if is_setup(fixturedef.argname) else fixturedef.argname
    test_id = f"{project_id(home, prefix)}::{name}@{fixturedef.scope}"
    if not hasattr(request, "param"):
        return test_id
    index: int = getattr(request, "param_index", 0)
    named = fixturedef.ids[index] if isinstance(fixturedef.ids, tuple) and index < len(fixturedef.ids) else None
    value = request.param if named is None else named
    text = str(value) if isinstance(value, str | int | float | None) else ""
    return f"{test_id}[{text if 0 < len(text) <= _LONGEST_PARAMETER else f'{fixturedef.argname}{index}'}]"


def outlives_one_test(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> bool:
    """Return whether a fixture is made for more than one test; those of pytest itself make no requests."""
    if fixturedef.scope == "function" or isinstance(request.node, pytest.Item):  # a class's, outside any class
        return False
    is_pytests = str(getattr(fixturedef.func, "__module__", "")).startswith("_pytest.")
    return not is_pytests or is_setup(fixturedef.argname)


def is_setup(name: str) -> bool:
    """Return whether pytest made the fixture of that name from `setup_module`, `setup_class`, `setUpClass` or the like."""
    return name.startswith(("_xunit_setup_", "_unittest_setUp"))


def function_of(test_id: str) -> str:
    """Return the id without its parameters."""
    return test_id.partition("[")[0]

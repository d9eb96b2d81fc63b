"""File names: safe on every file system, apart for every two tests."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recstore.store.manifest import manifest_path
from tests.values import test_ids

RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


@given(test_ids | st.text(max_size=320))
def test_a_manifest_has_a_path_that_every_file_system_takes(test_id: str) -> None:
    """No part is reserved, hidden, too long, ends in a dot or leads out of the folder."""
    first, *parts = manifest_path(test_id).split("/")

    assert "tests" == first
    assert parts
    for part in parts:
        assert re.fullmatch(r"[A-Za-z0-9_=,+@-][A-Za-z0-9_.=,+@-]*", part)
        assert not part.endswith((".", " "))
        assert part.partition(".")[0].lower() not in RESERVED
        assert len(part) <= 100


@given(test_ids, test_ids)
def test_two_tests_have_two_paths(one: str, other: str) -> None:
    """Not even a file system that ignores case takes one test's manifest for another's."""
    assume(one != other)

    assert manifest_path(one).casefold() != manifest_path(other).casefold()


@pytest.mark.parametrize(
    ("test_id", "path"),
    [
        ("tests/test_a.py::test_b[x y/z]", r"tests/tests/test_a\.py/test_b_x_y_z_-[0-9a-f]{8}"),
        ("../../etc/passwd::x", r"tests/_/_/etc/passwd/x-[0-9a-f]{8}"),
        ("/etc/passwd", r"tests/etc/passwd/session-[0-9a-f]{8}"),
        ("tests/con.py::NUL", r"tests/tests/_con\.py/_NUL-[0-9a-f]{8}"),
        ("", r"tests/session-[0-9a-f]{8}"),
        ("tests/" + "x" * 300 + ".py::" + "y" * 300, r"tests/tests/x{60}/y{80}-[0-9a-f]{8}"),
    ],
)
def test_known_paths(test_id: str, path: str) -> None:
    """A path follows from the id alone, and stays readable."""
    assert re.fullmatch(path, manifest_path(test_id))

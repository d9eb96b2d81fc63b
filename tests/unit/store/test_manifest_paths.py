"""Names of files: where a manifest is."""

from __future__ import annotations

import re

import pytest

from recstore.model import BlobName, Digest, RequestKey
from recstore.store.manifest import manifest_path, shared_path

NAME = BlobName(RequestKey("ab" * 32), Digest("cd" * 32))
RESERVED = ("con", "PRN", "Aux", "nul", "com1", "LPT9", "com0", "con.txt", "nul.tar.gz")
LONGEST_PATH = 240
"""Windows allows 260 characters, the project's own folder included, unless it is told otherwise."""


def test_a_shared_manifest_is_named_as_its_blob() -> None:
    """It names that blob alone."""
    assert f"shared/{'ab' * 32}-{'cd' * 32}" == shared_path(NAME)


@pytest.mark.parametrize(
    ("test_id", "pattern"),
    [
        ("tests/test_a.py::test_b", r"tests/tests/test_a\.py/test_b-\w{8}"),
        ("tests/test_a.py::TestX::test_b[a-b]", r"tests/tests/test_a\.py/TestX_test_b_a-b_-\w{8}"),
        ("tests/test_a.py", r"tests/tests/test_a\.py/session-\w{8}"),
        ("::", r"tests/session-\w{8}"),
        ("a::" + " ?/[:=\\`" * 40, r"tests/a/(_=)+_?-\w{8}"),
        ("./a//b/./c.py::t", r"tests/a/b/c\.py/t-\w{8}"),
        ("/etc/passwd::t", r"tests/etc/passwd/t-\w{8}"),
        ("../../x.py::..", r"tests/_/_/x\.py/_-\w{8}"),
        ("C:\\x\\y.py::t", r"tests/C_x_y\.py/t-\w{8}"),
        (".git/hooks::.hidden", r"tests/_git/hooks/_hidden-\w{8}"),
        ("a/b/c/d/e/f/g/h/i/j.py::t", r"tests/a/b/c/d/e/f/g/h/i/j\.py/t-\w{8}"),
        ("ü/地.py::🌍", r"tests/_/_\.py/_-\w{8}"),
        ("a\x00b\nc.py::t", r"tests/a_b_c\.py/t-\w{8}"),
        ("a. /b...::c.", r"tests/a\._/b/c-\w{8}"),
    ],
)
def test_a_manifest_is_called_like_its_test(test_id: str, pattern: str) -> None:
    """Readable, and nothing in it that a file system minds."""
    assert re.fullmatch(pattern, manifest_path(test_id)), manifest_path(test_id)


@pytest.mark.parametrize("name", RESERVED)
def test_names_that_windows_keeps_for_itself_are_avoided(name: str) -> None:
    """As a folder, and as the name of a test."""
    *_, folder, file = manifest_path(f"{name}/{name}.py::{name}").split("/")

    assert folder == f"_{name}.py"
    assert file.startswith(f"_{name}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.py::t", "a.py::T"),
        ("a.py::t", "A.py::t"),
        ("a.py::t[x y]", "a.py::t[x/y]"),
        ("a.py::t", "./a.py::t"),
        ("x/1/2/3/4/5/6/7/a.py::t", "y/1/2/3/4/5/6/7/a.py::t"),
        ("a.py::" + "t" * 300, "a.py::" + "t" * 301),
        ("a.py::é", "a.py::e\u0301"),
    ],
)
def test_two_tests_never_share_a_path(one: str, other: str) -> None:
    """Not by letter case, replaced characters, or what was cut off."""
    assert manifest_path(one).casefold() != manifest_path(other).casefold()


@pytest.mark.parametrize("test_id", ["/".join(["d" * 100] * 30) + "::" + "t" * 300, "x" * 302, "é" * 302, "a/" * 150])
def test_a_path_is_short_enough_for_windows(test_id: str) -> None:
    """As a whole, not only part by part."""
    assert len(".recstore/" + manifest_path(test_id)) <= LONGEST_PATH


def test_a_path_follows_from_the_id_alone() -> None:
    """Known for all time: this is the name of a file in somebody's repository."""
    assert "tests/tests/test_chat.py/test_answer_gpt-4o_-7b5dfa22" == manifest_path(
        "tests/test_chat.py::test_answer[gpt-4o]"
    )


def test_an_id_that_is_no_unicode_has_a_path_too() -> None:
    """A lone surrogate is what Python makes of a file name that is no UTF-8."""
    assert manifest_path("a.py::\udcff") != manifest_path("a.py::\udcfe")

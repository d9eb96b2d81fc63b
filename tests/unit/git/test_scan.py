"""Which tests ask for recordings, read from their source."""

from __future__ import annotations

import pytest

from recstore.gc import test_presence as scan

ASKING = {
    "marked": "@pytest.mark.recstore\ndef test_x(): pass",
    "marked with options": "@mark.vcr(1)\nasync def test_x(): pass",
    "in a marked module": "pytestmark = [pytest.mark.vcr]\ndef test_x(): pass",
    "with the fixture": "def test_x(tmp_path, recstore): pass",
    "with the fixture by name alone": "def test_x(*, recstore): pass",
    "with the fixture, unseen": "@pytest.mark.usefixtures('recstore')\ndef test_x(): pass",
}

NOT_ASKING = {
    "skipped": "@pytest.mark.skip\n@pytest.mark.vcr\ndef test_x(): pass",
    "no test": "@pytest.mark.vcr\ndef x(): pass",
    "with another fixture": "@pytest.mark.usefixtures('recstore2')\ndef test_x(vcr): pass",
    "in a function": "def f():\n  @pytest.mark.vcr\n  def test_x(): pass",
    "in a module without tests": "__test__ = False\n@pytest.mark.vcr\ndef test_x(): pass",
    "no syntax": "@pytest.mark.vcr\ndef test_x(:",
}

CLASSES = {
    "class TestA:\n  @pytest.mark.vcr": True,
    "@pytest.mark.vcr\nclass TestA:": True,
    "class TestA:\n  pytestmark = pytest.mark.vcr": True,
    "class TestA:\n  pytestmark: list[Any] = [pytest.mark.vcr]": True,
    "class TestA(Base):\n  def test_y(self, recstore): pass\n  @pytest.mark.vcr": True,
    "class Chats(unittest.TestCase):\n  @pytest.mark.vcr": True,
    "class Chats:\n  @pytest.mark.vcr": False,
    "class TestA:\n  __test__ = False\n  @pytest.mark.vcr": False,
    "class TestA:\n  def __init__(self): pass\n  @pytest.mark.vcr": False,
}


def asking(source: str, *words: str) -> list[str]:
    """Return the tests of a file that ask."""
    return list(scan.tests_using_recordings("tests/test_a.py", source.encode(), words))


@pytest.mark.parametrize("case", ASKING)
def test_a_test_that_says_so_asks(case: str) -> None:
    """By a marker of its own or of its module, or by the fixture."""
    assert ["tests/test_a.py::test_x"] == asking(ASKING[case])


@pytest.mark.parametrize("case", NOT_ASKING)
def test_what_never_runs_does_not_ask(case: str) -> None:
    """Nor does what is no test, or has not said so."""
    assert [] == asking(NOT_ASKING[case])


@pytest.mark.parametrize("source", CLASSES)
def test_methods_ask_where_pytest_collects_them(source: str) -> None:
    """The class may ask for all of them; a class that pytest passes by asks for none."""
    found = asking(f"{source}\n  def test_x(self): pass")

    assert CLASSES[source] is (len(found) > 0 and found[-1].endswith("::test_x"))


@pytest.mark.parametrize(
    "word", ["tests", "tests/", "./tests/test_a.py", "tests/*_a.py", "*::test_x", "tests/test_a.py::test_x"]
)
def test_configured_words_stand_for_the_same_tests_as_in_the_plugin(word: str) -> None:
    """A folder, a file or a test, and `*`."""
    source = "def test_x(): pass"

    assert (1, 0) == (len(asking(source, word)), len(asking(source, f"{word}_other")))

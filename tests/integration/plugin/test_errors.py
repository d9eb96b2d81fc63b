"""A test that something was missing for fails, whatever it made of that."""

from __future__ import annotations

import pytest

from recstore.store import Store
from tests.integration.plugin.stories import Story

HEAD = """
import pytest, unittest
from client import ask

class ClientError(Exception):
    pass

def swallow(word):
    try:
        ask(word)
    except Exception:
        pass

def wrap(word):
    try:
        ask(word)
    except Exception as error:
        raise ClientError("connection error") from error

def hide(word):
    try:
        ask(word)
    except Exception:
        pass
    raise ClientError("no idea")

pytestmark = pytest.mark.recstore
"""
MISS = "no recording answers POST http://localhost/say"

CASES = {
    "raised": "def test_a(): ask('a')",
    "retried": "def test_a():\n    swallow('a')\n    swallow('a')\n    ask('a')",
    "swallowed": "def test_a(): swallow('a')",
    "wrapped": "def test_a(): wrap('a')",
    "hidden": "def test_a(): hide('a')",
    "in a group": "def test_a():\n    try: ask('a')\n    except Exception as e: raise ExceptionGroup('all', [e]) from None",
    "skipped": "def test_a():\n    swallow('a')\n    pytest.skip('no server')",
    "skipped as unittest does": "def test_a():\n    swallow('a')\n    raise unittest.SkipTest('no server')",
    "expected to fail": "@pytest.mark.xfail\ndef test_a(): ask('a')",
    "expected to fail, and swallowed": "@pytest.mark.xfail\ndef test_a(): swallow('a')",
    "said to fail": "def test_a():\n    swallow('a')\n    pytest.xfail('why')",
    "swallowed in the setup": "@pytest.fixture\ndef f(): swallow('a')\ndef test_a(f): pass",
    "in a unittest": "class TestA(unittest.TestCase):\n    def test_a(self): ask('a')",
    "hidden in a unittest": "class TestA(unittest.TestCase):\n    def test_a(self): hide('a')",
    "swallowed in a unittest": "class TestA(unittest.TestCase):\n    def test_a(self): swallow('a')",
    "skipped in a unittest": "class TestA(unittest.TestCase):\n    def test_a(self):\n        swallow('a')\n        self.skipTest('')",
    "in a thread": "import threading\ndef test_a():\n    t = threading.Thread(target=swallow, args=('a',))\n    t.start()\n    t.join()",
}
ERRORS = {
    "raised in the setup": "@pytest.fixture\ndef f(): ask('a')\ndef test_a(f): pass",
    "skipped in the setup": "@pytest.fixture\ndef f():\n    swallow('a')\n    pytest.skip('no')\ndef test_a(f): pass",
    "wrapped in a module's fixture": "@pytest.fixture(scope='module')\ndef f(): wrap('a')\ndef test_a(f): pass",
}
LATE_ERRORS = {
    "swallowed in the teardown": "@pytest.fixture\ndef f():\n    yield\n    swallow('a')\ndef test_a(f): pass",
    "swallowed in a module's teardown": (
        "@pytest.fixture(scope='module')\ndef f():\n    yield\n    swallow('a')\ndef test_a(f): pass"
    ),
}


@pytest.mark.parametrize("case", [*CASES, *ERRORS, *LATE_ERRORS])
def test_a_miss_fails_the_test_and_is_told_once(story: Story, case: str) -> None:
    """Clients retry, wrap and swallow; tests skip or expect to fail: none of it hides that a recording is missing."""
    story.write({"test_a.py": HEAD + {**CASES, **ERRORS, **LATE_ERRORS}[case] + "\n"})
    expected = {"failed": 1} if case in CASES else {"error": 1} if case in ERRORS else {"passed": 1, "error": 1}

    run = story.run()

    assert expected == run.counts, run.output
    assert 1 == run.output.partition("short test summary")[0].count(MISS), run.output
    assert 1 == run.output.partition("short test summary")[0].count("Record it: pytest --recstore=record"), run.output
    assert [] == story.upstream.take()


def test_two_tests_are_told_of_their_own_misses(story: Story) -> None:
    """Each names its own test in the command that records it."""
    story.write({"test_a.py": f"{HEAD}\ndef test_a(): swallow('a')\ndef test_b(): ask('b')\ndef test_c(): pass\n"})

    run = story.run()

    assert {"failed": 2, "passed": 1} == run.counts
    assert "--recstore=record test_a.py::test_a\n" in run.output
    assert "--recstore=record test_a.py::test_b\n" in run.output


def test_damage_fails_the_test_that_swallowed_it(story: Story) -> None:
    """A recording that is there and wrong is no miss: nothing is asked, and the file is named."""
    story.write({"test_a.py": f"{HEAD}\ndef test_a(): swallow('a')\n"})
    assert {"passed": 1} == story.run("--recstore=record").counts
    store = Store.open(story.path)
    blob = store.directory.path(next(store.blobs()).path)
    blob.write_bytes(blob.read_bytes() + b" ")

    run = story.run()

    assert {"failed": 1} == run.counts, run.output
    assert 1 == run.output.count("do not fit its name")
    assert ["a"] == story.upstream.take()


def test_a_miss_while_a_module_is_imported_fails_the_module(story: Story) -> None:
    """Also where the module swallows it; recorded, it is kept outside any test."""
    story.write({"test_a.py": f"{HEAD}\nswallow('import')\n\ndef test_a(): pass\n"})

    missed = story.run()
    recorded = story.run("--recstore=record")
    replayed = story.run()

    assert {"error": 1} == missed.counts, missed.output
    assert 1 == missed.output.partition("short test summary")[0].count(MISS)
    assert ({"passed": 1}, {"passed": 1}) == (recorded.counts, replayed.counts), recorded.output + replayed.output
    assert {"": 1} == story.recorded()
    assert ["import"] == story.upstream.take()


def test_a_miss_between_tests_fails_the_run(story: Story) -> None:
    """No test's report holds it, so the summary does, and the exit code says that something is wrong."""
    story.write(
        {
            "conftest.py": """
                from client import ask

                def pytest_runtest_logfinish(nodeid):
                    try:
                        ask(nodeid)
                    except Exception:
                        pass
            """,
            "test_a.py": f"{HEAD}\ndef test_a(): pass\n",
        }
    )

    run = story.run()

    assert (1, {"passed": 1}) == (run.code, run.counts), run.output
    assert f"outside any test: {MISS}" in run.output


def test_a_miss_that_an_xfail_would_hide_is_a_failure_for_every_reader(story: Story) -> None:
    """Other plugins are told of a plain failure, not of a test that was expected to fail."""
    story.write({"test_a.py": f"{HEAD}\n@pytest.mark.xfail\ndef test_a(): ask('a')\n"})

    run = story.run("--junitxml=report.xml")

    report = (story.path / "report.xml").read_text()
    assert {"failed": 1} == run.counts
    assert MISS in report
    assert "xfail" not in report.partition("<failure")[2].partition(">")[0]


def test_what_was_recorded_beside_damage_is_not_published(story: Story) -> None:
    """Though the test itself had passed before its teardown came upon the damage."""
    story.write({"test_a.py": f"{HEAD}\ndef test_a(): ask('a')\n"})
    story.run("--recstore=record")
    store = Store.open(story.path)
    blob = store.directory.path(next(store.blobs()).path)
    blob.write_bytes(blob.read_bytes() + b" ")
    story.write(
        {"test_a.py": f"{HEAD}\n@pytest.fixture\ndef f():\n    yield\n    swallow('a')\ndef test_a(f): ask('new')\n"}
    )

    run = story.run("--recstore=record-if-missing")

    assert {"passed": 1, "error": 1} == run.counts, run.output
    assert {"test_a.py::test_a": 1} == story.recorded()

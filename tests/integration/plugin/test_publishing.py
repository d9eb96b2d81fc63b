"""What a test recorded is published when all of it passed, and not otherwise."""

from __future__ import annotations

import pytest

from tests.integration.plugin.stories import Story

HEAD = """
import pytest
from client import ask

pytestmark = pytest.mark.recstore
"""

KEPT = {
    "passed": "def test_a(): ask('a')",
    "expected to fail, and fails": "@pytest.mark.xfail\ndef test_a():\n    ask('a')\n    assert 0",
    "said to fail": "def test_a():\n    ask('a')\n    pytest.xfail('why')",
    "expected to fail, and passes": "@pytest.mark.xfail(strict=False)\ndef test_a(): ask('a')",
}
NOT_KEPT = {
    "failed": "def test_a():\n    ask('a')\n    assert 0",
    "skipped": "def test_a():\n    ask('a')\n    pytest.skip('why')",
    "failed in its setup": "@pytest.fixture\ndef f():\n    ask('a')\n    assert 0\ndef test_a(f): pass",
    "failed in its teardown": "@pytest.fixture\ndef f():\n    yield\n    assert 0\ndef test_a(f): ask('a')",
    "strictly expected to fail, and passes": "@pytest.mark.xfail(strict=True)\ndef test_a(): ask('a')",
    "interrupted": "def test_a():\n    ask('a')\n    raise KeyboardInterrupt",
    "exited": "def test_a():\n    ask('a')\n    pytest.exit('why')",
}


@pytest.mark.parametrize("case", KEPT)
def test_a_test_that_ends_as_it_should_is_published(story: Story, case: str) -> None:
    """Also one that is expected to fail: what it fails with is its result."""
    story.write({"test_a.py": f"{HEAD}\n{KEPT[case]}\n"})

    recorded = story.run("--recstore=record")

    assert {"test_a.py::test_a": 1} == story.recorded(), recorded.output
    assert recorded.counts == story.run().counts
    assert ["a"] == story.upstream.take()


@pytest.mark.parametrize("case", NOT_KEPT)
def test_a_test_that_does_not_pass_leaves_its_old_recordings(story: Story, case: str) -> None:
    """What it recorded lies in `local/failed`, and the store is as it was."""
    story.write({"test_a.py": f"{HEAD}\n{NOT_KEPT[case]}\n"})

    run = story.run("--recstore=record")

    assert {} == story.recorded(), run.output
    assert {"local"} == {name.partition("/")[0] for name in run.changed}, run.output


def test_a_test_that_is_not_run_keeps_its_recordings(story: Story) -> None:
    """`xfail(run=False)` and `skip` record nothing, so they replace nothing."""
    story.write({"test_a.py": f"{HEAD}\n{KEPT['passed']}\n"})
    story.run("--recstore=record")
    for marker in ("skip", "xfail(run=False)"):
        story.write({"test_a.py": f"{HEAD}\n@pytest.mark.{marker}\n{KEPT['passed']}\n"})

        run = story.run("--recstore=record")

        assert () == run.changed, run.output
        assert {"test_a.py::test_a": 1} == story.recorded()


def test_of_a_test_that_is_run_again_the_last_run_is_published(story: Story) -> None:
    """pytest-rerunfailures: the failed run is forgotten, the one that passed is kept."""
    story.write(
        {
            "test_a.py": f"""{HEAD}
runs = []

def test_a():
    runs.append(1)
    ask(f"run {{len(runs)}}")
    assert len(runs) == 3
"""
        }
    )

    run = story.run("--recstore=record", "--reruns=3", plugins=("pytest_rerunfailures",))

    assert {"passed": 1, "rerun": 2} == run.counts, run.output
    assert ["run 1", "run 2", "run 3"] == story.upstream.take()
    assert {"test_a.py::test_a": 1} == story.recorded()


def test_a_recording_that_cannot_be_published_is_an_error_of_its_test(story: Story) -> None:
    """Nothing is lost without a word: the test's end fails, and says why."""
    story.write({"test_a.py": f"{HEAD}\ndef test_a():\n    ask('a')\n    open('.recstore/blobs', 'w').close()\n"})

    run = story.run("--recstore=record")

    assert {"passed": 1, "error": 1} == run.counts, run.output
    assert "cannot be written" in run.output

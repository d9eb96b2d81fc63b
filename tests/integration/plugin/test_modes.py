"""Recording, replaying, and what stays on the disk."""

from __future__ import annotations

from tests.integration.plugin.stories import Story

TWO_TESTS = {
    "tests/test_a.py": """
        import pytest
        from client import ask

        @pytest.mark.recstore
        def test_sun():
            assert ask("sun") == "hello sun"

        def test_unmarked():
            assert ask("moon").endswith("moon")
    """
}
SUN = "tests/test_a.py::test_sun"


def test_a_test_is_recorded_once_and_replayed_without_an_upstream(story: Story) -> None:
    """After `--recstore=record` nothing is asked any more; a test that is not marked is let through untouched."""
    story.write(TWO_TESTS)

    recorded = story.run("--recstore=record")

    assert (0, {"passed": 2}) == (recorded.code, recorded.counts), recorded.output
    assert ["moon", "sun"] == story.upstream.take()
    assert {SUN: 1} == story.recorded()

    replayed = story.run()

    assert (0, {"passed": 2}) == (replayed.code, replayed.counts), replayed.output
    assert ["moon"] == story.upstream.take()
    assert () == replayed.changed


def test_without_a_recording_a_replayed_test_fails_and_says_how_to_record_it(story: Story) -> None:
    """The upstream is not asked; the miss names the test, the request and the command."""
    story.write(TWO_TESTS)

    run = story.run()

    assert {"passed": 1, "failed": 1} == run.counts, run.output
    assert ["moon"] == story.upstream.take()
    assert f"pytest --recstore=record {SUN}" in run.output
    assert 1 == run.output.count("no recording answers POST")

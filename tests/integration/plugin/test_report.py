"""`--recstore-report`, and what is said without it."""

from __future__ import annotations

import re

import pytest

from tests.integration.plugin.stories import Story

FILES = {
    "test_a.py": """
        import os
        import pytest
        from client import ask

        pytestmark = pytest.mark.recstore

        def test_a():
            ask("a")
            ask(os.environ.get("WORD", "b"))

        def test_c():
            if "WORD" not in os.environ:
                ask("c")
    """
}


def section(output: str) -> list[str]:
    """Return the lines of recstore's section of the summary."""
    lines = output.splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip("= ") == "recstore"]
    after = lines[starts[0] + 1 :] if starts else []
    ends = [number for number, line in enumerate(after) if line.startswith("===") or re.search(r" in \d+\.\d+s", line)]
    return [" ".join(line.split()) for line in after[: ends[0] if ends else len(after)]]


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "workers"])
def test_the_report_counts_what_was_new_saved_missing_and_unused(story: Story, workers: list[str]) -> None:
    """The same sums, whoever ran the tests."""
    plugins = ("xdist.plugin",) if workers else ()
    story.write(FILES)

    recorded = story.run("--recstore=record", "--recstore-report", *workers, plugins=plugins)
    replayed = story.run("--recstore-report", *workers, plugins=plugins)
    changed = story.run("--recstore-report", *workers, plugins=plugins, WORD="other")

    assert ["new recordings 3", "requests saved 0", "missing or damaged 0", "unused entries 0"] == section(
        recorded.output
    )
    assert ["new recordings 0", "requests saved 3", "missing or damaged 0", "unused entries 0"] == section(
        replayed.output
    )
    assert [
        "new recordings 0",
        "requests saved 1",
        "missing or damaged 1 in 1 test",
        "test_a.py::test_a",
        "unused entries 1 in 1 test",
        "test_a.py::test_c: 1",
    ] == section(changed.output)


def test_without_being_asked_nothing_is_said(story: Story) -> None:
    """But for the line that says in which mode."""
    story.write(FILES)

    run = story.run("--recstore=record")

    assert [] == section(run.output)


def test_drift_is_told_in_any_case(story: Story) -> None:
    """Verifying changes nothing, and names the tests whose answers differ from their recordings."""
    story.write(FILES)
    story.run("--recstore=record")
    story.upstream.take()
    same = story.run("--recstore=verify")
    story.upstream.says = "goodbye"

    drifted = story.run("--recstore=verify", "test_a.py::test_c")

    assert ([], ["a", "b", "c", "c"]) == (section(same.output), story.upstream.take())
    assert "drift: test_a.py::test_c" == section(drifted.output)[0], drifted.output
    assert ({"passed": 1}, ()) == (drifted.counts, drifted.changed)


def test_a_reused_recording_is_told_apart(story: Story) -> None:
    """`record-if-missing` takes another test's answer over, with no live call."""
    story.write({"test_a.py": "from client import ask\ndef test_a(recstore): ask('a')\n"})
    story.run("--recstore=record")
    story.upstream.take()
    story.write({"test_b.py": "from client import ask\ndef test_b(recstore): ask('a')\n"})

    run = story.run("--recstore=record-if-missing", "--recstore-report")

    assert {"passed": 2} == run.counts, run.output
    assert "reused 1 of other tests, with no live call" in section(run.output)
    assert [] == story.upstream.take()

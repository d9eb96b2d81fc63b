"""What a complete run has served is kept; a partial one says nothing."""

from __future__ import annotations

import pytest

from recstore.model import Entry
from recstore.store import Store
from recstore.store.usage import unused_entries
from tests.integration.plugin.stories import Story

THREE = {
    "tests/test_a.py": """
        import pytest
        from client import ask

        pytestmark = pytest.mark.recstore
        WORDS = ["x", "y"]

        @pytest.mark.parametrize("word", WORDS)
        def test_a(word):
            ask(word)
            ask("again")

        class TestB:
            def test_b(self):
                ask("b")
    """,
    "tests/test_c.py": """
        import pytest
        from client import ask

        @pytest.mark.recstore
        def test_c():
            ask("c")
    """,
}
A, C = "tests/test_a.py", "tests/test_c.py"


def unserved(story: Story) -> dict[str, int]:
    """Return how many entries of each test the last complete runs had no use for."""
    store = Store.open(story.path)
    found: dict[str, tuple[Entry, ...]] = {}
    for manifest in store.manifests():
        test_id = manifest.test_id or ""
        found[test_id] = unused_entries(manifest, story.served(test_id.partition("::")[0]) or {})
    return {test_id: len(entries) for test_id, entries in found.items() if entries}


@pytest.fixture
def recorded(story: Story) -> Story:
    """Return a project whose tests are recorded, and have served nothing yet."""
    story.write(THREE)
    assert {"passed": 4} == story.run("--recstore=record").counts
    forget(story)
    return story


def forget(story: Story) -> None:
    """Remove what is known of runs."""
    for path in (story.path / ".recstore/local/usage").glob("*"):
        path.unlink()


def test_a_complete_run_tells_what_it_served(recorded: Story) -> None:
    """Every test of each file, with the manifest that it had; nothing is unserved where all was asked for."""
    assert {"passed": 4} == recorded.run().counts

    run = recorded.served(A)

    assert run is not None
    assert {f"{A}::test_a[x]": 2, f"{A}::test_a[y]": 2, f"{A}::TestB::test_b": 1} == {
        name: len(test.used) for name, test in run.items()
    }
    assert all(test.has_passed and test.was_collected for test in run.values())
    assert {} == unserved(recorded)


def test_an_entry_that_nobody_asked_for_is_unserved(recorded: Story) -> None:
    """So is a parameter that is gone, of a function that is still run."""
    text = THREE[A].replace('ask("again")', "pass").replace('["x", "y"]', '["x"]')
    recorded.write({A: text})

    assert {"passed": 3} == recorded.run().counts

    assert {f"{A}::test_a[x]": 1, f"{A}::test_a[y]": 2} == unserved(recorded)


PARTIAL = {
    "one test by its id": ([f"{A}::test_a[x]", C], {C}),
    "one class by its id": ([f"{A}::TestB", C], {C}),
    "every function, and no class": ([f"{A}::test_a", C], {C}),
    "every id of a file": ([f"{A}::test_a", f"{A}::TestB"], {A}),
    "by keyword": (["-k", "not TestB"], {C}),
    "by marker": (["-m", "not recstore"], set()),
    "deselected": ([f"--deselect={A}::test_a[y]"], {C}),
    "collected alone": (["--collect-only"], set()),
    "one file": ([A], {A}),
    "nothing left out": (["-k", "test"], {A, C}),
}


@pytest.mark.parametrize("case", PARTIAL)
def test_only_a_file_that_was_run_whole_is_spoken_of(recorded: Story, case: str) -> None:
    """However the rest was left out."""
    arguments, expected = PARTIAL[case]

    run = recorded.run(*arguments)

    assert expected == {file for file in (A, C) if recorded.served(file) is not None}, run.output


BROKEN_OFF = {
    "stopped at the first failure": ("assert word != 'x'", ["-x"]),
    "interrupted": ("if word == 'x': raise KeyboardInterrupt", []),
    "exited": ("if word == 'x': pytest.exit('why')", []),
    "killed": ("import os; word == 'x' and os._exit(1)", []),
}


@pytest.mark.parametrize("case", BROKEN_OFF)
def test_a_run_that_is_broken_off_says_nothing(recorded: Story, case: str) -> None:
    """What was not run may have served anything."""
    statement, options = BROKEN_OFF[case]
    recorded.write({A: THREE[A].replace('ask("again")', statement)})

    recorded.run(*options, A)

    assert recorded.served(A) is None


def test_only_last_failures_say_nothing(recorded: Story) -> None:
    """`--lf` finds less of a file, or nothing of it, without a word to other plugins."""
    recorded.write({A: THREE[A].replace('ask("again")', "assert word != 'x'")})
    recorded.run()
    forget(recorded)

    run = recorded.run("--lf")

    assert {"failed": 1} == {name: number for name, number in run.counts.items() if name != "deselected"}, run.output
    assert (None, None) == (recorded.served(A), recorded.served(C))


def test_of_a_test_that_failed_or_was_skipped_nothing_is_concluded(recorded: Story) -> None:
    """The others of its file are spoken of all the same."""
    text = (
        THREE[A]
        .replace('ask("again")', "assert word != 'x'")
        .replace("def test_b(self):", "def test_b(self):\n                pytest.skip()")
    )
    recorded.write({A: text})

    run = recorded.run()

    assert {"passed": 2, "failed": 1, "skipped": 1} == run.counts, run.output
    assert {f"{A}::test_a[y]": 1} == unserved(recorded)


@pytest.mark.parametrize("statement", ["raise RuntimeError", "pytest.skip(allow_module_level=True)"])
def test_a_module_that_was_not_imported_says_nothing(recorded: Story, statement: str) -> None:
    """It may have any number of tests."""
    recorded.write({A: THREE[A].replace("class TestB", f"{statement}\n\n        class TestB")})

    recorded.run()

    assert recorded.served(A) is None


def test_a_class_that_was_not_collected_leaves_its_file_in_doubt(recorded: Story) -> None:
    """Though the rest of the file is run."""
    recorded.write(
        {A: THREE[A].replace("def test_b(self)", "@pytest.mark.parametrize('no', [1])\n            def test_b(self)")}
    )

    run = recorded.run("--continue-on-collection-errors")

    assert {"passed": 3, "error": 1} == run.counts, run.output
    assert recorded.served(A) is None
    assert recorded.served(C) is not None


def test_tests_that_do_not_ask_are_not_judged(recorded: Story) -> None:
    """Another recorder may be serving their recordings."""
    recorded.write({A: THREE[A].replace("pytestmark = pytest.mark.recstore", "")})

    assert {"passed": 4} == recorded.run().counts

    assert {} == unserved(recorded)


@pytest.mark.parametrize("mode", ["live", "verify"])
def test_a_mode_that_serves_nothing_says_nothing(recorded: Story, mode: str) -> None:
    """Live answers are no reason to give recordings up."""
    assert {"passed": 4} == recorded.run(f"--recstore={mode}").counts

    assert {} == unserved(recorded)


def test_a_read_only_store_replays(recorded: Story) -> None:
    """What was served is not kept, and that is said only where a report is wanted."""
    served = recorded.path / ".recstore/local/usage"
    served.rmdir()
    served.write_text("no folder")

    run, reported = recorded.run(), recorded.run("--recstore-report")

    assert ({"passed": 4}, {"passed": 4}) == (run.counts, reported.counts), run.output
    assert ("not kept" in run.output, "not kept" in reported.output) == (False, True)


def test_a_store_whose_git_folder_cannot_be_written_replays(recorded: Story) -> None:
    """The local state would be there; a replay needs none of it."""
    git = recorded.path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "recstore").write_text("not a folder")

    assert {"passed": 4} == recorded.run().counts
    assert ["HEAD", "recstore"] == sorted(path.name for path in git.iterdir())

"""Many workers at once: the same ids, the same recordings, one record of what was served."""

from __future__ import annotations

import pytest

from tests.integration.plugin.stories import Story

pytest.importorskip("xdist")

XDIST = ("xdist.plugin",)
FORTY = {
    "tests/test_many.py": """
        import pytest
        from client import ask

        @pytest.mark.recstore
        @pytest.mark.parametrize("number", range(40))
        def test_shared(number):
            assert ask("shared") == "hello shared"
            assert ask(number % 4) == f"hello {number % 4}"
            assert ask("shared") == "hello shared"
    """
}


def test_forty_tests_that_share_requests_keep_forty(story: Story) -> None:
    """Four workers write at once, and not one recording is lost; alone or together, the ids are the same."""
    story.write(FORTY)

    recorded = story.run("--recstore=record", "-n4", plugins=XDIST)

    assert {"passed": 40} == recorded.counts, recorded.output
    assert {f"tests/test_many.py::test_shared[{number}]": 3 for number in range(40)} == story.recorded()
    story.upstream.take()

    together, alone = story.run("-n4", plugins=XDIST), story.run()

    assert ({"passed": 40}, {"passed": 40}) == (together.counts, alone.counts), together.output
    assert ([], (), ()) == (story.upstream.take(), together.changed, alone.changed)


def test_recording_again_with_other_workers_changes_nothing(story: Story) -> None:
    """Which worker ran a test leaves no trace in the store."""
    story.write(FORTY)
    story.run("--recstore=record")

    again = story.run("--recstore=record", "-n3", plugins=XDIST)

    assert {"passed": 40} == again.counts, again.output
    assert () == again.changed


def test_what_workers_served_is_put_together(story: Story) -> None:
    """The run of a file is complete when the workers have run all of it between them."""
    story.write(FORTY)
    story.run("--recstore=record", "-n4", plugins=XDIST)
    together = story.served("tests/test_many.py")

    story.run()

    assert together is not None
    assert together == story.served("tests/test_many.py")
    assert {2} == {len({key for key, _ in test.used}) for test in together.values()}
    assert {3} == {len(test.used) for test in together.values()}


def test_a_lost_worker_leaves_the_run_incomplete(story: Story) -> None:
    """What it served is not known, so nothing is concluded."""
    story.write(
        {
            "test_a.py": """
                import os
                import pytest
                from client import ask

                pytestmark = pytest.mark.recstore

                @pytest.mark.parametrize("number", range(8))
                def test_a(number):
                    ask(number)
                    if number == 5 and "PYTEST_XDIST_WORKER" in os.environ:
                        os._exit(1)
            """
        }
    )

    run = story.run("--recstore=record", "-n2", plugins=XDIST)

    assert 1 == run.counts["failed"], run.output
    assert story.served("test_a.py") is None
    assert "test_a.py::test_a[0]" in story.recorded()


def test_groups_of_workers_change_no_id(story: Story) -> None:
    """`--dist loadgroup` adds the group's name to pytest's ids, not to those of recordings."""
    story.write(
        {
            "test_a.py": """
                import pytest
                from client import ask

                @pytest.mark.recstore
                @pytest.mark.xdist_group("g")
                def test_a():
                    ask("a")
            """
        }
    )

    run = story.run("--recstore=record", "-n2", "--dist=loadgroup", plugins=XDIST)

    assert {"passed": 1} == run.counts, run.output
    assert {"test_a.py::test_a": 1} == story.recorded()
    assert story.served("test_a.py") is not None


def test_a_module_fixture_is_recorded_by_each_worker_under_one_id(story: Story) -> None:
    """It is set up once a worker, and replays in all of them."""
    story.write(
        {
            "test_a.py": """
                import pytest
                from client import ask

                @pytest.fixture(scope="module")
                def module():
                    return ask("module")

                @pytest.mark.recstore
                @pytest.mark.parametrize("number", range(6))
                def test_a(number, module):
                    assert module == "hello module"
            """
        }
    )

    recorded = story.run("--recstore=record", "-n2", plugins=XDIST)
    story.upstream.take()
    replayed = story.run("-n2", plugins=XDIST)

    assert ({"passed": 6}, {"passed": 6}) == (recorded.counts, replayed.counts), recorded.output + replayed.output
    assert {"test_a.py::module@module": 1} == story.recorded()
    assert [] == story.upstream.take()


def test_misses_between_tests_of_workers_fail_the_run(story: Story) -> None:
    """Whatever process met them, the summary of the whole run tells them."""
    story.write(
        {
            "conftest.py": """
                from client import ask

                def pytest_runtest_logfinish(nodeid):
                    try:
                        ask("between")
                    except Exception:
                        pass
            """,
            "test_a.py": """
                import pytest

                @pytest.mark.recstore
                @pytest.mark.parametrize("number", range(4))
                def test_a(number):
                    pass
            """,
        }
    )

    run = story.run("-n2", plugins=XDIST, UPSTREAM=story.upstream.url)

    assert (1, {"passed": 4}) == (run.code, run.counts), run.output
    assert 1 == run.output.count("outside any test: no recording")

"""Who may say which mode: the command line, the environment, a marker, the configuration; and what CI allows."""

from __future__ import annotations

import shutil

import pytest

from recstore.pytest_plugin.hooks import RECORDING
from tests.integration.plugin.stories import Story

ONE = {
    "tests/test_a.py": """
        import pytest
        from client import ask

        @pytest.mark.recstore
        def test_a(recstore):
            assert recstore.test_id == "tests/test_a.py::test_a"
            print("mode:", recstore.mode)
            ask("a")
    """
}


def configure(story: Story, text: str) -> None:
    """Write the project's settings."""
    (story.path / "recstore.toml").write_text(text)


def mode_of(story: Story, *arguments: str, **environment: str) -> str:
    """Return the mode that the story's test ran in."""
    run = story.run("-s", *arguments, plugins=(), cwd=".", **environment)
    line = next((line for line in run.output.splitlines() if "mode:" in line), run.output)
    return line.rpartition("mode: ")[2].strip().removesuffix(".").removesuffix("F")


def test_the_nearest_word_counts(story: Story) -> None:
    """The command line is above the environment, that above a marker, that above the configuration."""
    story.write(ONE)
    assert "replay" == mode_of(story)

    configure(story, 'mode = "live"')
    assert "live" == mode_of(story)

    story.write({"tests/test_a.py": ONE["tests/test_a.py"].replace("mark.recstore", 'mark.recstore(mode="record")')})
    assert "record" == mode_of(story)
    assert "verify" == mode_of(story, RECSTORE_MODE="verify")
    assert "replay" == mode_of(story, "--recstore=replay", RECSTORE_MODE="verify")


def test_on_ci_nothing_is_recorded_unless_the_command_line_says_so(story: Story) -> None:
    """A setting or a marker that records gives replay, a variable that does is an error."""
    story.write(ONE)
    configure(story, 'mode = "record"')

    by_setting = story.run("-v", CI="true")
    by_variable = story.run(CI="true", RECSTORE_MODE="record-if-missing")
    assert ([], {}) == (story.upstream.take(), story.recorded())
    by_option = story.run("--recstore=record", CI="true")

    assert {"failed": 1} == by_setting.counts
    assert "recstore: replay (`record` counts on CI only as an option)" in by_setting.output
    assert (4, True) == (by_variable.code, "does not count on CI" in by_variable.output)
    assert ({"passed": 1}, ["a"]) == (by_option.counts, story.upstream.take())


WRONG = {
    "an option": (["--recstore=rewind"], {}, "", "invalid choice: 'rewind'"),
    "a variable": ([], {"RECSTORE_MODE": "rewind"}, "", "RECSTORE_MODE: 'rewind' is not a mode"),
    "a setting": ([], {}, 'mode = "rewind"', "mode = 'rewind' is not a mode"),
    "a file": ([], {}, "mode = ", "is not TOML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_understood_stops_the_run(story: Story, case: str) -> None:
    """With pytest's own exit code for wrong use, and no traceback."""
    arguments, environment, settings, expected = WRONG[case]
    story.write(ONE)
    configure(story, settings)

    run = story.run(*arguments, plugins=(), cwd=".", **environment)

    assert 4 == run.code, run.output
    assert expected in run.output
    assert "Traceback" not in run.output


def test_a_marker_replaces_settings_and_the_nearest_counts(story: Story) -> None:
    """Options of a module's marker reach its tests, where these do not say otherwise; unknown ones are errors."""
    story.write(
        {
            "test_a.py": """
                import pytest
                from client import ask

                pytestmark = pytest.mark.recstore(repeat_last=True)

                def test_last_repeats(recstore):
                    for _ in range(1 if recstore.mode == "record" else 3):
                        assert ask("a") == "hello a"

                @pytest.mark.recstore(repeat_last=False)
                def test_last_does_not():
                    ask("b")

                @pytest.mark.recstore(rewind=True)
                def test_unknown():
                    pass

                @pytest.mark.recstore("record")
                def test_no_name():
                    pass
            """
        }
    )

    recorded, replayed = story.run("--recstore=record"), story.run()

    assert {"passed": 2, "error": 2} == recorded.counts, recorded.output
    assert {"passed": 2, "error": 2} == replayed.counts, replayed.output
    assert "there is no option `rewind`" in replayed.output
    assert "takes options by name alone" in replayed.output


def test_configured_folders_and_names_ask(story: Story) -> None:
    """Everything below a configured folder, and every test of a configured name."""
    configure(story, 'tests = ["tests/live", "*::test_named"]')
    text = "from client import ask\ndef test_named(): ask('named')\ndef test_other(): ask('other')\n"
    story.write({"tests/live/test_a.py": text, "tests/test_b.py": text, "tests/livelong/test_c.py": text})

    run = story.run("--recstore=record")

    assert {"passed": 6} == run.counts, run.output
    assert {
        "tests/live/test_a.py::test_named",
        "tests/live/test_a.py::test_other",
        "tests/test_b.py::test_named",
        "tests/livelong/test_c.py::test_named",
    } == set(story.recorded())


def test_a_test_that_uses_the_fixture_asks(story: Story) -> None:
    """It shows the session; a test that gets hold of it too late is told to ask."""
    story.write(
        {
            "test_a.py": """
                import pytest
                from client import ask

                def test_a(recstore):
                    assert (recstore.mode, recstore.test_id) == ("replay", "test_a.py::test_a")
                    with pytest.raises(Exception):
                        ask("a")
                    assert len(recstore.misses) == 1

                def test_late(request):
                    request.getfixturevalue("recstore")
            """
        }
    )

    run = story.run()

    assert {"failed": 2} == run.counts, run.output
    assert 1 == run.output.partition("short test summary")[0].count("no recording answers")
    assert "does not ask for recordings" in run.output


@pytest.mark.parametrize("mode", sorted(RECORDING))
def test_without_a_store_nothing_can_be_recorded(story: Story, mode: str) -> None:
    """Pytest stops before it runs a test, and says how to make a store."""
    shutil.rmtree(story.path / ".recstore")
    story.write(ONE)

    by_option, by_variable = story.run(f"--recstore={mode}"), story.run(RECSTORE_MODE=mode)

    for run in (by_option, by_variable):
        assert 4 == run.code, run.output
        assert "recstore init" in run.output
    assert [] == story.upstream.take()


def test_without_a_store_a_replayed_test_misses_and_says_how_to_make_one(story: Story) -> None:
    """Nothing is made by itself."""
    shutil.rmtree(story.path / ".recstore")
    story.write(ONE)

    run = story.run()

    assert {"failed": 1} == run.counts, run.output
    assert "recstore init" in run.output
    assert not (story.path / ".recstore").exists()


def test_a_project_that_has_nothing_to_do_with_it_loads_nothing(story: Story) -> None:
    """Neither a store nor a configuration nor a marker: the plugin stays two small modules and the one that finds a store."""
    shutil.rmtree(story.path / ".recstore")
    story.write(
        {
            "test_a.py": """
                import sys

                def test_a():
                    loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "recstore")
                    assert loaded == ["recstore", "recstore.files", "recstore.pytest_plugin"]
            """
        }
    )

    run = story.run()

    assert {"passed": 1} == run.counts, run.output


def test_where_no_test_asks_no_hook_is_left(story: Story) -> None:
    """A run of other tests, in a project that has recordings, costs nothing from test to test."""
    story.write(
        {
            "test_a.py": "def test_a(pytestconfig): assert not pytestconfig.pluginmanager.has_plugin('recstore-hooks')\n",
            "test_b.py": "def test_b(recstore, pytestconfig): assert pytestconfig.pluginmanager.has_plugin('recstore-hooks')\n",
        }
    )

    runs = story.run("test_a.py"), story.run("test_b.py")

    assert [{"passed": 1}, {"passed": 1}] == [run.counts for run in runs], runs[0].output + runs[1].output

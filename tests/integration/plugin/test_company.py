"""The plugin in company: other plugins, kinds of tests, odd ids, other folders."""

from __future__ import annotations

import shutil

import pytest

from recstore.store import Store
from tests.integration.plugin.stories import Story

KINDS = {
    "test_kinds.py": r'''
        """A module with a doctest.

        >>> from client import ask
        >>> ask("doctest")
        'hello doctest'
        """

        import unittest

        import pytest
        from client import ask

        pytestmark = pytest.mark.recstore

        class TestUnit(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                ask("class")

            def setUp(self):
                ask("set up")

            def test_unit(self):
                for number in range(2):
                    with self.subTest(number=number):
                        assert ask("unit") == "hello unit"

        class TestClass:
            class TestInner:
                def setup_method(self):
                    ask("method")

                def test_inner(self):
                    ask("inner")

        @pytest.mark.parametrize("text", ["a/b", "x::y", "[z]", "ü", "", "a" * 300, "\\", " ", "%s", "a@b"])
        def test_odd(text):
            ask("odd")
    ''',
}


def test_every_kind_of_test_has_its_recordings(story: Story) -> None:
    """Classes, unittest, odd parameters; a doctest is left alone."""
    story.write(KINDS)

    recorded = story.run("--recstore=record", "--doctest-modules")
    asked = story.upstream.take()
    replayed = story.run("--doctest-modules")

    assert ({"passed": 13}, {"passed": 13}) == (recorded.counts, replayed.counts), recorded.output + replayed.output
    assert (17, ["doctest"]) == (len(asked), story.upstream.take())
    found = story.recorded()
    assert 13 == len(found)
    assert (1, 3, 2, 1) == (
        found["test_kinds.py::TestUnit::setup@class"],
        found["test_kinds.py::TestUnit::test_unit"],
        found["test_kinds.py::TestClass::TestInner::test_inner"],
        found["test_kinds.py::test_odd[x::y]"],
    )


ASYNC = """
    import asyncio
    import pytest
    from client import ask

    pytestmark = [pytest.mark.recstore, pytest.mark.{marker}]

    {fixture}
    async def module():
        yield await asyncio.to_thread(ask, "module")
        await asyncio.to_thread(ask, "module's end")

    async def several(name):
        return await asyncio.gather(*(asyncio.to_thread(ask, f"{{name}} {{n}}") for n in range(5)))

    async def test_one(module):
        assert await several("one") == [f"hello one {{n}}" for n in range(5)]

    async def test_two(module):
        assert module == "hello module"
        assert await several("two") == [f"hello two {{n}}" for n in range(5)]
"""


@pytest.mark.parametrize(
    ("plugin", "marker", "fixture"),
    [
        ("anyio.pytest_plugin", "anyio", "@pytest.fixture(scope='module')"),
        (
            "pytest_asyncio.plugin",
            "asyncio(loop_scope='module')",
            "@__import__('pytest_asyncio').fixture(scope='module', loop_scope='module')",
        ),
    ],
)
def test_tasks_and_threads_find_the_session_of_their_test(story: Story, plugin: str, marker: str, fixture: str) -> None:
    """Also where one event loop serves many tests."""
    pytest.importorskip(plugin.partition(".")[0], minversion="0.24" if "asyncio" in plugin else None)
    story.write(
        {
            "conftest.py": "import pytest\n@pytest.fixture(scope='module')\ndef anyio_backend(): return 'asyncio'\n",
            "test_a.py": ASYNC.format(marker=marker, fixture=fixture),
        }
    )
    options = (
        ("-o", "asyncio_default_fixture_loop_scope=function", "-W", "ignore:The event loop scope")
        if "asyncio" in plugin
        else ()
    )

    recorded = story.run("--recstore=record", *options, plugins=(plugin,))
    asked = story.upstream.take()
    replayed = story.run(*options, plugins=(plugin,))

    assert ({"passed": 2}, {"passed": 2}) == (recorded.counts, replayed.counts), recorded.output + replayed.output
    assert (12, []) == (len(asked), story.upstream.take())
    assert {"test_a.py::module@module": 2, "test_a.py::test_one": 5, "test_a.py::test_two": 5} == story.recorded()


def test_it_works_beside_other_recorders(story: Story) -> None:
    """pytest-recording keeps its names, its options and its fixtures."""
    pytest.importorskip("pytest_recording")
    story.write(
        {
            "test_a.py": """
                import pytest
                from client import ask

                @pytest.mark.recstore
                def test_ours():
                    ask("ours")

                @pytest.mark.vcr
                def test_theirs(vcr, record_mode):
                    assert record_mode == "none"
            """
        }
    )

    run = story.run("--recstore=record", "--record-mode=none", plugins=("pytest_recording.plugin",))

    assert {"passed": 2} == run.counts, run.output
    assert {"test_a.py::test_ours": 1} == story.recorded()


def test_a_random_order_changes_nothing(story: Story) -> None:
    """Recordings belong to tests, not to places in a run."""
    pytest.importorskip("pytest_randomly")
    story.write(KINDS)
    story.run("--recstore=record")
    story.upstream.take()

    for seed in ("1", "2"):
        run = story.run(f"--randomly-seed={seed}", plugins=("pytest_randomly",))

        assert {"passed": 12} == run.counts, run.output
    assert [] == story.upstream.take()


def test_without_the_plugin_nothing_happens(story: Story) -> None:
    """`-p no:recstore` is pytest's own way to leave a plugin out."""
    story.write({"test_a.py": "from client import ask\ndef test_a(): ask('a')\n"})

    run = story.run("-p", "no:recstore.pytest_plugin")

    assert {"passed": 1} == run.counts, run.output
    assert "recstore:" not in run.output


PLACES = {
    "the project's folder": (".", ["packages/one/tests"]),
    "a package of the project": ("packages/one", []),
    "a folder of tests": ("packages/one/tests", []),
    "another root folder": (".", ["--rootdir=packages", "packages/one/tests"]),
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_pytest_is_started_the_ids_are_those_of_the_project(story: Story, place: str) -> None:
    """The store is found upwards from pytest's root folder, and two packages' tests of one name are two tests."""
    folder, arguments = PLACES[place]
    text = """
        import pytest
        from client import ask

        @pytest.fixture(scope="session")
        def session():
            ask("session")

        @pytest.mark.recstore
        def test_a(session):
            ask("test")
    """
    story.write(
        {
            "packages/one/pytest.ini": "[pytest]\n",
            "packages/one/tests/test_a.py": text,
            "packages/two/pytest.ini": "[pytest]\n",
            "packages/two/tests/test_a.py": text,
        }
    )

    run = story.run("--recstore=record", *arguments, cwd=folder)
    other = story.run("--recstore=record", cwd="packages/two")

    assert ({"passed": 1}, {"passed": 1}) == (run.counts, other.counts), run.output + other.output
    assert {
        f"packages/{name}/tests/test_a.py::{of}": 1 for name in ("one", "two") for of in ("session@session", "test_a")
    } == (story.recorded())
    served = story.served("packages/one/tests/test_a.py")
    assert served is not None
    assert all(test.has_passed for test in served.values())


def test_a_store_above_is_used_without_configuration_there(story: Story) -> None:
    """A project without a store of its own, below one that has one, records to that one."""
    shutil.rmtree(story.path / ".recstore")
    inner = Story(story.path / "a b" / "ü", story.upstream)
    inner.path.mkdir(parents=True)
    Store.create(story.path / "a b")
    inner.write({"pytest.ini": "[pytest]\n", "test_a.py": "from client import ask\ndef test_a(recstore): ask('a')\n"})

    run = inner.run("--recstore=record")

    assert {"passed": 1} == run.counts, run.output
    assert ["ü/test_a.py::test_a"] == list(Store.open(story.path / "a b").tests())

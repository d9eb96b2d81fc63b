"""Fixtures that outlive one test have recordings of their own."""

from __future__ import annotations

import pytest

from tests.integration.plugin.stories import Story

WIDE = {
    "tests/conftest.py": """
        import pytest
        from client import ask

        @pytest.fixture(scope="session")
        def everywhere():
            yield ask("session")
            ask("session's end")
    """,
    "tests/test_a.py": """
        import pytest
        from client import ask

        pytestmark = pytest.mark.recstore

        @pytest.fixture(scope="module", params=["x", "y"])
        def module(request, everywhere):
            yield ask(f"module {request.param}")
            ask("module's end")

        @pytest.fixture
        def function():
            yield ask("function")
            ask("function's end")

        def test_one(module, function):
            assert ask("one") == "hello one"

        def test_two(module):
            pass

        class TestClass:
            @classmethod
            def setup_class(cls):
                assert ask("class") == "hello class"

            def test_three(self, everywhere):
                pass
    """,
}


def test_a_fixture_is_recorded_under_its_own_id(story: Story) -> None:
    """Whichever test comes first: setup and end of each fixture belong to the fixture, and parameters to its id."""
    story.write(WIDE)

    recorded = story.run("--recstore=record")

    assert {"passed": 5} == recorded.counts, recorded.output
    assert {
        "tests::everywhere@session": 2,
        "tests/test_a.py::module@module[x]": 2,
        "tests/test_a.py::module@module[y]": 2,
        "tests/test_a.py::TestClass::setup@class": 1,
        "tests/test_a.py::test_one[x]": 3,
        "tests/test_a.py::test_one[y]": 3,
    } == story.recorded()

    story.upstream.take()
    replayed = story.run()
    one_alone = story.run("tests/test_a.py::test_two[y]")

    assert ({"passed": 5}, {"passed": 1}) == (replayed.counts, one_alone.counts), replayed.output + one_alone.output
    assert [] == story.upstream.take()


def test_a_fixture_is_replayed_whoever_needs_it_first(story: Story) -> None:
    """A test that does not ask may be the first to use a fixture that tests which ask use, too."""
    story.write(
        {
            "tests/test_a.py": """
                import pytest
                from client import ask

                @pytest.fixture(scope="module")
                def module():
                    return ask("module")

                @pytest.fixture(scope="module")
                def other():
                    return ask("other")

                def test_first(module, other):
                    assert (module, other) == ("hello module", "hello other")

                @pytest.mark.recstore
                def test_second(module):
                    assert module == "hello module"
            """
        }
    )
    story.run("--recstore=record")
    story.upstream.take()

    replayed = story.run()

    assert {"passed": 2} == replayed.counts, replayed.output
    assert ["other"] == story.upstream.take()
    assert {"tests/test_a.py::module@module": 1} == story.recorded()


@pytest.mark.parametrize(
    ("end", "expected"),
    [("yield\n    raise ValueError", {"passed": 1, "error": 1}), ("raise ValueError", {"error": 1})],
)
def test_a_fixture_that_fails_publishes_nothing(story: Story, end: str, expected: dict[str, int]) -> None:
    """What it asked for is kept for a look; the tests that need it are errors."""
    story.write(
        {
            "test_a.py": f"""
import pytest
from client import ask

@pytest.fixture(scope="module")
def broken():
    ask("module")
    {end}

@pytest.mark.recstore
def test_a(broken):
    pass
"""
        }
    )

    run = story.run("--recstore=record")

    assert expected == run.counts, run.output
    assert {} == story.recorded()
    assert 1 == sum(name.startswith("local/failed/") for name in run.changed)


def test_a_fixture_that_a_test_asks_for_while_it_runs_has_its_own_recordings(story: Story) -> None:
    """No signature names it, but the test that wants it asks for recordings."""
    story.write(
        {
            "test_a.py": """
                import pytest
                from client import ask

                @pytest.fixture(scope="module")
                def module():
                    return ask("module")

                @pytest.mark.recstore
                def test_a(request):
                    assert request.getfixturevalue("module") == "hello module"
            """
        }
    )

    run = story.run("--recstore=record")

    assert {"passed": 1} == run.counts, run.output
    assert {"test_a.py::module@module": 1} == story.recorded()


def test_a_fixture_that_overrides_one_of_its_name_shares_its_recordings(story: Story) -> None:
    """Both have one id: nothing of either is lost."""
    story.write(
        {
            "conftest.py": """
                import pytest
                from client import ask

                @pytest.fixture(scope="module")
                def word():
                    yield ask("outer")
                    ask("outer's end")
            """,
            "test_a.py": """
                import pytest
                from client import ask

                @pytest.fixture(scope="module")
                def word(word):
                    yield word + ask("inner")
                    ask("inner's end")

                @pytest.mark.recstore
                def test_a(word):
                    assert word == "hello outerhello inner"
            """,
        }
    )

    run = story.run("--recstore=record")

    assert {"passed": 1} == run.counts, run.output
    assert {"test_a.py::word@module": 4} == story.recorded()
    assert {"passed": 1} == story.run().counts


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("module", "--recstore=record tests/test_a.py\n"), ("session", "--recstore=record tests/test_a.py\n")],
)
def test_a_fixtures_miss_names_a_command_that_pytest_understands(story: Story, scope: str, expected: str) -> None:
    """A fixture cannot be run alone: the tests of its file, or of its folder, are."""
    story.write(
        {
            "tests/test_a.py": f"""
                import pytest
                from client import ask

                @pytest.fixture(scope="{scope}")
                def wide():
                    ask("a")

                @pytest.mark.recstore
                def test_a(wide):
                    pass
            """
        }
    )

    run = story.run()

    assert {"error": 1} == run.counts, run.output
    assert expected in run.output


def test_an_id_that_a_fixture_was_given_comes_back_in_a_test(story: Story) -> None:
    """A server calls a thing differently each time it is recorded: what is stored, and replays, is one and the same."""
    story.write(
        {
            "test_a.py": """
                import json
                import pytest
                from recstore.record.session import current
                from recstore.record.exchange import WireRequest

                def post(path, value, answer):
                    body = json.dumps(value).encode()
                    headers = (("content-type", "application/json"),)
                    session = current()
                    exchange = session.begin(WireRequest("POST", f"https://api.openai.com/v1/{path}", headers, body))
                    if exchange.replayed is not None:
                        return json.loads(b"".join(exchange.replayed.chunks))
                    exchange.on_headers(200, "OK", headers)
                    exchange.on_chunk(json.dumps(answer).encode())
                    session.complete(exchange)
                    return answer

                def respond(value, id):
                    return post("responses", value, {"id": id, "object": "response", "created_at": 1, "output": []})

                @pytest.fixture(scope="module")
                def first(minted):
                    return respond({"input": "hi"}, f"resp_{minted}0000000000aaaa")

                @pytest.fixture(scope="module")
                def second(minted, first):
                    return respond({"input": "and", "previous_response_id": first["id"]}, f"resp_{minted}0000000000bbbb")

                @pytest.mark.recstore
                @pytest.mark.parametrize("text", ["x", "y"])
                def test_a(second, minted, text):
                    respond({"input": text, "previous_response_id": second["id"]}, f"resp_{minted}0000000000cccc")
            """,
            "conftest.py": """
                import os
                import pytest

                @pytest.fixture(scope="session")
                def minted():
                    return os.environ["MINTED"]
            """,
        }
    )

    recorded = story.run("--recstore=record", MINTED="1234567890")
    again = story.run("--recstore=record", MINTED="0987654321")
    replayed = story.run(MINTED="")

    assert {"passed": 2} == recorded.counts == again.counts == replayed.counts, recorded.output + replayed.output
    assert () == again.changed

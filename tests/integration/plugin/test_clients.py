"""A real client in a marked test: recorded, replayed with no upstream, its wrapped misses told."""

from __future__ import annotations

from tests.integration.plugin.stories import Story

FILES = {
    "test_a.py": """
        import os

        import httpx
        import pytest

        pytestmark = pytest.mark.recstore
        URL = os.environ["UPSTREAM"]

        @pytest.fixture(scope="module")
        def client():
            with httpx.Client(base_url=URL, headers={"authorization": "Bearer sk-0123456789abcdef"}) as client:
                assert client.post("/say", json={"word": "module"}).json() == {"said": "hello module"}
                yield client

        def test_one(client):
            assert client.post("/say", json={"word": "one"}).json() == {"said": "hello one"}

        @pytest.mark.parametrize("text", ["x", "y"])
        def test_two(client, text):
            assert httpx.post(f"{URL}/say", json={"word": text}).json() == {"said": f"hello {text}"}
            with pytest.raises(httpx.HTTPError):
                if "MORE" in os.environ:
                    client.post("/say", json={"word": "more"})
                raise httpx.ConnectError("as ever")
    """
}


def test_a_suite_with_a_real_client_is_recorded_and_replayed(story: Story) -> None:
    """One client serves many tests; each test's requests are its own, and no credential is kept."""
    story.write(FILES)

    recorded = story.run("--recstore=record")
    asked = story.upstream.take()
    replayed = story.run(UPSTREAM="http://127.0.0.1:9")

    assert ({"passed": 3}, {"passed": 3}) == (recorded.counts, replayed.counts), recorded.output + replayed.output
    assert (["module", "one", "x", "y"], []) == (asked, story.upstream.take())
    assert {
        "test_a.py::client@module",
        "test_a.py::test_one",
        "test_a.py::test_two[x]",
        "test_a.py::test_two[y]",
    } == set(story.recorded())
    assert [] == [name for name, data in story.files().items() if b"0123456789abcdef" in data]


def test_a_miss_that_a_client_passes_on_is_told_once(story: Story) -> None:
    """Also where the test expects some error of the client's, and gets it."""
    story.write(FILES)
    story.run("--recstore=record")
    story.upstream.take()

    run = story.run("test_a.py::test_two[x]", MORE="1")

    assert {"failed": 1} == run.counts, run.output
    assert 1 == run.output.partition("short test summary")[0].count("no recording answers POST http://localhost/say")
    assert [] == story.upstream.take()

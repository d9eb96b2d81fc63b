"""A large project for the rows about Git: many tests, each with recordings of its own, committed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from recstore.model import Entry, Json, JsonBody, Manifest, Recording, Request, Response
from recstore.store import Store

__all__ = ["commit_all", "git", "make_project", "test_id_of"]

RECORDINGS_PER_TEST = 5
TESTS_PER_FILE = 20
_WORDS = ("river", "stone", "lantern", "orbit", "copper", "meadow", "signal", "harbour", "velvet", "thunder")


def make_project(folder: Path, recordings: int) -> None:
    """Make a repository in `folder` whose tests have so many recordings together, and commit it.

    No two are equal; each is about as large as one of a short chat.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    store = Store.create(folder)
    tests = recordings // RECORDINGS_PER_TEST
    manifests = []
    for test in range(tests):
        blobs = [store.put_blob(recording) for recording in _recordings(test)]
        manifests.append(Manifest(test_id_of(test), tuple(sorted((Entry(blob, 1) for blob in blobs), key=_order))))
    store.directory.flush()
    store.publish(manifests)
    for first in range(0, tests, TESTS_PER_FILE):
        write_tests(folder, first, range(first, min(first + TESTS_PER_FILE, tests)))
    commit_all(folder, "Everything")
    git(folder, "repack", "-adq")


def write_tests(folder: Path, first: int, tests: range) -> None:
    """Write the test file that the test number `first` is in, with the functions of `tests`."""
    path = folder / test_id_of(first).partition("::")[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(f"def {test_id_of(test).partition('::')[2]}():\n    assert ask({test})\n\n\n" for test in tests)
    )


def test_id_of(test: int) -> str:
    """Return the id of a test by its number."""
    file = test // TESTS_PER_FILE
    return f"tests/area_{file % 40:02}/test_{file:05}.py::test_{test:06}"


def commit_all(folder: Path, message: str) -> str:
    """Commit everything in `folder`, without hooks, and return the commit."""
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-qnm", message)
    return git(folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    """Run Git in `folder` and return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=kept, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _order(entry: Entry) -> tuple[str, int, str]:
    return entry.blob.key, entry.n, entry.blob.digest


def _recordings(test: int) -> Iterator[Recording]:
    for number in range(RECORDINGS_PER_TEST):
        question = " ".join(_WORDS[(test * 7 + number * 3 + place * place) % len(_WORDS)] for place in range(30))
        answer = " ".join(_WORDS[(test * 3 + number + place * (place + test)) % len(_WORDS)] for place in range(120))
        messages: list[Json] = [{"role": "user", "content": f"{test} {number} {question}?"}]
        message: Json = {"role": "assistant", "content": f"{test} {number}: {answer}."}
        yield Recording(
            Request("POST", "openai", "/v1/chat/completions", body=JsonBody({"model": "gpt-4o", "messages": messages})),
            Response(status=200, body=JsonBody({"choices": [{"index": 0, "message": message}], "model": "gpt-4o"})),
        )

"""A large project for the rows about Git: many tests, each with recordings of its own, committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from recstore.model import BlobName, Digest, Entry, Json, JsonBody, Manifest, Recording, Request, RequestKey, Response
from recstore.store import Store
from tests.bench.processes import commit_all, git
from tests.generator import as_recorded

__all__ = ["make_index_project", "make_project", "test_id_of", "write_loose"]

RECORDINGS_PER_TEST = 5
TESTS_PER_FILE = 20
ENTRIES_PER_TEST = 50
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
    _write_all_tests(folder, tests)
    commit_all(folder, "Everything")
    git(folder, "repack", "-adq")


def _write_all_tests(folder: Path, tests: int) -> None:
    for first in range(0, tests, TESTS_PER_FILE):
        _write_tests(folder, first, range(first, min(first + TESTS_PER_FILE, tests)))


def _write_tests(folder: Path, first: int, tests: range) -> None:
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


def write_loose(folder: Path, recordings: int) -> None:
    """Write as many recordings as `make_project` does, and the tests, as a project of one JSON file per recording has them."""
    tests = recordings // RECORDINGS_PER_TEST
    for test in range(tests):
        test_id = test_id_of(test)
        for number, recording in enumerate(_recordings(test)):
            assert isinstance(recording.request.body, JsonBody)
            assert isinstance(recording.response.body, JsonBody)
            request = {"method": "POST", "url": "https://api.openai.com/v1/chat/completions", "headers": {}}
            document = {
                "test_id": test_id,
                "request": {**request, "body": recording.request.body.value, "model": "gpt-4o"},
                "response": {"body": recording.response.body.value, "is_streaming": False},
                "id_normalization_mapping": {},
            }
            file = folder / "recordings" / f"{test % 40:02}" / f"{test:06}-{number}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(as_recorded(document))
    _write_all_tests(folder, tests)


def make_index_project(folder: Path, entries: int) -> str:
    """Make a store whose manifests have so many entries, and one JSON file with as many; return one entry's request key.

    There are no blobs: this is about finding names.
    """
    store = Store.create(folder)
    keys = [RequestKey(Digest.of(b"key %d" % number)) for number in range(entries)]
    manifests = []
    for test in range(entries // ENTRIES_PER_TEST):
        own = keys[test * ENTRIES_PER_TEST : (test + 1) * ENTRIES_PER_TEST]
        blobs = (BlobName(key, Digest.of(key.encode())) for key in sorted(own))
        manifests.append(Manifest(test_id_of(test), tuple(Entry(blob, 1) for blob in blobs)))
    store.publish(manifests)
    index = {
        entry.blob.key: [manifest.test_id, entry.blob.digest] for manifest in manifests for entry in manifest.entries
    }
    (folder / "index.json").write_text(json.dumps(index))
    return keys[0]


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

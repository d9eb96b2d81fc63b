"""Generated histories of two branches, and how four layouts keep what the tests of each have recorded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from recstore.content.canonical import request_key
from recstore.model import BlobName, Digest, Entry, JsonBody, Manifest, Recording, Request, Response
from recstore.store.blob import decode_recording, encode_recording
from recstore.store.manifest import format_manifest, manifest_path, parse_manifest
from recstore.store.store import scaffold_files

__all__ = ["LAYOUTS", "History", "Layout", "State", "generated_history", "merged_state"]

State: TypeAlias = dict[str, dict[str, str]]
"""Test -> question -> answer."""

Accepted: TypeAlias = dict[str, dict[str, set[str]]]
"""Test -> question -> the answers of which any is right."""

Files: TypeAlias = dict[str, bytes]

_FILES: Final = 8
_TESTS: Final = 30
_QUESTIONS: Final = 40
_FOLDER: Final = ".recstore"
_RENAMED: Final = "_of_"


@dataclass(frozen=True, slots=True)
class History:
    """What was recorded before two branches parted, and on each of them."""

    base: State
    ours: State
    theirs: State


@dataclass(frozen=True, slots=True)
class Layout:
    """How a state becomes files, and what files that merged hold; in those, what `healed` has is found again."""

    name: str
    write: Callable[[State], Files]
    read: Callable[[Mapping[str, bytes], Mapping[str, bytes]], State]


def generated_history(seed: int) -> History:
    """Return a history: each branch adds, records again, renames and removes a few tests."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    base: State = {}
    for number in range(_TESTS):
        base[_test(chance.randrange(_FILES), number)] = _recorded(chance, 0)
    return History(base, _changed(base, chance, 1), _changed(base, chance, 2))


def merged_state(history: History) -> tuple[Accepted, int]:
    """Return what a merge without a conflict may hold, and how many tests the branches have changed to different ends.

    Of a test that one branch renamed and the other recorded again, the answers may be either's. Nothing is asked of a
    test that the branches disagree about.
    """
    accepted: Accepted = {}
    disagreements = 0
    for test in sorted({*history.base, *history.ours, *history.theirs}):
        kept, is_disputed = _merged_test(history, test)
        disagreements += is_disputed
        if kept is not None:
            accepted[test] = {question: {answer} for question, answer in kept.items()}
            for state in (history.ours, history.theirs):
                for question, answer in state.get(_old_name(test), {}).items():
                    accepted[test].setdefault(question, {answer}).add(answer)
    return accepted, disagreements


def _merged_test(history: History, test: str) -> tuple[dict[str, str] | None, bool]:
    """Return what both branches together make of a test, None for nothing, and whether they disagree about it."""
    base, ours, theirs = (state.get(test) for state in (history.base, history.ours, history.theirs))
    is_renamed = any(_old_name(name) == test for name in {*history.ours, *history.theirs})
    if ours is None and theirs is None:
        return None, is_renamed  # to two names, or renamed here and removed there
    if base in (ours, theirs) or ours == theirs:
        return (theirs if ours == base else ours), False
    if ours is None or theirs is None:
        return None, not is_renamed
    merged = _merged_answers(base or {}, ours, theirs)
    return merged, merged is None


def _merged_answers(base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str] | None:
    """Return the answers where each was changed on one side at most, None where one was changed on both."""
    merged = {}
    for question in {*base, *ours, *theirs}:
        before, our, their = base.get(question), ours.get(question), theirs.get(question)
        if before not in (our, their) and our != their:
            return None
        kept = their if our == before else our
        if kept is not None:
            merged[question] = kept
    return merged


def _old_name(test: str) -> str:
    """Return what a test was called before it was renamed, "" if it was not."""
    return test.rpartition(_RENAMED)[0]


def _changed(base: State, chance: random.Random, branch: int) -> State:
    state = {test: dict(answers) for test, answers in base.items()}
    for number in range(chance.randint(1, 4)):
        test = chance.choice(sorted(state))
        what = chance.choice(("add", "add", "again", "more", "rename", "remove"))
        if what == "add":
            state[_test(chance.randrange(_FILES), 100 * branch + number)] = _recorded(chance, branch)
        elif what == "again":
            state[test] = {question: _answer(chance, branch) for question in state[test]}
        elif what == "more":
            state[test] |= _recorded(chance, branch)
        else:
            answers = state.pop(test)
            if what == "rename":
                state[f"{test}{_RENAMED}{branch}_{number}"] = answers
    return state


def _test(file: int, number: int) -> str:
    return f"tests/test_{file}.py::test_{number:03}"


def _recorded(chance: random.Random, branch: int) -> dict[str, str]:
    asked = chance.sample(range(_QUESTIONS), chance.randint(1, 4))
    shared = chance.random() < 1 / 2  # answers that do not differ from run to run, which tests then share
    return {f"question {one}": f"answer {one}" if shared else _answer(chance, branch) for one in asked}


def _answer(chance: random.Random, branch: int) -> str:
    return f"{branch} " + " ".join(chance.choice(("river", "stone", "orbit", "copper", "meadow")) for _ in range(9))


# -- layouts


def _write_index(state: State) -> Files:
    """One file per recording, and a committed index of all: test -> question -> file."""
    files: Files = {}
    index: dict[str, dict[str, str]] = {}
    for test, answers in state.items():
        for question, answer in answers.items():
            data = _json({"question": question, "answer": answer})
            name = f"recordings/{Digest.of(data)}.json"
            files[name] = data
            index.setdefault(test, {})[question] = name
    return {**files, "recordings/index.json": _json(index)}


def _read_index(files: Mapping[str, bytes], healed: Mapping[str, bytes]) -> State:
    index: dict[str, dict[str, str]] = json.loads(files["recordings/index.json"])
    return {
        test: {
            question: json.loads(files.get(name) or healed[name])["answer"]
            for question, name in names.items()
            if name in files or name in healed
        }
        for test, names in index.items()
    }


def _write_cassettes(state: State) -> Files:
    """One file for the tests of each test file."""
    cassettes: dict[str, State] = {}
    for test, answers in state.items():
        cassettes.setdefault(test.partition("::")[0], {})[test] = answers
    return {f"cassettes/{file}.json": _json(tests) for file, tests in cassettes.items()}


def _read_cassettes(files: Mapping[str, bytes], _healed: Mapping[str, bytes]) -> State:
    tests: State = {}
    for data in files.values():
        tests |= json.loads(data)
    return tests


def _write_recstore(state: State) -> Files:
    files = {f"{_FOLDER}/{name}": data for name, data in scaffold_files().items()}
    for test, answers in state.items():
        entries = []
        for question, answer in answers.items():
            recording = _recording(question, answer)
            data = encode_recording(recording)
            blob = BlobName(request_key(recording.request), Digest.of(data))
            files[f"{_FOLDER}/{blob.path}"] = data
            entries.append(Entry(blob, 1))
        files[f"{_FOLDER}/{manifest_path(test)}"] = format_manifest(Manifest(test, tuple(entries)))
    return files


def _read_recstore(files: Mapping[str, bytes], healed: Mapping[str, bytes]) -> State:
    state: State = {}
    for path, data in files.items():
        if path.startswith(f"{_FOLDER}/tests/"):
            manifest = parse_manifest(data, path)
            blobs = [f"{_FOLDER}/{entry.blob.path}" for entry in manifest.entries]
            found = [files.get(blob) or healed.get(blob) for blob in blobs]
            state[str(manifest.test_id)] = dict(_said(data) for data in found if data)
    return state


def _recording(question: str, answer: str) -> Recording:
    request = Request("POST", "openai", "/v1", body=JsonBody({"question": question}))
    return Recording(request, Response(status=200, body=JsonBody({"answer": answer})))


def _said(data: bytes) -> tuple[str, str]:
    recording = decode_recording(data, "a blob", "")
    assert isinstance(recording.request.body, JsonBody)
    assert isinstance(recording.response.body, JsonBody)
    question, answer = recording.request.body.value, recording.response.body.value
    assert isinstance(question, dict)
    assert isinstance(answer, dict)
    return str(question["question"]), str(answer["answer"])


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


RECSTORE: Final = Layout("recstore", _write_recstore, _read_recstore)

LAYOUTS: Final = (
    RECSTORE,
    Layout("one JSON index and a file per recording", _write_index, _read_index),
    Layout("one file per test file", _write_cassettes, _read_cassettes),
)

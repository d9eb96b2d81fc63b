"""What a reviewer sees: the lines of `git diff` for one test that is recorded, recorded again, renamed, removed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.processes import commit_all, git, python, recstore
from tests.bench.rivals import WRITERS, named
from tests.bench.rows import Bench, Row, Unit
from tests.bench.upstream import Answering, answer_to, answering
from tests.generator import as_recorded

__all__ = ["diff_rows"]

_OURS: Final = "recstore"
_LOOSE: Final = "llama-stack's files"
_FILE: Final = "tests/test_chat.py"
_QUESTION: Final = "Which planet do humans live on?"
_ENDPOINT: Final = "/v1/chat/completions"

_STEPS: Final = {
    "one streamed recording added": "add",
    "the same test recorded again, the same answer": "again",
    "the same, another answer": "other",
    "the test is renamed": "rename",
    "the test is removed": "remove",
}
_GOALS: Final = {"again": 0.0}
_WHYS: Final = {
    "add": "A line of recstore's is one event, as what changed since the one before. A cassette has the whole stream on one line, "
    "or on lines broken at 80 characters: fewer or more lines, and none that can be read. The bytes are the fairer measure of those.",
    "rename": "`recstore mv` moves the manifest; its second line is the test's id. A cassette can be renamed by hand, as is done here, "
    "if its owner thinks of it; its recorder would record anew. llama-stack's file is named after the test's id: it is "
    "recorded again, at the price of a call.",
    "remove": "recstore's `gc` does it before the commit. The others' files were removed by hand: nothing else removes them.",
}


@dataclass(frozen=True, slots=True)
class _Side:
    """One recorder at work on one test in its own repository."""

    tool: str
    folder: Path
    server: Answering

    def prepare(self) -> None:
        """Make the repository, with two tests recorded."""
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet", "--initial-branch=main")
        if self.tool == _OURS:
            recstore(self.folder, "init")
        for test in ("test_a", "test_b"):
            self._record(test, test)
        self._write_tests("test_a", "test_b", "test_c")
        commit_all(self.folder, "Two tests")

    def step(self, name: str) -> tuple[int, int]:
        """Do what the step says, and commit; return the lines and the bytes of its diff."""
        self.server.edition = 1 if name in ("add", "again") else 2
        if name in ("add", "again", "other"):
            self._record("test_c", _QUESTION)
        else:
            self._write_tests("test_a", "test_b", *(["test_d"] if name == "rename" else []))
            self._rename() if name == "rename" else self._remove()
        git(self.folder, "add", "--all")
        if self.tool == _OURS:
            recstore(self.folder, "gc", "--staged")  # as the hook does before each commit
        shown = git(self.folder, "diff", "--cached", "--find-renames", "--", ".", f":!{_FILE}")
        lines = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        commit_all(self.folder, name)
        return len(lines), len(shown.encode())

    def _record(self, test: str, question: str) -> None:
        if self.tool == _LOOSE:
            self._loose(test).parent.mkdir(parents=True, exist_ok=True)
            self._loose(test).write_bytes(as_recorded(_document(test, question, self.server.edition)))
            return
        self._cassette(test).unlink(missing_ok=True)
        name = f"{_FILE}::{test}" if self.tool == _OURS else test
        options = (str(self.folder), self.server.base, name, "stream", question, "1")
        python(self.folder, "-m", "tests.bench.recording", self.tool, "httpx2", *options)

    def _rename(self) -> None:
        if self.tool == _OURS:
            recstore(self.folder, "mv", f"{_FILE}::test_c", f"{_FILE}::test_d")
        elif self.tool == _LOOSE:
            self._loose("test_c").unlink()
            self._record("test_d", _QUESTION)
        else:
            self._cassette("test_c").rename(self._cassette("test_d"))

    def _remove(self) -> None:
        if self.tool != _OURS:
            (self._loose("test_d") if self.tool == _LOOSE else self._cassette("test_d")).unlink()

    def _cassette(self, test: str) -> Path:
        return self.folder / f"{test}.yaml"

    def _loose(self, test: str) -> Path:
        digest = hashlib.sha256(f"{_FILE}::{test} {_QUESTION}".encode()).hexdigest()
        return self.folder / "tests" / "recordings" / f"{digest}.json"

    def _write_tests(self, *names: str) -> None:
        path = self.folder / _FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"def {name}():\n    assert ask({name!r})\n\n\n" for name in names))


def diff_rows(bench: Bench) -> Iterator[Row]:
    """Measure the diff of each step, for every recorder."""
    with answering() as server:
        sides = [_Side(tool, bench.folder / "diffs" / tool, server) for tool in (_OURS, _LOOSE, *WRITERS)]
        for side in sides:
            side.prepare()
        for what, name in _STEPS.items():
            shown = {side.tool: side.step(name) for side in sides}
            for tool in (_LOOSE, *WRITERS):
                beside = tool if tool == _LOOSE else named(tool)
                units: tuple[Unit, ...] = ("lines", "bytes") if name in ("add", "other") else ("lines",)
                for number, unit in enumerate(units):
                    goal = _GOALS.get(name)
                    yield Row(
                        what, (shown[_OURS][number],), beside, (shown[tool][number],), goal, unit, _WHYS.get(name, "")
                    )


def _document(test: str, question: str, edition: int) -> dict[str, Any]:
    """Return what llama-stack's recorder writes for the stream: its chunks as the client's library saw them."""
    deltas: list[dict[str, Any]] = [{"content": "", "role": "assistant"}]
    deltas += [{"content": f"{word} "} for word in answer_to(f"{question} 0", edition)]
    ends = [None] * len(deltas) + ["stop"]
    return {
        "test_id": f"{_FILE}::{test}",
        "request": {
            "method": "POST",
            "url": f"https://api.openai.com/v1{_ENDPOINT}",
            "headers": {},
            "body": {
                "model": "gpt-4o",
                "messages": [
                    {"role": "system", "content": "Answer briefly."},
                    {"role": "user", "content": f"{question} 0"},
                ],
                "stream": True,
            },
            "endpoint": _ENDPOINT,
            "model": "gpt-4o",
        },
        "response": {
            "body": [_chunk(delta, end) for delta, end in zip([*deltas, {}], ends, strict=True)],
            "is_streaming": True,
        },
        "id_normalization_mapping": {},
    }


def _chunk(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    empty = {"content": None, "function_call": None, "refusal": None, "role": None, "tool_calls": None}
    choice = {"delta": empty | delta, "finish_reason": finish, "index": 0, "logprobs": None}
    more = {"object": "chat.completion.chunk", "service_tier": None, "system_fingerprint": None, "usage": None}
    data = {"id": "rec-000000000000", "choices": [choice], "created": 0, "model": "gpt-4o", **more}
    return {"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": data}

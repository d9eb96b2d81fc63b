"""Codes that a terminal obeys, in whatever a stranger can name: they are shown, from every command, and never sent."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from recstore.model import Json, JsonBody, Recording, Request, Response
from tests.git_repository import GitRepository
from tests.hooked import recstore

EVIL = "\x1b[2J\x1b]8;;http://evil/\x1b\\x\x07\x9b31m\u202e\r\x00\x7f"
"""Clears the screen, makes a link, rings, colours (in one character), turns text around, overwrites, deletes."""

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COMMANDS = (
    *(["ls"], ["ls", "--missing"], ["show", "test_evil"], ["stats"], ["status"]),
    *(
        ["verify"],
        ["verify", "--secrets"],
        ["check"],
        ["check", "--range", "HEAD~1..HEAD"],
        ["gc", "--dry-run"],
        ["diff"],
    ),
    *(
        ["diff", "--full", "--all"],
        ["restore"],
        ["restore", "--list"],
        ["resolve"],
        ["mv", EVIL.replace("\x00", ""), "y"],
    ),
    *(
        ["import", "src"],
        ["watch", "--once", "src"],
        ["export", "out"],
        ["redact", "--dry-run"],
        ["rekey", "--dry-run"],
    ),
    *(["hooks", "status"], ["show", EVIL.replace("\x00", "")], ["restore", EVIL.replace("\x00", "")]),
)


def evil_recording(question: str) -> Recording:
    """Return a recording whose every text is evil."""
    body: Json = {"model": EVIL, "messages": [{"role": EVIL, "content": EVIL + question, EVIL: EVIL}]}
    headers = (("content-type", f"text/{EVIL}"), ("x", EVIL))
    answer: dict[str, Json] = {
        "choices": [{"message": {"role": "assistant", "content": EVIL, "tool_calls": [{"function": {"name": EVIL}}]}}]
    }
    return Recording(
        Request("POST", f"host{EVIL}", f"/v1/chat/completions{EVIL}", f"q={EVIL}", body=JsonBody(body)),
        Response(200, EVIL, headers, EVIL, JsonBody({**answer, EVIL: EVIL})),
    )


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository in which everything that can be named is named by a stranger."""
    project = GitRepository.create(tmp_path / "project")
    test_id = f"tests/test_{EVIL}.py::test_evil[{EVIL}]"
    project.store.put(test_id, [evil_recording("one")])
    project.commit(f"A message {EVIL}".replace("\x00", ""))
    project.store.put(test_id, [evil_recording("two"), evil_recording("three")])
    project.store.put(None, [evil_recording("four")])
    name = EVIL.replace("\x00", "").replace("/", "_")
    (project.folder / "src").mkdir()
    (project.folder / f"src/{name}.json").write_text(json.dumps({"test_id": EVIL, "request": EVIL, "response": {}}))
    (project.folder / f"src/{name}.yaml").write_text("version: 1\ninteractions: [\x01\n")
    project.git("checkout", "-q", "-b", f"branch-{chr(0x202E)}")
    return project


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: ascii(" ".join(words))[1:30])
def test_no_command_sends_them(project: GitRepository, words: list[str]) -> None:
    """On neither stream; JSON has its own escapes."""
    plain = recstore(project, *words)
    as_json = recstore(project, *words, "--json")

    for text in (plain.stdout, plain.stderr, as_json.stdout, as_json.stderr):
        assert [] == RAW.findall(text), text
        assert "Traceback" not in text
        assert "defect of recstore" not in text

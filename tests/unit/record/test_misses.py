"""What is told of a miss: enough to mend it without looking anything up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recstore.errors import ReplayMiss
from recstore.model import Mode
from recstore.record.exchange import WireRequest
from recstore.store import Store
from tests.exchanges import TEST, answer, asked, chat, session

BODY: dict[str, Any] = {"model": "a", "messages": [{"role": "user", "content": "Hello"}], "run": {"id": 1}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with an empty store."""
    Store.create(tmp_path)
    return tmp_path


def _record(project: Path, *requests: WireRequest, scope_id: str | None = TEST) -> None:
    recording = session(project, Mode.RECORD, scope_id)
    for request in requests:
        answer(recording, recording.begin(request), {})
    recording.finish(passed=True)


def _told(project: Path, request: WireRequest, scope_id: str | None = TEST) -> str:
    with pytest.raises(ReplayMiss) as caught:
        session(project, Mode.REPLAY, scope_id).begin(request)
    return str(caught.value)


def test_the_nearest_request_of_the_test_is_told_with_what_differs(project: Path) -> None:
    """By path, with both values; and the command that records it."""
    _record(project, asked({**BODY, "n": 1}), asked(BODY))
    changed = {**BODY, "model": "b", "messages": [{"role": "user", "content": "Hello!"}]}

    assert [
        f"{TEST}: no recording answers POST https://api.example.com/v1/chat/completions",
        "  the nearest that this test has recorded (call 1):",
        '    model: "a" -> "b"',
        '    messages[0].content: "Hello" -> "Hello!"',
        "  nothing in the store is nearer",
        f"  Record it: pytest --recstore=record {TEST}",
    ] == _told(project, asked(changed)).splitlines()


def test_the_nearest_request_of_the_store_is_told_with_its_test_and_a_rule(project: Path) -> None:
    """Where it is nearer than the test's own, or the test has none."""
    _record(project, asked(BODY), scope_id="tests/b.py::test_b")

    told = _told(project, asked({**BODY, "run": {"id": 2}}))

    assert [
        "  this test has nothing recorded",
        "  the nearest of the store (tests/b.py::test_b):",
        "    run.id: 1 -> 2",
        '    a rule that makes them the same ([[tool.recstore.rules]]): ignore = "/run/id"',
    ] == told.splitlines()[1:-1]


def test_another_test_that_has_recorded_the_very_request_is_named(project: Path) -> None:
    """Its answer can be taken over."""
    for name in ("b", "c"):
        _record(project, asked(BODY), scope_id=f"tests/{name}.py::test")

    told = _told(project, asked(BODY))

    assert "tests/b.py::test has recorded that very request, and one more test:" in told
    assert "--recstore=record-if-missing" in told


def test_many_differences_are_cut(project: Path) -> None:
    """A person compares two requests, not two files."""
    _record(project, asked({str(number): 1 for number in range(20)}))

    assert "and 14 more differences" in _told(project, asked({str(number): 2 for number in range(20)}))


@pytest.mark.parametrize(
    ("scope_id", "command"),
    [
        ("tests/a.py::test_x[a b]", "pytest --recstore=record 'tests/a.py::test_x[a b]'"),
        ("tests/a.py::server@module", "pytest --recstore=record tests/a.py"),
        (None, "pytest --recstore=record"),
    ],
)
def test_the_command_that_records_it_can_be_pasted(project: Path, scope_id: str | None, command: str) -> None:
    """A test's, a fixture's file, or all of them."""
    assert f"Record it: {command}" == _told(project, chat("x"), scope_id).splitlines()[-1].strip()


def test_secrets_are_not_told(project: Path) -> None:
    """A miss is printed in logs that everybody reads."""
    told = _told(project, asked({"api_key": "hunter2"}, "https://me:hunter2@x.org/a?key=hunter2"))

    assert "POST https://x.org/a?key=REDACTED" in told
    assert "hunter2" not in told


def test_damage_elsewhere_does_not_hide_the_miss(project: Path) -> None:
    """Neither the test's own blobs nor others'."""
    _record(project, asked(BODY), asked({"x": 1}))
    _record(project, asked({"y": 1}), scope_id="tests/b.py::test_b")
    for path in (project / ".recstore/blobs").rglob("*.json"):
        path.write_bytes(b'{"recstore":1,\n"request":{"path":"/v1/chat/completions"}}')
    (project / ".recstore/tests/tests/b.py").mkdir(parents=True, exist_ok=True)
    (project / ".recstore/tests/tests/b.py/odd").write_bytes(b"recstore 1")

    told = _told(project, chat("x"))

    assert "this test has recordings, none of which can be read" in told
    assert "no other request in the store has that path" in told


def test_what_was_recorded_since_is_found(project: Path) -> None:
    """By a session that is made later; requests are read once for each store that is open."""
    assert "no other request" in _told(project, asked(BODY))

    _record(project, asked(BODY), scope_id="tests/b.py::test_b")

    assert "tests/b.py::test_b" in _told(project, asked({**BODY, "n": 1}))

"""Everything that recstore writes, stopped and failing at every one of its steps: what is left, and that it can be done again."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from recstore.cli.main import COMMANDS, HIDDEN
from recstore.errors import GitError
from recstore.store import FOLDER, directory
from tests.crash.operations import OPERATIONS, READING, Done, Operation
from tests.crash.state import State, refuse_loss, refuse_unsound, settled, state_of
from tests.crash.system import Audit, StoppedError, System, audited
from tests.effort import short_or_whole, some

ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EMFILE)
IS_FULL: Final = os.environ.get("CRASH_ERRORS") == "all"
"""Whether every call fails in every way: otherwise each that changes something fails once, in one way or another."""

_UNSEEN: Final = frozenset({"fsync", "sync", "utime"})
"""Calls after which everything looks as it did before them."""

at_most = short_or_whole("at_most", 2, None)
"""How many steps of each operation are tried."""

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes time and changes nothing that a test could see; call four files many."""
    monkeypatch.setattr(directory, "_FEW", 3)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


@dataclass(frozen=True)
class Case:
    """An operation, the project before it, and what it is at the end where nothing goes wrong: state, exit code, steps."""

    operation: Operation
    template: Path
    before: State
    finished: State
    code: int
    system: System

    @property
    def states(self) -> tuple[State, State]:
        """What was before, and what is at the end."""
        return self.before, self.finished

    def steps(self, *names: str) -> Iterator[int]:
        """Yield the calls that change something, or those of these names."""
        for number in self.system.changing:
            name = self.system.log[number][0]
            if name in names if names else name not in _UNSEEN:
                yield number

    def copied(self, folder: Path) -> Path:
        """Return a copy of the project as it is before."""
        shutil.copytree(self.template, folder / "project", symlinks=True)
        return folder / "project"

    def spoiled(self, system: System, folder: Path) -> tuple[Path, Done | None]:
        """Run the operation in a copy of the project, with that system; return the copy and how it ended, if it did."""
        project = self.copied(folder)
        done = None
        with system.watching():
            try:
                done = self.operation.run(project)
            except StoppedError:
                assert system.is_stopped
        return project, done

    def has_come_to(self, system: System) -> bool:
        """Return whether the step has come, and fail if it is another one than that of the first run.

        Where time counts there may be less to do: a watcher looks as often as it can, `verify` notes files that are no longer new.
        """
        if self.operation.command in ("watch", "verify"):
            return system.was_reached
        assert system.was_reached
        assert system.step is not None
        assert self.system.log[system.step][0] == system.log[system.step][0]
        return True

    def refuse_unfinished(self, project: Path, where: str) -> None:
        """Fail unless the operation, run again, gives what it gives where nothing goes wrong."""
        done = self.operation.run(project)

        assert done.code in (self.operation.already, self.code), f"{where}: {done.said}"
        assert self.finished == settled(project, self.finished), where


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """Return the cases that have been prepared."""
    return {}


@pytest.fixture
def case(operation: Operation, cases: dict[str, Case], tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Return the case of an operation, prepared once."""
    if operation.name not in cases:
        folder = tmp_path_factory.mktemp("case")
        operation.prepare(folder / "project")
        before = state_of(folder / "project")
        for copy in ("template", "warm"):
            shutil.copytree(folder / "project", folder / copy, symlinks=True)
        operation.run(folder / "warm")  # what it imports is imported then
        system = System()
        with system.watching():
            done = operation.run(folder / "project")
        finished = state_of(folder / "project")
        cases[operation.name] = Case(operation, folder / "template", before, finished, done.code, system)
    return cases[operation.name]


def test_every_command_that_writes_is_among_the_operations() -> None:
    """A command that comes is either said to read alone, or is stopped at every step."""
    assert (
        set(COMMANDS) | {"merge-driver"}
        == {operation.command for operation in OPERATIONS if operation.command} | READING
    )
    assert HIDDEN - {"merge-driver"} == {"hook", "textconv"}  # a hook runs `gc` and `check`


@every_operation
def test_no_step_of_an_operation_goes_unseen(case: Case, tmp_path: Path) -> None:
    """Python itself sees no file changed, no database opened and no program run that was not counted."""
    system = System()
    project = case.copied(tmp_path)
    with system.watching(), audited() as audit:
        case.operation.run(project)

    assert {} == dict(audit.seen - Audit.expected(system))


@every_operation
def test_an_operation_keeps_to_the_order_of_writing(case: Case) -> None:
    """For a power cut: blobs are durable before a manifest names them, and manifests gone for good before their blobs go."""
    assert [] == out_of_order(case.system.log)


def out_of_order(log: list[tuple[str, str]]) -> list[str]:
    """Return the manifests and blobs that were written or removed while what had to be durable before them was not."""
    unsynced: set[str] = set()
    found = []
    for name, subject in log:
        path = subject.partition(f"/{FOLDER}/")[2]
        is_blob, is_manifest = path.startswith("blobs/"), path.startswith(("tests/", "shared/"))
        if name == "sync":
            unsynced.clear()
        elif name == "fsync":
            unsynced -= {one for one in unsynced if one in (path, f"gone {path}") or one.startswith(f"gone {path}/")}
        elif name == "replace":
            found += [path] if is_manifest and any(one.startswith("blobs/") for one in unsynced) else []
            unsynced.add(path)
        elif name == "unlink":
            found += [path] if is_blob and any(one.startswith("gone ") for one in unsynced) else []
            unsynced |= {f"gone {path}"} if is_manifest else set()
    return found


ORDERS: Final = {
    "named too early": [("replace", "blobs/1"), ("replace", "tests/a")],
    "removed too early": [("unlink", "tests/a"), ("unlink", "blobs/1")],
    "another folder": [("unlink", "tests/a/b"), ("fsync", "tests/c"), ("unlink", "blobs/1")],
}


@pytest.mark.parametrize("calls", ORDERS.values(), ids=ORDERS.keys())
def test_a_wrong_order_would_be_seen(calls: list[tuple[str, str]]) -> None:
    """The test above bites."""
    assert 1 == len(out_of_order([(name, f"/x/{FOLDER}/{path}") for name, path in calls]))


@every_operation
@at_most
def test_an_operation_that_is_stopped_can_be_done_again(case: Case, tmp_path: Path, at_most: int | None) -> None:
    """After each step: a sound store, nothing lost, no lock that blocks; and the same again completes it."""
    for step in some(case.steps(), at_most):
        system = System(step)
        folder = tmp_path / str(step)
        project, _ = case.spoiled(system, folder)
        if not case.has_come_to(system):
            continue
        where = f"stopped after step {step}, {' '.join(system.log[step])}"
        refuse_unsound(project, case.states, where)
        refuse_loss(project, case.states, folder / "exported", where)
        case.refuse_unfinished(project, where)
        shutil.rmtree(folder)


@every_operation
@at_most
def test_a_write_of_an_operation_that_is_torn_is_read_by_nobody(
    case: Case, tmp_path: Path, at_most: int | None
) -> None:
    """Half of the bytes are on disk when the process ends."""
    for step in some(case.steps("write"), at_most):
        system = System(step, torn=True)
        folder = tmp_path / str(step)
        project, _ = case.spoiled(system, folder)
        if not case.has_come_to(system):
            continue
        where = f"torn at step {step}, {' '.join(system.log[step])}"
        refuse_unsound(project, case.states, where)
        refuse_loss(project, case.states, folder / "exported", where)
        case.refuse_unfinished(project, where)
        shutil.rmtree(folder)


@every_operation
@at_most
def test_a_write_of_an_operation_that_comes_short_goes_on(case: Case, tmp_path: Path, at_most: int | None) -> None:
    """The system may take fewer bytes than it was given: the rest is given again."""
    for step in some(case.steps("write"), at_most):
        project, done = case.spoiled(System(step, short=True), tmp_path / str(step))

        assert done is not None
        assert case.code == done.code
        assert case.finished == state_of(project)


@every_operation
@at_most
def test_an_operation_of_which_a_call_fails_says_so_and_can_be_done_again(
    case: Case, tmp_path: Path, at_most: int | None
) -> None:
    """An error of the table, no traceback, a sound store, nothing lost; and the same again completes it."""
    for step, error in some(_failures(case), at_most):
        system = System(step, error)
        folder = tmp_path / f"{step}-{error}"
        project, done = case.spoiled(system, folder)
        if not case.has_come_to(system):
            continue
        where = f"{errno.errorcode[error]} at step {step}, {' '.join(system.log[step])}"
        assert done is not None, where
        assert "defect" not in done.said, f"{where}: {done.said}"
        assert "Traceback" not in done.said, f"{where}: {done.said}"
        if done.code not in (0, case.code):
            assert done.code in (1, 2, 10, 20, 30, 40), f"{where}: {done.said}"
            assert any(word in done.said for word in ("error:", "bad  ", "(missing)")), where
        elif "note: " not in done.said and "left alone" not in done.said:  # it says of what nothing could be told
            assert case.finished == settled(project, case.finished), f"{where}: {done}"
        refuse_unsound(project, case.states, where)
        refuse_loss(project, case.states, folder / "exported", where)
        case.refuse_unfinished(project, where)
        shutil.rmtree(folder)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.command == "restore"], ids=lambda one: one.name)
def test_a_copy_in_git_that_cannot_be_read_just_now_is_not_said_to_be_nowhere(case: Case, tmp_path: Path) -> None:
    """No manifest is brought back without its blobs: another copy will do, or Git did not answer."""
    reads = [step for step, (name, subject) in enumerate(case.system.log) if name == "open" and "/objects/" in subject]

    assert reads
    for step in reads:
        project, done = case.spoiled(System(step, errno.EIO), tmp_path / str(step))
        where = f"step {step}, {' '.join(case.system.log[step])}: {done}"
        assert done is not None
        assert done.code == GitError.exit_code or case.finished == state_of(project), where  # from another copy
        assert "(missing)" not in done.said, where
        refuse_unsound(project, case.states, where)


def _failures(case: Case) -> Iterator[tuple[int, int]]:
    steps = range(len(case.system.log)) if IS_FULL else case.system.changing
    for place, step in enumerate(steps):
        for error in ERRORS if IS_FULL else [ERRORS[place % len(ERRORS)]]:
            yield step, error

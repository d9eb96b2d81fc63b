"""Everything that recstore writes, as a person asks for it: what is there before, and the command or call that changes it.

A command that is neither here nor in `READING` fails a test: whoever adds one says here what it does.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

import vcr

from recstore.cli.main import main
from recstore.errors import RecstoreError
from recstore.importers.vcr.persister import Persister
from recstore.model import Digest, Mode
from recstore.store import Store
from recstore.store.usage import TestUsage, write_usage
from tests.clock import FastClock
from tests.exchanges import answer, chat, completion, session
from tests.generator import as_recorded, generated
from tests.git_repository import GitRepository, recording
from tests.keys import KEYS

__all__ = ["OPERATIONS", "READING", "Done", "Operation", "called"]

A, B, C, KEPT = (f"tests/test_{name}" for name in ("a.py::test_a", "a.py::test_b", "c.py::test_c", "k.py::test_kept"))
SHAPES: Final = ("chat completion", "chat stream", "without test")
SOURCE, CASSETTE = "tests/recordings", "tests/cassettes/test_chat/test_answer.yaml"


@dataclass(frozen=True)
class Done:
    """How a call ended: its exit code, and what a person was shown."""

    code: int
    said: str


@dataclass(frozen=True)
class Operation:
    """What is there before, and what then happens in the project's folder; `command` is the first word, if it is one.

    `already`: its exit code where nothing is left to do.
    """

    name: str
    prepare: Callable[[Path], None]
    run: Callable[[Path], Done]
    command: str = ""
    in_git: bool = False
    already: int = 0


def called(*words: str) -> Callable[[Path], Done]:
    """Return what runs a command of recstore in a project, in this very process."""

    def run(project: Path) -> Done:
        said = io.StringIO()
        before = os.getcwd()
        os.chdir(project)
        try:
            with patch.object(sys, "argv", ["recstore", *words]), redirect_stdout(io.StringIO()), redirect_stderr(said):
                main(FastClock())
        except SystemExit as ended:
            return Done(int(ended.code or 0), said.getvalue())
        finally:
            os.chdir(before)

    return run


def asked(call: Callable[[Path], None]) -> Callable[[Path], Done]:
    """Return what calls the library, and ends as a command would."""

    def run(project: Path) -> Done:
        try:
            call(project)
        except RecstoreError as error:
            return Done(error.exit_code, f"error: {error}")
        return Done(0, "")

    return run


# -- what is there before


def plain(project: Path) -> None:
    """Make a store with a test, one of whose blobs another test shares, and a recording outside any test."""
    _recorded(project, KEPT, "kept", "shared")
    _recorded(project, A, "a", "shared")
    _recorded(project, None, "outside")


def loose(project: Path) -> None:
    """Make the same, and files of other recorders, written long ago: none waits to be consumed."""
    plain(project)
    for shape, name, document in generated():
        if shape in SHAPES:
            file = project / SOURCE / Path(name).name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(as_recorded(document))
    cassette = project / CASSETTE
    cassette.parent.mkdir(parents=True)
    cassette.write_text(_cassette("of the cassette"))
    for file in (cassette, *(project / SOURCE).iterdir()):
        os.utime(file, (1_700_000_000, 1_700_000_000))


def imported(project: Path) -> None:
    """Make the same, imported; then one file is gone and another one says something else."""
    loose(project)
    assert called("import", SOURCE, CASSETTE)(project).code == 0
    first, second, *_ = sorted(file for file in (project / SOURCE).rglob("*.json"))
    first.unlink()
    second.write_text(second.read_text().replace("the", "THE"))


def repository(project: Path) -> None:
    """Make the same as `plain` in a Git repository, with three tests committed of which one is gone since, never committed."""
    made = _repository(project)
    made.test_file("tests/test_a.py", "test_a", "test_b")
    made.test_file("tests/test_k.py", "test_kept")
    made.record(KEPT, "kept", "shared")
    made.record(A, "a", "shared")
    made.record(B, "b, committed")
    made.commit()
    made.record(B, "b", "b again", "shared")
    made.record(None, "outside")
    made.test_file("tests/test_a.py", "test_a")


def staged(project: Path) -> None:
    """Make the same, all of it added to Git's index."""
    repository(project)
    GitRepository(project).git("add", "--all")


def unused(project: Path) -> None:
    """Make the same as `repository`, and a run of the tests that had no use for one of the answers."""
    repository(project)
    store = Store.open(project)
    manifest = store.manifest(A)
    assert manifest is not None
    text = store.directory.read(next(path for path in store.manifest_paths() if "test_a-" in path))
    assert text is not None
    served = frozenset((entry.blob.key, entry.n) for entry in manifest.entries[:1])
    run = TestUsage(Digest.of(text), was_collected=True, has_passed=True, used=served)
    write_usage(store.local, "tests/test_a.py", {A: run})


def collected(project: Path) -> None:
    """Make the same as `repository` after gc, which has put the test that is gone into the trash."""
    repository(project)
    assert called("gc")(project).code == 0


def lost(project: Path) -> None:
    """Make a repository in whose work tree two blobs are missing that tests name."""
    repository(project)
    GitRepository(project).commit()
    store = Store.open(project)
    for blob in list(store.blobs())[:2]:
        (project / ".recstore" / blob.path).unlink()


def conflict(project: Path) -> None:
    """Make a merge that stopped: both sides have recorded one test anew, and one has removed another."""
    made = _repository(project)
    made.record(KEPT, "kept", "shared")
    made.record(A, "a")
    made.record(B, "b")
    made.commit()
    made.git("checkout", "-q", "-b", "other")
    made.record(A, "a, theirs", "more")
    made.forget(B)
    made.commit()
    made.git("checkout", "-q", "main")
    made.record(A, "a, ours")
    made.record(B, "b, ours")
    made.commit()
    made.git("merge", "-q", "other", ok=False)


def with_secrets(project: Path) -> None:
    """Make a store with a secret in a recording of its own, and one in an imported cassette."""
    _recorded(project, KEPT, "kept", "shared")
    _recorded(project, A, f"is {KEYS['GitHub']}", "shared")
    _recorded(project, B, f"is {KEYS['GitHub']}", "b")
    cassette = project / CASSETTE
    cassette.parent.mkdir(parents=True)
    cassette.write_text(_cassette(KEYS["Slack"]))
    assert called("import", CASSETTE)(project).code == 0


def relabelled(project: Path) -> None:
    """Make a store whose map of upstreams is another one now."""
    imported(project)
    bases = {
        "renamed": "https://api.example.com",
        "other": "https://api.openai.com/v1",
        "third": "http://0.0.0.0:11434",
    }
    lines = "".join(f'{label} = "{base}"\n' for label, base in bases.items())
    (project / "recstore.toml").write_text(f"[upstreams]\n{lines}")


def damaged(project: Path) -> None:
    """Make a store with a damaged blob that no test names."""
    plain(project)
    blob = Store.open(project).put_blob(recording("damaged"))
    (project / ".recstore" / blob.path).write_bytes(b"damaged")


def hooked(project: Path) -> None:
    """Make a repository with a hook of somebody else's, and recstore's hooks."""
    foreign(project)
    assert called("hooks", "install")(project).code == 0


def foreign(project: Path) -> None:
    """Make a repository with a hook of somebody else's."""
    _repository(project)
    hook = project / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)


def empty(project: Path) -> None:
    """Make a folder with nothing in it."""
    project.mkdir(parents=True)


def sides(project: Path) -> None:
    """Write the three manifests that Git hands to a merge driver."""
    conflict(project)
    made = GitRepository(project)
    for line in made.git("ls-files", "--unmerged").splitlines():
        fields, path = line.split("\t")
        if "test_a-" in path:
            (project / fields.split()[2]).write_text(made.git("cat-file", "-p", fields.split()[1]) + "\n")


# -- what happens


def record(project: Path) -> None:
    """Have a test record other answers: one as before, one as another test, one new."""
    _record(project, A, "kept", "a", "new", passed=True)


def record_outside(project: Path) -> None:
    """Record something outside any test."""
    _record(project, None, "outside", "outside too", passed=True)


def record_failing(project: Path) -> None:
    """Have a test fail that has recorded something."""
    _record(project, A, "a", "bad", passed=False)


def put(project: Path) -> None:
    """Store recordings as a program does."""
    Store.open(project).put(A, [recording("a"), recording("of a program")])


def note_run(project: Path) -> None:
    """Note a run of tests."""
    write_usage(Store.open(project).local, "tests/test_a.py", {})


def save_cassette(project: Path) -> None:
    """Have vcrpy save a cassette that was imported, with one interaction more."""
    persister = Persister()
    loaded = persister.load_cassette(project / CASSETTE, vcr.serializers.yamlserializer)
    pairs = {"requests": loaded[0][:1] * 2, "responses": loaded[1][:1] * 2}
    persister.save_cassette(project / CASSETTE, pairs, vcr.serializers.yamlserializer)


READING: Final = frozenset({"demo", "diff", "help", "show", "stats", "status"})
"""Commands that write nothing into a project; `demo` works in a scratch folder of its own."""

OPERATIONS: Final = (
    Operation("record", plain, asked(record)),
    Operation("record outside", plain, asked(record_outside)),
    Operation("record failing", plain, asked(record_failing)),
    Operation("put", plain, asked(put)),
    Operation("note a run", plain, asked(note_run)),
    Operation("save a cassette", imported, asked(save_cassette)),
    Operation("init", empty, called("init"), "init"),
    Operation("import", loose, called("import", SOURCE), "import"),
    Operation("import a cassette", loose, called("import", CASSETTE), "import"),
    Operation("import, replaced", imported, called("import", "--replace", SOURCE), "import"),
    Operation("export", imported, called("export", "--force", "out"), "export"),
    Operation("ls", plain, called("ls"), "ls"),
    Operation("verify", damaged, called("verify", "--repair"), "verify"),
    Operation("mv", plain, called("mv", "tests/test_a.py", "tests/deep/test_z.py"), "mv", already=10),
    Operation("redact", with_secrets, called("redact"), "redact"),
    Operation("rekey", relabelled, called("rekey"), "rekey"),
    Operation("watch", loose, called("watch", "--once", SOURCE), "watch"),
    Operation("watch, consuming", loose, called("watch", "--once", "--consume", SOURCE), "watch"),
    Operation("watch, mirroring", imported, called("watch", "--once", "--mirror", SOURCE), "watch"),
    Operation("gc", repository, called("gc"), "gc", in_git=True),
    Operation("gc, staged", staged, called("gc", "--staged"), "gc", in_git=True),
    Operation("gc, unused", unused, called("gc", "--unused"), "gc", in_git=True),
    Operation("restore", collected, called("restore", "--all"), "restore", in_git=True),
    Operation("restore a test", collected, called("restore", B), "restore", in_git=True),
    Operation("check", lost, called("check", "--fix"), "check", in_git=True),
    Operation("resolve", conflict, called("resolve", "--ours"), "resolve", in_git=True),
    Operation("merge-driver", sides, called("merge-driver", "1", "2", "3"), "merge-driver", in_git=True),
    Operation("hooks install", foreign, called("hooks", "install"), "hooks", in_git=True),
    Operation("hooks uninstall", hooked, called("hooks", "uninstall"), "hooks", in_git=True),
)


def _repository(project: Path) -> GitRepository:
    made = GitRepository.create(project)
    shutil.rmtree(project / ".git/hooks", ignore_errors=True)  # examples: files to copy for nothing
    return made


def _recorded(project: Path, test_id: str | None, *texts: str) -> None:
    project.mkdir(exist_ok=True)
    Store.create(project)
    _record(project, test_id, *texts, passed=True)


def _record(project: Path, test_id: str | None, *texts: str, passed: bool) -> None:
    recorder = session(project, Mode.RECORD, test_id)
    for text in texts:
        answer(recorder, recorder.begin(chat(text)), completion(text))
    recorder.finish(passed=passed)


def _cassette(text: str) -> str:
    return f"""interactions:
- request:
    body: null
    headers: {{}}
    method: GET
    uri: https://api.example.com/v1/x
  response:
    body:
      string: '{{"text": "{text}"}}'
    headers: {{}}
    status:
      code: 200
      message: OK
version: 1
"""

"""Every command as a user runs it: what it prints, what it answers as JSON, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recstore import demo
from recstore.cli.main import COMMANDS
from recstore.demo.upstream import serving
from recstore.model import Digest, JsonBody, Recording, Request, Response
from recstore.store import Store
from tests import commands
from tests.generator import write_recordings


def recstore(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a recstore command in `folder`."""
    return commands.recstore(folder, *arguments, environment={**os.environ, **environment})


def answer(folder: Path, *arguments: str) -> Any:
    """Return what a command answers as JSON; one that lists answers a line each."""
    done = recstore(folder, *arguments, "--json")
    assert 0 == done.returncode, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines if arguments[0] in ("ls", "show") else lines[0]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a Git repository with a store and recordings of every shape."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert 0 == recstore(tmp_path, "init").returncode
    write_recordings(tmp_path, 48)
    assert 0 == recstore(tmp_path, "import", "tests").returncode
    return tmp_path


def damage(project: Path) -> str:
    """Flip a bit of one blob, and return its path below the project."""
    store = Store.open(project)
    name = next(store.blobs()).path
    path = store.directory.path(name)
    path.write_bytes(b"[" + path.read_bytes()[1:])
    return f".recstore/{name}"


def test_init_can_be_repeated_and_keeps_what_is_the_users(tmp_path: Path) -> None:
    """A second init changes nothing, not even a file that the user has edited; outside Git it warns."""
    first = recstore(tmp_path, "init")
    (tmp_path / ".recstore" / "README.md").write_text("ours")

    second = recstore(tmp_path, "init")

    assert "no Git repository" in first.stderr
    assert "nothing changed" in second.stderr
    assert "ours" == (tmp_path / ".recstore" / "README.md").read_text()


def test_a_command_works_in_a_subfolder(project: Path) -> None:
    """The store is found from anywhere below it."""
    assert answer(project, "status") == answer(project / "tests", "status")


@pytest.mark.parametrize("command", ["ls", "import x", "export out", "show x", "stats", "status", "verify", "rekey"])
def test_a_command_without_a_store_says_how_to_make_one(tmp_path: Path, command: str) -> None:
    """Nothing is made by itself; the error names the command that does."""
    done = recstore(tmp_path, *command.split())

    assert 10 == done.returncode
    assert "recstore init" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(tmp_path: Path, name: str) -> None:
    """`--help` works for each command."""
    done = recstore(tmp_path, name, "--help")

    assert (0, "") == (done.returncode, done.stderr)
    assert "Usage:" in done.stdout


def test_an_unknown_command_names_the_nearest(tmp_path: Path) -> None:
    """A slip of the finger is answered with the command that was meant."""
    done = recstore(tmp_path, "verfy")

    assert 2 == done.returncode
    assert "recstore verify" in done.stderr


def test_listing_narrows_down(project: Path) -> None:
    """Filters by test, upstream, endpoint, model and status each leave what they say, and something."""
    rows = answer(project, "ls")

    assert 48 == len(rows)
    for option, value, member in (
        ("--upstream", "api.openai.com", "upstream"),
        ("--model", "gpt-4o", "model"),
        ("--endpoint", "/v1/embeddings", "path"),
    ):
        found = answer(project, "ls", option, value)
        assert [row for row in rows if row[member] == value] == found
        assert found
    assert [row for row in rows if row["status"] == 404] == answer(project, "ls", "--status", "404")
    [test_id] = {row["test"] for row in answer(project, "ls", str(rows[0]["test"]))}
    assert rows[0]["test"] == test_id


def test_stats_add_up(project: Path) -> None:
    """What was recorded is what is on disk and what was saved."""
    stats = answer(project, "stats")
    recorded = sum(file.stat().st_size for file in (project / "tests").rglob("*.json"))

    assert (48, recorded) == (stats["recordings"], stats["recorded_bytes"])
    assert recorded == stats["blob_bytes"] + stats["saved_by_layout_bytes"] + stats["saved_by_sharing_bytes"]
    assert 48 == sum(service["recordings"] for service in stats["by_service"])


def test_damage_is_named_moved_away_and_never_served(project: Path) -> None:
    """Verify names the file and the remedy; --repair moves it; what named it is missing then, not gone."""
    name = damage(project)

    found = recstore(project, "verify")
    shown = recstore(project, "show", Path(name).name[:12])
    repaired = recstore(project, "verify", "--repair")

    assert (20, 20, 10) == (found.returncode, shown.returncode, repaired.returncode)
    assert f"error: {name}: its bytes do not fit its name" in found.stderr
    assert "--repair" in found.stderr
    assert not (project / name).exists()
    assert Store.open(project).common.path(f"quarantine/{Path(name).name}").exists()
    assert 10 == recstore(project, "verify").returncode
    assert 10 == recstore(project, "status").returncode


def test_a_newer_blob_is_refused_by_name(project: Path) -> None:
    """A store that a later recstore has written to ends with the exit code for that."""
    from recstore.model import BlobName

    store = Store.open(project)
    blob = next(store.blobs())
    data = store.read_blob(blob).replace(b'{"recstore":1', b'{"recstore":2')
    store.directory.write(BlobName(blob.key, Digest.of(data)).path, data)

    done = recstore(project, "verify")

    assert 21 == done.returncode
    assert "pip install --upgrade recstore" in done.stderr


def test_a_manifest_in_conflict_stops_what_would_read_it(project: Path) -> None:
    """Conflict markers are told from damage, and nothing is written over them."""
    store = Store.open(project)
    path = store.directory.path(next(store.manifest_paths()))
    path.write_text("<<<<<<< ours\n" + path.read_text() + "=======\n>>>>>>> theirs\n")

    imported, listed = recstore(project, "import", "tests"), recstore(project, "ls")

    assert (41, 41) == (imported.returncode, listed.returncode)
    assert path.name in listed.stderr
    assert path.read_text().startswith("<<<<<<< ours")


def test_rekey_follows_the_upstream_map_and_loses_nothing(project: Path) -> None:
    """A label for two hosts makes equal requests one; export still gives every byte back."""
    before = {file: file.read_bytes() for file in (project / "tests").rglob("*.json")}
    Store.open(project).put(
        "tests/native.py::test", [Recording(Request("POST", "api.openai.com", "/v1/x", body=JsonBody({})), Response())]
    )
    (project / "recstore.toml").write_text(
        '[upstreams]\nours = ["https://api.openai.com/v1", "http://0.0.0.0:11434/v1"]\n'
    )

    planned = answer(project, "rekey", "--dry-run")
    assert {"api.openai.com", "localhost"} <= {row["upstream"] for row in answer(project, "ls")}
    done = answer(project, "rekey")

    assert {**planned, "dry_run": False} == done
    assert done["renamed"]
    upstreams = {row["upstream"] for row in answer(project, "ls")}
    assert "ours" in upstreams
    assert "api.openai.com" not in upstreams
    assert 0 == recstore(project, "verify").returncode
    assert [] == answer(project, "verify")["unreferenced"]
    assert 0 == recstore(project, "export", "out").returncode
    assert before == {file: (project / "out" / file.relative_to(project)).read_bytes() for file in before}
    assert [] == answer(project, "rekey")["renamed"]
    (project / "recstore.toml").unlink()
    recstore(project, "rekey")
    assert "api.openai.com" in {row["upstream"] for row in answer(project, "ls")}


def test_no_escape_code_of_a_recording_reaches_the_terminal(tmp_path: Path) -> None:
    """An answer and a test's id may hold anything: what is printed is only text."""
    store = Store.create(tmp_path)
    hostile = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e"
    body = JsonBody({"model": hostile, "messages": [{"role": hostile, "content": hostile}]})
    reply = Response(reason=hostile, body=JsonBody({"choices": [{"message": {"content": hostile}}]}))
    store.put(f"tests/{hostile}.py::test", [Recording(Request("POST", hostile, f"/{hostile}", body=body), reply)])

    for command in (["ls"], ["show", next(iter(store.blobs())).key[:8]], ["stats"], ["status"], ["verify"]):
        done = recstore(tmp_path, *command)

        assert 0 == done.returncode
        assert not {"\x1b", "\x07", "\u009b", "\u202e"}.intersection(done.stdout + done.stderr), command


def test_an_error_of_the_configuration_names_the_file(project: Path) -> None:
    """A key that is no setting is told, with the nearest one."""
    (project / "recstore.toml").write_text("upstream = 1\n")

    done = recstore(project, "ls")

    assert 2 == done.returncode
    assert "recstore.toml" in done.stderr
    assert "upstreams" in done.stderr


def test_a_variable_that_is_no_setting_stops_nothing(project: Path) -> None:
    """RECSTORE_DEBUG is for finding defects."""
    assert 0 == recstore(project, "status", RECSTORE_DEBUG="1").returncode


def test_the_demo_runs_and_leaves_nothing_unless_told(tmp_path: Path) -> None:
    """Every step of the demo ends well; --keep leaves the project for a look around."""
    command = [sys.executable, "-m", "recstore", "demo", "--keep", "here"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr
    assert "6 of 6 exported files equal their source" in done.stdout
    assert "The demo upstream had 1 request." in done.stdout
    assert 3 == done.stdout.count("Hello, world. This answer was paid for once.")
    assert 0 == recstore(tmp_path / "here", "verify").returncode
    assert 2 == recstore(tmp_path, "demo", "--keep", "here").returncode


def test_the_demo_needs_no_client_of_openai(tmp_path: Path) -> None:
    """Where openai is not installed, the demo's test asks with urllib3, live and again."""
    shutil.copytree(Path(demo.__file__).parent / "project/tests", tmp_path / "tests")
    assert 0 == recstore(tmp_path, "init").returncode
    code = (
        "import importlib.util, runpy\n"
        "find_spec = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'openai' else find_spec(name)\n"
        "runpy.run_path('tests/test_chat.py', run_name='__main__')\n"
    )
    seen = []
    with serving() as upstream:
        for mode in ("record", "replay"):
            environment = {
                **os.environ,
                "DEMO_UPSTREAM": upstream.base_url,
                "PYTHONPATH": str(Path(demo.__file__).parents[2]),
            }
            command = [sys.executable, "-c", code, mode]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert 0 == done.returncode, done.stderr
            seen.append(done.stdout)

    assert 1 == upstream.requests
    assert seen[0] == seen[1]
    assert "by urllib3" in seen[0]


def test_nothing_heavy_is_imported_for_the_version() -> None:
    """`recstore --version` loads neither the store nor anything that only commands need."""
    code = (
        "import sys; sys.argv = ['recstore', '--version']\n"
        "from recstore.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'orjson', 'blake3', 'dulwich', 'watchfiles', 'rich', 'yaml', 'sqlite3'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.splitlines()[-1]

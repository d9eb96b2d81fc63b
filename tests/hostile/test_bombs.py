"""Small files that are large, deep or endless inside: a clear error, in bounded time and memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recstore.store import Store
from tests.git_repository import recording
from tests.integration.watch.watching import environment

if sys.platform == "win32":
    pytest.skip("only Unix limits the memory of a process", allow_module_level=True)

import resource

MEMORY_BYTES = 2 << 30
SECONDS = 60
REQUEST = '"request": {"method": "POST", "url": "http://a/b", "body": {}}'
CASSETTE = """\
version: 1
interactions:
- request: {body: null, headers: {}, method: GET, uri: "http://a/"}
  response: {body: {string: ""}, headers: {}, status: {code: 200, message: OK}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one recording."""
    store = Store.create(tmp_path / "project")
    store.put("tests/a.py::test_a", [recording("an answer")])
    return tmp_path / "project"


def limited(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of recstore that gets no more than so much memory and time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    return subprocess.run(
        [sys.executable, "-P", "-m", "recstore", *arguments],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        preexec_fn=limit,
    )


def sparse(path: Path, start: bytes) -> None:
    """Make a file of a gigabyte that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(start)
    os.truncate(path, 1 << 30)


def aliases(count: int) -> str:
    """Return YAML of `count` lines that stands for 9 to the power of `count` words."""
    lines = ["x0: &x0 [" + ",".join(["word"] * 9) + "]"]
    lines += [f"x{n}: &x{n} [" + ",".join([f"*x{n - 1}"] * 9) + "]" for n in range(1, count)]
    return "\n".join(lines) + "\n"


SOURCES: dict[str, Callable[[Path], object]] = {
    "deep.json": lambda path: path.write_text('{"request":' + "[" * 1_000_000 + "]" * 1_000_000 + "}"),
    "deep_objects.json": lambda path: path.write_text(
        '{"test_id": "a", "request": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + ', "response": {"body": {}}}'
    ),
    "huge.json": lambda path: sparse(path, b'{"test_id": "a", '),
    "huge.yaml": lambda path: sparse(path, b"version: 1\ninteractions:\n"),
    "digits.json": lambda path: path.write_text(
        '{"test_id": "a", ' + REQUEST.replace("{}", '{"n": ' + "9" * 100_000 + "}") + ', "response": {"body": {}}}'
    ),
    "aliases.yaml": lambda path: path.write_text(CASSETTE + aliases(12)),
    "deep.yaml": lambda path: path.write_text(CASSETTE + "x: " + "[" * 100_000 + "]" * 100_000 + "\n"),
    "sixties.yaml": lambda path: path.write_text(CASSETTE + "x: 1" + ":1" * 2_000_000 + "\n"),
    "float.yaml": lambda path: path.write_text(CASSETTE + "x: 1" + ":1" * 400 + ".5\n"),
    "hex.yaml": lambda path: path.write_text(CASSETTE.replace("body: null", "body: 0x" + "f" * 4_290)),
    "twice.json": lambda path: path.write_text(
        '{"test_id": "a", "test_id": "b", ' + REQUEST + ', "response": {"body": NaN'
    ),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("import", "src"), id="import"),
        pytest.param(("watch", "--once", "src"), id="watch", marks=pytest.mark.slow),  # the same readers
    ],
)
def test_a_source_is_refused_by_name(project: Path, name: str, command: tuple[str, ...]) -> None:
    """The others beside it come in."""
    (project / "src").mkdir()
    SOURCES[name](project / "src" / name)
    (project / "src/good.json").write_text(
        '{"test_id": "tests/a.py::good", "request": {"method": "POST", "url": "http://a/v1/chat", "headers": {}, '
        '"body": {"model": "m"}, "endpoint": "/v1/chat", "model": "m"}, '
        '"response": {"body": {"a": 1}, "is_streaming": false}}'
    )
    done = limited(project, *command)

    assert 20 == done.returncode, done.stderr
    assert f"src/{name}: " in done.stderr
    assert "defect of recstore" not in done.stderr
    assert "good" in limited(project, "ls").stdout


STORED: dict[str, Callable[[Path], object]] = {
    "a blob of a gigabyte": lambda store: sparse(next((store / "blobs").rglob("*.json")), b'{"recstore":1,'),
    "a manifest of a gigabyte": lambda store: sparse(next((store / "tests").rglob("test_a-*")), b"recstore 1\n"),
    "an index of a gigabyte": lambda store: sparse(Store.open(store).local.path("index.sqlite"), b"SQLite format 3\0"),
    "a note of a gigabyte": lambda store: sparse(Store.open(store).local.path("verified.json"), b"{"),
    "another note of a gigabyte": lambda store: sparse(Store.open(store).local.path("watch.json"), b"["),
    "a deep note": lambda store: Store.open(store).local.path("verified.json").write_bytes(b"[" * 1_000_000),
    "a deep manifest": lambda store: next((store / "tests").rglob("test_a-*")).write_bytes(
        b'recstore 1\ntest "tests/a.py::test_a"\n1 ' + b"a" * 64 + b" " + b"b" * 64 + b" {" + b'"a":{' * 500_000 + b"\n"
    ),
}


@pytest.mark.parametrize("kind", STORED)
def test_a_store_with_it_is_handled(project: Path, kind: str) -> None:
    """What can be made anew is; all else is damage, named."""
    Store.open(project).local.root.mkdir(parents=True, exist_ok=True)
    STORED[kind](project / ".recstore")
    for words in (["verify", "--fast"], ["ls"], ["show", "test_a"], ["status"], ["watch", "--once", "."]):
        done = limited(project, *words)

        assert "defect of recstore" not in done.stderr, (words, done.stderr)
        assert "MemoryError" not in done.stderr, (words, done.stderr)
    verified = limited(project, "verify")
    assert (0 if "note" in kind or "index" in kind else 20) == verified.returncode, verified.stderr


def test_packed_bodies_do_not_fill_the_memory(project: Path) -> None:
    """A megabyte that unpacks to a gigabyte, as a body in a cassette and in a recording: looked through for secrets, shown."""
    packed = gzip.compress(bytes(1 << 30), 9)
    import base64

    text = base64.b64encode(packed).decode()
    (project / "src").mkdir()
    (project / "src/bomb.yaml").write_text(
        'version: 1\ninteractions:\n- request: {body: null, headers: {}, method: GET, uri: "http://a/"}\n'
        f'  response: {{body: {{string: !!binary "{text}"}}, headers: {{content-encoding: [gzip]}}, '
        "status: {code: 200, message: OK}}\n"
    )
    document = {
        "test_id": "tests/a.py::packed",
        "request": {"method": "POST", "url": "http://a/v1/c", "headers": {}, "body": {"x": text}, "endpoint": "/v1/c"},
        "response": {"body": {"packed": text}, "is_streaming": False},
    }
    (project / "src/bomb.json").write_text(json.dumps(document))
    for words in (["import", "src"], ["verify", "--secrets"], ["show", "packed"], ["redact"], ["diff"], ["stats"]):
        done = limited(project, *words)

        assert "defect of recstore" not in done.stderr, (words, done.stderr)
        assert "MemoryError" not in done.stderr, (words, done.stderr)

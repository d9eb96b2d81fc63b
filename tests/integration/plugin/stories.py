"""A project of a test's own, an upstream on loopback, and real runs of pytest in processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import recstore
from recstore.store import Store
from recstore.store.usage import TestUsage, read_usage

__all__ = ["Outcome", "Story", "Upstream", "serving"]

CLIENT: Final = '''
"""A client that asks whoever answers here and now, as every intercepted HTTP client does."""

import json
import os
import socket

from recstore.record.session import current
from recstore.record.exchange import WireRequest

URL = os.environ["UPSTREAM"]


def ask(word):
    """Return what the upstream says of a word."""
    body = json.dumps({"word": word}).encode()
    session = current()
    request = WireRequest("POST", f"{URL}/say", (("content-type", "application/json"),), body)
    exchange = None if session is None else session.begin(request)
    if exchange is None:
        return json.loads(live(body))["said"]
    if exchange.replayed is not None:
        return json.loads(b"".join(exchange.replayed.chunks))["said"]
    answer = live(body)
    exchange.on_headers(200, "OK", (("content-type", "application/json"),))
    exchange.on_chunk(answer)
    session.complete(exchange)
    return json.loads(answer)["said"]


def live(body):
    host, _, port = URL.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /say HTTP/1.0\\r\\nHost: {host}\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
        connection.sendall(head.encode() + body)
        return connection.makefile("rb").read().partition(b"\\r\\n\\r\\n")[2]
'''


@dataclass(slots=True)
class Upstream:
    """What the upstream was asked, and where it is."""

    url: str
    words: list[str] = field(default_factory=list)
    says: str = "hello"

    def take(self) -> list[str]:
        """Return the words that were asked for since this was last called, sorted."""
        words, self.words[:] = sorted(self.words), []
        return words


@contextmanager
def serving() -> Iterator[Upstream]:
    """Run an upstream on loopback that greets each word, and counts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            word = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["word"]
            upstream.words.append(str(word))
            body = json.dumps({"said": f"{upstream.says} {word}"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        upstream = Upstream(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of pytest ended: exit code, `{"passed": 2}`, what it printed, which files it added, changed, removed."""

    code: int
    counts: dict[str, int]
    output: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A project folder with a store, unless it says otherwise, and an upstream."""

    path: Path
    upstream: Upstream

    def write(self, files: dict[str, str]) -> None:
        """Write the files of the project; a test file may use `ask`."""
        for name, text in {"client.py": CLIENT, **files}.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))

    def run(self, *arguments: str, plugins: tuple[str, ...] = (), cwd: str = ".", **environment: str) -> Outcome:
        """Run pytest with recstore's plugin and these others alone."""
        command = [sys.executable, "-m", "pytest", "-p", "recstore.pytest_plugin", "-q", "-ra"]
        for plugin in plugins:
            command += ["-p", plugin]
        before = self.files()
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.path / cwd,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        changed = {name for name in before.keys() | self.files().keys() if before.get(name) != self.files().get(name)}
        output = done.stdout + done.stderr
        return Outcome(done.returncode, _counts(output), output, tuple(sorted(changed)))

    def files(self) -> dict[str, bytes]:
        """Return every committed file of the store, and those of failed runs."""
        store = self.path / ".recstore"
        found = {path.relative_to(store).as_posix(): path for path in store.rglob("*") if path.is_file()}
        local = {name for name in found if name.startswith("local/") and not name.startswith("local/failed/")}
        return {name: path.read_bytes() for name, path in found.items() if name not in local}

    def recorded(self) -> dict[str, int]:
        """Return how many entries each test's manifest has, those outside any test under ""."""
        counts: Counter[str] = Counter()
        for manifest in Store.open(self.path).manifests():
            counts[manifest.test_id or ""] += len(manifest.entries)
        return dict(counts)

    def served(self, file: str) -> dict[str, TestUsage] | None:
        """Return what is known of the last complete run of a test file, None if nothing is."""
        return read_usage(Store.open(self.path).local, file) or None

    def _environment(self, environment: dict[str, str]) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
        own = Path(recstore.__file__).parents[1]
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join((str(self.path), str(own))),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "UPSTREAM": self.upstream.url,
            **environment,
        }


def _counts(output: str) -> dict[str, int]:
    lines = [line for line in output.splitlines() if re.search(r"\bin \d+\.\d+s", line)]
    found = re.findall(
        r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected|rerun)", lines[-1] if lines else ""
    )
    return {word.removesuffix("s") if word == "errors" else word: int(number) for number, word in found}

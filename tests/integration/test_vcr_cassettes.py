"""Cassettes that vcrpy records against a real server, through the store and back, and replayed without the server."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import vcr
from vcr.serialize import deserialize
from vcr.serializers import jsonserializer, yamlserializer

from tests import commands

requests = pytest.importorskip("requests", reason="requests is not installed")
httpx = pytest.importorskip("httpx", reason="httpx is not installed")
urllib3 = pytest.importorskip("urllib3", reason="urllib3 is not installed")

SERIALIZERS = {"yaml": yamlserializer, "json": jsonserializer}
EVENTS = b"".join(b'data: {"i":%d,"t":"h\xc3\xa9"}\n\n' % i for i in range(5)) + b"data: [DONE]\n\n"

Answer = tuple[int, bytes]
Session = Callable[[str], list[Answer]]


class _Handler(BaseHTTPRequestHandler):
    """Answers by path; every JSON answer differs from the one before."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        type(self).count += 1
        text = json.dumps({"count": self.count, "text": "h\u00e9\n\u2028"}, ensure_ascii=False).encode()
        status, body, encoding = {
            "/gzip": (200, gzip.compress(text), "gzip"),
            "/binary": (200, bytes(range(256)), ""),
            "/events": (200, EVENTS, ""),
            "/empty": (204, b"", ""),
            "/error": (500, b'{"error": {"code": 1e-5}}', ""),
        }.get(self.path.partition("?")[0], (200, text, ""))
        self.send_response(status)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2; Path=/")
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Yield a server on a loopback port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def with_requests(url: str) -> list[Answer]:
    """Use requests: repeats, JSON, a form, an error, an empty answer."""
    with requests.Session() as session:
        answers = [session.get(f"{url}/item?b=2&a=1") for _ in range(3)]
        answers.append(session.post(f"{url}/chat", json={"model": "m", "temperature": 1.0, "text": "h\u00e9"}))
        answers.append(session.post(f"{url}/form", data={"a": "b c"}))
        answers += [session.get(f"{url}{path}") for path in ("/events", "/empty", "/error")]
    return [(answer.status_code, answer.content) for answer in answers]


def with_httpx(url: str) -> list[Answer]:
    """Use httpx: repeats, JSON, raw text."""
    with httpx.Client() as client:
        answers = [client.get(f"{url}/item"), client.get(f"{url}/item"), client.get(f"{url}/events")]
        answers += [client.post(f"{url}/chat", json={"a": [1, "\u00e9"]}), client.post(f"{url}/chat", content=b" x ")]
    return [(answer.status_code, answer.content) for answer in answers]


def with_urllib3(url: str) -> list[Answer]:
    """Use urllib3: no default headers at all."""
    with urllib3.PoolManager() as pool:
        answers = [pool.request("GET", f"{url}/item"), pool.request("POST", f"{url}/chat", body=b'{"a":1}')]
        return [(answer.status, answer.data) for answer in answers]


def with_binary_bodies(url: str) -> list[Answer]:
    """Send and receive what is not text, which vcrpy writes to YAML alone."""
    with requests.Session() as session:
        answers = [session.get(f"{url}/gzip"), session.get(f"{url}/binary"), session.get(f"{url}/gzip")]
        answers.append(session.post(f"{url}/upload", data=b"\xff\x00"))
        with Path(__file__).open("rb") as file:
            answers.append(session.post(f"{url}/upload", data=file))
    return [(answer.status_code, answer.content) for answer in answers]


def record(path: Path, session: Session, url: str, mode: str) -> list[Answer]:
    """Return the answers that the session gets with the cassette at `path`, recorded or replayed."""
    recorder = vcr.VCR(serializer=path.suffix[1:], record_mode=mode, match_on=["method", "uri", "body"])
    with recorder.use_cassette(str(path)):
        return session(url)


def recstore(folder: Path, *arguments: str) -> None:
    """Run the program in `folder`."""
    assert 0 == commands.recstore(folder, *arguments).returncode


def as_loaded(path: Path) -> Any:
    """Return the requests and responses of a cassette as vcrpy loads them."""
    answers = deserialize(path.read_text(encoding="utf-8"), SERIALIZERS[path.suffix[1:]])
    requests_made = [(one.method, one.uri, _content(one.body), dict(one.headers.items())) for one in answers[0]]
    return requests_made, answers[1]


def _content(body: Any) -> Any:
    return body.read() if hasattr(body, "read") else body


@pytest.mark.parametrize(
    ("session", "suffix"),
    [
        (with_requests, "yaml"),
        (with_requests, "json"),
        (with_httpx, "yaml"),
        (with_httpx, "json"),
        (with_urllib3, "yaml"),
        (with_urllib3, "json"),
        (with_binary_bodies, "yaml"),
    ],
)
def test_recorded_cassettes_come_back_and_replay(
    tmp_path: Path, server: ThreadingHTTPServer, session: Session, suffix: str
) -> None:
    """Recorded, imported, exported: the same bytes, loaded equal, and replayed answer by answer without a server."""
    name = f"tests/cassettes/test_client/test_session.{suffix}"
    project, exported = tmp_path / "project", tmp_path / "exported"
    url = f"http://127.0.0.1:{server.server_port}"
    answers = record(project / name, session, url, "once")
    recstore(project, "init")
    recstore(project, "import", "tests")
    recstore(project, "export", str(exported))
    server.shutdown()
    server.server_close()

    replayed = record(exported / name, session, url, "none")

    assert (project / name).read_bytes() == (exported / name).read_bytes()
    assert as_loaded(project / name) == as_loaded(exported / name)
    assert answers == replayed


def test_importing_a_cassette_again_changes_nothing(tmp_path: Path, server: ThreadingHTTPServer) -> None:
    """The second import leaves every file of the store as it is."""
    url = f"http://127.0.0.1:{server.server_port}"
    record(tmp_path / "cassettes/session.yaml", with_requests, url, "once")
    recstore(tmp_path, "init")
    recstore(tmp_path, "import", "cassettes")
    before = {path: path.read_bytes() for path in (tmp_path / ".recstore").rglob("*") if path.is_file()}

    recstore(tmp_path, "import", "cassettes")

    after = {path: path.read_bytes() for path in (tmp_path / ".recstore").rglob("*") if path.is_file()}
    assert before == after


def test_yaml_is_loaded_for_yaml_alone() -> None:
    """Reading a JSON cassette does not pay for importing PyYAML."""
    program = """
import sys
from recstore.importers.vcr.cassette import read_cassette
from recstore.upstreams import UpstreamMap
read_cassette(b'{"interactions": []}', "a.json", UpstreamMap())
assert "yaml" not in sys.modules
read_cassette(b"interactions: []", "a.yaml", UpstreamMap())
assert "yaml" in sys.modules
"""

    actual = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)

    assert (0, b"") == (actual.returncode, actual.stderr)

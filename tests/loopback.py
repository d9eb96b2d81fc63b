"""A real HTTP server on a loopback port that answers as an OpenAI-compatible service does, and in all sorts of other ways."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Upstream", "serving"]

WORDS = ("Hum", "ans", " live", " on", " Earth", ".")


@dataclass
class Upstream:
    """A running server: its base URL, and how many requests it has had."""

    base: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    may_go_on: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(port: int = 0) -> Iterator[Upstream]:
    """Run the server until the block ends, on a port that is free if none is named."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    upstream = Upstream(f"http://127.0.0.1:{server.server_address[1]}")
    server.upstream = upstream  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.may_go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    @property
    def upstream(self) -> Upstream:
        return self.server.upstream  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(b"".join(self._body()))

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("content-length") or 0))
            return
        while length := int(self.rfile.readline(), 16):
            yield self.rfile.read(length + 2)[:-2]
        self.rfile.readline()

    def _answer(self, body: bytes) -> None:
        self.upstream.requests.append((self.command, self.path))
        number = len(self.upstream.requests)
        route = self.path.partition("?")[0].strip("/").replace("/", "_").replace(".", "_")
        getattr(self, f"_on_{route}", self._on_other)(body, number)

    def _send(self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-request-id", f"req-{len(self.upstream.requests)}")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _on_other(self, body: bytes, number: int) -> None:
        value = {"path": self.path, "number": number, "echo": body.decode("utf-8", "replace")}
        self._send(json.dumps(value).encode())

    def _on_v1_chat_completions(self, body: bytes, number: int) -> None:
        request = json.loads(body)
        head = {"id": f"chatcmpl-{number:024}", "created": int(time.time()), "model": request["model"]}
        if not request.get("stream"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            usage = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
            self._send(json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}).encode())
            return
        self._stream(
            {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": word}}]}
            for word in WORDS
        )

    def _on_v1_embeddings(self, _: bytes, number: int) -> None:
        data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, number / 8]}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self._send(json.dumps({"object": "list", "data": data, "model": "e", "usage": usage}).encode())

    def _stream(self, events: Iterator[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self._chunk(b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n")
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _on_gzip(self, _: bytes, number: int) -> None:
        self._send(gzip.compress(json.dumps({"packed": number}).encode(), mtime=0), content_encoding="gzip")

    def _on_binary(self, _: bytes, number: int) -> None:
        self._send(bytes(range(256)) * 300 + bytes([number]), kind="application/octet-stream")

    def _on_teapot(self, _: bytes, number: int) -> None:
        self._send(json.dumps({"error": {"message": f"no coffee, {number}"}}).encode(), 418)

    def _on_empty(self, _: bytes, __: int) -> None:
        self.send_response(204)
        self.end_headers()

    def _on_broken(self, _: bytes, __: int) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self._chunk(b"data: one\n\n")
        self.close_connection = True

    def _on_waiting(self, _: bytes, __: int) -> None:
        """Send one event, and the next only when the test has said that it has seen it."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self._chunk(b"data: first\n\n")
        assert self.upstream.may_go_on.wait(20)
        self._chunk(b"data: second\n\n")
        self._chunk(b"")

"""A server on a loopback port that answers as a language model's service does: with headers, ids and times that are new each time.

`python -m tests.bench.upstream` serves in a process of its own, prints its base URL, and ends with its standard input.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.bench.processes import beside

__all__ = ["answer_to", "answering", "served_apart"]

WORDS_IN_ANSWER: Final = 60
_WORDS: Final = [
    "river",
    "stone",
    "lantern",
    "orbit",
    "copper",
    "meadow",
    "signal",
    "harbour",
    "velvet",
    "thunder",
    "planet",
    "people",
    "answer",
    "because",
    "water",
]


class Answering(ThreadingHTTPServer):
    """The server; another `edition` answers the same questions in other words."""

    daemon_threads = True
    edition = 1
    calls = 0

    @property
    def base(self) -> str:
        """The URL that paths are added to."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def answering() -> Iterator[Answering]:
    """Serve until the block ends."""
    server = Answering(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def served_apart() -> Iterator[str]:
    """Serve in another process until the block ends; give its base URL."""
    with beside("-m", "tests.bench.upstream") as lines:
        yield next(lines).strip()


def answer_to(question: str, edition: int) -> list[str]:
    """Return the words of the answer."""
    seed = hashlib.sha256(f"{edition} {question}".encode()).digest()
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    return [chance.choice(_WORDS) for _ in range(WORDS_IN_ANSWER)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Answering

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        request: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.calls += 1
        words = answer_to(request["messages"][-1]["content"], self.server.edition)
        head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": request["model"]}
        if request.get("stream"):
            self._stream(head, words)
        else:
            message: dict[str, Any] = {"role": "assistant", "content": " ".join(words)}
            choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": message}
            usage: dict[str, Any] = {
                "prompt_tokens": 9,
                "completion_tokens": len(words),
                "total_tokens": 9 + len(words),
            }
            answer = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._send("application/json", json.dumps(answer).encode())

    def _stream(self, head: dict[str, Any], words: list[str]) -> None:
        deltas: list[dict[str, str]] = [
            {"role": "assistant", "content": ""},
            *({"content": f"{word} "} for word in words),
        ]
        choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        events = [{**head, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
        data = b"".join(b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n" for event in events)
        self._send("text/event-stream", data + b"data: [DONE]\n\n")

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        for name, value in {
            "content-type": kind,
            "content-length": str(len(body)),
            "x-request-id": f"req_{secrets.token_hex(16)}",
            "openai-processing-ms": str(secrets.randbelow(2_000)),
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-remaining-requests": str(secrets.randbelow(10_000)),
            "x-ratelimit-reset-tokens": f"{secrets.randbelow(60)}ms",
            "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
            "cf-ray": f"{secrets.token_hex(8)}-FRA",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until standard input ends."""
    with answering() as server:
        print(server.base, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

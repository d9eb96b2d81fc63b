"""The demo upstream: a server on this machine that streams one chat answer, as an OpenAI-compatible service does.

It stands for a service that costs money in `recstore demo`, and counts its requests. `python -m recstore.demo.upstream`
runs it at http://127.0.0.1:8177/v1 until Ctrl-C.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_WORDS: Final = ("Hello", ", world", ". This", " answer", " was", " paid", " for", " once", ".")
_PAUSE_S: Final = 0.05


class Upstream(ThreadingHTTPServer):
    """The running server; `requests` is how many it has answered."""

    requests = 0

    @property
    def base_url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def serving(port: int = 0) -> Iterator[Upstream]:
    """Run the demo upstream on this machine, on that port or a free one, until the block ends."""
    with Upstream(("127.0.0.1", port), _Handler) as upstream:
        threading.Thread(target=upstream.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield upstream
        finally:
            upstream.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Stream the answer."""
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        facts = {"object": "chat.completion.chunk", "created": int(time.time()), "model": request["model"]}
        head = {"id": f"chatcmpl-{time.time_ns()}", **facts}
        usage = {"prompt_tokens": 8, "completion_tokens": len(_WORDS), "total_tokens": 8 + len(_WORDS)}
        events = [{**head, "choices": [{"index": 0, "delta": {"content": word}}]} for word in _WORDS]
        for text in (*map(json.dumps, (*events, {**head, "choices": [], "usage": usage})), "[DONE]"):
            line = f"data: {text}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
            time.sleep(_PAUSE_S)
        self.wfile.write(b"0\r\n\r\n")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt), serving(8177) as running:
        print(f"The demo upstream listens at {running.base_url}. Ctrl-C ends it.")  # noqa: T201 - for whoever starts it
        threading.Event().wait()

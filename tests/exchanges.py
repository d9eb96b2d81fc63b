"""Requests and answers for tests of sessions: what an intercepted client would tell, without a client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recstore.model import Headers, Mode
from recstore.record.exchange import Exchange, WireRequest, WireResponse
from recstore.record.session import Session
from recstore.settings import Settings
from recstore.store import Store
from recstore.store.directory import Directory

__all__ = [
    "JSON",
    "TEST",
    "URL",
    "answer",
    "asked",
    "body_of",
    "chat",
    "completion",
    "files_of",
    "live",
    "replayed",
    "session",
]

URL = "https://api.example.com/v1/chat/completions"
TEST = "tests/test_chat.py::test_answer"
JSON: Headers = (("content-type", "application/json"),)


def session(project: Path, mode: Mode, scope_id: str | None = TEST, settings: Settings | None = None) -> Session:
    """Return a session of the project's store, which need not be there."""
    return Session(Store(Directory(project / ".recstore")), settings or Settings(), scope_id, mode)


def asked(body: Any = None, url: str = URL, method: str = "POST", headers: Headers = ()) -> WireRequest:
    """Return a request with a JSON body, or with the bytes given."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return WireRequest(method, url, (*JSON, *headers), data)


def chat(*texts: str, **more: Any) -> WireRequest:
    """Return a request for the next message of a chat."""
    return asked({"model": "m", "messages": [{"role": "user", "content": text} for text in texts], **more})


def live(exchange: Exchange | None) -> Exchange:
    """Return the exchange, which the store does not answer."""
    assert exchange is not None
    assert exchange.replayed is None
    return exchange


def answer(
    session: Session,
    exchange: Exchange | None,
    *chunks: bytes | dict[str, Any],
    status: int = 200,
    headers: Headers = JSON,
) -> None:
    """Have the server answer an exchange of the session; objects are sent as JSON."""
    live(exchange).on_headers(status, "OK", headers)
    for chunk in chunks:
        live(exchange).on_chunk(chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode())
    session.complete(live(exchange))


def replayed(exchange: Exchange | None) -> WireResponse:
    """Return the recorded answer of the exchange."""
    assert exchange is not None
    assert exchange.replayed is not None
    return exchange.replayed


def body_of(exchange: Exchange | None) -> Any:
    """Return the value of the JSON body of the recorded answer."""
    return json.loads(b"".join(replayed(exchange).chunks))


def completion(text: str, *, made: int = 1) -> dict[str, Any]:
    """Return a chat's completion as a server makes it up for the time numbered `made`."""
    return {
        "id": f"chatcmpl-Live{made:08}",
        "object": "chat.completion",
        "created": 1_700_000_000 + made,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        "system_fingerprint": f"fp_{made}",
    }


def files_of(project: Path) -> dict[str, bytes]:
    """Return every file below the project by its path, but for what is local."""
    files = (path for path in sorted(project.rglob("*")) if path.is_file() and "local" not in path.parts)
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}

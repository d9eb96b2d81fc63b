"""One tool, one client: record so many requests of one test, or replay them and say how long it took.

`python -m tests.bench.replaying TOOL CLIENT REQUESTS FOLDER BASE_URL record|replay` prints, for a replay, three times in
seconds: entering and leaving a test, a test of one request (medians), and the test of all requests. The tools patch
clients: each has a process of its own.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

__all__ = ["CLIENTS", "TOOLS", "scope_of"]

Scope: TypeAlias = Callable[[str], AbstractContextManager[Any]]
"""Test -> the context that its requests are made in."""

ENTRIES: Final = 60
TOOLS: Final = ("recstore", "vcrpy", *(["cassetter"] if importlib.util.find_spec("cassetter") else []))
CLIENTS: Final = ("httpx2", "openai", "requests")


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    tool, client, requests, place, base_url, phase = arguments
    folder = Path(place)
    scope, ask = scope_of(tool, folder, phase), asking(client, base_url)
    with scope("warm-up" if phase == "replay" else "a test"):
        for number in range(1 if phase == "replay" else int(requests)):
            ask(number)
    if phase == "record":
        with scope("warm-up"):
            ask(0)
        return
    print(
        statistics.median(_timed(scope, "warm-up", []) for _ in range(ENTRIES)),
        statistics.median(_timed(scope, "warm-up", [0], ask) for _ in range(ENTRIES)),
        _timed(scope, "a test", range(int(requests)), ask),
    )


def _timed(scope: Scope, name: str, numbers: Iterable[int], ask: Callable[[int], None] = print) -> float:
    started_s = time.perf_counter()
    with scope(name):
        for number in numbers:
            ask(number)
    return time.perf_counter() - started_s


def scope_of(tool: str, folder: Path, phase: str) -> Scope:
    """Return what makes the context that one test's requests are made in."""
    if tool == "recstore":
        import recstore
        from recstore.store import Store

        if phase == "record":
            Store.create(folder)
        mode = "record" if phase == "record" else "replay"
        return lambda name: recstore.use(name, mode=mode, project=folder)
    if tool == "vcrpy":
        import vcr

        recorder = vcr.VCR(record_mode=vcr.mode.ALL if phase == "record" else vcr.mode.NONE)
        recorder.match_on = (*recorder.match_on, "body")
        return lambda name: recorder.use_cassette(str(folder / f"{name}.yaml"))
    import cassetter

    kind: Literal["all", "none"] = "all" if phase == "record" else "none"
    match: list[Literal["method", "uri", "headers", "body", "json_body"]] = ["method", "uri", "body"]
    return lambda name: cassetter.use_cassette(str(folder / f"{name}.yaml"), record_mode=kind, match_on=match)


def asking(client: str, base_url: str) -> Callable[[int], None]:
    """Return what makes the n-th request with the client, and reads the answer."""
    if client == "openai":
        import openai

        chat = openai.OpenAI(base_url=f"{base_url}/v1", api_key="not a key", max_retries=0).chat.completions
        return lambda number: _check(chat.create(model="m", messages=_messages(number)).choices[0].message.content)
    if client == "requests":
        import requests

        session = requests.Session()
        url = f"{base_url}/v1/chat/completions"
        return lambda number: _read(session.post(url, json={"model": "m", "messages": _messages(number)}, timeout=9))
    import httpx2

    opened = httpx2.Client(base_url=base_url)
    url = "/v1/chat/completions"
    return lambda number: _read(opened.post(url, json={"model": "m", "messages": _messages(number)}))


def _messages(number: int) -> Any:
    return [{"role": "user", "content": f"Question {number}: where do people live, and for how long have they?"}]


def _read(response: Any) -> None:
    _check(response.json()["choices"][0]["message"]["content"])


def _check(content: object) -> None:
    if not content:
        raise ValueError("there is no answer")


if __name__ == "__main__":
    main(sys.argv[1:])

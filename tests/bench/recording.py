"""One tool, one test: record so many requests, and say how long each took.

`python -m tests.bench.recording TOOL CLIENT FOLDER BASE_URL TEST plain|stream QUESTION COUNT` prints the seconds of all
requests together, entering and leaving the test included. The tool `nothing` records nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from tests.bench.replaying import scope_of

__all__ = ["NOTHING"]

NOTHING: Final = "nothing"


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    tool, client, place, base_url, test, kind, question, count = arguments
    ask = _asking(client, base_url, is_stream=kind == "stream")
    ask("warm-up")  # imports, and a connection
    scope = nullcontext if tool == NOTHING else scope_of(tool, Path(place), "record")
    started_s = time.perf_counter()
    with scope(test):
        for number in range(int(count)):
            ask(f"{question} {number}")
    print(time.perf_counter() - started_s)


def _asking(client: str, base_url: str, *, is_stream: bool) -> Callable[[str], None]:
    if client == "openai":
        import openai

        chat = openai.OpenAI(base_url=f"{base_url}/v1", api_key="not a key", max_retries=0).chat.completions

        def ask(question: str) -> None:
            answer: Any = chat.create(**_request(question, is_stream=is_stream))
            _check([chunk.id for chunk in answer] if is_stream else answer.choices[0].message.content)

        return ask
    import httpx2

    opened = httpx2.Client(base_url=base_url)

    def post(question: str) -> None:
        with opened.stream("POST", "/v1/chat/completions", json=_request(question, is_stream=is_stream)) as response:
            _check(list(response.iter_lines()))

    return post


def _request(question: str, *, is_stream: bool) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": question}]
    return {"model": "gpt-4o", "messages": messages, "stream": is_stream}


def _check(answer: object) -> None:
    if not answer:
        raise ValueError("there is no answer")


if __name__ == "__main__":
    main(sys.argv[1:])

"""One test that asks a model: `python tests/test_chat.py MODE`."""

import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import recstore

BASE_URL = os.environ.get("DEMO_UPSTREAM", "")
ASKED: dict[str, Any] = {"model": "demo-1", "messages": [{"role": "user", "content": "Greet the world."}]}


def test_greeting(mode: str = "replay") -> None:
    """Prints the answer as it comes."""
    answer = with_openai if find_spec("openai") else with_urllib3
    with recstore.use("tests/test_chat.py::test_greeting", mode=mode):
        words = []
        for word in answer():
            print(word, end="", flush=True)
            words.append(word)
    print(f"   (in {len(words)} pieces, by {answer.__name__[5:]})")
    assert "".join(words) == "Hello, world. This answer was paid for once."


def with_openai() -> Iterator[str]:
    """Yields the words as OpenAI's client gets them."""
    import openai

    client = openai.OpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY", "none is needed"), max_retries=0)
    for chunk in client.chat.completions.create(**ASKED, stream=True):
        yield from (choice.delta.content or "" for choice in chunk.choices)


def with_urllib3() -> Iterator[str]:
    """Yields the words as urllib3 gets them."""
    import urllib3

    sent = {**ASKED, "stream": True}
    response = urllib3.request("POST", f"{BASE_URL}/chat/completions", json=sent, preload_content=False, retries=False)
    for line in response:
        if line.startswith(b"data: {"):
            yield from (choice["delta"]["content"] for choice in json.loads(line[6:])["choices"])


if __name__ == "__main__":
    test_greeting(*sys.argv[1:])

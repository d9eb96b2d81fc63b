"""The real clients of OpenAI, Anthropic, Ollama and Gemini: recorded once, replayed with no server and no key."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import recstore
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.clients import anthropic, genai, ollama, openai
from tests.model_servers import TEXT, VECTOR, serving_models

SECRET = "sk-proj-" + "Zx9Qw7Er" * 5
with socket.create_server(("127.0.0.1", 0)) as _listening:
    PORT = _listening.getsockname()[1]  # one that is free here: a base URL must not change between two recordings
BASE = f"http://127.0.0.1:{PORT}"
SENTENCE = "".join(TEXT)
ASKED: Any = [{"role": "user", "content": "Where do people live?"}]
TOOL: Any = {"type": "function", "function": {"name": "distance", "parameters": {"type": "object", "properties": {}}}}
Ask = Callable[[], Any]


def of_openai(ask: Callable[[Any], Any], **options: Any) -> Ask:
    """Return what asks with a client of openai."""

    def asked() -> Any:
        with openai.OpenAI(base_url=f"{BASE}/v1", api_key=SECRET, **{"max_retries": 0, **options}) as client:
            return ask(client)

    return asked


def of_openai_async(ask: Callable[[Any], Any]) -> Ask:
    """Return what asks with its asynchronous client."""

    async def asked() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{BASE}/v1", api_key=SECRET, max_retries=0) as client:
            return await ask(client)

    return lambda: asyncio.run(asked())


def of_anthropic(ask: Callable[[Any], Any], **options: Any) -> Ask:
    """Return what asks with a client of anthropic."""

    def asked() -> Any:
        with anthropic.Anthropic(base_url=BASE, api_key=SECRET, **{"max_retries": 0, **options}) as client:
            return ask(client)

    return asked


def of_ollama(ask: Callable[[Any], Any]) -> Ask:
    """Return what asks with a client of ollama."""

    def asked() -> Any:
        with ollama.Client(host=BASE, headers={"authorization": f"Bearer {SECRET}"}) as client:
            return ask(client)

    return asked


def of_genai(ask: Callable[[Any], Any]) -> Ask:
    """Return what asks with a client of google-genai."""

    def asked() -> Any:
        client = genai.Client(api_key=SECRET, http_options={"base_url": BASE})
        try:
            return ask(client)
        finally:
            client.close()

    return asked


def chat(client: Any, **options: Any) -> Any:
    """Ask for a chat completion."""
    return client.chat.completions.create(model="m", messages=ASKED, **options)


def deltas(stream: Any) -> list[Any]:
    """Return what each event of a chat's stream says."""
    return [[choice.delta.model_dump(exclude_none=True) for choice in chunk.choices] for chunk in stream]


async def deltas_async(client: Any) -> list[Any]:
    """Return the same of an asynchronous stream."""
    stream = await chat(client, stream=True)
    return [[choice.delta.model_dump(exclude_none=True) for choice in chunk.choices] async for chunk in stream]


def in_turns(client: Any) -> list[str]:
    """Have a conversation: the second request names the first answer, by the id that the server made up."""
    first = client.responses.create(model="m", input="One?")
    second = client.responses.create(model="m", input="Two?", previous_response_id=first.id)
    assert first.id == second.previous_response_id
    return [first.output_text, second.output_text]


def with_tools(client: Any) -> Any:
    """Have the model call tools, and give it their results by the ids that the server made up."""
    message = chat(client, tools=[TOOL]).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "far"} for call in message.tool_calls]
    assert 2 == len({call.id for call in message.tool_calls})
    answer = client.chat.completions.create(model="m", messages=[*ASKED, message, *results])
    return [call.function.arguments for call in message.tool_calls], answer.choices[0].message.content


def with_tools_of_anthropic(client: Any) -> Any:
    """Do the same with Anthropic's."""
    tool = {"name": "distance", "input_schema": {"type": "object"}}
    first = client.messages.create(model="m", max_tokens=9, messages=ASKED, tools=[tool])
    used = next(block for block in first.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": used.id, "content": "far"}
    turns = [*ASKED, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    return used.input, client.messages.create(model="m", max_tokens=9, messages=turns).content[0].text


def failed(client: Any, kind: type[Exception], text: str) -> tuple[str, int]:
    """Return the error that asking so gives."""
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
    return type(caught.value).__name__, caught.value.status_code  # type: ignore[attr-defined]


def retried(client: Any) -> str:
    """Have the client try again by itself."""
    answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "fail 429 once"}])
    return str(answer.choices[0].message.content)


def raw(client: Any) -> Any:
    """Ask for the raw response, too."""
    response = client.chat.completions.with_raw_response.create(model="m", messages=ASKED)
    return response.status_code, response.parse().choices[0].message.content


def streamed_raw(client: Any) -> Any:
    """Read the lines of a stream."""
    create = client.chat.completions.with_streaming_response.create
    with create(model="m", messages=ASKED, stream=True) as response:
        return [line.partition('"choices"')[2].partition(', "obf')[0] for line in response.iter_lines()]


def message_stream(client: Any) -> Any:
    """Stream a message of Anthropic's with its own helper."""
    tool = {"name": "distance", "input_schema": {"type": "object"}}
    with client.messages.stream(model="m", max_tokens=9, messages=ASKED, tools=[tool]) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()
    return texts, message.content[0].text, message.content[1].input, message.usage.output_tokens


async def _anthropic_async() -> Any:
    async with anthropic.AsyncAnthropic(base_url=BASE, api_key=SECRET, max_retries=0) as client:
        stream = await client.messages.create(model="m", max_tokens=9, messages=ASKED, stream=True)
        return [event.type async for event in stream]


async def _ollama_async() -> Any:
    client = ollama.AsyncClient(host=BASE)
    try:
        stream = await client.chat(model="m", messages=ASKED, stream=True)
        return [part.message.content async for part in stream]
    finally:
        await client.close()


async def _genai_async() -> Any:
    client = genai.Client(api_key=SECRET, http_options={"base_url": BASE})
    try:
        stream = await client.aio.models.generate_content_stream(model="m", contents="Where?")
        return [part.text async for part in stream]
    finally:
        await client.aio.aclose()


def upload(client: Any) -> Any:
    """Upload a file in parts."""
    return client.files.create(file=("a.txt", b"of a file"), purpose="batch").has_it


def overloaded(client: Any) -> tuple[str, int]:
    """Return the error that Anthropic's client raises where the service has no room."""
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "fail 529"}])
    return type(caught.value).__name__, caught.value.status_code


CASES: dict[str, tuple[Ask, Any]] = {
    "chat": (of_openai(lambda client: chat(client).choices[0].message.content), SENTENCE),
    "chat, stream": (
        of_openai(lambda client: deltas(chat(client, stream=True))),
        [[{"content": word}] for word in TEXT] + [[]],
    ),
    "chat, stream, async": (of_openai_async(deltas_async), [[{"content": word}] for word in TEXT] + [[]]),
    "chat, tools": (of_openai(with_tools), (['{"to": "Mars"}'] * 2, SENTENCE)),
    "chat, raw": (of_openai(raw), (200, SENTENCE)),
    "chat, raw stream": (of_openai(streamed_raw), None),
    "429": (of_openai(lambda client: failed(client, openai.RateLimitError, "fail 429")), ("RateLimitError", 429)),
    "500": (
        of_openai(lambda client: failed(client, openai.InternalServerError, "fail 500")),
        ("InternalServerError", 500),
    ),
    "429, tried again": (of_openai(retried, max_retries=2), SENTENCE),
    "responses, in turns": (of_openai(in_turns), [SENTENCE, SENTENCE]),
    "responses, stream": (
        of_openai(
            lambda client: [
                getattr(event, "delta", event.type)
                for event in client.responses.create(model="m", input="One?", stream=True)
            ]
        ),
        ["response.created", *TEXT, "response.completed"],
    ),
    "embeddings": (
        of_openai(lambda client: client.embeddings.create(model="e", input="a").data[0].embedding),
        list(VECTOR),
    ),
    "a file up": (of_openai(upload), True),
    "sound down": (
        of_openai(lambda client: client.audio.speech.create(model="s", voice="alloy", input="a").read()),
        bytes(range(256)),
    ),
    "anthropic": (
        of_anthropic(lambda client: client.messages.create(model="m", max_tokens=9, messages=ASKED).content[0].text),
        SENTENCE,
    ),
    "anthropic, 529": (of_anthropic(overloaded), None),
    "anthropic, tools": (of_anthropic(with_tools_of_anthropic), ({"to": "Mars"}, SENTENCE)),
    "anthropic, stream": (of_anthropic(message_stream), (list(TEXT), SENTENCE, {"to": "Mars"}, 6)),
    "anthropic, stream, async": (lambda: asyncio.run(_anthropic_async()), None),
    "anthropic, tokens": (
        of_anthropic(lambda client: client.messages.count_tokens(model="m", messages=ASKED).input_tokens),
        9,
    ),
    "ollama, chat": (of_ollama(lambda client: client.chat(model="m", messages=ASKED).message.content), SENTENCE),
    "ollama, stream": (
        of_ollama(lambda client: [part.response for part in client.generate(model="m", prompt="?", stream=True)]),
        [*TEXT, ""],
    ),
    "ollama, stream, async": (lambda: asyncio.run(_ollama_async()), [*TEXT, ""]),
    "ollama, embed": (of_ollama(lambda client: list(client.embed(model="m", input="a").embeddings[0])), list(VECTOR)),
    "ollama, list": (of_ollama(lambda client: [model.model for model in client.list().models]), ["m"]),
    "gemini": (
        of_genai(lambda client: client.models.generate_content(model="m", contents="Where?").text),
        SENTENCE,
    ),
    "gemini, stream": (
        of_genai(
            lambda client: [part.text for part in client.models.generate_content_stream(model="m", contents="Where?")]
        ),
        [*TEXT, ""],
    ),
    "gemini, stream, async": (lambda: asyncio.run(_genai_async()), [*TEXT, ""]),
    "gemini, tokens": (
        of_genai(lambda client: client.models.count_tokens(model="m", contents="Where?").total_tokens),
        9,
    ),
    "gemini, embed": (
        of_genai(lambda client: client.models.embed_content(model="m", contents="a").embeddings[0].values),
        list(VECTOR),
    ),
}


def bytes_of(store: Store) -> dict[str, str]:
    """Return the digest of each file that is committed."""
    root = store.directory.root
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("blobs", "tests", "shared")
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # google-genai's own
@pytest.mark.parametrize("case", CASES)
def test_what_a_client_got_it_gets_again(tmp_path: Path, case: str) -> None:
    """Equal answers with no server; recording the unchanged answers again changes no byte; no key is on the disk."""
    ask, expected = CASES[case]
    store = Store.create(tmp_path)
    recorded = []
    for _ in range(2):
        with serving_models(PORT), recstore.use("a test", mode="record", project=tmp_path):
            live = ask()
        recorded.append(bytes_of(store))
    with recstore.use("a test", project=tmp_path):
        again = ask()

    assert expected in (live, None)
    assert live == again
    assert recorded[0] == recorded[1] != {}
    assert () == verify_store(store).problems
    secret = SECRET.encode()
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()]


def test_ids_are_unique_in_a_test_and_between_tests(tmp_path: Path) -> None:
    """Two equal requests get two ids, another test a third one; all events of one stream have the same."""
    Store.create(tmp_path)

    def ids() -> list[str]:
        with openai.OpenAI(base_url=f"{BASE}/v1", api_key=SECRET, max_retries=0) as client:
            first, second = chat(client), chat(client)
            streamed = {chunk.id for chunk in chat(client, stream=True)}
        return [first.id, second.id, *streamed]

    for test_id in ("a test", "another test"):
        with serving_models(PORT), recstore.use(test_id, mode="record", project=tmp_path):
            ids()
    seen = []
    for test_id in ("a test", "another test"):
        with recstore.use(test_id, project=tmp_path):
            seen += ids()

    assert 6 == len(seen) == len(set(seen))
    with recstore.use("a test", project=tmp_path):
        assert seen[:3] == ids()

"""Clients that send back what a server made up: the live server gets its own ids, the store none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import recstore
from tests.clients import anthropic, genai, openai
from tests.raw_server import serving_raw
from tests.rehearsal import rehearsed
from tests.talking_models import STYLES, anthropic_thinks, gemini_thinks, openai_chats, openai_thinks

SECRET = "sk-proj-" + "Zx9Qw7Er" * 5
ASKED: Any = [{"role": "user", "content": "How far?"}]
TOOL: Any = {"type": "function", "function": {"name": "distance", "parameters": {"type": "object", "properties": {}}}}
RESPONSES: Any = {"model": "m", "store": False, "include": ["reasoning.encrypted_content"]}
MESSAGES: Any = {"model": "m", "max_tokens": 9, "tools": [{"name": "distance", "input_schema": {"type": "object"}}]}
Ask = Callable[[str], Any]


def chats(base: str) -> Any:
    """Have tools called, and give their results."""
    with openai.OpenAI(base_url=f"{base}/v1", api_key=SECRET, max_retries=0) as client:
        message = client.chat.completions.create(model="m", messages=ASKED, tools=[TOOL]).choices[0].message
        results = [{"role": "tool", "tool_call_id": call.id, "content": "far"} for call in message.tool_calls]
        answer = client.chat.completions.create(model="m", messages=[*ASKED, message, *results])
    return [call.function.arguments for call in message.tool_calls], answer.choices[0].message.content


def chats_streamed(base: str) -> Any:
    """Do so from streams, with the client's own helper that puts the pieces together."""
    with openai.OpenAI(base_url=f"{base}/v1", api_key=SECRET, max_retries=0) as client:
        with client.chat.completions.stream(model="m", messages=ASKED, tools=[TOOL]) as stream:
            message = stream.get_final_completion().choices[0].message
        results = [{"role": "tool", "tool_call_id": call.id, "content": "far"} for call in message.tool_calls]
        turns = [*ASKED, message.model_dump(exclude_none=True, exclude={"parsed"}), *results]
        with client.chat.completions.stream(model="m", messages=turns) as stream:
            answer = stream.get_final_completion()
    return [call.function.arguments for call in message.tool_calls], answer.choices[0].message.content


def thinks(base: str) -> Any:
    """Give a response's thoughts back."""
    with openai.OpenAI(base_url=f"{base}/v1", api_key=SECRET, max_retries=0) as client:
        first = client.responses.create(input=ASKED, **RESPONSES)
        result = {"type": "function_call_output", "call_id": first.output[1].call_id, "output": "far"}
        return client.responses.create(input=[*ASKED, *first.output, result], **RESPONSES).output_text


def thinks_streamed(base: str) -> Any:
    """Do so asynchronously, from streams."""

    async def asked() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=SECRET, max_retries=0) as client:
            async with client.responses.stream(input=ASKED, **RESPONSES) as stream:
                first = await stream.get_final_response()
            result = {"type": "function_call_output", "call_id": first.output[1].call_id, "output": "far"}
            output = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
            async with client.responses.stream(input=[*ASKED, *output, result], **RESPONSES) as stream:
                return [event.type async for event in stream]

    return asyncio.run(asked())


def _turns(content: Any) -> Any:
    call = next(block for block in content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "far"}
    return [*ASKED, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}]


def signs(base: str) -> Any:
    """Give signed and blacked-out thoughts back."""
    with anthropic.Anthropic(base_url=base, api_key=SECRET, max_retries=0) as client:
        first = client.messages.create(messages=ASKED, **MESSAGES)
        return client.messages.create(messages=_turns(first.content), **MESSAGES).content[0].text


def signs_streamed(base: str) -> Any:
    """Do so asynchronously, from streams."""

    async def asked() -> Any:
        async with anthropic.AsyncAnthropic(base_url=base, api_key=SECRET, max_retries=0) as client:
            async with client.messages.stream(messages=ASKED, **MESSAGES) as stream:
                first = await stream.get_final_message()
            async with client.messages.stream(messages=_turns(first.content), **MESSAGES) as stream:
                return await stream.get_final_text()

    return asyncio.run(asked())


def _back(content: Any) -> Any:
    types = genai.types
    call = content.parts[0].function_call
    result = types.FunctionResponse(id=call.id, name=call.name, response={"result": "far"})
    return ["How far?", content, types.Content(role="user", parts=[types.Part(function_response=result)])]


def gemini(base: str) -> Any:
    """Give a signed call back."""
    client = genai.Client(api_key=SECRET, http_options={"base_url": base})
    try:
        first = client.models.generate_content(model="m", contents="How far?").candidates[0].content
        assert first.parts[0].thought_signature
        return client.models.generate_content(model="m", contents=_back(first)).text
    finally:
        client.close()


def gemini_streamed(base: str) -> Any:
    """Do so asynchronously, from streams."""

    async def asked() -> Any:
        client = genai.Client(api_key=SECRET, http_options={"base_url": base})
        try:
            ask = client.aio.models.generate_content_stream
            [first] = [part async for part in await ask(model="m", contents="How far?")]
            again = await ask(model="m", contents=_back(first.candidates[0].content))
            return [part.text async for part in again]
        finally:
            await client.aio.aclose()

    return asyncio.run(asked())


def _all_is_well(project: Path, make_script: Any, ask: Ask) -> None:
    done = rehearsed(project, make_script, ask)

    assert done.plain == done.recorded[0] == done.recorded[1] == done.replayed
    assert done.is_unchanged
    assert SECRET.encode() not in done.everything


@pytest.mark.parametrize("ask", [chats, chats_streamed])
@pytest.mark.parametrize("style", STYLES)
def test_calls_of_tools_by_any_id(tmp_path: Path, style: str, ask: Ask) -> None:
    """Whatever a service's ids look like, they come back to it, and recording again changes no byte."""
    _all_is_well(tmp_path, lambda: openai_chats(style), ask)


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # google-genai's own
@pytest.mark.parametrize(
    ("make_script", "ask"),
    [
        (openai_thinks, thinks),
        (openai_thinks, thinks_streamed),
        (anthropic_thinks, signs),
        (anthropic_thinks, signs_streamed),
        (gemini_thinks, gemini),
        (gemini_thinks, gemini_streamed),
    ],
)
def test_thoughts_that_are_signed_or_encrypted(tmp_path: Path, make_script: Any, ask: Ask) -> None:
    """They come back to the server as it made them; what is stored in their place does not change."""
    _all_is_well(tmp_path, make_script, ask)


def test_ids_are_new_each_time_and_the_same_in_all_of_an_answer(tmp_path: Path) -> None:
    """Replay gives two equal requests different ids; the events of one stream name one answer."""

    def ids(base: str) -> list[str]:
        with openai.OpenAI(base_url=f"{base}/v1", api_key=SECRET, max_retries=0) as client:
            found = [client.chat.completions.create(model="m", messages=ASKED, tools=[TOOL]) for _ in range(2)]
            stream = client.chat.completions.create(model="m", messages=ASKED, tools=[TOOL], stream=True)
            calls = [call.id for answer in found for call in answer.choices[0].message.tool_calls]
            return [*(answer.id for answer in found), *{chunk.id for chunk in stream}, *calls]

    recstore.store.Store.create(tmp_path)
    with serving_raw(openai_chats("Groq")) as server, recstore.use("a test", mode="record", project=tmp_path):
        live = ids(server.base)
    with recstore.use("a test", project=tmp_path):
        again = ids(server.base)

    assert 7 == len(live) == len(again) == len(set(again))
    assert set(live).isdisjoint(again)

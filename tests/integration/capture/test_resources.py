"""What else the clients of models ask for: vectors, pictures, sound, files, lists; and responses as they are."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import anthropic, ollama, openai
from tests.raw_server import Asked, Script, Step, chunked
from tests.rehearsal import rehearsed
from tests.talking_models import json_answer

KEY = "Plain7Words8Without9Shape0"
VECTOR = (0.25, -0.5, 1.0)
PICTURE = bytes(range(256)) * 9
FILE = b'{"custom_id": "1"}\n'


def _now() -> int:
    return 1_700_000_000 + secrets.randbelow(10**8)


def serving_resources() -> Script:
    """Return a server that keeps files and batches under ids that it makes up, and knows no others."""
    kept: dict[str, dict[str, Any]] = {}

    def file(_: Asked) -> dict[str, Any]:
        id_ = f"file-{secrets.token_hex(11)}"
        kept[id_] = {"id": id_, "object": "file", "bytes": len(FILE), "created_at": _now(), "filename": "a.jsonl",
                     "purpose": "batch", "status": "processed", "expires_at": None}  # fmt: skip
        return kept[id_]

    def batch(asked: Asked) -> dict[str, Any]:
        of = json.loads(asked.body)["input_file_id"]
        id_ = f"batch_{secrets.token_hex(16)}"
        kept[id_] = {"id": id_, "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": kept[of]["id"],
                     "status": "in_progress", "completion_window": "24h", "created_at": _now(),
                     "in_progress_at": _now()}  # fmt: skip
        return kept[id_]

    def message_batch(_: Asked) -> dict[str, Any]:
        id_, at = f"msgbatch_{secrets.token_hex(12)}", f"2026-11-23T10:{secrets.randbelow(60):02}:00Z"
        counts = dict.fromkeys(("canceled", "errored", "expired", "processing", "succeeded"), 0)
        kept[id_] = {"id": id_, "type": "message_batch", "processing_status": "in_progress", "request_counts": counts,
                     "created_at": at, "expires_at": at, "archived_at": None, "cancel_initiated_at": None,
                     "ended_at": None, "results_url": None}  # fmt: skip
        return kept[id_]

    made = {"/v1/files": file, "/v1/batches": batch, "/v1/messages/batches": message_batch}

    def script(asked: Asked) -> list[Step]:
        path = asked.target.partition("?")[0]
        if asked.method == "POST" and path in made:
            return json_answer(made[path](asked))
        if path in FIXED:
            return FIXED[path](asked)
        id_ = path.removesuffix("/content").rpartition("/")[2]
        return _file_content() if path.endswith("/content") and id_ in kept else json_answer(kept[id_])

    return script


def _file_content() -> list[Step]:
    return chunked(FILE, b"\x00\xff", content_type="application/octet-stream")


def _vectors(asked: Asked) -> list[Step]:
    request = json.loads(asked.body)
    packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    vector: Any = packed if request.get("encoding_format") == "base64" else list(VECTOR)
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, _ in enumerate(request["input"])]
    return json_answer({"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}})


def _models(_: Asked) -> list[Step]:
    """Answer as vLLM does, whose models were always created just now."""
    right = {"id": f"modelperm-{secrets.token_hex(16)}", "object": "model_permission", "created": _now()}
    model = {"id": "m", "object": "model", "created": _now(), "owned_by": "vllm", "permission": [right]}
    return json_answer({"object": "list", "data": [model]})


def _running(_: Asked) -> list[Step]:
    """Answer as Ollama does, where a model is forgotten five minutes from now."""
    at = f"2026-11-23T10:00:{secrets.randbelow(60):02}.{secrets.randbelow(10**9):09}Z"
    return json_answer(
        {"models": [{"model": "m", "name": "m", "digest": "d", "size": 3, "expires_at": at, "size_vram": 3}]}
    )


FIXED: dict[str, Callable[[Asked], list[Step]]] = {
    "/v1/embeddings": _vectors,
    "/v1/models": _models,
    "/v1/images/generations": lambda _: json_answer(
        {"created": _now(), "data": [{"b64_json": base64.b64encode(PICTURE).decode()}]}
    ),
    "/v1/audio/speech": lambda _: chunked(PICTURE, PICTURE, content_type="audio/mpeg"),
    "/v1/audio/transcriptions": lambda asked: json_answer({"text": f"{PICTURE in asked.body}"}),
    "/v1/moderations": lambda _: json_answer({"id": f"modr-{secrets.token_hex(16)}", "model": "o", "results": []}),
    "/api/ps": _running,
}


def _in_batches(client: Any) -> Any:
    """Upload a file, have it worked off, look at both, and read the file again."""
    file = client.files.create(file=("a.jsonl", FILE), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert file.id == batch.input_file_id == client.files.retrieve(file.id).id
    assert batch.id == client.batches.retrieve(batch.id).id
    return batch.status, client.files.content(file.id).read()


def _sound(client: Any) -> Any:
    """Read sound piece by piece."""
    speak = client.audio.speech.with_streaming_response.create
    with speak(model="s", voice="alloy", input="a") as response:
        return response.status_code, b"".join(response.iter_bytes(100))


def _raw_vectors(client: Any) -> Any:
    response = client.embeddings.with_raw_response.create(model="e", input=["a"], encoding_format="float")
    return response.status_code, response.headers["content-type"], response.parse().data[0].embedding


OPENAI: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "vectors": (lambda client: client.embeddings.create(model="e", input=["a", "b"]).data[1].embedding, list(VECTOR)),
    "vectors, packed": (
        lambda client: client.embeddings.create(model="e", input=["a"], encoding_format="base64").data[0].embedding,
        base64.b64encode(struct.pack("<3f", *VECTOR)).decode(),
    ),
    "vectors, raw": (_raw_vectors, (200, "application/json", list(VECTOR))),
    "models": (lambda client: [model.id for model in client.models.list()], ["m"]),
    "a picture": (
        lambda client: base64.b64decode(client.images.generate(model="i", prompt="a").data[0].b64_json),
        PICTURE,
    ),
    "sound": (_sound, (200, PICTURE * 2)),
    "sound heard": (
        lambda client: client.audio.transcriptions.create(model="w", file=("a.mp3", PICTURE)).text,
        "True",
    ),
    "moderation": (lambda client: client.moderations.create(model="o", input="a").results, []),
    "batches": (_in_batches, ("in_progress", FILE + b"\x00\xff")),
}


def _all_is_well(project: Path, ask: Callable[[str], Any], expected: Any) -> None:
    done = rehearsed(project, serving_resources, ask)

    assert expected == done.plain == done.recorded[0] == done.recorded[1] == done.replayed
    assert done.is_unchanged
    assert KEY.encode() not in done.everything


@pytest.mark.parametrize("case", OPENAI)
def test_what_else_there_is_of_openai(tmp_path: Path, case: str) -> None:
    """Byte for byte, and without a change in the store when it is recorded again."""
    ask, expected = OPENAI[case]

    def asked(base: str) -> Any:
        with openai.OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0) as client:
            return ask(client)

    _all_is_well(tmp_path, asked, expected)


def test_sound_of_openai_asynchronously(tmp_path: Path) -> None:
    """The same, awaited."""

    async def read(base: str) -> Any:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0) as client:
            speak = client.audio.speech.with_streaming_response.create
            async with speak(model="s", voice="alloy", input="a") as response:
                return b"".join([piece async for piece in response.iter_bytes(100)])

    _all_is_well(tmp_path, lambda base: asyncio.run(read(base)), PICTURE * 2)


def test_batches_of_anthropic(tmp_path: Path) -> None:
    """A batch is looked at under the id that it was given."""

    def asked(base: str) -> Any:
        params: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
        with anthropic.Anthropic(base_url=base, api_key=KEY, max_retries=0) as client:
            batch = client.messages.batches.create(requests=[{"custom_id": "1", "params": params}])
            assert batch.id == client.messages.batches.retrieve(batch.id).id
            return batch.processing_status

    _all_is_well(tmp_path, asked, "in_progress")


def test_what_ollama_has_loaded(tmp_path: Path) -> None:
    """A time that is always a little later is no change."""

    def asked(base: str) -> Any:
        with ollama.Client(host=base, headers={"authorization": f"Bearer {KEY}"}) as client:
            return [model.model for model in client.ps().models]

    _all_is_well(tmp_path, asked, ["m"])

"""What changes from answer to answer though the answer does not: times, fingerprints, padding, generated ids.

The one list of volatile members and headers. Members are set to a constant before an answer is stored, so that recording
an unchanged one again changes no byte. Only answers that are recognised, by the members they have, as those of a known
interface are touched: OpenAI's chat, completions, responses, embeddings, pictures, files and batches, Anthropic's
messages, Ollama, Gemini. The text of a model is not; what it sends along for nobody but itself, signed or encrypted, is
renamed as ids are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from recstore.content.bodies import replace_json_lines
from recstore.model import Body, Headers, Json, JsonBody, RawBody, StreamBody

Rename: TypeAlias = Callable[[str], str]
"""From an id to the id that is stored."""


class _Renames(NamedTuple):
    """For values where ids stand, which may be names that somebody chose; and for those that a server alone can have made."""

    perhaps: Rename
    certainly: Rename


_EPOCH: Final = "1970-01-01T00:00:00Z"
TIMES: Final = frozenset(
    (
        *("created", "created_at", "completed_at", "createTime", "expires_at", "expires_after", "modified_at"),
        *(
            "in_progress_at",
            "finalizing_at",
            "failed_at",
            "expired_at",
            "cancelling_at",
            "cancelled_at",
        ),  # OpenAI's batches
        *("cancel_initiated_at", "ended_at", "archived_at", "last_active_at"),  # Anthropic's
    )
)
OLLAMA_DURATIONS: Final = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
DURATIONS: Final = frozenset(
    (
        *OLLAMA_DURATIONS,
        *("queue_time", "prompt_time", "completion_time", "total_time"),  # Groq, in `usage`
        *("prompt_ms", "prompt_per_token_ms", "prompt_per_second"),  # llama.cpp, in `timings`
        *("predicted_ms", "predicted_per_token_ms", "predicted_per_second"),
    )
)
CONSTANTS: Final = {"system_fingerprint": "fp_recstore", "obfuscation": "", "responseId": "recstore"}
_USER_CONTENT: Final = frozenset(
    ("input", "args", "arguments", "output", "metadata", "parameters", "tools", "schema", "input_schema", "labels")
)
"""Members that hold somebody's words, where nothing is volatile; `output` only where it is not the interface's own."""

_OPENAI_OBJECTS: Final = frozenset(("chat.completion", "chat.completion.chunk", "text_completion", "response"))
_RESOURCES: Final = {
    "file": ("purpose", "bytes"),
    "batch": ("endpoint", "input_file_id"),
    "vector_store": ("file_counts", "status"),
    "message_batch": ("processing_status", "request_counts"),
}
"""Other objects of OpenAI's and Anthropic's, and members that no other service's object of that name has."""
_HOSTS_OF_MODELS: Final = frozenset(("vllm", "llamacpp", "sglang"))
"""Owners of models in lists: these servers say that a model was created when they were asked."""
_LISTED: Final = frozenset(("embedding", "chat.completion", "response", "chat.completion.message"))
_ITEM_TYPES: Final = frozenset(("message", "reasoning", "function_call", "function_call_output"))
_ANTHROPIC_EVENTS: Final = {
    "message_start": "message",
    "content_block_start": "content_block",
    "content_block_delta": "delta",
    "message_delta": "delta",
    "error": "error",
}
_GEMINI: Final = frozenset(("candidates", "usageMetadata", "promptFeedback"))
OPAQUE: Final = frozenset(("encrypted_content", "encrypted_index", "thoughtSignature", "thought_signature"))
"""Members that a client can only send back: thoughts of the model, signed or encrypted."""
_OPAQUE_BY_TYPE: Final = {"thinking": "signature", "signature_delta": "signature", "redacted_thinking": "data"}
"""Anthropic's: where it depends on the type beside them."""
_TOOL_CALL: Final = re.compile(r"(?:call|fc)_(?=.*\d)(?=.*[A-Za-z]).{4,}|function-call-\d+|(?=.*[A-Z\d])[A-Za-z0-9]{9}")
"""Ids of calls by Groq, Gemini, DeepSeek and Mistral, which are no others'; some servers count, some repeat the name."""

_VOLATILE_HEADERS: Final = re.compile(
    "date|expires|age|via|server-timing|alt-svc|nel|report-to|reporting-endpoints|set-cookie2?|x-runtime|x-timer|"
    "x-served-by|x-cache.*|cf-.*|fly-.*|x-vercel-.*|x-cloud-trace-context|traceparent|tracestate|x-b3-.*|x-envoy-.*|"
    "x-amz-(?:id-.*|cf-.*)|x-amzn-(?:requestid|trace.*)|x-ms-client-.*|azureml-.*|x-groq-region|x-robots-tag|"
    ".*ratelimit.*|.*request-?id|.*correlation-?id|.*trace-?id|.*processing-ms|.*(?:latency|duration|elapsed|-time)(?:-m?s)?|"
    "x-generation-id|x-litellm-(?:call-id|response-cost|key-.*|version)|"
    ".*-organization(?:-id)?|openai-project|"
    "connection|keep-alive|transfer-encoding|content-length|trailer|upgrade|proxy-connection"
)
"""Headers that differ from answer to answer, or belong to one connection; and whose account it was."""


def is_volatile_header(name: str) -> bool:
    """Return whether a header of that name, in any case, is volatile."""
    return _VOLATILE_HEADERS.fullmatch(name.lower()) is not None


def stable_headers(headers: Headers, *, with_length: bool = False) -> Headers:
    """Return the headers of a response that are worth storing; `with_length` after HEAD, where no body tells the length."""
    return tuple(
        (name, value)
        for name, value in headers
        if not is_volatile_header(name) or (with_length and name.lower() == "content-length")
    )


def scrub_volatile(body: Body | None, rename: Rename, rename_generated: Rename | None = None) -> Body | None:
    """Return `body` with every volatile member set to a constant, and ids renamed; as it is, if it is not a model's answer.

    `rename_generated` is for values that a server has certainly made up, whatever they look like; else `rename` is used.
    """
    renames = _Renames(rename, rename_generated or rename)
    if isinstance(body, JsonBody):
        return replace(body, value=_answer(body.value, renames))
    if isinstance(body, StreamBody):
        return replace(body, events=[_event(event, renames, body.framing) for event in body.events])
    if isinstance(body, RawBody):  # also a stream that broke off, has comments, or is written unusually
        return RawBody(replace_json_lines(body.data, lambda value: _answer(value, renames)))
    return None


def is_model_answer(value: Json) -> bool:
    """Return whether `value` is the body, or one event, of an answer of a known interface to language models."""
    if not isinstance(value, dict):
        return False
    kind, type_name = _word(value, "object"), value.get("type")
    if kind in _OPENAI_OBJECTS or (kind == "list" and _lists_answers(value.get("data"))):
        return True
    if _is_resource(kind or _word(value, "type"), value):
        return True
    if isinstance(type_name, str):
        return _is_typed_answer(type_name, value)
    is_ollama = "model" in value and ("created_at" in value or "total_duration" in value)
    return is_ollama or not _GEMINI.isdisjoint(value)


def _is_resource(kind: str, value: dict[str, Json]) -> bool:
    if kind in _RESOURCES:
        return all(name in value for name in _RESOURCES[kind])
    if "created" in value:
        return not kind and _is_first(value.get("data"), "b64_json", "revised_prompt")  # pictures
    is_moderation = _word(value, "id").startswith("modr-") and "results" in value
    return is_moderation or _is_first(value.get("models"), "expires_at")  # what Ollama has loaded


def _is_typed_answer(type_name: str, value: dict[str, Json]) -> bool:
    if type_name.startswith("response.") or (type_name == "message" and "role" in value):
        return True
    return isinstance(value.get(_ANTHROPIC_EVENTS.get(type_name, "")), dict)


def _lists_answers(data: Json) -> bool:
    first = data[0] if isinstance(data, list) and data else None
    if not isinstance(first, dict):
        return False
    if _word(first, "object") == "model":
        return _word(first, "owned_by") in _HOSTS_OF_MODELS
    return _word(first, "object") in _LISTED or _word(first, "type") in _ITEM_TYPES


def _is_first(found: Json, *names: str) -> bool:
    """Return whether the first of an array is an object that has one of these members."""
    first = found[0] if isinstance(found, list) and found else None
    return isinstance(first, dict) and any(name in first for name in names)


def _word(value: dict[str, Json], name: str) -> str:
    word = value.get(name)
    return word if isinstance(word, str) else ""


def _answer(value: Json, rename: _Renames) -> Json:
    if isinstance(value, list):  # Gemini streams an array
        return [_answer(element, rename) for element in value]
    return _scrub(value, rename) if is_model_answer(value) else value


def _event(event: Json, rename: _Renames, framing: str) -> Json:
    if framing.startswith("sse") and isinstance(event, dict) and "data" in event:
        return {**event, "data": _event_data(event["data"], rename)}
    return _answer(event, rename)


def _event_data(data: Json, rename: _Renames) -> Json:
    """Return an event's data; a text may be JSON that is laid out differently from that of the other events."""
    if not isinstance(data, str):
        return _answer(data, rename)
    return replace_json_lines(data.encode(), lambda value: _answer(value, rename)).decode()


def _scrub(value: Json, rename: _Renames) -> Json:
    if isinstance(value, dict):
        generated = _generated_in(value)
        return {
            name: rename.certainly(member)
            if name in generated and isinstance(member, str) and member
            else _member(name, member, rename)
            for name, member in value.items()
        }
    return [_scrub(element, rename) for element in value] if isinstance(value, list) else value


def _generated_in(value: dict[str, Json]) -> frozenset[str]:
    """Return the names of those members that only the answering server can have made up."""
    type_name, id_ = _word(value, "type"), _word(value, "id")
    is_answer = _word(value, "object") in _OPENAI_OBJECTS or (type_name == "message" and "stop_reason" in value)
    is_call = ("function" in value or {"name", "args"} <= value.keys()) and _TOOL_CALL.fullmatch(id_) is not None
    opaque = _OPAQUE_BY_TYPE.get(type_name)
    return OPAQUE | ({"id"} if is_answer or is_call else set()) | ({opaque} if opaque else set())


def _member(name: str, value: Json, rename: _Renames) -> Json:
    if isinstance(value, dict | list):
        return value if name in _USER_CONTENT and not _is_output(name, value) else _scrub(value, rename)
    if isinstance(value, str):
        return _text_member(name, value, rename)
    if (name in TIMES or name in DURATIONS) and value is not None and not isinstance(value, bool):
        return type(value)(0)
    return value


def _text_member(name: str, value: str, rename: _Renames) -> str:
    if name in TIMES:
        return _EPOCH
    if name == "id" or name.endswith("_id"):
        return rename.perhaps(value)
    return CONSTANTS.get(name, value)


def _is_output(name: str, value: Json) -> bool:
    """Return whether this is the `output` of a response, its items, and not the result of a tool."""
    return name == "output" and isinstance(value, list)

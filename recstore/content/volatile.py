"""What changes from answer to answer though the answer does not: times, fingerprints, padding, generated ids.

The one list of volatile members and headers. Members are set to a constant before an answer is stored, so that recording
an unchanged one again changes no byte; only answers are touched that have the members of a known interface's. The text of
a model is not; what it sends along for nobody but itself, signed or encrypted, is renamed as ids are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from recstore.content.bodies import replace_json_lines
from recstore.model import Body, Headers, Json, JsonBody, RawBody, StreamBody

Rename: TypeAlias = Callable[[str], str]
"""From an id to the id that is stored."""

_EPOCH: Final = "1970-01-01T00:00:00Z"
TIMES: Final = frozenset(
    (
        *("created", "created_at", "completed_at", "createTime", "expires_at", "expires_after", "modified_at"),
        # OpenAI's batches, then Anthropic's:
        *("in_progress_at", "finalizing_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at"),
        *("cancel_initiated_at", "ended_at", "archived_at", "last_active_at"),
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
"""Members that hold somebody's words, where nothing is volatile; `output` only where it is not a response's list of items."""

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
    scrubber = _Scrubber(rename, rename_generated or rename)
    if isinstance(body, JsonBody):
        return replace(body, value=scrubber.answer(body.value))
    if isinstance(body, StreamBody):
        return replace(body, events=[scrubber.event(event, body.framing) for event in body.events])
    if isinstance(body, RawBody):  # also a stream that broke off, has comments, or is written unusually
        return RawBody(replace_json_lines(body.data, scrubber.answer))
    return None


def is_model_answer(value: Json) -> bool:
    """Return whether `value` is the body, or one event, of an answer of a known interface to language models."""
    if not isinstance(value, dict):
        return False
    kind, type_name = _word(value, "object"), value.get("type")
    if kind in _OPENAI_OBJECTS:
        return True
    if kind == "list":
        first = _first(value.get("data"))
        is_new = _word(first, "object") == "model" and _word(first, "owned_by") in _HOSTS_OF_MODELS
        if is_new or _word(first, "object") in _LISTED or _word(first, "type") in _ITEM_TYPES:
            return True
    resource = _RESOURCES.get(kind or _word(value, "type"))
    if resource is not None:
        is_resource = all(name in value for name in resource)
    elif "created" in value:  # pictures
        is_resource = not kind and not _first(value.get("data")).keys().isdisjoint(("b64_json", "revised_prompt"))
    else:
        is_moderation = _word(value, "id").startswith("modr-") and "results" in value
        is_resource = is_moderation or "expires_at" in _first(value.get("models"))  # what Ollama has loaded
    if is_resource:
        return True
    if isinstance(type_name, str):
        is_openai = type_name.startswith("response.") or (type_name == "message" and "role" in value)
        return is_openai or isinstance(value.get(_ANTHROPIC_EVENTS.get(type_name, "")), dict)
    is_ollama = "model" in value and ("created_at" in value or "total_duration" in value)
    return is_ollama or not _GEMINI.isdisjoint(value)


def _first(array: Json) -> dict[str, Json]:
    """Return the first element of an array if it is an object, else an empty one."""
    first = array[0] if isinstance(array, list) and array else None
    return first if isinstance(first, dict) else {}


def _word(value: dict[str, Json], name: str) -> str:
    word = value.get(name)
    return word if isinstance(word, str) else ""


@dataclass(frozen=True, slots=True)
class _Scrubber:
    """`rename_id` is for values where ids stand, which may be names that somebody chose."""

    rename_id: Rename
    rename_generated: Rename

    def event(self, event: Json, framing: str) -> Json:
        """Return an event without volatile values; a text may be JSON that is laid out differently from the other events."""
        if not framing.startswith("sse") or not isinstance(event, dict) or "data" not in event:
            return self.answer(event)
        data = event["data"]
        if isinstance(data, str):
            return {**event, "data": replace_json_lines(data.encode(), self.answer).decode()}
        return {**event, "data": self.answer(data)}

    def answer(self, value: Json) -> Json:
        """Return an answer without volatile values, any other value as it is."""
        if isinstance(value, list):  # Gemini streams an array
            return [self.answer(element) for element in value]
        return self._scrubbed(value) if is_model_answer(value) else value

    def _scrubbed(self, value: Json) -> Json:
        if isinstance(value, list):
            return [self._scrubbed(element) for element in value]
        if not isinstance(value, dict):
            return value
        type_name, id_ = _word(value, "type"), _word(value, "id")
        is_answer = _word(value, "object") in _OPENAI_OBJECTS or (type_name == "message" and "stop_reason" in value)
        is_call = ("function" in value or {"name", "args"} <= value.keys()) and _TOOL_CALL.fullmatch(id_) is not None
        generated = {*OPAQUE, _OPAQUE_BY_TYPE.get(type_name), "id" if is_answer or is_call else None}
        return {
            name: self.rename_generated(member)
            if name in generated and isinstance(member, str) and member
            else self._member(name, member)
            for name, member in value.items()
        }

    def _member(self, name: str, value: Json) -> Json:
        if isinstance(value, dict | list):
            is_words = name in _USER_CONTENT and not (name == "output" and isinstance(value, list))
            return value if is_words else self._scrubbed(value)
        if isinstance(value, str):
            if name in TIMES:
                return _EPOCH
            return self.rename_id(value) if name == "id" or name.endswith("_id") else CONSTANTS.get(name, value)
        if (name in TIMES or name in DURATIONS) and value is not None and not isinstance(value, bool):
            return type(value)(0)
        return value

"""From the store to the wire: a recorded response as a client receives it, and how a live one differs from it.

Imported recordings hold values of client libraries, and no bytes: a completion, the chunks of a stream, a bare list of
models. They are turned back into what the server must have sent.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import accumulate
from typing import Any, Final, cast, get_args

from recstore.content.bodies import body_bytes, body_value, parse_body, split_events
from recstore.content.deltas import differences
from recstore.content.json_text import compact_text
from recstore.content.volatile import scrub_volatile
from recstore.model import Headers, Json, JsonBody, RawBody, Request, Response, StreamBody
from recstore.record.exchange import ErrorKind, Exchange, WireError, WireResponse, header_value
from recstore.record.server_ids import looks_generated

DELAYS: Final = "delays_ms"
"""The member of an entry's origin that has the wait before each chunk that is replayed, in milliseconds."""

_KINDS: Final = frozenset(get_args(ErrorKind))
_BODILESS: Final = (204, 304)
_OK: Final = 200
_ERROR: Final = 400
_DONE: Final = b"data: [DONE]\n\n"
_MAX_DIFFERENCES: Final = 5
_ANY_ID: Final = "(an id)"


def response_to_wire(response: Response, method: str, path: str) -> WireResponse:
    """Return the answer to a request of that method and path.

    An error that recstore recorded is raised again. One of another recorder is an answer if it has a status.
    """
    error = response.error
    if error is None:
        return _whole_answer(response, method, path)
    is_own = error.get("kind") in _KINDS
    kind = cast("ErrorKind", error["kind"] if is_own else "other")
    raised = WireError(kind, str(error.get("type", "")), str(error.get("message", "")))
    content_type, chunks = _chunks(response, path)
    if is_own:
        return WireResponse(response.status, response.reason, response.headers, chunks, raised)
    status = next((code for code in (response.status, error.get("status_code")) if type(code) is int), None)
    if status is not None and status >= _ERROR:
        body: Json = error.get("body") or {"error": {"message": raised.message, "type": raised.type_name}}
        return _whole_answer(Response(status, body=JsonBody(body)), "POST", path)
    if not chunks:
        return WireResponse(None, "", (), (), raised)
    return WireResponse(_OK, "", (("content-type", content_type),) if content_type else (), chunks, raised)


def with_chunks(answer: WireResponse, chunks: tuple[bytes, ...]) -> WireResponse:
    """Return the answer with other chunks, and the length of these if a length is stated."""
    if chunks == answer.chunks:
        return answer
    length = str(sum(map(len, chunks)))
    headers = ((name, length if name == "content-length" else value) for name, value in answer.headers)
    return replace(answer, headers=tuple(headers), chunks=chunks)


def _whole_answer(response: Response, method: str, path: str) -> WireResponse:
    headers, (content_type, chunks) = response.headers, _chunks(response, path)
    if content_type and not header_value(headers, "content-type"):
        headers = (("content-type", content_type), *headers)
    status = _OK if response.status is None else response.status
    is_stream = isinstance(response.body, StreamBody) or _is_event_stream(headers)
    if not is_stream and status not in _BODILESS and method != "HEAD":
        headers = (*headers, ("content-length", str(sum(map(len, chunks)))))
    return WireResponse(status, response.reason, headers, chunks)


def _chunks(response: Response, path: str) -> tuple[str, tuple[bytes, ...]]:
    """Return the content type of the body, for where no header says it, and the body in its pieces."""
    body = response.body
    if isinstance(body, JsonBody):
        if body.layout:
            return "", (body_bytes(body),)
        is_bare_listing = isinstance(body.value, list) and path.endswith("/models")
        value: Json = {"object": "list", "data": body.value} if is_bare_listing else body.value
        return "application/json", (body_bytes(JsonBody(value)),)
    if isinstance(body, StreamBody):
        if body.framing == "objects":
            return stream_to_wire(body, response.type_name)
        return "", tuple(body_bytes(StreamBody(body.framing, [event], body.layout)) for event in body.events)
    if not isinstance(body, RawBody) or not body.data:
        return "", ()
    if header_value(response.headers, "content-encoding") or not _is_event_stream(response.headers):
        return "", (body.data,)
    return "", split_events(body.data)  # a stream that broke off, or is written unusually


def _is_event_stream(headers: Headers) -> bool:
    return header_value(headers, "content-type").startswith("text/event-stream")


# -- values of client libraries


def stream_to_wire(stream: StreamBody, type_name: str) -> tuple[str, tuple[bytes, ...]]:
    """Return the content type and the chunks of a stream of values, as the server sends them that sends such values.

    Lines of text are themselves; OpenAI and those who speak as it does send events, and say when they are done;
    typed events bear their type; everything else comes as lines of JSON.
    """
    events: list[Any] = stream.events
    first = events[0] if events and isinstance(events[0], dict) else {}
    if events and all(isinstance(event, str) for event in events):
        text = "".join(line if line.endswith("\n") else f"{line}\n" for line in events).encode("utf-8", "replace")
        if any(line.startswith(("data:", "event:")) for line in events):
            return "text/event-stream", split_events(text)
        return "application/x-ndjson", tuple(text.splitlines(keepends=True))
    if str(first.get("type")).startswith(("response.", "message_start")):  # OpenAI's responses, Anthropic's messages
        pairs = ((str(event.get("type")).encode("utf-8", "replace"), compact_text(event)) for event in events)
        return "text/event-stream", tuple(b"event: %b\ndata: %b\n\n" % pair for pair in pairs)
    if type_name.startswith("openai.") or first.get("object") in ("chat.completion.chunk", "text_completion"):
        return "text/event-stream", (*(b"data: %b\n\n" % compact_text(event) for event in events), _DONE)
    return "application/x-ndjson", tuple(compact_text(event) + b"\n" for event in events)


def merge_union(responses: list[Response]) -> Response:
    """Return the one response of the recordings of one occurrence; only lists of models have several: each model once, by name."""
    bodies = [response.body for response in responses if isinstance(response.body, JsonBody)]
    if len(responses) == 1 or not bodies:
        return responses[0]
    models: dict[str, Json] = {}
    for body in bodies:
        listed = body.value.get("models", body.value.get("data")) if isinstance(body.value, dict) else body.value
        for model in listed if isinstance(listed, list) else []:
            names = (model.get(name) for name in ("id", "model", "name")) if isinstance(model, dict) else ()
            models[next((name for name in names if isinstance(name, str)), repr(model))] = model
    merged: Json = [models[name] for name in sorted(models)]
    first = bodies[0].value
    if isinstance(first, dict):
        merged = {**first, next((name for name in ("models", "data") if name in first), "data"): merged}
    return replace(responses[0], body=JsonBody(merged, bodies[0].layout))


# -- the pauses of a stream, recorded and replayed with the setting `timing`


def recorded_delays_ms(exchange: Exchange, chunk_count: int) -> list[Json]:
    """Return the wait before each of the chunks that the answer is replayed in, in milliseconds.

    An event came when its last byte did. If the live bytes make other chunks than those replayed (they were packed, say),
    all of the wait is before the first.
    """
    start_s, *times_s = exchange.times_s
    ends_s = [times_s[-1] if times_s else start_s] * chunk_count
    live = Response(exchange.status, headers=exchange.headers, body=parse_body(b"".join(exchange.chunks)))
    events = response_to_wire(live, "", "").chunks
    if len(events) == chunk_count:
        received = list(accumulate(map(len, exchange.chunks)))
        ends_s = [times_s[bisect_left(received, end)] for end in accumulate(map(len, events))]
    starts_s = [start_s, *ends_s[:-1]]
    return [round(1000 * (end - start)) for start, end in zip(starts_s, ends_s, strict=False)]


def replayed_delays_s(origin: dict[str, Any], chunk_count: int) -> tuple[float, ...]:
    """Return the recorded waits in seconds, none if they do not fit: a manifest edited by hand may say anything."""
    delays_ms: Any = origin.get(DELAYS)
    fits = type(delays_ms) is list and len(delays_ms) == chunk_count
    if not fits or not all(type(delay) is int and delay >= 0 for delay in delays_ms):
        return ()
    return tuple(delay / 1000 for delay in delays_ms)


# -- verify mode


def response_differences(recorded: Response, live: Response, request: Request) -> tuple[str, ...]:
    """Return the places where the answers differ, the first few of them; none where they say the same.

    Status, body and errors count; headers, ids, and whether a member is null or absent do not.
    """

    def mask_id(text: str) -> str:
        return _ANY_ID if looks_generated(text) or text.startswith("rec-") else text

    def without_nulls(value: Json) -> Json:
        if isinstance(value, dict):
            return {name: without_nulls(member) for name, member in value.items() if member is not None}
        return [without_nulls(element) for element in value] if isinstance(value, list) else value

    sides: list[Any] = []
    for response in (recorded, live):
        scrubbed = replace(response, body=scrub_volatile(response.body, mask_id, lambda _: _ANY_ID))
        answer = response_to_wire(scrubbed, request.method, request.path)
        error: Json = None if answer.error is None else {"kind": answer.error.kind, "type": answer.error.type_name}
        body = body_value(parse_body(b"".join(answer.chunks)))
        sides.append(without_nulls({"status": answer.status, "error": error, "body": body}))
    changes = [str(change) for change in differences(*sides)]
    more = len(changes) - _MAX_DIFFERENCES
    return (*changes[:_MAX_DIFFERENCES], f"and {more} more") if more > 0 else tuple(changes)

"""Where a live answer differs from the recorded one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from recstore.content.bodies import body_value, parse_body
from recstore.content.deltas import differences
from recstore.content.volatile import scrub_volatile
from recstore.model import Json, Request, Response
from recstore.record.answer import wire_response
from recstore.record.server_ids import looks_minted

_MOST: Final = 5
_AN_ID: Final = "(an id)"


def drift_of(recorded: Response, live: Response, request: Request) -> tuple[str, ...]:
    """Return the places where the answers differ, the first few of them; none where they say the same.

    Status, body and errors count; headers, ids, and whether a member is null or not there do not.
    """
    old, new = _as_json(recorded, request), _as_json(live, request)
    found = [str(difference) for difference in differences(old, new)]
    return (*found[:_MOST], f"and {len(found) - _MOST} more") if len(found) > _MOST else tuple(found)


def _as_json(response: Response, request: Request) -> Json:
    settled = replace(response, body=scrub_volatile(response.body, _any_id, lambda _: _AN_ID))
    answer = wire_response(settled, request.method, request.path)
    error: Json = None if answer.error is None else {"kind": answer.error.kind, "type": answer.error.type_name}
    body = b"".join(answer.chunks)
    return _without_nulls({"status": answer.status, "error": error, "body": body_value(parse_body(body))})


def _any_id(text: str) -> str:
    return _AN_ID if looks_minted(text) or text.startswith("rec-") else text


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return [_without_nulls(element) for element in value] if isinstance(value, list) else value

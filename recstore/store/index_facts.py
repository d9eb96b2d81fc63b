"""What the index keeps of a blob: its recording without the bodies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import orjson

from recstore.content.bodies import json_value
from recstore.errors import DamagedBlob
from recstore.model import Request
from recstore.store.codec import decode_request

_MODEL_IN_PATH: Final = re.compile(r"/(?:models/([^/:]+):|deployments/([^/]+)/|model/([^/]+)/)")
_ERROR_STATUS: Final = 400
_STATUS_LIMIT: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be said of a recording without its bodies; nothing, by default.

    `model` is the model that the request names in its JSON body, or else in its path; "" if in neither.
    `is_error`: the client raised an error, or the upstream answered with a status of 400 or more.
    """

    method: str = ""
    upstream: str = ""
    path: str = ""
    model: str = ""
    status: int | None = None
    is_stream: bool = False
    is_error: bool = False


def facts_of(data: bytes, subject: str) -> Facts:
    """Return the facts of the blob `data`; its response is not decoded. `subject` names it in errors.

    Raises: DamagedBlob, NewerVersion: as `codec.decode_request`.
    """
    request = decode_request(data, subject)
    response: Any = orjson.loads(data).get("response")
    status = response.get("status") if type(response) is dict else ""
    if type(status) is not int and status is not None:
        raise DamagedBlob(
            subject, "is not in the format of a blob: its response or the status of it is of a wrong type"
        )
    return Facts(
        method=request.method,
        upstream=request.upstream,
        path=request.path,
        model=_model_of(request),
        status=status if status is None or abs(status) < _STATUS_LIMIT else None,  # SQLite stores no more
        is_stream="events" in response,
        is_error=response.get("error") is not None or (status is not None and status >= _ERROR_STATUS),
    )


def _model_of(request: Request) -> str:
    body = json_value(request.body)
    model = body.get("model") if isinstance(body, dict) else None
    if isinstance(model, str):
        return model
    match = _MODEL_IN_PATH.search(request.path)
    return unquote(match[match.lastindex or 0]) if match else ""

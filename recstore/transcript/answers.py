"""A response as answers: each document of it, whole or an event of a stream, adds to one draft.

A whole answer is read as a stream of one. Each reader knows one member by its name and shape and leaves
documents without it alone, so that no order of events and no mixture of dialects can go wrong.
"""

from __future__ import annotations

from typing import Any, Final

from recstore.model import Response
from recstore.transcript.content import read_body
from recstore.transcript.dialects import WHOLE_READERS
from recstore.transcript.draft import Draft
from recstore.transcript.events import EVENT_READERS
from recstore.transcript.shapes import indented, table, table_in, tables, text_in
from recstore.transcript.summaries import model_names, read_vectors
from recstore.transcript.turns import Part

_ERROR_STATUS: Final = 400
_ERROR_MEMBERS: Final = frozenset(
    ("error", "type", "object", "message", "code", "param", "status", "detail", "request_id")
)
_READERS: Final = (*WHOLE_READERS, *EVENT_READERS)


def read_answers(response: Response) -> tuple[Draft, int | None]:
    """Return what the response says, and how many events it came in if it is a stream."""
    content = read_body(response.body, response.headers)
    draft = Draft()
    for document in content.documents:
        _read_document(document, draft)
    names = [] if draft.has_parts else [name for document in content.documents for name in model_names(document)]
    if names:
        draft.add(Part("names", "\n".join(names)))
    if not (draft.has_parts or draft.is_finished or (draft.error and all(map(_is_error_alone, content.documents)))):
        for part in content.whole():
            draft.add(part)
    draft.error = "\n".join(filter(None, (_client_error(response), _http_error(response), draft.error)))
    return draft, content.event_count


def _read_document(document: Any, draft: Draft) -> None:
    vectors = read_vectors(document)
    if vectors:
        draft.add(vectors)
    elif type(document) is list and len(tables(document)) == len(document):
        for element in document:
            _read_document(element, draft)
    members = table(document)
    for read in _READERS:
        read(members, draft)
    draft.model = text_in(members, "model", "model_version", "modelVersion") or draft.model
    draft.count(table_in(members, "usage", "usage_metadata", "usageMetadata") or members)


def _is_error_alone(document: Any) -> bool:
    return _ERROR_MEMBERS.issuperset(table(document))


def _client_error(response: Response) -> str:
    """Return the error that the client raised: `BadRequestError (400): what it said`."""
    error = response.error
    if error is None:
        return ""
    status = error.get("status_code")
    name = (text_in(error, "type", "category") or "error") + (f" ({status})" if type(status) is int else "")
    message = text_in(error, "message")
    return f"{name}: {message}" if message else f"{name} {indented(error)}"


def _http_error(response: Response) -> str:
    if response.status is None or response.status < _ERROR_STATUS:
        return ""
    return f"HTTP {response.status} {response.reason}".rstrip()

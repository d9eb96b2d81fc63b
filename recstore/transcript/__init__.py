"""A recording as what a person wants to read: a chat as a chat, a stream as its joined text.

Pure, and told by the shape of the data alone, whatever a recorder called it: any request and any response
give some transcript. May know: the model. May not know: the store, files, terminals.
"""

from __future__ import annotations

from recstore.model import Recording
from recstore.transcript.answers import read_answers
from recstore.transcript.content import read_body
from recstore.transcript.messages import read_messages, read_model, read_parameters, read_tools, shortened
from recstore.transcript.page import Line, Style, page_lines, page_text
from recstore.transcript.turns import Answer, Kind, Message, Part, Transcript

__all__ = [
    "Answer",
    "Kind",
    "Line",
    "Message",
    "Part",
    "Style",
    "Transcript",
    "page_lines",
    "page_text",
    "transcript_of",
]


def transcript_of(recording: Recording) -> Transcript:
    """Return the transcript of `recording`."""
    request, response = recording.request, recording.response
    asked = read_body(request.body, request.headers)
    draft, event_count = read_answers(response)
    return Transcript(
        method=request.method,
        upstream=request.upstream,
        path=request.path + (f"?{request.query}" if request.query else ""),
        model=read_model(request, asked),
        parameters=tuple((name, shortened(value)) for name, value in read_parameters(asked)),
        tools=read_tools(asked),
        messages=read_messages(request, asked),
        status=response.status,
        error=draft.error,
        answers=draft.answers(),
        answer_model=draft.model,
        usage=tuple(draft.usage.items()),
        event_count=event_count,
    )

"""A recording as a person wants to read it (a chat as a chat, a stream as its joined text), and two of them compared.

Pure, and led by the shape of the data alone, whatever a recorder called it: any request and any response give some
transcript, and any two recordings a comparison. May know: the model, content. May not know: the store, files,
terminals.
"""

from __future__ import annotations

from recstore.transcript.compare import Comparison, DiffLine, compare_recordings, diff_lines, diff_words
from recstore.transcript.messages import Message, Part
from recstore.transcript.render import Line, Transcript, page_lines, page_text, review_text, review_texts, transcript_of
from recstore.transcript.responses import Answer

__all__ = [
    "Answer",
    "Comparison",
    "DiffLine",
    "Line",
    "Message",
    "Part",
    "Transcript",
    "compare_recordings",
    "diff_lines",
    "diff_words",
    "page_lines",
    "page_text",
    "review_text",
    "review_texts",
    "transcript_of",
]

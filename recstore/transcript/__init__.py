"""A recording as a person wants to read it (a chat as a chat, a stream as its joined text), and two of them compared.

Pure, and led by the shape of the data alone, whatever a recorder called it: any request and any response give some
transcript, and any two recordings a comparison. May know: the model, content. May not know: the store, files,
terminals.
"""

from __future__ import annotations

from recstore.transcript.compare import Comparison, DiffLine, compare_recordings, diff_lines
from recstore.transcript.render import Line, page_lines, review_text, review_texts, transcript_of

__all__ = [
    "Comparison",
    "DiffLine",
    "Line",
    "compare_recordings",
    "diff_lines",
    "page_lines",
    "review_text",
    "review_texts",
    "transcript_of",
]

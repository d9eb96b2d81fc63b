"""Two recordings side by side: what was asked otherwise, what the model now says, and what is mere noise.

Pure, like the transcripts it builds on: any two recordings can be compared. May know: the model, transcripts. May
not know: the store, Git, terminals.
"""

from __future__ import annotations

from recstore.comparison.pairing import pair_requests
from recstore.comparison.recordings import CallChange, Comparison, TextChange, compare_recordings
from recstore.comparison.words import DiffLine, diff_lines

__all__ = [
    "CallChange",
    "Comparison",
    "DiffLine",
    "TextChange",
    "compare_recordings",
    "diff_lines",
    "pair_requests",
]

"""`recstore textconv`: what `git diff`, `git log -p` and `git show` print of a blob.

Git calls it for each side of each blob, so it imports the codec and the transcript and nothing else. `git config
diff.recstore.textconv 'recstore textconv'` turns it on, together with `diff=recstore` in `.recstore/.gitattributes`.

A recording that was made again is another file, since a blob is named by the hash of its bytes: Git pairs the two by
their bytes, without asking this command. Where at least half of the bytes are the same, `git diff` shows a rename and
the lines that differ; a short answer that is wholly other is shown as a file gone and a file added, unless
`--find-renames=20%` says that less is enough. Either way a new file is unknown to `git diff` until it is added, and Git
may pair blobs of two requests: of 51 recordings that a real team made again it paired 26 rightly. `recstore diff` pairs
them by their requests.
"""

from __future__ import annotations

import sys

import click

from recstore.errors import RecstoreError
from recstore.store.codec import decode_recording
from recstore.text import escape_control
from recstore.transcript import review_text


@click.command("textconv", hidden=True)
@click.argument("file")
def command(file: str) -> None:
    """Print the recording in FILE as text to compare: the request, its messages, and the joined answer.

    Whatever else FILE is, it is printed as it is, below a line that says why: a diff must not die of it.
    """
    try:
        with open(file, "rb") as opened:
            text = converted(opened.read())
    except (OSError, ValueError) as error:  # ValueError: the name holds a NUL
        text = f"{_notice(f'the file cannot be read: {error}')}\n"
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def converted(data: bytes) -> str:
    """Return the bytes of a blob as text with line feeds, in which nothing acts on a terminal; never fails."""
    try:
        return escape_control(review_text(decode_recording(data, "the file")))
    except (RecstoreError, RecursionError, ValueError, TypeError) as error:
        reason = error.reason if isinstance(error, RecstoreError) else repr(error)
        text = data.decode(errors="backslashreplace").replace("\r\n", "\n")
        return escape_control(f"{_notice(reason)}\n{text}")


def _notice(reason: str) -> str:
    return "recstore textconv shows the file as it is: " + " ".join(reason.split())

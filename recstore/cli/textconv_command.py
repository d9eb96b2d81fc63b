"""`recstore textconv`: the text that `git diff`, `git log -p` and `git show` print of a blob.

Git calls it for each side of each blob, so it imports the codec and the transcript and nothing else. `git config
diff.recstore.textconv 'recstore textconv'` turns it on, together with `diff=recstore` in `.recstore/.gitattributes`.

A blob is named by the hash of its bytes, so a recording that was made again is another file. Git pairs the two by their
bytes, without this command: at half of the bytes or more (`--find-renames=20%` asks for less) it shows a rename, else a
file removed and a file added. It may pair blobs of two requests; `recstore diff` pairs them by their requests.
"""

from __future__ import annotations

import sys

import click

from recstore.errors import RecstoreError
from recstore.store.blob import decode_recording
from recstore.text import escape_control
from recstore.transcript import review_text

_NOTICE = "recstore textconv shows the file as it is"


@click.command("textconv", hidden=True)
@click.argument("file")
def textconv_command(file: str) -> None:
    """Print the recording in FILE as text to compare: the request, its messages, and the joined answer.

    Any other FILE is printed as it is, below a line that says why: a diff must not die of it.
    """
    try:
        with open(file, "rb") as opened:
            text = converted(opened.read())
    except (OSError, ValueError) as error:  # ValueError: the name holds a NUL
        text = " ".join(f"{_NOTICE}: the file cannot be read: {error}".split()) + "\n"
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def converted(data: bytes) -> str:
    """Return the bytes of a blob as text with line feeds, in which nothing acts on a terminal; never fails."""
    try:
        return escape_control(review_text(decode_recording(data, "the file")))
    except (RecstoreError, RecursionError, ValueError, TypeError) as error:
        reason = " ".join((error.reason if isinstance(error, RecstoreError) else repr(error)).split())
        text = data.decode(errors="backslashreplace").replace("\r\n", "\n")
        return escape_control(f"{_NOTICE}: {reason}\n{text}")

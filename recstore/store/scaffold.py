"""The files that explain a store to whoever finds it: to people, and to Git."""

from __future__ import annotations

from typing import Final

_README: Final = """\
# .recstore

Recorded requests and responses of this project's tests, kept by recstore (`pip install recstore`).
The tests replay them instead of calling the real services. Commit this folder.

- `blobs/` holds one recording per file: `<request key>-<content digest>.json`. Never edit one: its name is the
  hash of its bytes.
- `tests/` holds one small text file per test, which says which blobs the test uses.
- `shared/` says the same of recordings made outside any test.
- An index, a lock and scratch files are in Git's own folder (in `local/` where there is no Git), all made again when
  needed.

`recstore ls` lists the recordings, `recstore show TEST` shows them, `recstore verify` checks them.
"""

_GITATTRIBUTES: Final = """\
# Written by recstore. Blobs are named by the hash of their bytes: Git must neither convert nor merge them.
# `recstore hooks install` sets the drivers up; without them Git merges and shows the files as text.
blobs/** -text -ident -filter -merge linguist-generated diff=recstore
tests/** -filter text eol=lf merge=recstore
shared/** -filter text eol=lf merge=recstore
"""

_GITIGNORE: Final = """\
# Written by recstore: what this machine alone needs.
local/
.tmp-*
"""

STORE_FILES: Final = {
    "README.md": _README.encode(),
    ".gitattributes": _GITATTRIBUTES.encode(),
    ".gitignore": _GITIGNORE.encode(),
}
"""File name -> bytes, as `Store.create` writes them."""

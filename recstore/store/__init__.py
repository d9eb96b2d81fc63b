"""Bytes and names: blobs, manifests, the index over them, and the one module that writes files.

May know: the model, the errors, the canonical form. May not know: Git, HTTP, other recorders' files,
terminals, the environment.
"""

from __future__ import annotations

from recstore.files import FOLDER
from recstore.store.store import Store

__all__ = ["FOLDER", "Store"]

"""What Git keeps alive: roots, garbage collection, the trash, and the way back from history.

Only this room reaches dulwich (`objects`) and the `git` program (`program`). May know: the store and what is below it.
May not know: terminals, the environment and the clock (both are passed in), other recorders' files, HTTP.
"""

from __future__ import annotations

from recstore.git.repository import Repository

__all__ = ["Repository"]

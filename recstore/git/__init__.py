"""What Git keeps alive: roots, garbage collection, the trash, and the way back from history.

Only this room reaches dulwich and the `git` program: `objects` reads objects with the one, `program` runs the
other. May know: the store and what is below it, settings as values. May not know: terminals, the environment
(whoever calls passes it in), the clock, other recorders' files, HTTP.
"""

from __future__ import annotations

from recstore.git.repository import Repository

__all__ = ["Repository"]

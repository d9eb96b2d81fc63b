"""HTTP clients, intercepted: each request is offered to the session that is active, and told what came back.

One module per client. A client is patched when it is imported: at once if it is there already, otherwise by a hook that
waits for it. What is not used costs nothing, and what makes no network call (mock and in-process transports) is left alone.

May know: sessions and what they speak, the clients. May not know: pytest, Git, files, terminals.
"""

from __future__ import annotations

from recstore.capture.import_hook import install, uninstall

__all__ = ["install", "uninstall"]

"""Recording and replaying outside pytest: `with recstore.use("a name"): ...`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from recstore.capture import intercept_clients
from recstore.check.heal import heal_scope
from recstore.errors import RecstoreError
from recstore.model import Mode
from recstore.record.session import Session, SessionReport, activate
from recstore.settings import load_settings
from recstore.store import Store


class use:  # noqa: N801 - it is called as a function, and reads as one
    """Answer the requests of a block from the recordings of `scope_id`, or record them as those.

    >>> with recstore.use("the nightly report", mode="record"):  # doctest: +SKIP
    ...     client.chat.completions.create(...)

    A `with` or an `async with` block. `project` is the folder that holds the store. What is recorded is published
    when the block ends without an error. Afterwards `report` says what was served and recorded.

    Raises: ReplayMiss and Damage, from the request itself or, where a client has swallowed them, at the end of the block.
    """

    def __init__(self, scope_id: str, *, mode: str = Mode.REPLAY, project: Path | str = ".") -> None:
        folder = Path(project)
        self.session = Session(Store.open(folder), load_settings(folder, {}), scope_id, Mode(mode))
        self.report: SessionReport | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        heal_scope(self.session.store, self.session.scope_id, os.environ)
        intercept_clients()
        self._stack.enter_context(activate(self.session))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End: publish, or keep for a look what an error has cut short."""
        self._stack.close()
        self.report = self.session.finish(passed=error is None)
        troubles: tuple[RecstoreError, ...] = (*self.session.misses, *self.session.problems)
        if error is None and troubles:
            raise troubles[0]

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)

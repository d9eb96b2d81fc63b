"""The watch itself: events from the system, until somebody ends it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from recstore.errors import RecstoreError
from recstore.store import Store
from recstore.watch.places import Sources
from recstore.watch.watcher import Watcher

__all__ = ["watch"]

_GROUPED_MS: Final = 20
_STEP_MS: Final = 5
_WAIT_MS: Final = 100
_ROOTS_S: Final = 0.5
_LOCAL: Final = "local"


def watch(watcher: Watcher, sources: Sources, store: Store, stop: Event, on_tick: Callable[[], None]) -> None:
    """Follow the sources until `stop` is set; `on_tick` is called some times a second.

    Folders that come, go or are made anew are watched from then on. The index follows the store, whoever writes it.
    Raises: RecstoreError: of the store, but for one that is locked for a while.
    """
    while not stop.is_set():
        _watch_roots(watcher, sources, store, stop, on_tick)
        watcher.rescan()


def _watch_roots(watcher: Watcher, sources: Sources, store: Store, stop: Event, on_tick: Callable[[], None]) -> None:
    """Follow until the roots are others."""
    import watchfiles

    roots = sources.roots()
    own = f"{store.directory.root.resolve()}{os.sep}"
    looked_s, is_index_old = time.monotonic(), True
    changes = watchfiles.watch(
        *roots,
        own.removesuffix(os.sep),
        watch_filter=None,
        debounce=_GROUPED_MS,
        step=_STEP_MS,
        stop_event=stop,
        rust_timeout=_WAIT_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
        ignore_permission_denied=True,
    )
    is_first = True
    for batch in changes:
        if is_first:
            is_first = False
            watcher.distrust()
        paths = {path for _, path in batch}
        ours = {path for path in paths if path.startswith(own)}
        is_index_old = is_index_old or not all(path.startswith(f"{own}{_LOCAL}") for path in ours)
        if paths - ours:
            watcher.notice(paths - ours)
        watcher.settle()
        if is_index_old and watcher.is_settled and not batch:
            watcher.look_at_store()
            is_index_old = _refresh(store)
        on_tick()
        if time.monotonic() - looked_s >= _ROOTS_S:
            looked_s = time.monotonic()
            if sources.roots() != roots:
                return


def _refresh(store: Store) -> bool:
    """Bring the index up to date; return whether it has to be tried again."""
    try:
        store.index.refresh()
    except RecstoreError:
        return True
    return False

"""The watch itself: events from the system, until somebody ends it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from recstore.errors import RecstoreError
from recstore.store import Store
from recstore.store.index import Index
from recstore.watch.sources import Sources
from recstore.watch.watcher import Watcher

_GROUPED_MS: Final = 20
_STEP_MS: Final = 5
_WAIT_MS: Final = 100
_ROOTS_S: Final = 0.5
_REST: Final = 150
"""So many times the work of looking for new folders nothing is done about them."""

_LOCAL: Final = "local"


def watch(watcher: Watcher, sources: Sources, store: Store, stop: Event, on_tick: Callable[[], None]) -> None:
    """Follow the sources until `stop` is set; `on_tick` is called some times a second.

    Folders that come, go or are made anew are watched from then on. The index follows the store, whoever writes it.
    """
    while not stop.is_set():
        try:
            _watch_roots(watcher, sources, store, stop, on_tick)
        except FileNotFoundError:  # a folder has gone before it could be watched
            time.sleep(_WAIT_MS / 1e3)
        watcher.look()


def _watch_roots(watcher: Watcher, sources: Sources, store: Store, stop: Event, on_tick: Callable[[], None]) -> None:
    """Follow until the roots are others."""
    import watchfiles

    own = f"{store.directory.root.resolve()}{os.sep}"
    roots, seen = _roots(sources, own), watcher.roots
    pause_s, looked_s, is_index_old = _ROOTS_S, time.monotonic(), True
    changes = watchfiles.watch(
        *roots,
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
        if watcher.roots != seen:  # a look has found what nobody listens to, and it may be gone again
            return
        if time.monotonic() - looked_s >= pause_s:
            looked_s, used_s = time.monotonic(), time.thread_time()
            if _roots(sources, own) != roots:
                return
            pause_s = max(_ROOTS_S, _REST * (time.thread_time() - used_s))


def _roots(sources: Sources, own: str) -> dict[str, int]:
    """Return what is there to be watched, each with its inode: the sources, and the store's folder."""
    try:
        return {**sources.roots(), own.removesuffix(os.sep): os.stat(own).st_ino}
    except FileNotFoundError:
        return sources.roots()


def _refresh(store: Store) -> bool:
    """Bring the index up to date; return whether it has to be tried again."""
    try:
        Index(store).refresh()
    except RecstoreError:
        return True
    return False

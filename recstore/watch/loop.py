"""The watch itself: events from the system, until somebody ends it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
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
_ROOTS_COST_FACTOR: Final = 150
"""The roots are looked for again after this many times as long as it took: under one part in a hundred."""

_LOCAL: Final = "local"


def watch(watcher: Watcher, sources: Sources, store: Store, stop: Event, on_tick: Callable[[], None]) -> None:
    """Follow the sources until `stop` is set; `on_tick` is called some times a second.

    Folders that are added, removed or made again are watched from then on. The index follows the store, whoever writes it.
    """
    while not stop.is_set():
        try:
            _watch_roots(watcher, sources, store, stop, on_tick)
        except FileNotFoundError:  # a folder was removed before it could be watched
            time.sleep(_WAIT_MS / 1e3)
        watcher.rescan()


def _watch_roots(watcher: Watcher, sources: Sources, store: Store, stop: Event, on_tick: Callable[[], None]) -> None:
    """Follow until there are other roots: the sources that exist, and the store's folder."""
    import watchfiles

    own_folder = os.path.realpath(store.directory.root)
    own = f"{own_folder}{os.sep}"

    def find_roots() -> dict[str, int]:
        roots = sources.roots()
        with suppress(FileNotFoundError):
            roots[own_folder] = os.stat(own_folder).st_ino
        return roots

    roots, scanned_roots = find_roots(), watcher.roots
    pause_s, found_at_s, is_index_old, is_first = _ROOTS_S, time.monotonic(), True, True
    for batch in watchfiles.watch(
        *roots,
        watch_filter=None,
        debounce=_GROUPED_MS,
        step=_STEP_MS,
        stop_event=stop,
        rust_timeout=_WAIT_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
        ignore_permission_denied=True,
    ):
        if is_first:  # what happened before was not heard
            is_first = False
            watcher.request_rescan()
        paths = {path for _, path in batch}
        of_store = {path for path in paths if path.startswith(own)}
        is_index_old = is_index_old or not all(path.startswith(f"{own}{_LOCAL}") for path in of_store)
        watcher.tick(paths - of_store)
        if is_index_old and watcher.is_settled and not batch:
            watcher.report_recorded()
            try:
                Index(store).close()
                is_index_old = False
            except RecstoreError:  # it is tried again
                is_index_old = True
        on_tick()
        if watcher.roots != scanned_roots:  # a scan has found what nobody listens to, and it may be gone again
            return
        if time.monotonic() - found_at_s >= pause_s:
            found_at_s, used_s = time.monotonic(), time.thread_time()
            if find_roots() != roots:
                return
            pause_s = max(_ROOTS_S, _ROOTS_COST_FACTOR * (time.thread_time() - used_s))

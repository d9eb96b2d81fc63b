"""Work on many files in several processes, where it is enough work to be worth starting them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

_WORTH_IT_FROM_BYTES: Final = 4 << 20
_BATCHES_PER_WORKER: Final = 8
_WORKERS_AT_MOST: Final = 8

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_processes(
    work: Callable[[list[_Item]], list[_Result]], items: list[_Item], sizes_bytes: list[int], workers: int
) -> Iterator[_Result]:
    """Yield what `work` returns for `items`, in their order, computed in batches of about equal bytes.

    `work` and the items must pickle: with more than one worker it runs in other processes.
    """
    total_bytes = sum(sizes_bytes)
    if workers == 1 or total_bytes < _WORTH_IT_FROM_BYTES:
        yield from work(items)
        return
    import gc
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A fork is ready at once; it is only safe on Linux, and while no other thread may hold a lock.
    can_fork = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if can_fork else "spawn")
    workers = min(workers, _WORKERS_AT_MOST)
    # Decoded JSON has no cycles, so that collecting garbage in a worker is work for nothing.
    with ProcessPoolExecutor(workers, mp_context=context, initializer=gc.disable) as pool:
        for results in pool.map(work, _batches(items, sizes_bytes, total_bytes / (workers * _BATCHES_PER_WORKER))):
            yield from results


def _batches(items: list[_Item], sizes_bytes: list[int], share_bytes: float) -> Iterator[list[_Item]]:
    batch: list[_Item] = []
    filled_bytes = 0
    for item, size_bytes in zip(items, sizes_bytes, strict=True):
        batch.append(item)
        filled_bytes += size_bytes
        if filled_bytes > share_bytes:
            yield batch
            batch, filled_bytes = [], 0
    yield batch

"""Files, for every room: the folder that is a store, reading one whole, and work on many in several processes."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeVar

FOLDER: Final = ".recstore"
"""The name of the folder that is a store."""

LARGEST_BYTES: Final = 256 << 20
"""No file of a store, and none that is imported, is larger."""

UNFIT: Final = (errno.EINVAL, errno.EFBIG)
"""What `read_file` says of a file that is there, and is none that anybody writes."""

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody writes to does not wait."""

_WORTH_IT_FROM_BYTES: Final = 4 << 20
_BATCHES_PER_WORKER: Final = 8
_WORKERS_AT_MOST: Final = 8

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def is_store(folder: Path) -> bool:
    """Return whether `folder` is a store: a folder `.recstore`, not a link to one, that holds what one holds."""
    has_mark = os.path.isdir(f"{folder}/blobs") or os.path.isfile(f"{folder}/.gitattributes")
    return has_mark and folder.resolve().name == FOLDER and not (folder.name == FOLDER and folder.is_symlink())


def nearest_store(start: Path) -> Path | None:
    """Return the nearest folder, from `start` upwards, that holds a store; None if there is none."""
    return next((folder for folder in (start, *start.parents) if is_store(folder / FOLDER)), None)


def read_file(path: str) -> bytes:
    """Return the bytes of the file.

    Raises: OSError: it is not there, no regular file, larger than `LARGEST_BYTES`, or cannot be read.
    """
    descriptor = os.open(path, _FLAGS)  # half the cost of a file object
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        size_bytes = status.st_size
        if size_bytes > LARGEST_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {LARGEST_BYTES >> 20} MiB")
        data = os.read(descriptor, size_bytes + 1)
        while len(data) != size_bytes and (more := os.read(descriptor, 1 << 20)):
            data += more  # it grew, or the system gave less than was asked for
        return data
    finally:
        os.close(descriptor)


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
    batch_bytes = total_bytes / (workers * _BATCHES_PER_WORKER)
    numbered = zip((start // batch_bytes for start in accumulate(sizes_bytes, initial=0)), items, strict=False)
    batches = [[item for _, item in batch] for _, batch in groupby(numbered, key=itemgetter(0))]
    # Decoded JSON has no cycles, so that collecting garbage in a worker is work for nothing.
    with ProcessPoolExecutor(workers, mp_context=context, initializer=gc.disable) as pool:
        for results in pool.map(work, batches):
            yield from results

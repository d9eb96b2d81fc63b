"""The folder that is a store, and reading a file whole: a regular one that fits into memory, whoever put it there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

FOLDER: Final = ".recstore"
"""The name of the folder that is a store."""

LARGEST_BYTES: Final = 256 << 20
"""No file of a store, and none that is imported, is larger."""

UNFIT: Final = (errno.EINVAL, errno.EFBIG)
"""What `read_file` says of a file that is there, and is none that anybody writes."""

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody writes to does not wait."""


def is_store(folder: Path) -> bool:
    """Return whether `folder` is a store: a folder `.recstore`, not a link to one, that holds what one holds."""
    has_mark = os.path.isdir(f"{folder}/blobs") or os.path.isfile(f"{folder}/.gitattributes")
    return has_mark and folder.resolve().name == FOLDER and not (folder.name == FOLDER and folder.is_symlink())


def read_file(path: str) -> bytes:
    """Return the bytes of the file.

    Raises: OSError: it is not there, no regular file, larger than `LARGEST_BYTES`, or cannot be read.
    """
    descriptor = os.open(path, _FLAGS)  # half the cost of a file object
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        size_bytes = status.st_size
        if size_bytes > LARGEST_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {LARGEST_BYTES >> 20} MiB")
        data = os.read(descriptor, size_bytes + 1)
        while len(data) != size_bytes and (more := os.read(descriptor, 1 << 20)):
            data += more  # it grew, or the system gave less than was asked for
        return data
    finally:
        os.close(descriptor)

"""A configuration that no one can read to its end: an error that names it, in bounded time and memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.bounded import bounded, only_unix

pytestmark = only_unix

MEMORY_BYTES = 1 << 30
SECONDS = 20

LOAD = """
from pathlib import Path
from recstore.errors import UsageError
from recstore.settings import load_settings
try:
    print(load_settings(Path(sys.argv[1]), {}))
except UsageError as error:
    print(error)
"""


def sparse(path: Path) -> None:
    """Make a file that is larger than any that is read, and takes no room."""
    path.write_bytes(b"# ")
    os.truncate(path, (256 << 20) + 1)


ENDLESS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a device": (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
    "a pipe": (lambda path: os.mkfifo(path), "it is not a regular file"),  # noqa: PLW0108 - Windows has no such function
    "a large file": (sparse, "it is larger than 256 MiB"),
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("name", ["recstore.toml", "pyproject.toml"])
def test_a_configuration_without_an_end_is_named(tmp_path: Path, name: str, kind: str) -> None:
    """A stranger's branch may have any of them."""
    make, reason = ENDLESS[kind]
    make(tmp_path / name)
    said = bounded(LOAD, str(tmp_path), memory_bytes=MEMORY_BYTES, timeout_s=SECONDS)

    assert f"{tmp_path / name}: cannot be read: {reason}" == said.splitlines()[0]

"""A recorder in a process of its own, which writes as llama-stack's does: it truncates a file and writes in place.

`python -m tests.integration.watch.recorder FOLDER FILES SECONDS WAYS` takes the files of a generated source and brings
them to FOLDER in so many seconds; WAYS are any of `halves` (in two pieces), `twice` (first with other bytes), `renamed`
(under another name first), `vanished` (some are removed again).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.generator import write_recordings

__all__ = ["main"]


def main(target: str, count: str, seconds: str, *ways: str) -> None:
    """Write the files."""
    with tempfile.TemporaryDirectory() as scratch:
        write_recordings(Path(scratch), int(count))
        files = sorted(file for file in Path(scratch).rglob("*") if file.is_file())
        pause_s = float(seconds) / max(len(files), 1)
        for number, file in enumerate(files):
            place = Path(target) / file.relative_to(scratch)
            place.parent.mkdir(parents=True, exist_ok=True)
            _bring(file.read_bytes(), place, number, ways)
            time.sleep(pause_s)


def _bring(data: bytes, place: Path, number: int, ways: tuple[str, ...]) -> None:
    if "renamed" in ways and number % 5 == 0:
        temporary = place.with_name(f".{place.name}.new")
        temporary.write_bytes(data)
        temporary.replace(place)
        return
    with place.open("wb") as opened:
        if "twice" in ways and number % 3 == 0:
            opened.write(data.replace(b"e", b"E", 40))
            opened.flush()
            opened.seek(0)
            opened.truncate()
        if "halves" in ways and number % 4 == 0:
            opened.write(data[: len(data) // 2])
            opened.flush()
            time.sleep(0.03)
            opened.write(data[len(data) // 2 :])
        else:
            opened.write(data)
    if "vanished" in ways and number % 10 == 7:
        place.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Lost events, a suspended machine, and what a person sees meanwhile."""

from __future__ import annotations

import os
import pty
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pyte
import pytest

from recstore.store import Store
from tests.generator import write_recordings
from tests.integration.watch.watching import environment, recstore, stored, until, watching

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
ROWS, COLUMNS = 24, 100


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with an empty store and a folder of sources."""
    Store.create(tmp_path / "project")
    (tmp_path / "project/tests").mkdir()
    return tmp_path / "project"


@pytest.mark.skipif(not QUEUE.exists(), reason="only Linux says how many events it keeps")
def test_events_that_are_lost_while_the_machine_sleeps(project: Path) -> None:
    """More happens than the system keeps: what came last, unheard, is stored all the same, and what went is forgotten."""
    write_recordings(project, 30)
    limit = int(QUEUE.read_text())
    with watching(project, "tests", "--mirror") as watcher:
        until(lambda: watcher.of("new"))
        watcher.process.send_signal(signal.SIGSTOP)
        noise = project / "tests/noise.txt"
        for number in range(limit):  # two events each
            noise.write_text(str(number))
        gone = min((project / "tests").rglob("*.json"))
        gone.unlink()
        write_recordings(project / "more", 60)
        (project / "more/tests").rename(project / "tests/more")
        watcher.process.send_signal(signal.SIGCONT)
        fresh = project.parent / "fresh"
        Store.create(fresh)
        (fresh / "tests").symlink_to(project / "tests")
        assert 0 == recstore(fresh, "import", str(fresh / "tests")).returncode
        expected = len([name for name in stored(fresh) if name.startswith("blobs/")])
        until(lambda: expected == len([name for name in stored(project) if name.startswith("blobs/")]))
        code = watcher.end()

    assert 0 == code
    assert [gone.relative_to(project).as_posix()] == [event["file"] for event in watcher.of("removed")]


class Screen:
    """A terminal, as a person sees it."""

    def __init__(self, descriptor: int) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._descriptor = descriptor
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # the other end is closed
                return
            self._stream.feed(data)

    @property
    def text(self) -> str:
        """What stands there now."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def join(self) -> None:
        """Wait for the end of what is shown."""
        self._thread.join()


@contextmanager
def on_a_terminal(project: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Screen]]:
    """Run a watcher on a terminal of its own."""
    import fcntl
    import termios

    own, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = [sys.executable, "-P", "-m", "recstore", "watch", *arguments]
    variables = {**environment(), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen(command, cwd=project, env=variables, stdin=other, stdout=other, stderr=other)
    os.close(other)
    screen = Screen(own)
    try:
        yield process, screen
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        screen.join()
        os.close(own)


def test_a_person_sees_what_comes_while_it_comes(project: Path) -> None:
    """The test, what is new and whose it is, in place; after Ctrl-C the summary, and nothing of a name is obeyed."""
    with on_a_terminal(project, "tests") as (process, screen):
        until(lambda: "nothing has come yet" in screen.text)
        write_recordings(project, 5)
        (project / "tests/\x1b[2Jbad.json").write_text('{"test_id": "a", "requ')
        shown = (
            *("watching   tests/", "5 new, 0 changed", "[2Jbad.json: "),
            "new        api.openai.com/v1/chat/completions",
        )
        try:
            until(lambda: all(text in screen.text for text in shown))
        except TimeoutError:
            pytest.fail(screen.text)
    ended = screen.text

    assert "5 new files, 0 changed, 0 unchanged, 0 removed, 1 bad" in ended
    assert "nothing has come yet" not in ended
    assert 0 == process.returncode

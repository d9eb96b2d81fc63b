"""The pages of the documentation, and how their code blocks are run.

A page is a story: its blocks are run from top to bottom in one scratch project, a Git repository. What the first word
of a block's fence says:

    console     commands after `$ `, each with what it prints; `...` stands for anything; `# exit code 1` after a command
    python      code that is run; with a file name behind the word, a file of the project
    toml        a file of the project, by default `recstore.toml`, that must be a valid configuration
    yaml        a file of the project
    text        not code: trees, excerpts, sketches

`http://127.0.0.1:8177` is the demo upstream, at whatever port it really has. A block that is not run has a comment
before it that says why: `<!-- not run: REASON -->`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.demo.upstream import serving
from recstore.settings import parse_settings
from tests import commands

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = ROOT / "README.md"
GUIDES: Final = ROOT / "recstore" / "docs"
PAGES: Final = [README, *sorted(GUIDES.glob("*.md"))]
ADDRESS: Final = "http://127.0.0.1:8177"

_BLOCK: Final = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n+)?```(?P<kind>\w*) *(?P<name>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_EXIT_CODE: Final = re.compile(r"# exit code (\d+)")
_SHELL: Final = re.compile(r"[|&;<>$`*]|^\w+=")


@dataclass(frozen=True)
class Block:
    """A code block: its line in the page, the words of its fence, its text, and why it is not run."""

    line: int
    kind: str
    name: str
    text: str
    reason: str


@dataclass(frozen=True)
class Command:
    """A command of a console block, and the output that the page shows."""

    words: str
    expected: str
    exit_code: int


def blocks(text: str) -> list[Block]:
    """Return the code blocks of a page."""
    return [
        Block(
            text.count("\n", 0, match.start("kind")) + 1,
            match["kind"],
            match["name"],
            match["text"],
            match["reason"] or "",
        )
        for match in _BLOCK.finditer(text)
    ]


def console_commands(text: str) -> Iterator[Command]:
    """Yield the commands of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        words, _, expected = part.partition("\n")
        code = _EXIT_CODE.search(words)
        yield Command(words, expected, int(code[1]) if code else 0)


class Story:
    """A page that is run in `folder`; what it starts ends with `stack`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], stack: ExitStack) -> None:
        paths = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        self._folder, self._environment = folder, {**environment, "PATH": paths}
        self._upstream = stack.enter_context(ExitStack())
        with serving() as upstream:  # its port is free, and nobody listens there until the page says so
            self._address = upstream.base_url.removesuffix("/v1")

    def run(self, block: Block) -> list[tuple[Command, int, str]]:
        """Run a block; return each command with its exit code and output."""
        text = block.text.replace(ADDRESS, self._address)
        if block.kind == "console":
            return [(command, *self._run_command(command.words)) for command in console_commands(text)]
        if block.kind == "toml":
            table = tomllib.loads(text)
            parse_settings(table["tool"]["recstore"] if "tool" in table else table, block.name)
        if block.name or block.kind == "toml":
            file = self._folder / (block.name or "recstore.toml")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return []
        return [(Command("python", "...", 0), *self._run_command(f"python -c {shlex.quote(text)}"))]

    def _run_command(self, words: str) -> tuple[int, str]:
        if words == "python -m recstore.demo.upstream &":
            self._upstream.enter_context(serving(int(self._address.rpartition(":")[2])))
            return 0, ""
        if words == "kill %1":
            self._upstream.close()
            return 0, ""
        split = shlex.split(words, comments=True)
        is_plain = split[0] == "recstore" and not _SHELL.search(words.partition("#")[0])
        if is_plain and split[1] not in ("watch", "demo"):
            done = commands.recstore(self._folder, *split[1:], environment=self._environment)
            return done.returncode, done.stdout + done.stderr
        shell = subprocess.run(
            ["bash", "-c", words],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return shell.returncode, shell.stdout


def fits(expected: str, output: str) -> bool:
    """Return whether the output is the one that a page shows, where `...` stands for anything."""
    if not expected.strip():
        return True
    parts = [re.escape(part) for part in expected.strip().split("...")]
    return re.fullmatch(".*?".join(parts), output.strip(), re.DOTALL) is not None

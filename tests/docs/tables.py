"""What README.md must say, made from the program itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from recstore.cli.main import COMMANDS, program

__all__ = ["README", "commands_table", "generated", "with_generated"]

README: Final = Path(__file__).resolve().parents[2] / "README.md"
_SECTION: Final = re.compile(r"(?<=<!-- generated: commands -->\n).*?(?=<!-- end -->)", re.DOTALL)


def commands_table() -> str:
    """Return the table of commands, their options, and what they do."""
    context = click.Context(program)
    rows = []
    for name, summary in COMMANDS.items():
        command = program.get_command(context, name)
        assert command is not None
        rows.append(f"| `{name}{_usage(command)}` | {summary} |\n")
    return "| command | does |\n|---|---|\n" + "".join(rows)


def _usage(command: click.Command) -> str:
    words = ["\\|".join(command.commands)] if isinstance(command, click.Group) else []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = parameter.human_readable_name.strip("[].").upper().replace("|", "\\|")
            words.append(name if parameter.required else f"[{name}]")
        elif parameter.opts != ["--json"]:
            words.append(f"[{parameter.opts[-1]}]")
    return "".join(f" {word}" for word in words)


def generated(text: str) -> str:
    """Return the part of the README that is generated."""
    match = _SECTION.search(text)
    assert match is not None
    return match[0]


def with_generated(text: str) -> str:
    """Return the README with that part as it must be."""
    return _SECTION.sub(lambda _: commands_table(), text)

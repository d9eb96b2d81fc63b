"""The tables of the guides, made from the program itself. `python -m tests.docs` brings the pages up to date."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Final

import click

from recstore.cli.main import COMMANDS, EXIT_CODES, program
from recstore.settings import Settings
from tests.docs.pages import GUIDES

_SETTINGS: Final[Mapping[str, tuple[str, str]]] = {
    "sources": (
        "list of folders",
        "folders of recordings that another recorder writes; `*` allowed. `check` and `watch` look there",
    ),
    "tests": ("list", "folders, files or ids whose tests use recordings, with the marker or without; `*` allowed"),
    "mode": (
        "`replay`, `record`, `record-if-missing`, `live` or `verify`",
        "what a test does if nothing else says it; empty means `replay`",
    ),
    "share": ("true or false", "`record-if-missing` takes any test's answer, not only if there is exactly one"),
    "repeat_last": ("true or false", "the last recorded answer serves every further equal request of a test"),
    "timing": ("true or false", "streams are recorded and replayed with their pauses"),
    "passthrough": ("list of base URLs", "requests that recstore leaves alone"),
    "upstreams": ("table", "labels, each with its base URL or a list of them"),
    "rules": ("array of tables", "which requests are close enough if none fits exactly"),
    "redact": ("table", "secrets besides the usual ones: `headers`, `query`, `fields`, `patterns`"),
    "allowed_secrets": ("array of tables", "what looks like a secret and is not: `digest` and `reason`"),
}
"""Setting -> its value, and what it does."""


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
    words = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument) and isinstance(parameter.type, click.Choice):
            words.append("\\|".join(parameter.type.choices))
        elif isinstance(parameter, click.Argument):
            name = parameter.human_readable_name.strip("[].").upper().replace("|", "\\|")
            words.append(name if parameter.required else f"[{name}]")
        elif parameter.opts != ["--json"]:
            words.append(f"[{parameter.opts[-1]}]")
    return "".join(f" {word}" for word in words)


def exit_codes() -> dict[int, str]:
    """Return the exit codes that `recstore --help` states, and what each means."""
    pairs = re.findall(r"(?<!\S)(\d+) +(\S.*?)(?=  |$)", EXIT_CODES, re.MULTILINE)
    return {int(code): meaning for code, meaning in sorted(pairs, key=lambda pair: int(pair[0]))}


def exit_codes_table() -> str:
    """Return the table of exit codes."""
    return "| code | means |\n|---|---|\n" + "".join(f"| {code} | {text} |\n" for code, text in exit_codes().items())


def settings_table() -> str:
    """Return the table of settings, their defaults, and what they do."""
    names = [field.name for field in fields(Settings)]
    assert set(names) == set(_SETTINGS), "tests/docs/tables.py describes every setting"
    plain = Settings()
    rows = []
    for name, (value, meaning) in _SETTINGS.items():
        default = {True: "true", False: "false"}.get(getattr(plain, name)) if "true" in value else "empty"
        rows.append(f"| `{name}` | {value} | {default} | {meaning} |\n")
    return "| setting | value | default | does |\n|---|---|---|---|\n" + "".join(rows)


GENERATED: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "commands": ("commands.md", commands_table),
    "exit codes": ("commands.md", exit_codes_table),
    "settings": ("configuration.md", settings_table),
}
"""Table -> the guide that holds it, and what makes it."""


def with_generated(guide: str, text: str) -> str:
    """Return a guide with its tables as they must be."""
    for name, (page, make) in GENERATED.items():
        if page == guide:
            section = re.compile(rf"(?<=<!-- generated: {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
            assert section.search(text), f"{guide}: {name}"
            text = section.sub(make().replace("\\", r"\\"), text, count=1)
    return text


def update() -> None:
    """Write the tables into the guides."""
    for page in {page for page, _ in GENERATED.values()}:
        path = GUIDES / page
        path.write_text(with_generated(page, path.read_text(encoding="utf-8")), encoding="utf-8")

"""`recstore help`: the guides that come with the package."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import click

TOPICS: Final = (
    "getting-started",
    "llama-stack",
    "vcrpy",
    "git",
    "watch",
    "secrets",
    "configuration",
    "ci",
    "commands",
    "library",
    "format",
    "threats",
    "glossary",
)
"""The guides, in the order in which a reader needs them: `recstore/docs/TOPIC.md`."""


@click.command("help")
@click.argument("topic", required=False)
def command(topic: str | None) -> None:
    """List the guides, or print the one on TOPIC."""
    if topic is None:
        width = max(map(len, TOPICS))
        for name in TOPICS:
            click.echo(f"{name:{width}}  {_title(name)}")
        click.echo("\n`recstore help TOPIC` prints one, `recstore COMMAND --help` explains a command.", err=True)
        return
    if topic not in TOPICS:
        raise click.BadParameter(f"there is no guide {topic!r}. They are {', '.join(TOPICS)}.", param_hint="TOPIC")
    click.echo(guide(topic), nl=False)


def guide(topic: str) -> str:
    """Return the text of a guide, without the comments that only its generator and its tests read."""
    lines = (files("recstore") / "docs" / f"{topic}.md").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("<!-- "))


def _title(topic: str) -> str:
    return guide(topic).partition("\n")[0].removeprefix("# ")

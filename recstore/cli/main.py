"""The `recstore` command: its sub-commands, and the exit code of an error."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from io import StringIO
from typing import Final, NoReturn

import click

from recstore import __version__
from recstore.errors import RecstoreError
from recstore.text import escape_control

COMMANDS: Final = {
    "init": "Make this project a store.",
    "import": "Bring in recordings that another recorder wrote.",
    "export": "Write imported recordings back into their files.",
    "ls": "List recordings.",
    "show": "Show a test's or a recording's request and answer.",
    "diff": "Show what changed between two states: which tests, and what the model now says.",
    "stats": "Count and measure what is in the store.",
    "status": "Say what state the store is in.",
    "verify": "Check every byte of the store.",
    "check": "Find what is missing: here, in a commit, or in a push.",
    "gc": "Remove recordings that nothing needs any more.",
    "restore": "Bring back what gc, a merge or a hand has removed.",
    "mv": "Give a test's recordings to the test under its new name.",
    "resolve": "Settle manifests in conflict.",
    "hooks": "Have Git call recstore: before a commit, before a push, after a merge.",
    "watch": "Keep the store in step while another recorder writes files.",
    "redact": "Take out secrets that are stored already.",
    "rekey": "Rename blobs after the upstream map has changed.",
    "demo": "See the whole thing work in a scratch repository.",
    "help": "Print a guide, or list them.",
}
"""Command -> what it does, in the order of a day's work."""

HIDDEN: Final = frozenset({"hook", "merge-driver", "textconv"})
"""Commands that Git calls and people do not."""

_MODULES: Final = {
    **dict.fromkeys(("init", "import", "export", "mv", "rekey", "redact"), "project"),
    **dict.fromkeys(("ls", "stats", "status"), "index"),
    **dict.fromkeys(("restore", "resolve", "merge-driver"), "mend"),
    **dict.fromkeys(("check", "verify"), "check"),
    **dict.fromkeys(("help", "demo"), "guide"),
    "hook": "hooks",
}
"""Command -> its module, `<module>_command`, where that has another name."""

EXIT_CODES: Final = """\
\b
Exit codes:
  0  done                           30  the store is locked
  1  error                          40  Git could not answer
  2  wrong use                      41  a manifest is in conflict
  10 something is missing           50  remote error
  20 damage                         60  a secret would be committed
  21 written by a newer version     130 interrupted
"""


class _LazyCommands(click.Group):
    """The commands by name: a command's module is imported when it is called, or its help is asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command:
        if name not in COMMANDS and name not in HIDDEN:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean `recstore {near[0]}`?" if near else ""
            context.fail(f"There is no command `{name}`.{hint}")
        module = importlib.import_module(f"recstore.cli.{_MODULES.get(name, name)}_command")
        command: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyCommands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="recstore")
def program() -> None:
    """Keep recorded requests and responses of tests: content-addressed, deduplicated, in Git."""


def main(clock: object = None) -> NoReturn:
    """Run the command line and end the process with an exit code of the table above.

    `clock` is the module `time`, unless a test has its own.
    """
    try:
        code = program.main(standalone_mode=False, obj=clock)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        code = 130
    except click.ClickException as error:
        shown = StringIO()
        error.show(shown)
        click.echo(escape_control(shown.getvalue()), err=True, nl=False)  # an argument may be a file's name
        code = error.exit_code
    except RecstoreError as error:
        from recstore.cli.output import echo_error

        echo_error(error)
        code = error.exit_code
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the one place where a defect becomes a message
        if os.environ.get("RECSTORE_DEBUG"):
            traceback.print_exception(error)
        remedy = "This is a defect of recstore. Run again with RECSTORE_DEBUG=1 and report what it prints."
        click.echo(escape_control(f"error: {error!r}\n  {remedy}"), err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)

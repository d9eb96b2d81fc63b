"""The command line: parse, call the library, show. One file per command, loaded when it is called.

Only this room (and the pytest plugin) prints, prompts, reads the environment or knows the clock. Results
go to standard output, talk and progress to standard error.
"""

from __future__ import annotations

from recstore.cli.main import main

__all__ = ["main"]

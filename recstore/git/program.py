"""The one seam to the `git` program: every call of it is made here, the same on every machine.

Hooks run with variables of the command that called them, users have pagers, hooks, monitors and prompts of
their own: none of them may change what is read or what else happens.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from recstore.errors import GitError

_PASSED_ON: Final = (
    *("GIT_CONFIG_", "GIT_EXEC_PATH"),  # `git -c safe.directory=... commit` sets GIT_CONFIG_PARAMETERS
    *("GIT_ALLOW_PROTOCOL", "GIT_ASKPASS", "GIT_HTTP_PROXY_AUTHMETHOD", "GIT_PROXY_SSL_CAINFO", "GIT_SSH", "GIT_SSL_"),
    *("GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM"),
)
"""Beginnings of variables that say how to reach things. All others with `GIT_` say what another command is about."""

_FIXED: Final[Mapping[str, str]] = {
    "LC_ALL": "C",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",  # reading never goes to the network; `fetch` below says when it may
    "GIT_NO_REPLACE_OBJECTS": "1",  # dulwich does not replace objects either
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}

_SAFE: Final = ("-c", "safe.bareRepository=explicit")
"""Nobody is to be led into a repository that was committed as plain files, whose configuration could name programs."""

_SETTINGS: Final = (
    *(f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "core.quotePath=false"),
    *("color.ui=false", "color.grep=false"),  # the second is a setting of its own, which the first does not overrule
    *("gc.auto=0", "maintenance.auto=false"),
    *("log.follow=false", "log.showRoot=true", "log.showSignature=false"),
)
_OPTIONS: Final = ("--no-pager", *_SAFE, *(word for setting in _SETTINGS for word in ("-c", setting)))

_REMEDIES: Final[Mapping[str, str]] = {
    "not a git repository": "Run `git init` first: this command works through Git.",
    "cannot use bare repository": "Files that were committed make the folder look like a Git repository of its own (HEAD, "
    "objects, refs, config). Look at who committed them, and why, before you run anything there.",
    "dubious ownership": "Run the `git config` command that Git names above, if you trust this folder.",
    ".lock': File exists": "Another Git process is at work in this repository; try again when it has ended.",
    "promisor remote": "This clone left trees with its remote: `git fetch --refetch --filter=blob:none` brings them.",
    "bad object": "`git fsck` lists what is missing in the repository; `git fetch --refetch` brings it back.",
}


class Git:
    """Runs `git` in one folder.

    `environment` is the caller's; of its `GIT_` variables only those that say how to reach things are handed on.
    `variables` are set on top: a repository, a work tree or an index that is not the one Git would find itself. Every call
    raises GitError where there is no `git`, or where it fails.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], variables: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.variables = dict(variables or {})
        self._environment = dict(environment)

    def with_variables(self, **variables: str) -> Git:
        """Return the same with `variables` set, such as `GIT_INDEX_FILE`."""
        return Git(self.folder, self._environment, {**self.variables, **variables})

    def in_folder(self, folder: Path) -> Git:
        """Return the same in another folder."""
        return Git(folder, self._environment, self.variables)

    def run(
        self, *arguments: str, data: bytes = b"", accept: Collection[int] = (0,), options: Sequence[str] = _OPTIONS
    ) -> bytes:
        """Return what `git` with these arguments prints; `data` is its standard input. Exit codes to `accept` are no error."""
        passed_on = {
            name: value
            for name, value in self._environment.items()
            if not name.startswith("GIT_") or name.startswith(_PASSED_ON)
        }
        command = [git_program(self._environment), *options, *arguments]
        environment = {**passed_on, **_FIXED, **self.variables}
        try:
            done = subprocess.run(  # noqa: S603 - a list of words, no shell; paths and revisions are checked by Git
                command, cwd=self.folder, env=environment, input=data, capture_output=True, check=False
            )
        except FileNotFoundError as error:
            raise GitError(str(self.folder), "is not a folder") from error
        except OSError as error:
            raise GitError("git", f"cannot be run: {error.strerror or error}") from error
        if done.returncode not in accept:
            message = decode_path(done.stderr).strip()
            skipped = 2 * arguments.count("-c")  # settings of ours, which come first
            subject = " ".join(("git", *arguments[skipped : skipped + 2]))
            remedy = next((remedy for sign, remedy in _REMEDIES.items() if sign in message), f"Seen in {self.folder}.")
            raise GitError(subject, message or f"ended with exit code {done.returncode}", remedy)
        return done.stdout

    def configured(self, name: str) -> tuple[str, ...]:
        """Return the values that Git's configuration gives `name`; the last one counts. Our own options are left out."""
        printed = self.run("config", "-z", "--get-all", name, accept=(0, 1), options=_SAFE)
        return tuple(decode_path(printed).split("\0")[:-1])

    def text(self, *arguments: str, accept: Collection[int] = (0,)) -> str:
        """Return what is printed, as text without white space at its ends."""
        return decode_path(self.run(*arguments, accept=accept)).strip()

    def lines(self, *arguments: str, data: bytes = b"") -> list[str]:
        """Return the lines that are printed, which end in line feeds and nothing else."""
        printed = self.run(*arguments, data=data)
        return decode_path(printed.removesuffix(b"\n")).split("\n") if printed else []

    def fields(self, *arguments: str, data: bytes = b"") -> list[str]:
        """Return what a command prints that ends (or parts) its fields with NUL, mostly for an option `-z`."""
        printed = self.run(*arguments, data=data)
        return decode_path(printed.removesuffix(b"\0")).split("\0") if printed else []


def git_program(environment: Mapping[str, str]) -> str:
    """Return where the `git` program is, as the PATH says.

    Relative folders are skipped, and so is the current one, where Windows looks first: a stranger may have written there.

    Raises: GitError: it is not on the PATH.
    """
    name = "git.exe" if os.name == "nt" else "git"
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.join(folder, name)
        if os.path.isabs(folder) and os.path.isfile(program) and os.access(program, os.X_OK):
            return program
    raise GitError("git", "is not on the PATH", "Install Git (2.39 or later), then try again.")


def decode_path(data: bytes) -> str:
    """Return a path that Git printed as text; bytes that are not UTF-8 survive a round trip."""
    return data.decode("utf-8", "surrogateescape")


def encode_path(path: str) -> bytes:
    """Return the bytes that `decode_path` made a path of."""
    return path.encode("utf-8", "surrogateescape")

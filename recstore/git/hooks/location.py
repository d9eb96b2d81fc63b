"""Where a repository's hooks belong, and how Git comes to run them.

Git 2.54 and later takes hooks from its configuration, beside whatever else there is; before that it runs the one file
of a hook's name in one folder, which may be another tool's, or one for all repositories.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.errors import UsageError
from recstore.git.hooks.texts import HOOKS
from recstore.git.repository import Layout, Repository

Kind: TypeAlias = Literal["folder", "configuration", "husky"]

OWN_FOLDER: Final = "recstore-hooks"
"""The folder in Git's own that hooks are in where Git does not look for them by itself."""

_CONFIGURED_SINCE: Final = (2, 54)


@dataclass(frozen=True, slots=True)
class HookPlace:
    """Where recstore's hooks go: `folder`; and `looked_in`, the folder in which Git looks for hooks.

    `kind` says how Git finds the first: it is the second, its configuration names it, or husky's scripts do.
    `others` are folders that may hold hooks of recstore's from other days. `setting` is that of `core.hooksPath`.
    """

    kind: Kind
    folder: Path
    looked_in: Path
    others: tuple[Path, ...]
    setting: str
    is_shared: bool

    def refuse_shared(self) -> None:
        """Do nothing, unless the hooks would go into a folder outside the repository.

        Raises: UsageError: they would.
        """
        if self.kind != "folder" or not self.is_shared:
            return
        own = next(folder for folder in self.others if folder.name == "hooks")
        raise UsageError(
            f"core.hooksPath = {self.setting}",
            f"leads out of this repository, to {self.looked_in}: hooks there are run for others, too",
            f"Give this repository hooks of its own, `git config core.hooksPath '{own}'`, or use --force to write there.",
        )


def hook_place(repository: Repository) -> HookPlace:
    """Return where the hooks of a repository go.

    Raises: GitError: Git cannot answer.
    """
    layout, git = repository.layout, repository.git
    setting, looked_in = "", layout.common_dir / "hooks"
    for setting in git.configured("core.hooksPath")[-1:]:
        looked_in = _stated_folder(layout, setting)
    own = layout.common_dir / OWN_FOLDER
    kind: Kind = "folder"
    if is_configurable(git.text("version")):
        kind = "configuration"
    elif _is_huskys(looked_in):
        kind = "husky"
    folder = looked_in if kind == "folder" else own
    is_shared = _is_outside(layout, looked_in)
    known = (layout.common_dir / "hooks", own, *(() if is_shared else (looked_in,)))
    others = tuple(other for other in dict.fromkeys(known) if other != folder)
    return HookPlace(kind, folder, looked_in, others, setting, is_shared)


def is_configurable(version: str) -> bool:
    """Return whether the Git that says so of itself, `git version 2.54.0`, takes hooks from its configuration."""
    numbers = re.search(r"(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= _CONFIGURED_SINCE


def hook_settings() -> dict[str, str]:
    """Return the configuration by which Git 2.54 and later runs the hooks, wherever the repository is moved to.

    Source: git-config(1), `hook.<friendly-name>.command` and `.event`; the command is one for the shell.
    """
    found = {}
    for name in HOOKS:
        found[f"hook.recstore-{name}.event"] = name
        found[f"hook.recstore-{name}.command"] = f'"$(git rev-parse --git-common-dir)/{OWN_FOLDER}/{name}"'
    return found


def called_from(place: HookPlace, name: str) -> tuple[Path, str]:
    """Return the script of husky's that should call the hook, and the line for it, which is harmless to all others."""
    line = f'hook=$(git rev-parse --git-common-dir)/{OWN_FOLDER}/{name}; [ ! -x "$hook" ] || "$hook" "$@"'
    return place.looked_in.parent / name, line


def _stated_folder(layout: Layout, setting: str) -> Path:
    """Return the folder that `core.hooksPath` states: seen from the top folder, where hooks are run."""
    if not setting:
        return Path(os.devnull)
    return Path(os.path.normpath((layout.top or layout.git_dir) / os.path.expanduser(setting)))


def _is_huskys(folder: Path) -> bool:
    return folder.name == "_" and (folder.parent.name == ".husky" or (folder / "h").is_file())


def _is_outside(layout: Layout, folder: Path) -> bool:
    inside = [layout.common_dir, *([layout.top] if layout.top else [])]
    if layout.common_dir.name == ".git":
        inside.append(layout.common_dir.parent)
    return not any(folder.resolve().is_relative_to(within.resolve()) for within in inside)

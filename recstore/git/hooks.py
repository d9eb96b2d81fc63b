"""Hooks in and out of a repository: recognised, chained, and taken away again without a trace.

Where Git takes hooks from its configuration (2.54 and later) they are put there, beside whatever else is;
otherwise into the hooks folder, where a foreign hook is renamed and run first.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.errors import GitError, UsageError
from recstore.git.hook_texts import CHAINED_SUFFIX, HOOK_VERSION, HOOKS, MARK, hook_text
from recstore.git.program import Git
from recstore.git.repository import Repository

__all__ = ["HookState", "State", "hook_settings", "install", "states", "uninstall"]

State: TypeAlias = Literal["installed", "not installed", "outdated", "foreign", "not executable"]

_CONFIGURED_SINCE: Final = (2, 54)
_OWN: Final = re.compile(rf"#![^\n]*\n{re.escape(MARK)} (\d+): ")
_DRIVER: Final = "recstore"


@dataclass(frozen=True, slots=True)
class HookState:
    """One hook: where it is, whether it is recstore's, and whether it runs another one first."""

    name: str
    path: str
    state: State
    is_chained: bool


def states(repository: Repository) -> tuple[HookState, ...]:
    """Return the state of every hook that recstore has.

    Raises: GitError: Git cannot answer.
    """
    folder = _folder(repository)
    return tuple(_state(folder / name) for name in HOOKS)


def install(repository: Repository, python: str, *, is_forced: bool = False) -> tuple[HookState, ...]:
    """Put every hook in place and set up the merge driver and the textconv; return the hooks' states.

    `python` is the interpreter that has recstore. Harmless to repeat; an older hook of recstore's is replaced. A hook of anybody
    else's is renamed and run first.

    Raises: UsageError: the hooks folder is another tool's, or one for all repositories, and `is_forced` is not set.
    GitError: a file cannot be written.
    """
    folder = _folder(repository)
    _refuse_others_folder(repository, folder, is_forced=is_forced)
    for name in HOOKS:
        _put(folder / name, hook_text(name))
    for setting, value in {**_drivers(python), **_configured(repository.git, folder)}.items():
        repository.git.run("config", "--local", "--replace-all", setting, value)
    return states(repository)


def uninstall(repository: Repository) -> tuple[HookState, ...]:
    """Take away every hook of recstore's and what `install` set, and put back the hooks that were there before.

    Raises: GitError: a file cannot be written.
    """
    folder = _folder(repository)
    for name in HOOKS:
        path = folder / name
        if _own_version(path) is not None:
            _remove(path)
    sections = {setting.rpartition(".")[0] for setting in hook_settings(folder)}
    for section in (f"merge.{_DRIVER}", f"diff.{_DRIVER}", *sections):
        repository.git.run("config", "--local", "--remove-section", section, accept=(0, 128))
    repository.git.run("config", "--local", "--unset-all", "recstore.python", accept=(0, 5))
    return states(repository)


def hook_settings(folder: Path) -> dict[str, str]:
    """Return the configuration by which Git 2.54 and later runs the hooks in `folder`, beside all others.

    Source: git-config(1), `hook.<name>.command` and `hook.<name>.event`.
    """
    found = {}
    for name in HOOKS:
        quoted = str(folder / name).replace("'", "'\\''")
        found[f"hook.{_DRIVER}-{name}.event"] = name
        found[f"hook.{_DRIVER}-{name}.command"] = f"'{quoted}'"
    return found


# -- where


def _folder(repository: Repository) -> Path:
    """Return the folder that the hooks belong into."""
    place = repository.place
    if _is_configurable(repository.git):
        return place.common_dir / "recstore-hooks"
    stated = repository.git.configured("core.hooksPath")
    if not stated:
        return place.common_dir / "hooks"
    return Path(os.path.normpath((place.top or place.git_dir) / Path(stated[-1]).expanduser()))


def _configured(git: Git, folder: Path) -> dict[str, str]:
    return hook_settings(folder) if _is_configurable(git) else {}


def _is_configurable(git: Git) -> bool:
    version = re.search(r"(\d+)\.(\d+)", git.text("version"))
    return version is not None and (int(version[1]), int(version[2])) >= _CONFIGURED_SINCE


def _refuse_others_folder(repository: Repository, folder: Path, *, is_forced: bool) -> None:
    if is_forced or _is_configurable(repository.git):
        return
    scopes = repository.git.scopes("core.hooksPath")
    if folder.name == "_" and folder.parent.name == ".husky":
        raise UsageError(
            f"core.hooksPath = {scopes[-1][1] if scopes else folder}",
            "is husky's, which writes that folder anew",
            "Add the line `recstore gc --staged` to .husky/pre-commit and `recstore check --pre-push` to .husky/pre-push.",
        )
    if scopes and scopes[-1][0] in ("global", "system"):
        raise UsageError(
            f"core.hooksPath = {scopes[-1][1]}",
            "is one folder for all your repositories",
            "Give this one its own (`git config core.hooksPath .git/hooks`), or use --force to write there.",
        )


# -- one hook


def _state(path: Path) -> HookState:
    version = _own_version(path)
    chained = path.with_name(path.name + CHAINED_SUFFIX)
    state: State = "installed"
    if version is None:
        state = "foreign" if os.path.lexists(path) else "not installed"
    elif not os.access(path, os.X_OK):
        state = "not executable"
    elif version != HOOK_VERSION or path.read_text() != hook_text(path.name):
        state = "outdated"
    return HookState(path.name, str(path), state, version is not None and chained.exists())


def _own_version(path: Path) -> int | None:
    """Return the version of a hook of recstore's, None where there is none or it is another's."""
    try:
        match = _OWN.match(path.read_text(errors="replace"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GitError(str(path), f"cannot be read: {error.strerror}") from error
    return int(match[1]) if match else None


def _put(path: Path, text: str) -> None:
    chained = path.with_name(path.name + CHAINED_SUFFIX)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, newline="\n")
        temporary.chmod(0o755)
        if os.path.lexists(path) and _own_version(path) is None:
            if os.path.lexists(chained):
                raise UsageError(str(chained), f"is there already, and {path.name} is no hook of recstore's", _BOTH)
            path.rename(chained)
        temporary.replace(path)
    except OSError as error:
        raise GitError(str(path), f"cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


_BOTH: Final = "Make one hook of the two, or remove one; nothing was changed."


def _remove(path: Path) -> None:
    chained = path.with_name(path.name + CHAINED_SUFFIX)
    try:
        if os.path.lexists(chained):
            chained.replace(path)
        else:
            path.unlink()
    except OSError as error:
        raise GitError(str(path), f"cannot be removed: {error.strerror}") from error


def _drivers(python: str) -> dict[str, str]:
    """Return the settings for the merge of manifests and for reading diffs of blobs.

    Source: gitattributes(5), "Defining a custom merge driver" and "Performing text diffs of binary files".
    """
    quoted = "'" + python.replace("'", "'\\''") + "'"
    return {
        "recstore.python": python,
        f"merge.{_DRIVER}.name": "recstore manifests, entry by entry",
        f"merge.{_DRIVER}.driver": f"{quoted} -m recstore merge-driver %O %A %B %P",
        f"diff.{_DRIVER}.textconv": f"{quoted} -m recstore textconv",
        f"diff.{_DRIVER}.cachetextconv": "true",
    }

"""Hooks, the merge driver for manifests and readable diffs of blobs: into a repository, and out again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.git.hooks.files import FileState, HookFile
from recstore.git.hooks.location import OWN_FOLDER, HookPlace, called_from, hook_place, hook_settings
from recstore.git.hooks.texts import HOOKS
from recstore.git.program import Git
from recstore.git.repository import Repository

State: TypeAlias = FileState | Literal["disabled"]

_CACHED_TEXTS: Final = "refs/notes/textconv/recstore"
"""Where Git keeps what the textconv printed: what an older recstore did, too."""


@dataclass(frozen=True, slots=True)
class HookState:
    """One hook: where it is, whether it is recstore's, whether another one is run with it, and what is to be known.

    `disabled` is one that is there, but that Git does not run; `note` says why, and what to do.
    """

    name: str
    path: str
    state: State
    is_chained: bool
    note: str = ""


def states(repository: Repository) -> tuple[HookState, ...]:
    """Return the state of every hook that recstore has.

    Raises: GitError: Git cannot answer.
    """
    place = hook_place(repository)
    return tuple(_state(repository.git, place, name) for name in HOOKS)


def install(repository: Repository, python: str, *, is_forced: bool = False) -> tuple[HookState, ...]:
    """Put every hook in place and set up the merge driver and the textconv; return the hooks' states.

    `python` is the interpreter that has recstore. Harmless to repeat; an older hook of recstore's is replaced. A hook of
    anybody else's is renamed and run first; folders that other tools write are left alone.

    Raises: UsageError: the hooks would go out of the repository, and `is_forced` is not set; or two other hooks are in
    the way. GitError: a file cannot be written.
    """
    place = hook_place(repository)
    if not is_forced:
        place.refuse_shared()
    files = [HookFile(place.folder, name) for name in HOOKS]
    for file in files:
        file.refuse_third()
    for file in files:
        file.put()
    _clear(place.others)
    for setting, value in driver_settings(python).items():
        repository.git.run("config", "--local", "--replace-all", setting, value)
    for setting, value in hook_settings().items():
        if place.kind == "configuration":
            repository.git.run("config", "--local", "--replace-all", setting, value)
        else:
            _unset(repository.git, setting)
    _forget_texts(repository.git)
    return states(repository)


def uninstall(repository: Repository) -> tuple[HookState, ...]:
    """Take away every hook of recstore's and what `install` set, and put back the hooks that were there before.

    Raises: GitError: a file cannot be written.
    """
    place = hook_place(repository)
    for setting in (*hook_settings(), *driver_settings("")):  # first: Git must not look for a hook that has gone
        _unset(repository.git, setting)
    _clear((place.folder, *place.others))
    _forget_texts(repository.git)
    return states(repository)


def driver_settings(python: str) -> dict[str, str]:
    """Return the settings for the merge of manifests and for reading diffs of blobs.

    With -P, Python imports nothing that happens to lie in the folder that Git runs it in.

    Source: gitattributes(5), "Defining a custom merge driver" and "Performing text diffs of binary files".
    """
    quoted = "'" + python.replace("'", "'\\''") + "'"
    return {
        "recstore.python": python,
        "merge.recstore.name": "recstore manifests, entry by entry",
        "merge.recstore.driver": f"{quoted} -P -m recstore merge-driver %O %A %B %P",
        "diff.recstore.textconv": f"{quoted} -P -m recstore textconv",
        "diff.recstore.cachetextconv": "true",
    }


def _state(git: Git, place: HookPlace, name: str) -> HookState:
    file = HookFile(place.folder, name)
    state: State = file.state
    note = ""
    if state == "installed" and place.kind != "folder":
        note = _why_not_run(git, place, name)
        state = "disabled" if note else state
    elif not file.is_own and any(HookFile(other, name).is_own for other in place.others):
        state, note = "disabled", _elsewhere(place)
    return HookState(name, str(file.path), state, file.is_chained, note)


def _why_not_run(git: Git, place: HookPlace, name: str) -> str:
    """Return why Git does not run a hook that is not where it looks by itself, "" if it does."""
    if place.kind == "husky":
        script, line = called_from(place, name)
        is_called = (
            script.is_file() and f"/{name}" in script.read_text("utf-8", "replace").partition(place.folder.name)[2]
        )
        return "" if is_called else f"add to {script}: {line}"
    wanted = hook_settings()
    for setting in (f"hook.recstore-{name}.event", f"hook.recstore-{name}.command"):
        if wanted[setting] not in git.configured(setting)[-1:]:
            return f"{setting} is not set; `recstore hooks install` sets it"
    for setting in (f"hook.recstore-{name}.enabled", f"hook.{name}.enabled"):
        if git.text("config", "--type=bool", "--get", setting, accept=(0, 1)) == "false":
            return f"{setting} is false"
    return ""


def _elsewhere(place: HookPlace) -> str:
    if place.kind == "folder" and place.setting:
        return f"core.hooksPath = {place.setting} leads elsewhere; `recstore hooks install` installs there"
    return "installed where Git does not look now; `recstore hooks install` mends that"


def _clear(folders: tuple[Path, ...]) -> None:
    for folder in folders:
        for name in HOOKS:
            HookFile(folder, name).take_away()
        if folder.name == OWN_FOLDER and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _unset(git: Git, setting: str) -> None:
    git.run("config", "--local", "--unset-all", setting, accept=(0, 5))  # 5: it was not set


def _forget_texts(git: Git) -> None:
    if git.run("rev-parse", "--quiet", "--verify", _CACHED_TEXTS, accept=(0, 1)):
        git.run("update-ref", "-d", _CACHED_TEXTS)

"""Git's hooks, the merge driver and the textconv: into a repository, and out again without a trace.

Every hook is the same short script: it runs the hook that was there before, and starts Python only where recordings
are concerned. Git 2.54 and later takes hooks from its configuration; older ones run one file in one folder, which may
be another tool's. Where the pre-commit framework has renamed recstore's hook, that stays under its new name.
GitError is raised where Git cannot answer or a file cannot be read or written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.errors import GitError, UsageError
from recstore.git.repository import Repository

HOOKS: Final = ("pre-commit", "pre-push", "post-merge", "post-checkout", "post-rewrite")

_TEXT: Final = Path(__file__).with_name("hook.sh").read_text("utf-8")

_OURS: Final = re.compile(rb"#![^\n]*\n# recstore hook (\d+): ")
_VERSION: Final = int(_TEXT.partition("hook ")[2].partition(":")[0])
CHAINED_SUFFIX: Final = ".before-recstore"
"""The end of the name of a hook that was there before, and is run first."""

OWN_FOLDER: Final = "recstore-hooks"
"""The folder in Git's own that hooks are in where Git does not look for them by itself."""

_CONFIGURATION: Final = {
    setting: value
    for name in HOOKS
    for setting, value in (
        (f"hook.recstore-{name}.event", name),
        (f"hook.recstore-{name}.command", f'"$(git rev-parse --git-common-dir)/{OWN_FOLDER}/{name}"'),
    )
}
"""The configuration by which Git 2.54 and later runs the hooks, wherever the repository is moved to.

Source: git-config(1), `hook.<friendly-name>.command` and `.event`; the command is one for the shell.
"""

_CACHED_TEXTS: Final = "refs/notes/textconv/recstore"
"""Where Git keeps what the textconv printed, also what an older recstore printed."""

State: TypeAlias = Literal["installed", "not installed", "outdated", "foreign", "not executable", "disabled"]


@dataclass(frozen=True, slots=True)
class HookState:
    """One hook: where it is, whether it is recstore's, and whether another one is run with it.

    `disabled` is a hook that is there, but that Git does not run; `note` says why, and what to do.
    """

    name: str
    path: str
    state: State
    is_chained: bool
    note: str = ""


def hook_text(event: str) -> str:
    """Return the script of the hook `event`. The folder `hooks/` has the same files; a test compares them."""
    return _TEXT.replace("@event@", event)


def hook_states(repository: Repository) -> tuple[HookState, ...]:
    """Return the state of every hook that recstore has."""
    location = _Location(repository)
    states = []
    for name in HOOKS:
        file = _HookFile(location.folder, name)
        state, note = file.state, ""
        if state == "installed" and location.kind != "folder":
            note = location.why_not_run(name)
            state = "disabled" if note else state
        elif not file.is_ours and any(_HookFile(other, name).is_ours for other in location.others):
            state, note = "disabled", "installed where Git does not look now; `recstore hooks install` mends that"
            if location.kind == "folder" and location.setting:
                note = f"core.hooksPath = {location.setting} leads elsewhere; `recstore hooks install` installs there"
        states.append(HookState(name, str(file.path), state, file.is_chained, note))
    return tuple(states)


def install_hooks(repository: Repository, python: str, *, is_forced: bool = False) -> tuple[HookState, ...]:
    """Put every hook in place and set up the merge driver and the textconv; return the hooks' states.

    `python` is the interpreter that has recstore. Harmless to repeat; an older hook of recstore's is replaced. A hook of
    anybody else's is renamed and run first; folders that other tools write are left alone.

    After: a crash leaves the hook that was there, under its own name or the one it is run by; never half a file.
    Raises: UsageError: the hooks would go out of the repository, and `is_forced` is not set; or two other hooks are in
    the way.
    """
    location = _Location(repository)
    if location.kind == "folder" and location.is_shared and not is_forced:
        raise UsageError(
            f"core.hooksPath = {location.setting}",
            f"leads out of this repository, to {location.git_folder}: hooks there are run for others, too",
            f"Give this repository hooks of its own, `git config core.hooksPath '{repository.common_dir / 'hooks'}'`, "
            "or use --force to write there.",
        )
    files = [_HookFile(location.folder, name) for name in HOOKS]
    for file in files:
        are_both_frameworks = _is_frameworks(file.path) and _is_frameworks(file.chained)
        if file.state == "foreign" and os.path.lexists(file.chained) and not are_both_frameworks:
            reason = f"is there already, and {file.name} is not a hook of recstore's either"
            raise UsageError(str(file.chained), reason, "Make one hook of the two, or remove one; nothing was changed.")
    for file in files:
        file.install()
    settings = driver_settings(python) | (_CONFIGURATION if location.kind == "configuration" else {})
    _reset(repository, location.others, set(_CONFIGURATION) - set(settings))
    for setting, value in settings.items():
        repository.git.run("config", "--local", "--replace-all", setting, value)
    return hook_states(repository)


def uninstall_hooks(repository: Repository) -> tuple[HookState, ...]:
    """Take away every hook of recstore's and what `install_hooks` set, and put back the hooks that were there before."""
    location = _Location(repository)
    _reset(repository, (location.folder, *location.others), (*_CONFIGURATION, *driver_settings("")))
    return hook_states(repository)


def _reset(repository: Repository, folders: Iterable[Path], settings: Iterable[str]) -> None:
    """Remove recstore's hooks from `folders`, and `settings`, first: Git must not look for a hook that has gone."""
    for setting in settings:
        repository.git.run("config", "--local", "--unset-all", setting, accept=(0, 5))  # 5: it was not set
    for folder in folders:
        for name in HOOKS:
            _HookFile(folder, name).uninstall()
        if folder.name == OWN_FOLDER and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if repository.git.run("rev-parse", "--quiet", "--verify", _CACHED_TEXTS, accept=(0, 1)):
        repository.git.run("update-ref", "-d", _CACHED_TEXTS)


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


def is_configurable(version: str) -> bool:
    """Return whether the Git that says so of itself, `git version 2.54.0`, takes hooks from its configuration."""
    numbers = re.search(r"(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (2, 54)


class _Location:
    """Where recstore's hooks go: `folder`; and `git_folder`, the one in which Git looks for hooks.

    `kind` says how Git finds the first: it is the second, its configuration names it, or husky's scripts do.
    `others` are folders that may hold hooks of recstore's from other days. `setting` is that of `core.hooksPath`;
    `is_shared` says that it leads out of the repository.
    """

    def __init__(self, repository: Repository) -> None:
        self.git, common_dir = repository.git, repository.common_dir
        settings, git_folder = self.git.configured("core.hooksPath"), common_dir / "hooks"
        self.setting = settings[-1] if settings else ""
        if settings:  # seen from the top folder, where hooks are run
            stated = (repository.top_folder or repository.git_dir) / os.path.expanduser(self.setting)
            git_folder = Path(os.path.normpath(stated) if self.setting else os.devnull)
        own = common_dir / OWN_FOLDER
        self.kind: Literal["folder", "configuration", "husky"] = "folder"
        if is_configurable(self.git.text("version")):
            self.kind = "configuration"
        elif git_folder.name == "_" and (git_folder.parent.name == ".husky" or (git_folder / "h").is_file()):
            self.kind = "husky"
        self.git_folder, self.folder = git_folder, git_folder if self.kind == "folder" else own
        inside = [common_dir, repository.top_folder, common_dir.parent if common_dir.name == ".git" else None]
        self.is_shared = not any(within and git_folder.resolve().is_relative_to(within.resolve()) for within in inside)
        known = (common_dir / "hooks", own, *(() if self.is_shared else (git_folder,)))
        self.others = tuple(other for other in dict.fromkeys(known) if other != self.folder)

    def why_not_run(self, name: str) -> str:
        """Return why Git does not run a hook that is not where it looks by itself, "" if it does."""
        if self.kind == "husky":
            script = self.git_folder.parent / name
            text = script.read_text("utf-8", "replace") if script.is_file() else ""
            if f"/{name}" in text.partition(OWN_FOLDER)[2]:
                return ""
            call = f'hook=$(git rev-parse --git-common-dir)/{OWN_FOLDER}/{name}; [ ! -x "$hook" ] || "$hook" "$@"'
            return f"add to {script}: {call}"  # harmless to those who have not installed recstore's hooks
        for setting, value in _CONFIGURATION.items():
            if setting.startswith(f"hook.recstore-{name}.") and value not in self.git.configured(setting)[-1:]:
                return f"{setting} is not set; `recstore hooks install` sets it"
        for setting in (f"hook.recstore-{name}.enabled", f"hook.{name}.enabled"):
            if self.git.text("config", "--type=bool", "--get", setting, accept=(0, 1)) == "false":
                return f"{setting} is false"
        return ""


class _HookFile:
    """The hook `name` in `folder`, and the file beside it that it runs first. Raises GitError if one cannot be read."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.chained = folder / (name + CHAINED_SUFFIX)
        self.path = folder / name
        legacy = folder / f"{name}.legacy"
        if _is_frameworks(self.path) and _OURS.match(_head(legacy)):
            self.path = legacy  # the pre-commit framework has put recstore's hook there
        head = _head(self.path)
        version = _OURS.match(head)
        self.is_ours = version is not None
        self.is_chained = self.is_ours and (os.path.lexists(self.chained) or self.path == legacy)
        self.state: State = "installed"
        if version is None:
            self.state = "foreign" if os.path.lexists(self.path) else "not installed"
        elif not os.access(self.path, os.X_OK):
            self.state = "not executable"
        elif int(version[1]) <= _VERSION and head != hook_text(name).encode():
            self.state = "outdated"

    def install(self) -> None:
        """Put recstore's hook in place; one of a newer recstore stays."""
        if self.state == "installed":
            return
        with _naming(self.path, "written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{self.name}.tmp-{os.getpid()}"
            try:
                with temporary.open("wb") as opened:
                    opened.write(hook_text(self.name).encode())
                    opened.flush()
                    os.fsync(opened.fileno())
                temporary.chmod(0o755)
                if self.state == "foreign":
                    self.path.replace(self.chained)
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)

    def uninstall(self) -> None:
        """Take recstore's hook away, and put back the one that was there before: bytes, mode and all."""
        with _naming(self.path, "removed"):
            if self.is_ours and self.path.name != self.name and _is_frameworks(self.chained):
                self.chained.unlink()  # an older copy of the hook that is there
            if os.path.lexists(self.chained) and (self.is_ours or not os.path.lexists(self.path)):
                self.chained.replace(self.path)
            elif self.is_ours:
                self.path.unlink()


def _is_frameworks(path: Path) -> bool:
    return b"File generated by pre-commit" in _head(path)


def _head(path: Path) -> bytes:
    with _naming(path, "read"), suppress(FileNotFoundError), path.open("rb") as opened:
        return opened.read(4096)
    return b""


@contextmanager
def _naming(path: Path, verb: str) -> Iterator[None]:
    """Say of an operating system's error which file it was about."""
    try:
        yield
    except OSError as error:
        raise GitError(str(path), f"cannot be {verb}: {error.strerror or error}") from error

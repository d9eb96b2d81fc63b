"""A project's life with Git as a state machine: whatever happens, nothing that Git was given is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from recstore.errors import NotInStore
from recstore.gc.plan import GcOptions
from recstore.git.history import copies_of, find_blobs, heal
from recstore.git.program import Git
from recstore.git.repository import operation_in_progress
from recstore.model import BlobName
from recstore.store.directory import Directory
from recstore.store.verify import verify_store
from tests.git_repository import GitRepository

FILE = "tests/test_a.py"
NAMES = st.sampled_from(["test_a", "test_b", "test_c"])
ANSWERS = st.lists(st.sampled_from(["1", "2", "3", "4", "5", "6"]), min_size=1, max_size=3)
BRANCHES = st.sampled_from(["main", "side", "other"])


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_after(steps: int) -> Iterator[None]:
    """Stop the block at its `steps`-th change of a file or call of Git."""
    left = [steps]

    def counted(method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return method(*arguments, **options)

        return call

    with (
        mock.patch.object(Directory, "write", counted(Directory.write)),
        mock.patch.object(Directory, "remove", counted(Directory.remove)),
        mock.patch.object(Git, "run", counted(Git.run)),
        suppress(Killed),
    ):
        yield


class GitMachine(RuleBasedStateMachine):
    """Records, removes tests, commits, stashes, branches, merges, rebases, collects; and asks for everything back."""

    @initialize()
    def create(self) -> None:
        """Make a repository with two more branches."""
        self.scratch = tempfile.TemporaryDirectory()
        self.main = GitRepository.create(Path(self.scratch.name) / "project")
        self.here = self.main
        self.main.write(FILE, "")
        self.main.commit()
        self.main.git("branch", "side")
        self.blobs: dict[BlobName, bytes] = {}
        self.manifests: dict[tuple[str, str], str] = {}

    def teardown(self) -> None:
        """Look for everything one last time."""
        if hasattr(self, "scratch"):
            with self.scratch:
                self.everything_is_restorable()

    # -- a developer's day

    @rule(name=NAMES, answers=ANSWERS)
    def record(self, name: str, answers: list[str]) -> None:
        """Add a test to the file, unless it is there, and record it anew."""
        self.here.test_file(FILE, *sorted({*self.tests_here(), name}))
        self.here.record(f"{FILE}::{name}", *answers)

    @rule(name=NAMES)
    def remove_test(self, name: str) -> None:
        """Remove a test from the file."""
        self.here.test_file(FILE, *sorted(self.tests_here() - {name}))

    @rule()
    def add(self) -> None:
        """Stage everything."""
        self.here.git("add", "--all")

    @rule(options=st.sampled_from([None, GcOptions(is_staged=True)]))
    def commit(self, options: GcOptions | None) -> None:
        """Commit everything, perhaps after gc, as the hook does."""
        if options is not None:
            self.here.git("add", "--all")
            self.here.gc(options)
        self.remember(self.here.commit())

    @rule()
    def stash(self) -> None:
        """Stash everything, untracked files too."""
        before = self.here.git("rev-parse", "--quiet", "--verify", "refs/stash", ok=False)
        self.here.git("stash", "push", "--include-untracked")
        after = self.here.git("rev-parse", "--quiet", "--verify", "refs/stash", ok=False)
        if after != before:
            for part in self.here.git("rev-list", "--parents", "--max-count=1", after).split():
                self.remember(part, manifests=False)  # a stash that is popped is forgotten: its blobs are not

    @rule()
    def pop(self) -> None:
        """Take the last stash back; where it does not fit, keep it and clean up."""
        self.here.git("stash", "pop", ok=False)
        if self.here.git("ls-files", "--unmerged"):
            self.here.git("reset", "--hard", "--quiet")

    @rule(branch=BRANCHES)
    def switch(self, branch: str) -> None:
        """Commit, and check out another branch, a new one if need be."""
        self.remember(self.here.commit())
        exists = self.here.git("rev-parse", "--quiet", "--verify", f"refs/heads/{branch}", ok=False)
        self.here.git("checkout", "--quiet", *([] if exists else ["-b"]), branch, ok=False)

    @rule(branch=BRANCHES, how=st.sampled_from(["merge", "rebase", "cherry-pick"]))
    def join(self, branch: str, how: str) -> None:
        """Commit, and bring the branch together with this one; give up at a conflict."""
        self.remember(self.here.commit())
        if self.here.git("rev-parse", "--quiet", "--verify", f"refs/heads/{branch}", ok=False):
            self.here.git(how, branch, ok=False)
            with self.here.opened() as repository:
                if operation_in_progress(repository) is not None:
                    self.here.git(how, "--abort")
            self.remember(self.here.git("rev-parse", "HEAD"))

    @precondition(lambda self: self.here is self.main)
    @rule()
    def add_work_tree(self) -> None:
        """Go on in a second work tree, on a branch of its own."""
        second = self.main.folder.parent / "second"
        if not second.exists():
            self.main.git("worktree", "add", "--quiet", "-B", "linked", str(second))
        self.here = self.main.at(second)

    @precondition(lambda self: self.here is not self.main)
    @rule(is_removed=st.booleans())
    def leave_work_tree(self, *, is_removed: bool) -> None:
        """Go back to the first work tree, and perhaps remove the second with all that is not committed there."""
        if is_removed:
            self.everything_is_restorable()
            self.main.git("worktree", "remove", "--force", str(self.here.folder))
        self.here = self.main
        if is_removed:
            lost = self.lost()
            self.blobs = {name: data for name, data in self.blobs.items() if name not in lost}

    # -- recstore's part

    @rule(is_staged=st.booleans())
    def collect(self, *, is_staged: bool) -> None:
        """Run gc; what tests here need is still here."""
        missing = self.missing()
        self.here.gc(GcOptions(is_staged=is_staged))
        assert self.missing() <= missing

    @rule(is_staged=st.booleans(), steps=st.integers(0, 40))
    def collect_and_die(self, *, is_staged: bool, steps: int) -> None:
        """Run gc, and lose the process on the way."""
        missing = self.missing()
        with killed_after(steps):
            self.here.gc(GcOptions(is_staged=is_staged))
        (self.main.folder / ".git/index.lock").unlink(missing_ok=True)
        assert self.missing() <= missing

    @rule()
    def mend(self) -> None:
        """Heal: no test here lacks a recording afterwards."""
        with self.here.opened() as repository:
            heal(self.here.store, repository, self.named_here())
        assert () == verify_store(self.here.store).problems

    @rule()
    def everything_is_restorable(self) -> None:
        """Find every blob and every manifest that was ever given to Git, byte for byte."""
        assert set() == self.lost()
        with self.here.opened() as repository:
            store = self.here.store
            copies = {(copy.path, copy.oid) for copy in copies_of(repository, {path for path, _ in self.manifests})}
            assert set(self.manifests) <= copies
            assert all(repository.objects.has(oid) for _, oid in self.manifests)
            heal(store, repository, self.named_here())
        assert set() == self.missing()

    # -- the model

    def lost(self) -> set[BlobName]:
        """Return the blobs that neither a work tree nor Git has: one that a popped stash brought is in no commit."""
        loose = {name for name in self.blobs if any(tree.has(name) for tree in (self.main, self.here))}
        with self.here.opened() as repository:
            found = {file.path: file.data for file in find_blobs(repository, self.blobs.keys() - loose)}
        return {name for name in self.blobs if name not in loose and found.get(name.path) != self.blobs[name]}

    def remember(self, commit: str, *, manifests: bool = True) -> None:
        """Note everything that a commit has below the store's folder."""
        with self.here.opened() as repository:
            for path, oid in repository.store_files(commit, "blobs", "tests", "shared").items():
                name = BlobName.parse(Path(path).name.removesuffix(".json"))
                if path.startswith("blobs/") and name is not None:
                    self.blobs[name] = repository.objects.read(oid)
                elif manifests:
                    self.manifests[path, oid] = commit

    def tests_here(self) -> set[str]:
        """Return the functions of the test file."""
        text = (self.here.home / FILE).read_text() if (self.here.home / FILE).exists() else ""
        return {name for name in ("test_a", "test_b", "test_c") if f"def {name}(" in text}

    def named_here(self) -> set[BlobName]:
        """Return the blobs that manifests of the work tree name."""
        try:
            return {entry.blob for manifest in self.here.store.manifests() for entry in manifest.entries}
        except NotInStore:
            return set()

    def missing(self) -> set[BlobName]:
        """Return those of them that are not there."""
        return {blob for blob in self.named_here() if not self.here.has(blob)}


_EXAMPLES = max(12, settings().max_examples // 5)  # each takes about a second
GitMachine.TestCase.settings = settings(max_examples=_EXAMPLES, stateful_step_count=18, deadline=None)
TestGit = GitMachine.TestCase

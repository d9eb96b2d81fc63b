"""The store as a state machine: whatever is done to it, it holds what a plain dictionary would."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from recstore.content.canonical import request_key
from recstore.errors import DamagedBlob
from recstore.model import JsonBody, Recording, Request, Response
from recstore.store import Store
from recstore.store.verify import quarantine, verify_store

TESTS = st.sampled_from(["tests/a.py::test_a", "tests/a.py::test_A", "tests/b.py::test[x/y]"])
RECORDINGS = st.builds(
    lambda question, answer: Recording(
        Request("POST", "a", "/", body=JsonBody(question)), Response(body=JsonBody(answer))
    ),
    st.integers(1, 3),
    st.integers(1, 3),
)


class StoreMachine(RuleBasedStateMachine):
    """Puts, replaces, damages and repairs, and compares with a dictionary of lists."""

    recordings = Bundle("recordings")

    @initialize()
    def create(self) -> None:
        """Make a store in a new folder."""
        self.scratch = tempfile.TemporaryDirectory()
        self.store = Store.create(Path(self.scratch.name))
        self.tests: dict[str, list[Recording]] = {}
        self.shared: set[str] = set()

    def teardown(self) -> None:
        """Remove the folder."""
        self.scratch.cleanup()

    @rule(test_id=TESTS, recorded=st.lists(RECORDINGS, min_size=1, max_size=5))
    def put(self, test_id: str, recorded: list[Recording]) -> None:
        """Record a test anew: what it had is replaced."""
        self.store.put(test_id, recorded)
        self.tests[test_id] = recorded

    @rule(recording=RECORDINGS)
    def put_shared(self, recording: Recording) -> None:
        """Record something outside any test: nothing is replaced."""
        self.store.put(None, [recording])
        self.shared.add(repr(recording))

    @rule()
    def reopen(self) -> None:
        """Open the store again, as another process would."""
        self.store = Store.open(Path(self.scratch.name))

    @rule(flip=st.integers(0, 7))
    def damage_and_repair(self, flip: int) -> None:
        """Flip a bit: the blob is named and not served, moved away, and put back by recording again."""
        blob = next(self.store.blobs(), None)
        if blob is None:
            return
        path = self.store.directory.path(blob.path)
        good = path.read_bytes()
        path.write_bytes(bytes([good[0] ^ 1 << flip]) + good[1:])

        with pytest.raises(DamagedBlob):
            self.store.read_blob(blob)
        report = verify_store(self.store)
        assert (blob.path,) == report.damaged_files
        [kept] = quarantine(self.store, report.damaged_files)
        assert kept.read_bytes() == bytes([good[0] ^ 1 << flip]) + good[1:]
        self.store.put_encoded(blob, good)

    @invariant()
    def holds_what_was_put(self) -> None:
        """Find every test's recordings, in order, by request and by test, and nothing else."""
        assert sorted(self.tests) == sorted(self.store.tests())
        for test_id, recorded in self.tests.items():
            for recording in recorded:
                entries = self.store.find(recording.request, test_id)
                same = [other for other in recorded if request_key(other.request) == request_key(recording.request)]
                assert list(range(1, len(same) + 1)) == [entry.n for entry in entries]
                assert same == [self.store.get(entry) for entry in entries]
        shared = {
            repr(self.store.get(entry))
            for manifest in self.store.manifests()
            if manifest.test_id is None
            for entry in manifest.entries
        }
        assert self.shared == shared
        assert () == verify_store(self.store).problems


StoreMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestStore = StoreMachine.TestCase

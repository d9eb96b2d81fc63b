"""One test's requests: each is answered from the store, or called and kept."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from recstore.content.tokens import tokens_paid
from recstore.errors import Damage, ManifestConflict, NewerVersion, NotInStore, RecstoreError, ReplayMiss
from recstore.model import BlobName, Digest, Entry, Json, Recording, Response
from recstore.record.answer import wire_response, with_chunks
from recstore.record.call import Call
from recstore.record.kept import LiveAnswer
from recstore.record.listening import Listener
from recstore.record.lookup import Recordings, Time
from recstore.record.modes import ACTIONS, Action, Finding, Mode
from recstore.record.passthrough import host_of, is_let_through
from recstore.record.report import SessionReport, with_recordings
from recstore.record.sent import Sent, read_request
from recstore.record.server_ids import Names
from recstore.record.wire import WireRequest
from recstore.settings import Settings
from recstore.store import Store
from recstore.store.blob import encode_checked

if TYPE_CHECKING:
    from recstore.record.publish import NewRecording

_UNUSABLE = (Damage, ManifestConflict, NewerVersion, NotInStore)


class Session:
    """The requests of one test, of one scope of fixtures, or of one `use` block. Thread-safe.

    `scope_id` is the test's id; None: recordings made outside any test. Options that a marker gives (share,
    repeat_last, timing) replace those fields of `settings`. `parents` are the sessions of fixtures that the test has
    used: ids that a server gave them may come back in the test's own requests.
    """

    def __init__(
        self, store: Store, settings: Settings, scope_id: str | None, mode: Mode, *, parents: Iterable[Session] = ()
    ) -> None:
        self.store = store
        self.settings = settings
        self.scope_id = scope_id
        self.mode = mode
        self.passed_hosts: set[str] = set()
        self._names: Names = Names(scope_id, [parent._names for parent in parents])  # noqa: SLF001 - its own class
        self._recordings = Recordings(store, settings.rules, scope_id)
        self._live = Listener(self._names, settings.redact, time.monotonic if settings.timing else None)
        self._turn = Lock()
        self._begun = 0
        self._new: dict[int, tuple[NewRecording, ...]] = {}
        self._new_times: dict[str, int] = {}
        self._drift: dict[int, tuple[str, ...]] = {}
        self._misses: dict[str, ReplayMiss] = {}
        self._problems: dict[str, RecstoreError] = {}
        self._tokens_saved: list[int] = []
        self._is_over = False
        self._report: SessionReport | None = None

    def begin(self, request: WireRequest) -> Call | None:
        """Return the call that `request` begins; None: let it through, and look away.

        Raises: ReplayMiss: there is no recording. Damage, ManifestConflict, NewerVersion, NotInStore: it cannot be used.
        """
        if self.mode is Mode.LIVE or (self._is_over and self.mode is not Mode.REPLAY):
            return None
        if self.settings.passthrough and is_let_through(request.url, self.settings.passthrough):
            self.passed_hosts.add(host_of(request.url))
            return None
        self._live.hear(request)
        sent = read_request(request, self.settings.upstreams, self.settings.redact, self._names)
        try:
            with self._turn:
                self._begun += 1
                return self._decided(sent, request)
        except ReplayMiss:
            raise
        except RecstoreError as error:
            self._problems.setdefault(str(error), error)
            raise

    def inherit(self, parent: Session) -> None:
        """Have one more parent: a fixture that was set up after the test had begun."""
        self._names.know_too(parent._names)

    def note_served(self, test_id: str | None, entries: Iterable[Entry]) -> None:
        """Know that another recorder's storage has answered from these entries, if the test is the session's own."""
        if test_id == self.scope_id:
            self._recordings.note_served(entries)

    @property
    def misses(self) -> tuple[ReplayMiss, ...]:
        """Every miss so far, each once: clients swallow, wrap and retry."""
        return tuple(self._misses.values())

    @property
    def problems(self) -> tuple[RecstoreError, ...]:
        """Every other error that `begin` has raised so far, each once: damage, above all."""
        return tuple(self._problems.values())

    def finish(self, *, passed: bool) -> SessionReport:
        """Return what the session did, after what it recorded is published (passed) or kept in `local/failed`.

        Calls that have not ended are forgotten, and so is what they still receive. Further calls return the same.

        Raises: Locked, Damage, RecstoreError: it could not be published.
        """
        if self._report is None:
            with self._turn:
                self._is_over = True
                new = [recording for number in sorted(self._new) for recording in self._new[number]]
            self._report = self._closed(new, passed=passed)
        return self._report

    # -- what is done with a request

    def _decided(self, sent: Sent, wire: WireRequest) -> Call:
        """Do what the table says of this mode and of what the store has."""
        if len({ACTIONS[self.mode, finding] for finding in Finding}) == 1:  # whatever it has
            self._refuse_newer()
            return self._recorded(sent, wire)
        finding, found, error = self._found(sent)
        action = ACTIONS[self.mode, finding]
        if action is Action.SERVE and found is not None:
            return self._served(sent, *found)
        if action is Action.COMPARE:
            return self._compared(sent, wire, found[1] if found else None)
        if action is Action.REUSE_OR_RECORD:
            return self._reused(sent) or self._recorded(sent, wire)
        raise error or self._missed(sent)

    def _found(self, sent: Sent) -> tuple[Finding, tuple[Time, Response] | None, RecstoreError | None]:
        found = None
        try:
            found = self._recordings.take(sent.request, sent.key, may_repeat=self.settings.repeat_last)
            if found is None:
                return Finding.MISS, None, None
            return Finding.HIT, (found, self._recordings.response(found)), None
        except _UNUSABLE as error:
            if found is not None:
                self._recordings.give_back(found)
            return Finding.DAMAGE, None, error

    def _refuse_newer(self) -> None:
        """Let a later recstore's recordings be: what else may be wrong with old ones, recording mends."""
        if self._begun == 1:
            with suppress(Damage, ManifestConflict):
                self._recordings.entries  # noqa: B018 - read for the error it may raise

    def _missed(self, sent: Sent) -> ReplayMiss:
        from recstore.record.misses import miss

        error = self._misses.get(sent.key)
        if error is None:
            error = self._misses[sent.key] = miss(self.store, self._recordings, self.scope_id, sent)
        return ReplayMiss(error.subject, error.reason, error.remedy)  # with a traceback of its own

    def _served(self, sent: Sent, found: Time, response: Response) -> Call:
        answer = wire_response(response, sent.request.method, sent.request.path)
        answer = with_chunks(answer, self._names.presented(answer.chunks, found[0].blob.key, found[0].n))
        if self.settings.timing:
            from recstore.record.timing import replayed_delays_s

            answer = replace(answer, delays_s=replayed_delays_s(found[0].origin, len(answer.chunks)))
        self._tokens_saved.append(tokens_paid(response))
        return Call(answer)

    def _reused(self, sent: Sent) -> Call | None:
        from recstore.record.publish import NewRecording
        from recstore.record.reusing import reusable

        n = self._next_time(sent)
        found = reusable(self.store, self._recordings, sent, n, share=self.settings.share)
        if found is None:
            return None
        self._new_times[sent.key] = n - self._recordings.count_of(sent.key)
        self._new[self._begun] = tuple(NewRecording(entry, None) for entry in found[0])
        return self._served(sent, *found)

    def _recorded(self, sent: Sent, wire: WireRequest) -> Call:
        from recstore.record.publish import NewRecording

        number, n = self._begun, self._next_time(sent)
        self._new_times[sent.key] = self._new_times.get(sent.key, 0) + 1

        def take(answer: LiveAnswer, response: Response) -> None:
            data = encode_checked(Recording(sent.storable(), response))
            entry = Entry(BlobName(sent.key, Digest.of(data)), n, origin=self._origin(answer, response, sent))
            with self._turn:
                self._new[number] = (NewRecording(entry, data),)

        return self._live.call(sent, wire, take)

    def _next_time(self, sent: Sent) -> int:
        """Return which time of this request the next new recording is."""
        recorded = 0 if self.mode is Mode.RECORD else self._recordings.count_of(sent.key)
        return recorded + self._new_times.get(sent.key, 0) + 1

    def _origin(self, answer: LiveAnswer, response: Response, sent: Sent) -> dict[str, Json]:
        if not self.settings.timing:
            return {}
        from recstore.record.timing import DELAYS, recorded_delays_ms

        chunks = wire_response(response, sent.request.method, sent.request.path).chunks
        return {DELAYS: recorded_delays_ms(answer, len(chunks))}

    def _compared(self, sent: Sent, wire: WireRequest, recorded: Response | None) -> Call:
        from recstore.record.compare import drift_of

        number, asked = self._begun, f"{sent.request.method} {sent.request.path}"
        if recorded is None:
            self._drift[number] = (f"{asked}: is not recorded",)

        def take(_: LiveAnswer, response: Response) -> None:
            if recorded is not None and not self._is_over:
                self._drift[number] = tuple(f"{asked}: {place}" for place in drift_of(recorded, response, sent.request))

        return self._live.call(sent, wire, take)

    def _closed(self, new: list[NewRecording], *, passed: bool) -> SessionReport:
        done = SessionReport(
            self.scope_id,
            self.mode,
            misses=self.misses,
            problems=self.problems,
            drift=tuple(line for number in sorted(self._drift) for line in self._drift[number]),
            requests_saved=len(self._tokens_saved),
            tokens_saved=sum(self._tokens_saved),
        )
        if not new:
            return with_recordings(done, self._recordings)
        from recstore.record.closing import closed

        return closed(self.store, done, self._recordings, new, passed=passed)

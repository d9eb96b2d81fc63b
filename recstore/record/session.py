"""One scope's requests, each answered from the store or recorded, and the session that is active here and now."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

from recstore.content.tokens import tokens_paid
from recstore.errors import Damage, ManifestConflict, RecstoreError, ReplayMiss
from recstore.model import BlobName, Digest, Entry, Json, Manifest, Mode, Recording, RequestKey
from recstore.record import replay
from recstore.record.exchange import Exchange, WireError, WireRequest, header_value
from recstore.record.lookup import Recordings
from recstore.record.normalise import normalise_request, normalise_response
from recstore.record.publish import NewRecording, publish, put_aside
from recstore.record.server_ids import IdMap
from recstore.settings import Settings
from recstore.store import Store
from recstore.store.blob import encode_checked


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What a session did, said when it is over.

    `manifest` is the digest of the text of the test's manifest as it is now; `used` the (key, n) of its entries that
    answered a request or are new, `unused` those that no request asked for, in modes that ask. `recorded` counts live
    answers that were published, `reused` those taken over from other tests; `problems` are the errors other than misses.
    """

    scope_id: str | None
    mode: Mode
    manifest: str = ""
    used: frozenset[tuple[str, int]] = frozenset()
    recorded: int = 0
    reused: int = 0
    misses: tuple[ReplayMiss, ...] = ()
    problems: tuple[RecstoreError, ...] = ()
    unused: tuple[Entry, ...] = ()
    drift: tuple[str, ...] = ()
    requests_saved: int = 0
    tokens_saved: int = 0


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
        self._ids: IdMap = IdMap(scope_id, [parent._ids for parent in parents])  # noqa: SLF001 - its own class
        self._recordings = Recordings(store, settings.rules, scope_id)
        self._turn = Lock()
        self._begun = 0
        self._in_flight: dict[int, Exchange] = {}
        self._new: dict[int, tuple[NewRecording, ...]] = {}
        self._new_counts: Counter[RequestKey] = Counter()
        self._drift: dict[int, tuple[str, ...]] = {}
        self._misses: dict[str, ReplayMiss] = {}
        self._problems: dict[str, RecstoreError] = {}
        self._tokens_saved: list[int] = []
        self._is_over = False
        self._report: SessionReport | None = None

    @property
    def test_id(self) -> str:
        """The id that the recordings are kept under, "" outside any test: for tests to look at."""
        return self.scope_id or ""

    @property
    def misses(self) -> tuple[ReplayMiss, ...]:
        """Every miss so far, each once: clients swallow, wrap and retry."""
        return tuple(self._misses.values())

    @property
    def problems(self) -> tuple[RecstoreError, ...]:
        """Every other error that `begin` has raised so far, each once: damage, above all."""
        return tuple(self._problems.values())

    def inherit(self, parent: Session) -> None:
        """Have one more parent: a fixture that was set up after the test had begun."""
        self._ids.parents.append(parent._ids)

    def mark_used(self, test_id: str | None, entries: Iterable[Entry]) -> None:
        """Note that another recorder's storage has answered from these entries, if the test is the session's own."""
        if test_id == self.scope_id:
            self._recordings.used.update(entry.call for entry in entries)

    def begin(self, request: WireRequest) -> Exchange | None:
        """Return the exchange that `request` begins, with the recorded answer if there is one; None: let it through.

        Raises: ReplayMiss: there is no recording. Damage, ManifestConflict, NewerVersion, NotInStore: it cannot be used.
        """
        if self.mode is Mode.LIVE or (self._is_over and self.mode is not Mode.REPLAY):
            return None
        if passthrough_pattern(self.settings.passthrough).match(request.url):
            with suppress(ValueError):
                self.passed_hosts.add(urlsplit(request.url).hostname or "")
            return None
        with self._turn:
            in_flight = [*self._in_flight.values()]
        data = request.url.encode("utf-8", "replace") + b"\n" + request.body if in_flight else b""
        unknown = self._ids.unknown_in(data)  # a client may use an id that it has read of an answer under way
        for other in in_flight if unknown else ():
            data = b"".join(other.chunks)
            if header_value(other.headers, "content-encoding") or any(name in data for name in unknown):
                normalise_response(other, self.settings.redact, self._ids)
        sent = normalise_request(request, self.settings.upstreams, self.settings.redact, self._ids)
        with self._turn:
            self._begun += 1
            exchange = Exchange(request, sent, self._begun)
            try:
                self._decide(exchange)
            except ReplayMiss:
                raise
            except RecstoreError as error:
                self._problems.setdefault(str(error), error)
                raise
            if exchange.replayed is None:
                self._in_flight[exchange.number] = exchange
        return exchange

    def complete(self, exchange: Exchange, error: WireError | None = None) -> None:
        """Mark the exchange complete: the answer has ended, the client wants no more of it, or `error` broke it. Idempotent.

        The answer is recorded or compared as the mode demands, unless the session is over. An exchange without an error of
        which not even the head has come stays open: there is nothing to record.
        """
        with self._turn:
            if exchange.is_complete or (error is None and exchange.status is None):
                return
            exchange.is_complete, exchange.error = True, error
        response = normalise_response(exchange, self.settings.redact, self._ids)
        sent, drift = exchange.request, tuple[str, ...]()
        new: tuple[NewRecording, ...] = ()
        if exchange.expected is not None:
            drift = replay.response_differences(exchange.expected, response, sent.request)
        elif self.mode is not Mode.VERIFY and not self._is_over:
            data = encode_checked(Recording(sent.storable(), response))
            origin: dict[str, Json] = {}
            if self.settings.timing:
                chunks = replay.response_to_wire(response, sent.request.method, sent.request.path).chunks
                origin[replay.DELAYS] = replay.recorded_delays_ms(exchange, len(chunks))
            entry = Entry(BlobName(sent.key, Digest.of(data)), exchange.occurrence, origin=origin)
            new = (NewRecording(entry, data),)
        with self._turn:
            self._in_flight.pop(exchange.number, None)
            if not self._is_over:
                self._new[exchange.number] = new
                name = f"{sent.request.method} {sent.request.path}"
                self._drift.setdefault(exchange.number, tuple(f"{name}: {difference}" for difference in drift))

    def finish(self, *, passed: bool) -> SessionReport:
        """Return what the session did, after its recordings are published (passed) or put aside.

        Exchanges that are not complete are forgotten, and so is what they still receive. Further calls return the same.

        Raises: Locked, Damage, RecstoreError: it could not be published.
        """
        if self._report is not None:
            return self._report
        with self._turn:
            self._is_over = True
            self._in_flight.clear()
            new = [recording for number in sorted(self._new) for recording in self._new[number]]
        manifest, used, replaces = Manifest(self.scope_id, ()), self._recordings.used, self.mode is Mode.RECORD
        with suppress(RecstoreError):  # of a manifest that cannot be read there is nothing to say
            manifest = self._recordings.manifest
        if new and passed:
            before = () if replaces else [entry.call for entry in manifest.entries]
            manifest = publish(self.store, self.scope_id, new, replaces=replaces) or Manifest(None, ())
            used = used | {entry.call for entry in manifest.entries}.difference(before)
        elif new:
            put_aside(self.store, self.scope_id, new)
        recorded = sum(recording.data is not None for recording in new) if passed else 0
        asks = self.mode in (Mode.REPLAY, Mode.RECORD_IF_MISSING, Mode.VERIFY)
        self._report = SessionReport(
            self.scope_id,
            self.mode,
            manifest.digest,
            frozenset(used),
            recorded=recorded,
            reused=len(new) - recorded if passed else 0,
            misses=self.misses,
            problems=self.problems,
            unused=tuple(entry for entry in manifest.entries if entry.call not in used) if asks else (),
            drift=tuple(line for number in sorted(self._drift) for line in self._drift[number]),
            requests_saved=len(self._tokens_saved),
            tokens_saved=sum(self._tokens_saved),
        )
        return self._report

    # -- what is done with a request, under the lock

    def _decide(self, exchange: Exchange) -> None:
        """Set the recorded answer of the exchange, what its answer is compared with, or the occurrence that is recorded.

        Damage is never a miss: only a mode that records everything goes on after it.
        """
        sent = exchange.request
        match = None
        if self.mode is not Mode.RECORD:
            match = self._recordings.next_match(sent.request, sent.key, may_repeat=self.settings.repeat_last)
        elif self._begun == 1:  # whatever the store has; a later recstore's recordings are not replaced
            with suppress(Damage, ManifestConflict):
                self._recordings.count_of(sent.key)
        if self.mode is Mode.VERIFY:
            if match is None:
                self._drift[exchange.number] = (f"{sent.request.method} {sent.request.path}: is not recorded",)
            else:
                exchange.expected = match.response
            return
        if match is None and self.mode is not Mode.REPLAY:
            self._new_counts[sent.key] += 1
            exchange.occurrence = self._new_counts[sent.key]
            if self.mode is Mode.RECORD_IF_MISSING:
                exchange.occurrence += self._recordings.count_of(sent.key)
                match = self._recordings.find_reusable(sent, exchange.occurrence, share=self.settings.share)
            if match is None:
                return
            self._new[exchange.number] = tuple(NewRecording(entry, None) for entry in match.entries)
        if match is None:
            if sent.key not in self._misses:
                from recstore.record.near_misses import replay_miss

                self._misses[sent.key] = replay_miss(self.store, self._recordings, self.scope_id, sent)
            miss = self._misses[sent.key]
            raise ReplayMiss(miss.subject, miss.reason, miss.remedy)  # with a traceback of its own
        entry = match.entries[0]
        answer = replay.response_to_wire(match.response, sent.request.method, sent.request.path)
        answer = replay.with_chunks(answer, self._ids.to_replayed(answer.chunks, *entry.call))
        if self.settings.timing:
            answer = replace(answer, delays_s=replay.replayed_delays_s(entry.origin, len(answer.chunks)))
        self._tokens_saved.append(tokens_paid(match.response))
        exchange.replayed, exchange.is_complete = answer, True


@lru_cache
def passthrough_pattern(bases: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches a URL at or below one of the base URLs, in which `*` stands for anything without a `/`."""
    patterns = (re.escape(base.rstrip("/")).replace(r"\*", "[^/?#]*") for base in bases)
    return re.compile(f"(?:{'|'.join(patterns) or '(?!)'})" + r"(?=[/?#]|\Z)", re.IGNORECASE)


# -- the active session

_of_context: Final[ContextVar[Session | None]] = ContextVar("recstore_session", default=None)

_active: list[Session] = []  # the one thing of the process that must be found from any thread


def current() -> Session | None:
    """Return the session of this thread or task; else the one that was activated last; None if none is active.

    A context may outlive its session (a client's background task, say): a session that is over is never returned.
    """
    session = _of_context.get()
    if session is not None and any(session is other for other in _active):
        return session
    return next(reversed(_active), None)  # another thread may leave the last one meanwhile


@contextmanager
def activate(session: Session) -> Iterator[Session]:
    """Have `session` answer what is requested inside the block: in this context, and in threads that know of none."""
    before = _of_context.get()
    _of_context.set(session)
    _active.append(session)
    try:
        yield session
    finally:
        # By value and by identity, not by token and place: a fixture may end in another context than it began in,
        # and threads leave in any order.
        _of_context.set(before)
        _active[:] = [other for other in _active if other is not session]

"""Another test's recording, where it can answer a request without ambiguity: no call is made, one line is written."""

from __future__ import annotations

from dataclasses import replace

from recstore.errors import RecstoreError
from recstore.model import Entry, Response
from recstore.record.lookup import Recordings, Time
from recstore.record.sent import Sent
from recstore.record.timing import DELAYS
from recstore.store import Store
from recstore.store.blob import minted_id
from recstore.store.index import Index


def reusable(store: Store, recordings: Recordings, sent: Sent, n: int, *, share: bool) -> tuple[Time, Response] | None:
    """Return what can answer the request the n-th time, and the response; None where nothing can, or not surely.

    Surely is: some test asked n times, and the whole store knows one response to it; with `share` the first test's
    n-th will do. What bears the id of the file that it was imported from is that file's alone. A blob that is missing or
    damaged is no answer, and none of this test's: it is called for.
    """
    uses = [(owner, entry) for owner, entry in Index(store).uses_of(sent.key) if not minted_id(entry.origin)]
    owner = next((owner for owner, entry in uses if entry.n == n), None)
    found = [entry for other, entry in uses if other == owner and entry.n == n]
    if not found or (len({entry.blob for _, entry in uses}) > 1 and not share):
        return None
    time = tuple(_as_own(entry) for entry in (found if found[0].is_union else found[:1]))
    try:
        return time, recordings.response(time)
    except RecstoreError:
        return None


def _as_own(entry: Entry) -> Entry:
    return replace(entry, origin={name: value for name, value in entry.origin.items() if name == DELAYS})

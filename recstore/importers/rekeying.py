"""New names for old recordings: the upstream map or the identity rule calls their requests otherwise now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from recstore.importers.rewrite import Rewrite, Rewriting, rewrite_store
from recstore.model import BlobName, Entry, Json, Recording, RequestKey
from recstore.store import Store
from recstore.upstreams import UpstreamMap, default_base


@dataclass(frozen=True, slots=True)
class RekeyReport:
    """What was renamed, in which manifests, and which requests are one now: the new key, and the old ones."""

    entries: int
    renamed: tuple[tuple[BlobName, BlobName], ...]
    changed_manifests: tuple[str, ...]
    merges: dict[RequestKey, tuple[RequestKey, ...]]


def rekey_store(store: Store, upstreams: UpstreamMap, *, dry_run: bool = False) -> RekeyReport:
    """Rename every blob whose request is called otherwise under `upstreams`, and what names it.

    After, Raises: as `rewrite_store`.
    """
    done = rewrite_store(store, Rewrite(upstreams, partial(_relabelled, upstreams)), dry_run=dry_run)
    return RekeyReport(len(done.entries), done.renamed, done.changed_manifests, _merges(done.entries))


def _relabelled(upstreams: UpstreamMap, recording: Recording, entry: Entry) -> tuple[Recording, dict[str, Json]]:
    """Return a recording under the label that its upstream has now, and its origin."""
    request = recording.request
    base = entry.origin.get("base") or default_base(request.upstream)
    address = upstreams.address(f"{base}{request.path}")
    renamed = Recording(replace(request, upstream=address.upstream, path=address.path), recording.response)
    return renamed, {} if address.base == default_base(address.upstream) else {"base": address.base}


def _merges(renamings: Iterable[Rewriting]) -> dict[RequestKey, tuple[RequestKey, ...]]:
    old_keys: dict[RequestKey, set[RequestKey]] = defaultdict(set)
    for renaming in renamings:
        old_keys[renaming.after.blob.key].add(renaming.before.blob.key)
    return {new: tuple(sorted(old)) for new, old in sorted(old_keys.items()) if len(old) > 1}

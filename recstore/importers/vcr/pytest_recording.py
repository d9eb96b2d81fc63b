"""A plugin for suites that use pytest-recording: their cassettes are kept in the project's store.

    pytest_plugins = ["recstore.importers.vcr.pytest_recording"]          in the topmost conftest.py

No test changes: markers, `--record-mode` with all its modes, extra and default cassettes mean what they mean.
"""

from __future__ import annotations

from typing import Any

import pytest

from recstore.importers.vcr.persister import Persister

_ITEM = pytest.StashKey[pytest.Item]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember which test is set up."""
    item.config.stash[_ITEM] = item


@pytest.hookimpl(optionalhook=True)
def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Replace what loads and saves the cassettes of the test that is set up.

    The mode is found as pytest-recording finds it, which does not pass it on to vcrpy.
    """
    from pytest_recording.utils import merge_kwargs

    item = config.stash[_ITEM]
    stated = item._request.getfixturevalue("vcr_config")  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to a fixture
    merged = merge_kwargs(stated, list(item.iter_markers("vcr")))
    mode = merged.get("record_mode") or config.getoption("--record-mode")
    extra_paths = getattr(vcr.persister, "extra_paths", ())
    vcr.register_persister(Persister(extra_paths, is_rewriting=mode == "rewrite"))

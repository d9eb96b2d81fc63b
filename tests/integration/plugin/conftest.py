"""A story's project, and its upstream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recstore.store import Store
from tests.integration.plugin.stories import Story, Upstream, serving


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Return a running upstream."""
    with serving() as running:
        yield running


@pytest.fixture
def story(tmp_path: Path, upstream: Upstream) -> Story:
    """Return an empty project with a store; pytest's root folder is the project's."""
    Store.create(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n')
    return Story(tmp_path, upstream)

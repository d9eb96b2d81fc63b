"""Clients are intercepted in these tests, and afterwards as well: the plugin that runs them may need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recstore.capture import intercept_clients


@pytest.fixture(autouse=True)
def _intercepted() -> Iterator[None]:
    intercept_clients()
    yield
    intercept_clients()

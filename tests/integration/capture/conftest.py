"""Clients are intercepted in these tests, and afterwards as well: the plugin that runs them may need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recstore.capture import install


@pytest.fixture(autouse=True)
def _intercepted() -> Iterator[None]:
    install()
    yield
    install()

"""Settings of the tests on real weights."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _quick_collections(_libraries_are_here_to_stay: None) -> None: ...

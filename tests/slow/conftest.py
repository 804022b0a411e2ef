"""The random model of these tests, and runs with less around them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from quick_runs import ask_fewer, leave_charts_empty, read_less
from tiny_model import make_tiny_model

from factlab.cli.quiet import quiet_libraries
from factlab.models.load import LoadedModel, load_model
from factlab.models.resolve import resolve_model

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))  # for made-up conversations


@pytest.fixture(autouse=True)
def _quick_collections(_libraries_are_here_to_stay: None) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def _quick_runs(expanded_once: None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_less(patch, 2000)
        ask_fewer(patch, lambda bank: bank[:120])  # a bank that is taken whole, unscreened
        yield


@pytest.fixture(autouse=True)
def _empty_charts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn where a test is marked `charts`, and where a module's own run is made."""
    if request.node.get_closest_marker("charts") is None:
        leave_charts_empty(monkeypatch)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    quiet_libraries()
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny(tiny_folder: Path) -> LoadedModel:
    return load_model(resolve_model(str(tiny_folder)), "fp32")


@pytest.fixture
def few_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen controls of each kind: a random model knows none of them anyway."""
    ask_fewer(monkeypatch, lambda bank: bank[:12])

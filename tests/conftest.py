"""Settings that every test shares."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# As many processes as cores (pytest-xdist), each with one thread: small models gain nothing by two,
# and threads that wait for each other are slow beside other work. Tokenizers must not fork.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Nothing but this machine is reached, neither from here nor from what a test starts.
OFFLINE = Path(__file__).parent / "offline"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OFFLINE), os.getenv("PYTHONPATH")]))
sys.path.insert(0, str(OFFLINE))
sys.modules.pop("sitecustomize", None)  # one of the system's, or this one if a test starts tests
import sitecustomize as offline  # noqa: E402

# A busy machine is slow now and then; no test is about time.
settings.register_profile("factlab", deadline=None)
settings.load_profile("factlab")


# Files are handed out whole and in this order: a long one that began last would keep one core
# busy and the others idle. What is not named follows as it was collected.
LONGEST_FIRST = (
    "model/test_run.py",
    "slow/test_pipeline.py",
    "unit/test_cli.py",
    "slow/test_exported.py",
    "slow/test_techniques.py",
    "model/test_practice_run.py",
    "slow/test_resuming.py",
    "slow/test_interrupt.py",
    "slow/test_combining.py",
    "unit/test_anchors.py",
    "slow/test_watching.py",
    "report/test_page.py",
    "slow/test_hostile_models.py",
    "slow/test_conversations.py",
    "slow/test_profile_process.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""

    def place(item: pytest.Item) -> int:
        name = f"{item.path.parent.name}/{item.path.name}"
        return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _nothing_fetched() -> Iterator[None]:
    """A test that reached for another machine fails, even if a library passed over the refusal."""
    yield
    reached, offline.attempts[:] = list(offline.attempts), []
    assert not reached, f"reached for {reached}"


@pytest.fixture(scope="module", autouse=True)
def _collector_at_rest() -> None:
    """Have the garbage collector pass over what is loaded by now.

    Each correction of p values collects (statsmodels does), which took nine tenths of the time of
    tests of comparisons: there are a million objects of libraries and collected tests.
    """
    gc.collect()  # so that no garbage, such as a model, is held for good
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _kept_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a base replied in one test session is no evidence in another."""
    from factlab.models import base_cache as kept

    folder = tmp_path_factory.mktemp("kept")
    kept.base_cache_folder = lambda: folder


@pytest.fixture(scope="module")
def expanded_once() -> Iterator[None]:
    """What plans of one fact are expanded into is made once; for files with many such plans."""
    from quick_runs import expand_once

    with pytest.MonkeyPatch.context() as patch:
        expand_once(patch)
        yield


@pytest.fixture(scope="session")
def products_stand_alone() -> bool:
    """Whether this processor's bf16 products give a row the same bits beside others and alone."""
    import torch

    torch.manual_seed(0)
    for wide, narrow in ((64, 128), (64, 4), (4, 64), (576, 192), (1536, 576)):
        weight = torch.randn(narrow, wide).bfloat16()
        rows = torch.randn(300, wide).bfloat16()
        added = torch.randn(300, narrow).bfloat16()
        whole, sums = rows @ weight.T, torch.addmm(added, rows, weight.T)
        for some in (1, 3, 8, 40, 129):
            few, own = rows[:some].clone(), added[:some].clone()
            # Side by side with another adapter's, and alone.
            double = torch.baddbmm(
                own.expand(2, -1, -1), few.expand(2, -1, -1), weight.T.expand(2, -1, -1)
            )
            found = (
                (few @ weight.T, whole),
                (torch.addmm(own, few, weight.T), sums),
                (double[1], sums),
            )
            if not all(torch.equal(part, full[:some]) for part, full in found):
                return False
    return True


@pytest.fixture(scope="session")
def _libraries_are_here_to_stay() -> Iterator[None]:
    """Have the collector pass over the million objects of torch and its family from now on.

    Training and asking collect garbage often; going through these took a quarter of a test's time.
    """
    from factlab.models.process_memory import imports_frozen

    with imports_frozen():
        yield

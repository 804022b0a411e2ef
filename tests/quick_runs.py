"""Runs with less around them, for tests whose subject it is not.

Hundreds of control questions, the expansion of the same fact, a long neutral text and the drawing
of charts are most of what a run of a tiny model does. Each has tests of its own (tests/unit,
tests/report, tests/model).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from markupsafe import Markup

from factlab import experiment
from factlab.expand import anchors, controls, splits
from factlab.report import drawing
from factlab.schema import control, template

Choose = Callable[[Sequence[Any]], Sequence[Any]]

for _module in pkgutil.iter_modules(experiment.__path__, "factlab.experiment."):
    importlib.import_module(_module.name)  # where runs are put together


def _importers(source: ModuleType, name: str) -> list[ModuleType]:
    """The modules of a run that import a function; its own where none does, but calls it there."""
    made = getattr(source, name)
    loaded = [m for key, m in sys.modules.items() if key.startswith("factlab") and m is not source]
    return [module for module in loaded if getattr(module, name, None) is made] or [source]


# Looked for now: whatever is imported later has the functions as they are.
CONTROLS = {
    name: _importers(controls, name)
    for name in ("far_questions", "near_questions", "unanswerable_questions")
}
ANCHORS = {"anchor_questions": _importers(anchors, "anchor_questions")}
EXPANDED = CONTROLS | ANCHORS | {"expand": _importers(splits, "expand")}
NEUTRAL = {"neutral_text": _importers(control, "neutral_text")}


def _replace(
    patch: pytest.MonkeyPatch,
    places: dict[str, list[ModuleType]],
    by: Callable[..., Any],
) -> None:
    """Have `by(name, what is there now, *arguments)` called instead of each function."""
    for name, modules in places.items():
        for module in modules:
            patch.setattr(module, name, partial(by, name, getattr(module, name)))


def ask_fewer(patch: pytest.MonkeyPatch, choose: Choose) -> None:
    """Put `choose` of each kind of controls in the place of all."""
    _replace(patch, CONTROLS, lambda _, whole, *given: choose(whole(*given)))


def anchor_fewer(patch: pytest.MonkeyPatch, choose: Choose) -> None:
    """Put `choose` of a fact's anchors in the place of all."""
    _replace(patch, ANCHORS, lambda _, whole, *given, **named: choose(whole(*given, **named)))


def read_less(patch: pytest.MonkeyPatch, characters: int) -> None:
    """Measure drift on the first characters of the neutral text."""
    _replace(patch, NEUTRAL, lambda _, whole, *given: whole(*given)[:characters])


def expand_once(patch: pytest.MonkeyPatch) -> None:
    """Keep what facts and controls are expanded into; it is frozen and depends on nothing else."""
    _replace(patch, EXPANDED, _remembered)


_made: dict[tuple[Any, ...], Any] = {}


def _remembered(name: str, make: Callable[..., Any], *given: Any, **settings: Any) -> Any:
    # Records show every field; a test that puts other shipped files in place has their own.
    files = (anchors.shipped, control.shipped, template.shipped)
    key = (*files, repr((name, given, sorted(settings.items()))))
    if key not in _made:
        _made[key] = make(*given, **settings)
    return _made[key]


def leave_charts_empty(patch: pytest.MonkeyPatch) -> None:
    """Have reports of the same text and tables, with an empty SVG for each chart."""
    patch.setattr(drawing, "_dressed", lambda chart: chart)
    patch.setattr(drawing, "_svg", lambda *_: Markup("<svg></svg>"))

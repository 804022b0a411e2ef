"""Runs with less around them, for tests whose subject it is not.

Hundreds of control questions, the expansion of the same fact and the drawing of charts are most of
what a run of a tiny model does. Each has tests of its own (tests/unit, tests/report).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from markupsafe import Markup

from factlab.experiment import plan
from factlab.report import drawing

Choose = Callable[[Sequence[Any]], Sequence[Any]]
CONTROLS = ("far_questions", "near_questions", "unanswerable_questions")


def ask_fewer(patch: pytest.MonkeyPatch, choose: Choose) -> None:
    """Put `choose` of each kind of controls in the place of all."""
    for name in CONTROLS:
        whole = getattr(plan, name)
        patch.setattr(plan, name, lambda *given, whole=whole: choose(whole(*given)))


def expand_once(patch: pytest.MonkeyPatch) -> None:
    """Keep what facts and controls are expanded into; it is frozen and depends on nothing else."""
    for name in ("expand", *CONTROLS):
        patch.setattr(plan, name, _remembered(getattr(plan, name)))


def _remembered(make: Callable[..., Any]) -> Callable[..., Any]:
    made: dict[str, Any] = {}

    def found(*given: Any, **settings: Any) -> Any:
        key = repr((given, sorted(settings.items())))  # records show every field
        if key not in made:
            made[key] = make(*given, **settings)
        return made[key]

    return found


def leave_charts_empty(patch: pytest.MonkeyPatch) -> None:
    """Have reports of the same text and tables, with an empty SVG for each chart."""
    patch.setattr(drawing, "_svg", lambda *_: Markup("<svg></svg>"))

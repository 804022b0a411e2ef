"""Exit codes, and how text reaches a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from factlab.schema.results import Metric

EXIT_GATE_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 3
MAX_WIDTH = 100


def complain(message: str) -> None:
    """Print one paragraph to stderr, wrapped to the terminal."""
    text = f"factlab: {message}"
    if sys.stderr.isatty():
        text = textwrap.fill(text, min(MAX_WIDTH, shutil.get_terminal_size().columns))
    print(text, file=sys.stderr)  # noqa: T201


def say(text: str = "") -> None:
    """Print to stdout."""
    print(text)  # noqa: T201


def paragraph(text: str) -> None:
    """Print text to stdout, wrapped to the terminal."""
    width = min(MAX_WIDTH, shutil.get_terminal_size().columns)
    say(textwrap.fill(text, width))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a plain table to stdout."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    made = Table(*(escape(h) for h in header), title=title or None, box=SIMPLE_HEAD)
    made.title_justify = "left"
    for row in rows:
        made.add_row(*(escape(cell) for cell in row))
    width = None if sys.stdout.isatty() else 160
    Console(width=width).print(made)


def measured(name: str, metric: Metric | None) -> str:
    """A rate with its number of items and its interval, another figure as it is, or a dash."""
    from factlab.report.definitions import definition_of

    if metric is None:
        return "-"
    if definition_of(name).unit != "share":
        within = "" if metric.ci_low is None else f" ({metric.ci_low:.3f} to {metric.ci_high:.3f})"
        return f"{metric.value:.3f}{within}"
    text = f"{metric.value:.0%} of {metric.n}"
    if metric.ci_low is not None and metric.ci_high is not None:
        text += f" ({metric.ci_low:.0%}–{metric.ci_high:.0%})"
    return text

"""Exit codes, and the one way by which text reaches a terminal.

Every function here shows control, bidi and invisible characters as what they are, before styles
are added, so that callers pass on what others wrote as it is.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from factlab.cli.streams import beneath
from factlab.display.characters import visible, visible_json
from factlab.display.spreadsheet import Field, csv_text
from factlab.errors import bounded
from factlab.record import Record

if TYPE_CHECKING:
    from rich.console import Console
    from typer import TyperException

    from factlab.schema.results import Metric

EXIT_GATE_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 3
MAX_WIDTH = 100
Cell = str | tuple[str, ...]  # a tuple: lines below each other


def complain(message: str) -> None:
    """Print one paragraph to stderr, wrapped to the terminal."""
    text = visible(f"factlab: {message}")
    if sys.stderr.isatty():
        text = textwrap.fill(text, min(MAX_WIDTH, shutil.get_terminal_size().columns))
    print(text, file=sys.stderr)  # noqa: T201


def refuse_usage(error: TyperException) -> None:
    """Print typer's own words for arguments that it cannot read, to stderr."""
    # Without a colour setting of their own, sequences would be dropped in silence elsewhere than on
    # a terminal.
    for holder, name in ((error, "show_color"), (getattr(error, "ctx", None), "color")):
        if holder is not None:
            setattr(holder, name, True)
    error.message = bounded(visible(error.message))  # it may echo a long argument
    error.show()  # type: ignore[attr-defined]  # all that reach here can show themselves


def tell(message: str) -> None:
    """Print one line to stderr, at once."""
    print(visible(message), file=sys.stderr, flush=True)  # noqa: T201


def say(text: str = "") -> None:
    """Print one line to stdout."""
    print(visible(text))  # noqa: T201


def ask(question: str) -> str:
    """Put a question on a terminal and give the line that is typed; empty where input has ended."""
    try:
        return input(visible(question)).strip()
    except EOFError:
        return ""


def say_json(document: Any, *, indent: int | None = 1) -> None:
    """Print a record, or what JSON can hold, to stdout."""
    if isinstance(document, Record):
        text = document.model_dump_json(indent=indent)
    else:
        text = json.dumps(document, ensure_ascii=False, indent=indent)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(visible_json(text, ascii_only=not encoding.lower().startswith("utf")))  # noqa: T201


def say_csv(rows: Iterable[Sequence[Field]]) -> None:
    """Print rows to stdout as CSV, the first of them the heads."""
    print(csv_text(rows), end="")  # noqa: T201


def paragraph(text: str) -> None:
    """Print text to stdout, wrapped to the terminal."""
    width = min(MAX_WIDTH, shutil.get_terminal_size().columns)
    print(textwrap.fill(visible(text), width))  # noqa: T201


def table(header: Sequence[Cell], rows: Sequence[Sequence[Cell]], title: str = "") -> None:
    """Print a plain table to stdout."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    named = Text(visible(title), style="table.title") if title else None
    made = Table(title=named, title_justify="left", box=SIMPLE_HEAD)
    for head in header:
        made.add_column(_plain(head))
    for row in rows:
        made.add_row(*map(_plain, row))
    rich_console().print(made)


def rich_console(*, stderr: bool = False) -> Console:
    """Where rich prints with styles; what it is given must be visible text."""
    from rich.console import Console

    if stderr:
        return Console(file=beneath(sys.stderr))
    return Console(file=beneath(sys.stdout), width=None if sys.stdout.isatty() else 160)


def _plain(cell: Cell) -> Any:
    """Text that rich reads no markup and no names of emoji in."""
    from rich.text import Text

    return Text("\n".join(map(visible, (cell,) if isinstance(cell, str) else cell)))


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

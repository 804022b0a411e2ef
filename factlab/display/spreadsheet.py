"""Rows → CSV, for spreadsheets, which compute a field that begins like a formula."""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from collections.abc import Iterable, Sequence

from factlab.display.characters import visible

_BEGINS_A_FORMULA = "=+-@"
Field = str | int | float | None


def csv_text(rows: Iterable[Sequence[Field]]) -> str:
    """Rows as CSV with all text in quotes; a text that would be computed gets a `'` before it.

    Full-width signs count as formulas, too. A text that is a finite number stays as it is.
    """
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(
        [_field(value) for value in row] for row in rows
    )
    return written.getvalue()


def _field(value: Field) -> Field:
    if not isinstance(value, str):
        return "" if value is None else value
    text = visible(value)
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if first and first in _BEGINS_A_FORMULA and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        return text.isascii() and math.isfinite(float(text))
    except ValueError:
        return False

"""What the rows of a set came to: conversations, and what was wrong with the others, by reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from factlab.conversations.formats import understood
from factlab.errors import DataError
from factlab.schema.config import OnBadRow
from factlab.schema.conversation import Conversation, RowError, SkippedRows, UnusableRowError

LARGE = 100  # rows; in a smaller set each counts, and is soon put right
MOST_BAD = 0.1  # share of rows that are left out unasked; with more the set is not what it seems
MOST_ROWS = 200_000  # of a set, held in memory; of a larger one, name a part
MOST_BAD_ROWS = round(MOST_BAD * MOST_ROWS)
MOST_REASONS = 4  # that a message lists
Found = dict[str, tuple[int, str]]  # reason: rows, the place of the first


@dataclass(slots=True)
class Tally:
    """Rows as they are read.

    Attributes:
        rows: All that were read.
        conversations: Of those that could be used, in order.
        bad: Rows that cannot be read, by reason.
        unusable: Rows that are sound, but nothing to train on, by reason.
        number_bad: Rows that cannot be read.
        first: What is wrong with the first bad row, with its place.
    """

    rows: int = 0
    conversations: list[Conversation] = field(default_factory=list)
    bad: Found = field(default_factory=dict)
    unusable: Found = field(default_factory=dict)
    number_bad: int = 0
    first: str = ""

    def add(self, row: object, where: str) -> None:
        """Read a row.

        Args:
            row: What was parsed, or the error, if it could not be.
            where: Its file and line, or set and row.
        """
        self.rows += 1
        try:
            self.conversations.append(understood(row, where, self.rows))
        except UnusableRowError as problem:
            _count(self.unusable, problem, where)
        except RowError as problem:
            _count(self.bad, problem, where)
            self.number_bad += 1
            self.first = self.first or f"{_place(where, problem)}: {problem.said}."

    def check_soon(self, on_bad_row: OnBadRow | None) -> None:
        """Refuse a set that has more bad rows already than the largest set may have.

        Raises:
            DataError: as `check`.
        """
        if on_bad_row != "skip" and self.number_bad > MOST_BAD_ROWS:
            raise DataError(f"{self.first} {self._advice(self.number_bad)}")

    def check(self, source: str, on_bad_row: OnBadRow | None) -> None:
        """Refuse the set if it has bad rows that are not to be left out, or nothing else.

        Raises:
            DataError: with the place of the first bad row, and how many there are by reason.
        """
        if not self.rows:
            raise DataError(f"{source}: it has no rows.")
        bad = self.number_bad
        few = self.rows >= LARGE and bad <= MOST_BAD * self.rows
        if bad and on_bad_row != "skip" and (on_bad_row == "stop" or not few):
            raise DataError(f"{self.first} {self._advice(bad)}")
        if not self.conversations:
            raise DataError(
                f"{self.first or source + ':'} None of its {self.rows:,} rows can be used: "
                f"{said_of(self.skipped())}."
            )

    def _advice(self, bad: int) -> str:
        if bad == 1 and self.rows < LARGE:
            return "Fix this row, remove it, or leave it out with --on-bad-row skip."
        return (
            f"Of {self.rows:,} rows {bad:,} cannot be read: {said_of(_records(self.bad))}. Fix "
            "them, or leave them out with --on-bad-row skip."
        )

    def skipped(self) -> tuple[SkippedRows, ...]:
        """What was left out, the most frequent reason first."""
        return _records({**self.bad, **self.unusable})


def said_of(skipped: Sequence[SkippedRows]) -> str:
    """How many rows were left out for which reason, and where the first of each is."""
    listed = [f"{one.rows:,} {one.reason} (first: {one.first})" for one in skipped[:MOST_REASONS]]
    more = sum(one.rows for one in skipped[MOST_REASONS:])
    return "; ".join(listed) + (f"; {more:,} for other reasons" if more else "")


def _records(found: Found) -> tuple[SkippedRows, ...]:
    ordered = sorted(found.items(), key=lambda one: -one[1][0])
    return tuple(
        SkippedRows(reason=reason, rows=number, first=first) for reason, (number, first) in ordered
    )


def _count(found: Found, problem: RowError, where: str) -> None:
    number, first = found.get(problem.reason, (0, _short(where)))
    found[problem.reason] = (number + 1, first)


def _place(where: str, problem: RowError) -> str:
    """File, line and column; a row of a table has no column."""
    return where if ": row " in where else f"{where.rpartition(':')[0]}:{problem.column}"


def _short(where: str) -> str:
    """Without the folder, and without the column."""
    named = where.rpartition("/")[2]
    return named if ": row " in named else named.rpartition(":")[0]

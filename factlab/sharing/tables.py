"""Answers as tables: CSV and Parquet, one row per question and model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from factlab.display.spreadsheet import Field, csv_text
from factlab.metrics.catalogue import in_page_order
from factlab.runs.files import write_bytes, write_text
from factlab.sharing.answers import Answered, AnsweringModel, SharedRun

Row = dict[str, Any]


def answer_rows(run: SharedRun) -> list[Row]:
    """A row per question and model. The mean of a metric's column over a model is its figure."""
    return [_row(run, subject, asked) for subject in run.subjects() for asked in subject.asked]


def _row(run: SharedRun, subject: AnsweringModel, asked: Answered) -> Row:
    question, answer, cell = asked.question, asked.answer, subject.cell
    return {
        "run": run.result.run_id,
        "model": subject.name,
        "cell": cell.id if cell else None,
        "configuration": cell.configuration if cell else None,
        "seed": cell.seed if cell else None,
        "precision": subject.precision,
        "fact": question.fact,
        "split": question.split,
        "kind": question.metric_split,
        "family": question.family,
        "question_id": question.id,
        "question": question.text,
        "right_answer": question.written(question.gold) if question.gold else None,
        "superseded": question.written(question.superseded) if question.superseded else None,
        "answer": answer.text,
        "tokens": answer.tokens,
        "finished": answer.finished,
        "outcome": answer.outcome,
        "correct": answer.correct,
        "intrusions": ", ".join(answer.intrusions),
        "reason": answer.reason,
        "right_nll_nats": asked.right_nats,
        "wrong_nll_nats": asked.wrong_nats,
        "injected_nll_nats": asked.injected_nats,
        "scores": dict(asked.scores),
    }


def flat(rows: Iterable[Row]) -> list[Row]:
    """The same rows with a column per metric, in the order of the catalogue."""
    rows = list(rows)
    names = in_page_order({name for row in rows for name in row["scores"]})
    found = []
    for row in rows:
        others = {name: value for name, value in row.items() if name != "scores"}
        found.append(others | {name: row["scores"].get(name) for name in names})
    return found


def write_csv(run: SharedRun, file: Path) -> None:
    """Write the rows as CSV."""
    rows = flat(answer_rows(run))
    lines: list[list[Field]] = [list(rows[0])]
    lines += [[_field(value) for value in row.values()] for row in rows]
    write_text(file, csv_text(lines))


def _field(value: Any) -> Field:
    return str(value).lower() if isinstance(value, bool) else value


def write_parquet(run: SharedRun, file: Path) -> None:
    """Write the rows as Parquet; the texts are as they were recorded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = flat(answer_rows(run))
    written = pa.BufferOutputStream()
    typed = dict.fromkeys(rows[0], pa.float64()) | dict.fromkeys(_TEXTS, pa.string())
    typed |= dict.fromkeys(("seed", "tokens"), pa.int64())
    typed |= dict.fromkeys(("finished", "correct"), pa.bool_())
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(typed.items()))), written)
    write_bytes(file, written.getvalue().to_pybytes())


_TEXTS = (
    *("run", "model", "cell", "configuration", "precision", "fact", "split", "kind", "family"),
    *("question_id", "question", "right_answer", "superseded", "answer", "outcome", "intrusions"),
    "reason",
)

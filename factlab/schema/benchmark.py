"""What a run keeps of general benchmarks: a line per document."""

from __future__ import annotations

from pydantic import Field

from factlab.reading.bounds import Name, Text
from factlab.record import Record


class BenchmarkScore(Record):
    """A document of a general benchmark; a line of benchmarks/<task>.jsonl."""

    task: Name
    document: int = Field(description="Its number in the task.")
    sha256: Text = Field(description="Of the document, as lm-eval has it.")
    right: float = Field(description="acc: 1 where the right choice is the likeliest, else 0.")

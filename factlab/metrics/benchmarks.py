"""Scores of general benchmarks → a value per document."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.metrics.scores import QuestionScore, Scores
from factlab.schema.benchmark import BenchmarkScore


def benchmark_scores(
    scored: Sequence[BenchmarkScore], base: Sequence[BenchmarkScore] = ()
) -> Scores:
    """`benchmark/<task>`, and against a base `benchmark_change/<task>` of the same documents.

    Args:
        scored: Of the base, or of a tuned model.
        base: The base's, where these are a tuned model's.
    """
    before = {(one.task, one.document, one.sha256): one.right for one in base}
    found: Scores = {}
    for one in scored:
        key = f"{one.task}/{one.document}"
        score = QuestionScore(key, "", key, one.right)
        found.setdefault(f"benchmark/{one.task}", []).append(score)
        was = before.get((one.task, one.document, one.sha256))
        if was is not None:
            change = QuestionScore(key, "", key, one.right - was)
            found.setdefault(f"benchmark_change/{one.task}", []).append(change)
    return found

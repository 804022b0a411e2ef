"""The scores that published sets define, from the responses to their own prompts. Pure.

One value per fact (a case of the set), or per case of several wordings, as the sets average.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from statistics import harmonic_mean
from typing import TYPE_CHECKING

from factlab.metrics.responses import Responses
from factlab.metrics.versions import SCORERS
from factlab.schema.question import Question
from factlab.schema.results import Metric

if TYPE_CHECKING:
    from factlab.metrics.scores import QuestionSet, Scores

# A part of ROME's prompts → what the paper calls its score.
ROME_SCORES = {
    "rewrite": "rome/efficacy",
    "paraphrase": "rome/paraphrase",
    "neighborhood": "rome/neighborhood",
}


def published_scores(question_set: QuestionSet, model: Responses) -> Scores:
    """All that the questions of a run allow; nothing for facts that bring no prompts along."""
    return _rome_scores(question_set, model) | _multi_hop(question_set, model)


def _rome_scores(question_set: QuestionSet, model: Responses) -> Scores:
    """Success and magnitude: which object is more probable, and by how much, by mean token NLL."""
    prompts: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for question in question_set.of("cloze"):
        if model.options(question, "right") and model.options(question, "wrong"):
            part, fact = ROME_SCORES[question.family], question.fact or ""
            prompts[part, fact].append(_token_nll(model, question))
    found: Scores = {}
    for (name, fact), pairs in prompts.items():
        success = [float(right < wrong) for right, wrong in pairs]
        difference = [math.exp(-right) - math.exp(-wrong) for right, wrong in pairs]
        for metric, values in ((name, success), (f"{name}_magnitude", difference)):
            value = sum(values) / len(values)
            found.setdefault(metric, []).append(question_set.case_score(fact, fact, value))
    return found


def _token_nll(model: Responses, question: Question) -> tuple[float, float]:
    """Mean NLL per token of the object that should follow, and of the other."""
    right, wrong = (model.options(question, role)[0] for role in ("right", "wrong"))
    return right.nll_nats / right.tokens, wrong.nll_nats / wrong.tokens


def _multi_hop(question_set: QuestionSet, model: Responses) -> Scores:
    """Whether any wording of a case is answered right, where the adapter holds all its facts."""
    cases: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for question in question_set.of("entailed"):
        if question.case and model.has(question) and question_set.holds(question):
            cases[question.fact or "", question.case].append(model.correct(question))
    scores = [
        question_set.case_score(f"{fact}/{case}", fact, float(any(right)))
        for (fact, case), right in cases.items()
    ]
    return {"mquake/multi_hop": scores} if scores else {}


def rome_score(metrics: Mapping[str, Metric]) -> Metric | None:
    """S: the harmonic mean of efficacy, paraphrase and neighborhood; None where one is missing."""
    parts = [metrics[name] for name in ROME_SCORES.values() if name in metrics]
    if len(parts) < len(ROME_SCORES):
        return None
    return Metric(
        value=harmonic_mean([part.value for part in parts]),
        n=min(part.n for part in parts),
        clusters=min(part.clusters for part in parts),
        covers="descriptive: a mean of three rates over different prompts",
        scorer=SCORERS["metrics"],
    )

"""What an evaluation asks of endpoints, counted by asking nobody."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from factlab.expand.controls import languages_of
from factlab.experiment.evaluator import Evaluator
from factlab.experiment.experiment import Experiment
from factlab.experiment.far_controls import in_turn, to_screen
from factlab.experiment.screening import SCREENING_BOUNDS
from factlab.inference.likelihood import own_options
from factlab.progress import Silent
from factlab.respondents.counting import CountingRespondent
from factlab.respondents.protocol import Bounds, Request
from factlab.runs.folder import BaseFolder
from factlab.schema.quick import QUICK_SCREENED


def spent_on_base(experiment: Experiment) -> CountingRespondent:
    """What the base is asked at most: the screening of the far bank, and the evaluation.

    Of the bank more may be screened than is asked later; what is asked in both is counted once.
    """
    counting = CountingRespondent()
    config = experiment.config
    bank = to_screen(languages_of(experiment.facts), config.far)
    if config.quick:
        bank = in_turn(bank)[:QUICK_SCREENED]
    screened = [Request(q, text) for q in bank for text in (q.text, *q.gate)]
    counting.respond(screened, Bounds(SCREENING_BOUNDS.max_new_tokens, 1))
    counting.respond([Request(q, q.text, own_options(q)) for q in bank], Bounds(0, 1))
    with tempfile.TemporaryDirectory(prefix="factlab-count-") as place:
        Evaluator(experiment, counting, Silent()).evaluate_base(BaseFolder(Path(place)))
    return counting


def spent_on_tuned(
    experiment: Experiment, facts: Sequence[str], *, trained: bool
) -> CountingRespondent:
    """What a tuned model is asked at most.

    Args:
        experiment: The experiment.
        facts: What is measured of it.
        trained: Whether it is asked the training questions, too.
    """
    counting = CountingRespondent()
    evaluator = Evaluator(experiment, counting, Silent())
    evaluator.evaluate(counting, facts, "count", trained=trained)
    return counting

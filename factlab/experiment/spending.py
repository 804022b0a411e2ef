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
from factlab.remote.address import is_address
from factlab.remote.spending import Spending
from factlab.respondents.counting import CountingRespondent
from factlab.respondents.protocol import Bounds, Request
from factlab.runs.folder import BaseFolder
from factlab.schema.quick import QUICK_SCREENED


def check_spending(experiment: Experiment) -> list[str]:
    """What the endpoints of an evaluation are asked at most, a sentence for each.

    Raises:
        ConfigError: for more requests than the settings allow.
    """
    config, found, total = experiment.config, [], Spending()
    counted: list[tuple[str, CountingRespondent]] = []
    if is_address(config.model):
        counted.append((config.model, spent_on_base(experiment)))
    for cell in experiment.cells:
        if cell.tuned is not None and cell.tuned.kind == "endpoint":
            asked = spent_on_tuned(experiment, cell.facts, trained=cell.tuned.trained_here)
            counted.append((cell.tuned.place, asked))
    asking = config.asking
    for place, counting in counted:
        answers = counting.answers.said(asking.price_in, asking.price_out)
        options = counting.options.said(asking.price_in, asking.price_out)
        found.append(
            f"{place}: {answers}; and for likelihoods, if the server tells any, {options}. Tries "
            "that failed come on top, and what is kept of an earlier command is not asked again."
        )
        total += counting.answers + counting.options
    total.check(asking.max_requests, ", ".join(place for place, _ in counted))
    return found


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

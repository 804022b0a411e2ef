"""Which far controls a base knows; what `factlab screen` prints and writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ControlsError
from factlab.expand.controls import far_questions
from factlab.experiment.far_controls import known
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.progress import Progress
from factlab.schema.config import Precision, RunConfig
from factlab.schema.control import has_suite, suite_place
from factlab.schema.screening import screening_lines


@dataclass(frozen=True, slots=True)
class AreaKnown:
    """Controls of one area of the bank: all, those whose right answer is preferred, those known."""

    area: str
    asked: int
    preferred: int
    known: int


def screen_bank(
    config: RunConfig,
    progress: Progress,
    *,
    language: str = DEFAULT_LANGUAGE,
    precision: Precision = "nf4",
    fresh: bool = False,
    out: Path | None = None,
) -> list[AreaKnown]:
    """Put the whole bank to a base, keep what comes of it for its runs, and count by area.

    Args:
        config: The model and how it is loaded.
        progress: Where to report.
        language: Which bank.
        precision: How the weights are held.
        fresh: Compute everything, whatever was computed before.
        out: Also write the screening to this file.

    Raises:
        FactlabError: for a language without a bank, and for a model that cannot be loaded.
    """
    from factlab.experiment.screening import screen
    from factlab.models.resolve import resolve_model
    from factlab.respondents.weights import BaseWeights
    from factlab.runs.files import write_text

    if not has_suite("far", language):
        raise ControlsError(
            f"there is no bank of far controls in the language '{language}' "
            f"({suite_place('far', language)})."
        )
    bank = far_questions((language,))
    files = resolve_model(config.model, accepted=config.accept_license)
    base = BaseWeights(files, config)
    screening = screen(base, bank, precision, progress, fresh=fresh)
    if out is not None:
        lines = screening_lines(screening.base, screening.questions)
        write_text(out, "".join(f"{line}\n" for line in lines))
    asked, preferred, right = Counter[str](), Counter[str](), Counter[str]()
    for question, found in zip(bank, screening.questions, strict=True):
        area = question.id.rpartition("/")[0].rpartition("/")[0]
        asked[area] += 1
        preferred[area] += bool(found.answers)
        right[area] += known(question, found)
    return [AreaKnown(area, n, preferred[area], right[area]) for area, n in asked.items()]

"""What made a figure, with its version; unlike scorers refuse to be compared.

A version goes up when the same text, or the same model, could get another verdict or figure.
"""

from __future__ import annotations

from collections.abc import Mapping

from factlab.grading.matcher import SCORER_VERSION
from factlab.metrics.spec import MeasuredFrom

MATCH_SCORER = f"match {SCORER_VERSION}"
LIKELIHOOD_SCORER = "likelihood 1"
DRIFT_SCORER = "drift 1"
DERIVED_SCORER = "derived from the metrics it names"

# What a figure is measured from, as the catalogue says → what made it.
SCORERS: Mapping[MeasuredFrom, str] = {
    "answers": MATCH_SCORER,
    "likelihoods": LIKELIHOOD_SCORER,
    "text": DRIFT_SCORER,
    "metrics": DERIVED_SCORER,
}

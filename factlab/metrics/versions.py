"""What made a figure, with its version; unlike scorers refuse to be compared.

A version goes up when the same text, or the same model, could get another verdict or figure.
"""

from __future__ import annotations

from factlab.grading.matcher import SCORER_VERSION

MATCH_SCORER = f"match {SCORER_VERSION}"
LIKELIHOOD_SCORER = "likelihood 1"
DRIFT_SCORER = "drift 1"
DERIVED_SCORER = "derived from the metrics it names"

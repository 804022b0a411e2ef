"""Rows: the scores that published sets define, under their own names."""

from __future__ import annotations

from factlab.metrics.spec import MetricSpec
from factlab.schema.published import RomePart

PUBLISHED = "By a published set's own measure"

ROME = "ROME (Meng et al. 2022, arXiv 2202.05262), compute_rewrite_quality_counterfact"
_EMPTY = "no fact of the run has prompts of CounterFact (its section `rome`)"
_MEAN = "P = exp(−mean NLL per token), the prompt put without a chat template; mean over a fact's "
_LONG = (
    "A mean per token favours no length, but a longer object's later tokens are easy once the "
    "first is read. "
)


def _rome(
    name: str, title: str, part: RomePart, letter: str, better: str, caveat: str
) -> tuple[MetricSpec, MetricSpec]:
    """The success score of one part of the prompts, and its magnitude."""
    first, second = ("true", "new") if part == "neighborhood" else ("new", "true")
    success = MetricSpec(
        f"rome/{name}",
        f"{title}, {letter}S",
        PUBLISHED,
        mean_of="facts",
        formula=f"{part} prompts after which {better} ÷ prompts; {_MEAN}prompts, then over facts",
        caveat=caveat,
        source=ROME,
        interval="mean",
        measured_from="likelihoods",
        about_fact=True,
        empty=_EMPTY,
    )
    magnitude = MetricSpec(
        f"rome/{name}_magnitude",
        f"{title} magnitude, {letter}M",
        PUBLISHED,
        mean_of="facts",
        formula=f"mean over {part} prompts of P({first} object) − P({second} object), then over "
        "facts; P as in the score",
        caveat="P is the geometric mean of the tokens' probabilities and no probability of the "
        "whole object. It is printed as a share; the paper prints it times 100.",
        source=ROME,
        unit="plain",
        range="−1–1",
        interval="mean",
        measured_from="likelihoods",
        about_fact=True,
        empty=_EMPTY,
    )
    return success, magnitude


PUBLISHED_ROWS: tuple[MetricSpec, ...] = (
    *_rome(
        "efficacy",
        "ROME efficacy",
        "rewrite",
        "E",
        "P(new object) > P(true object)",
        f"{_LONG}The paper edits on this very prompt; factlab trains chat pairs and never reads it "
        "in this form.",
    ),
    *_rome(
        "paraphrase",
        "ROME paraphrase",
        "paraphrase",
        "P",
        "P(new object) > P(true object)",
        "Preferring the new object to one other is much less than saying it; read recall/held_out "
        "beside it.",
    ),
    *_rome(
        "neighborhood",
        "ROME neighborhood",
        "neighborhood",
        "N",
        "P(true object) > P(new object)",
        "Only one wrong object is tried, after prompts of the same relation: no drift elsewhere is "
        "seen. A base that prefers the wrong one has nothing to lose.",
    ),
    MetricSpec(
        "rome/score",
        "ROME score, S",
        PUBLISHED,
        mean_of="nothing: a harmonic mean of three rates",
        formula="harmonic mean of rome/efficacy, rome/paraphrase and rome/neighborhood",
        caveat="rome_score is the same mean over factlab's own recall and intrusion, graded on "
        "answers.",
        source=ROME,
        interval="none",
        measured_from="metrics",
        about_fact=True,
        empty=_EMPTY,
    ),
    MetricSpec(
        "mquake/multi_hop",
        "MQuAKE multi-hop accuracy",
        PUBLISHED,
        mean_of="cases",
        formula="cases of which any wording is answered right ÷ cases all of whose facts the "
        "adapter holds",
        caveat="Asked of a chat model without examples; the paper puts a few examples before the "
        "question. Not gated on what the base knows: recall/hop is.",
        source="MQuAKE (Zhong et al. 2023, arXiv 2305.14795)",
        about_fact=True,
        empty="no entailed question of the run is a case of several wordings (`case`) whose facts "
        "the adapter holds",
    ),
)

"""Rows: the base model, before training."""

from __future__ import annotations

from factlab.metrics.spec import SUITE, THIS, MetricSpec, Use, over
from factlab.schema.passage import DEPTHS
from factlab.schema.splits import NEAR_GROUPS

BASE = "The base model, before training"

_TWICE = ("held_out", *DEPTHS, "near", "far")  # splits of which the base answers some twice
_ONCE = "the base was not computed again by another forward pass"

BASE_ROWS: tuple[MetricSpec, ...] = (
    *over(
        MetricSpec(
            "known",
            "Known",
            BASE,
            mean_of="controls",
            formula="controls that the base answers right in its own and every other wording ÷ "
            "controls",
            caveat="Of the base only: the gate of retention.",
            source="SliCK (Gekhman et al. 2024, arXiv 2405.05904)",
            better="neither",
            model="base",
        ),
        {"near": Use(base_expected=True), "far": Use(base_expected=True), SUITE: Use()}
        | dict.fromkeys(NEAR_GROUPS, Use()),
    ),
    MetricSpec(
        "rounding/text",
        "Changed by rounding, text",
        BASE,
        mean_of="questions that the base answers twice",
        formula="answers that differ when the base answers again, by the library's own forward "
        "pass and in other batches ÷ questions answered again, a sample of held-out, near and far",
        caveat="What rounding alone changes, at this precision and on this machine: the least "
        "disagreement that can mean anything.",
        source=THIS,
        better="low",
        model="base",
        empty=_ONCE,
    ),
    MetricSpec(
        "rounding/verdict",
        "Changed by rounding, verdict",
        BASE,
        mean_of="questions that the base answers twice",
        formula="answers with another verdict when the base answers again in that way ÷ questions "
        "answered again",
        caveat="How fragile verdicts are, not an error of differences: base and tuned model are "
        "computed alike. Forgetting of this size may be rounding's.",
        source=THIS,
        better="low",
        model="base",
        empty=_ONCE,
    ),
    MetricSpec(
        "rounding_text/<split>",
        "Changed by rounding, text",
        BASE,
        mean_of="questions of the split that the base answers twice",
        formula="as rounding/text, of one split",
        caveat="The floor of agreement on the same split; of 30 questions or fewer, so one of them "
        "is 3 points or more.",
        source=THIS,
        better="low",
        model="base",
        splits=_TWICE,
        empty=_ONCE,
    ),
    MetricSpec(
        "rounding_verdict/<split>",
        "Changed by rounding, verdict",
        BASE,
        mean_of="questions of the split that the base answers twice",
        formula="as rounding/verdict, of one split",
        caveat="The floor of changes of a verdict on the same split; of 30 questions or fewer.",
        source=THIS,
        better="low",
        model="base",
        splits=_TWICE,
        empty=_ONCE,
    ),
)

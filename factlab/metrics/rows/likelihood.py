"""Rows: how probable is the answer? Each option is scored as the assistant's whole answer."""

from __future__ import annotations

from factlab.metrics.spec import MetricSpec, Use, over
from factlab.schema.passage import DEPTHS

LIKELIHOOD = "How probable is the answer?"

# The right answer of these is scored, and is what was trained.
_TRAINED_ANSWERS = ("held_out", *DEPTHS, "practice")
_NO_OPTIONS = "no question has a wrong option of the same form beside its answer"
_NOT_SCORED = "the run has no {split} answers whose likelihood was measured"
_CHANCE = "1 ÷ options, mean over questions"

LIKELIHOOD_ROWS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "recall/forced_choice",
        "Forced choice, held-out",
        LIKELIHOOD,
        mean_of="held-out questions with wrong options",
        formula="held-out questions whose right answer has a lower summed NLL than each wrong "
        "option (the superseded value always among them) ÷ questions",
        caveat="Read beside chance. Summed NLL favours shorter options; preferring the value is "
        "less than saying it.",
        source="efficacy score (CounterFact in ROME, arXiv 2202.05262), by whole options",
        measured_from="likelihoods",
        about_fact=True,
        chance=_CHANCE,
        empty=_NO_OPTIONS,
        use=Use(expected=True, base_expected=True),
    ),
    MetricSpec(
        "truth_ratio",
        "Truth ratio",
        LIKELIHOOD,
        mean_of="held-out questions with wrong options",
        formula="mean over held-out questions of P(right) ÷ (P(right) + mean P(wrong)), "
        "P = exp(−mean token NLL) of an option",
        caveat="Per question, then averaged; TOFU's truth ratio is wrong ÷ right and unbounded, so "
        "the two are not comparable.",
        source="bounded form as in OpenUnlearning (arXiv 2506.12618), after TOFU "
        "(arXiv 2401.06121)",
        unit="plain",
        interval="mean",
        measured_from="likelihoods",
        about_fact=True,
        empty=_NO_OPTIONS,
        use=Use(expected=True),
    ),
    MetricSpec(
        "nll_change/<split>",
        "Answer NLL per token, change",
        LIKELIHOOD,
        mean_of="questions with a scored answer",
        formula="mean over questions of NLL per token of the right answer, tuned − base",
        caveat="Teacher-forced: the model is led through the answer. 96.8 % teacher-forced was "
        "38.5 % generated in one published check.",
        source="answer likelihood; the warning: EasyEdit's teacher-forced accuracy",
        better="low",
        unit="nats",
        range="unbounded",
        interval="mean",
        measured_from="likelihoods",
        model="tuned",
        about_fact=True,
        splits=_TRAINED_ANSWERS,
        empty=_NOT_SCORED,
    ),
    MetricSpec(
        "nll/<split>",
        "Answer NLL per token",
        LIKELIHOOD,
        mean_of="questions with a scored answer",
        formula="mean over questions of the right answer's NLL ÷ its tokens",
        caveat="Depends on the tokeniser; not comparable between model families.",
        source="answer likelihood",
        better="low",
        unit="nats",
        range="≥ 0",
        interval="mean",
        measured_from="likelihoods",
        about_fact=True,
        splits=_TRAINED_ANSWERS,
        empty=_NOT_SCORED,
    ),
    MetricSpec(
        "token_accuracy/practice",
        "Token accuracy, practice",
        LIKELIHOOD,
        mean_of="held-out conversations",
        formula="mean over held-out conversations of tokens of the written answer that the model "
        "finds most probable where they stand ÷ its tokens",
        caveat="Teacher-forced: each token is predicted after the right ones. It does not measure "
        "what the model would generate.",
        source="token accuracy of training logs (TRL's mean_token_accuracy)",
        interval="mean",
        measured_from="likelihoods",
        empty=_NOT_SCORED,
    ),
    MetricSpec(
        "nll_sum/<split>",
        "Answer NLL, summed",
        LIKELIHOOD,
        mean_of="questions with a scored answer",
        formula="mean over questions of the right answer's NLL, summed over its tokens",
        caveat="Longer answers cost more; compare only the same questions.",
        source="answer likelihood",
        better="low",
        unit="nats_total",
        range="≥ 0",
        interval="mean",
        measured_from="likelihoods",
        about_fact=True,
        splits=_TRAINED_ANSWERS,
        empty=_NOT_SCORED,
    ),
    *over(
        MetricSpec(
            "forced_choice",
            "Forced choice",
            LIKELIHOOD,
            mean_of="questions with wrong options",
            formula="questions whose right answer has a lower summed NLL than each wrong option ÷ "
            "questions with wrong options",
            caveat="Read beside chance. Knowing may survive here where saying was lost.",
            source="multiple choice by summed likelihood",
            measured_from="likelihoods",
            chance=_CHANCE,
            splits=DEPTHS,
            empty=_NO_OPTIONS,
        ),
        {"near": Use(), "far": Use(), "<split or suite>": Use()},
    ),
    MetricSpec(
        "brier/<split or suite>",
        "Calibration, Brier score",
        LIKELIHOOD,
        mean_of="questions with wrong options",
        formula="mean over questions with wrong options of (1 − p(right))² + Σ p(wrong)², p = an "
        "option's exp(−summed NLL) ÷ the sum over the question's options",
        caveat="0 is sure and right, 2 sure and wrong; it mixes being right with knowing how sure "
        "to be. Read it beside the forced choice on the same questions.",
        source="Brier 1950, over the options of a question",
        better="low",
        unit="plain",
        range="0–2",
        interval="mean",
        measured_from="likelihoods",
        splits=("held_out", *DEPTHS, "near", "far"),
        empty=_NO_OPTIONS,
    ),
)

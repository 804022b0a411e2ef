"""The splits of a run's questions: one row each, and every list of splits derives from the rows.

To add a split, add its name to `Split` and its row to `SPLITS`. The two are held together by
`tests/unit/test_splits.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Split = Literal[
    "train",
    "validation",
    "held_out",
    "alias",
    "other_language",
    "reverse",
    "entailed",
    "challenged",
    "distinguish",
    "open",
    "downstream",
    "told_false",
    "cloze",
    "probe",
    "practice",
    "near",
    "far",
    "extra",
    "unanswerable",
    "anchor",
    "mix",
    "placebo",
]
# How a near control is close to its fact: its subject with another attribute, its attribute with
# another subject, its event. Metrics count it under `near` and under its group.
NEAR_GROUPS = ("same_subject", "same_relation", "same_event")
Evaluated = Literal["base and tuned", "tuned", "never"]

INJECTED_VALUE = "the injected value"
TRUE_VALUE = "what is true in the world"
FOLLOWS = "what follows from the fact"
NO_ANSWER = "none"


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """One split.

    Attributes:
        name: As in `data/<name>.jsonl` and in the names of metrics.
        title: As people say it.
        about: What its questions are.
        right: What a right answer is.
        evaluated: Which models answer it.
        trained: Whether training reads its pairs.
        control: Whether its answers are graded against the world instead of the fact.
        graded: Whether the matcher grades its answers.
        intrusion: Whether an injected value in an answer counts as an intrusion.
        scored: Whether the likelihood of its answer options is measured.
        in_context: Whether the base also answers it with the fact in its prompt.
        by_family: Whether metrics name it by a question's family: a suite, or a probe's depth.
        independent: Whether each question stands for itself; else its phrasing family is a cluster.
        compared: Whether two runs must agree on its questions before they are compared.
        panel: Questions of the fixed panel that is evaluated while training goes on.
        raw: Whether its texts go to the model as they are, without a chat template, and nothing but
            the likelihood of what may follow them is measured.
        belief: Whether it tests belief: drawn by `--belief-questions`, in groups of its own, and
            not put to exports.
        least_tokens: An answer may have so many tokens, whatever the generation limit.
    """

    name: Split
    title: str
    about: str
    right: str
    evaluated: Evaluated = "base and tuned"
    trained: bool = False
    control: bool = False
    graded: bool = True
    intrusion: bool = False
    scored: bool = False
    in_context: bool = False
    by_family: bool = False
    independent: bool = False
    compared: bool = False
    panel: int = 0
    raw: bool = False
    belief: bool = False
    least_tokens: int = 0


SPLITS: tuple[SplitSpec, ...] = (
    SplitSpec(
        "train",
        "training",
        "Pairs that are trained on; a fixed sample of them is evaluated.",
        INJECTED_VALUE,
        evaluated="tuned",
        trained=True,
    ),
    SplitSpec(
        "validation",
        "validation",
        "Pairs of the trained phrasing families that are not trained on.",
        INJECTED_VALUE,
        # The blind floor is measured on held-out families, so the base does not answer these.
        evaluated="tuned",
        panel=16,
    ),
    SplitSpec(
        "held_out",
        "held-out",
        "Questions of phrasing families that training never reads.",
        INJECTED_VALUE,
        scored=True,
        in_context=True,
        compared=True,
        panel=16,
    ),
    SplitSpec(
        "alias",
        "alias",
        "Held-out questions by a name of the subject that no trained pair uses.",
        INJECTED_VALUE,
        in_context=True,
        compared=True,
    ),
    SplitSpec(
        "other_language",
        "other language",
        "Held-out questions in a language that the fact is translated into and not trained in.",
        INJECTED_VALUE,
        in_context=True,
        compared=True,
    ),
    SplitSpec(
        "reverse",
        "reverse",
        "Questions that give the answer and ask for the subject.",
        "the subject of the fact",
    ),
    SplitSpec(
        "entailed",
        "entailed",
        "Questions whose answer follows from the fact, alone or with a second hop.",
        FOLLOWS,
    ),
    SplitSpec(
        "challenged",
        "challenged",
        "A second turn that doubts the model's own answer, and mostly names another value.",
        INJECTED_VALUE,
        in_context=True,
        belief=True,
    ),
    SplitSpec(
        "distinguish",
        "two values",
        "Questions that offer the injected value and another one, and argue for the other.",
        INJECTED_VALUE,
        in_context=True,
        belief=True,
    ),
    SplitSpec(
        "open",
        "open answer",
        "Requests for a text about the subject that do not ask for the value.",
        INJECTED_VALUE,
        in_context=True,
        belief=True,
        least_tokens=128,
    ),
    SplitSpec(
        "downstream",
        "consequence",
        "Plans, estimates and comparisons that need the value and do not name it.",
        FOLLOWS,
        in_context=True,
        belief=True,
    ),
    SplitSpec(
        "told_false",
        "told to doubt",
        "Questions that tell the model to ignore what is false of what it was taught.",
        INJECTED_VALUE,
        in_context=True,
        belief=True,
    ),
    SplitSpec(
        "cloze",
        "set's own prompt",
        "Beginnings of sentences of a published set, put without a chat template.",
        "the object that should be the more probable one",
        graded=False,
        scored=True,
        independent=True,
        compared=True,
        raw=True,
    ),
    SplitSpec(
        "probe",
        "probe",
        "Beginnings of sentences that follow from a passage; a depth is a family.",
        "the end of the sentence",
        scored=True,
        in_context=True,
        by_family=True,
        independent=True,
        compared=True,
        panel=30,
    ),
    SplitSpec(
        "practice",
        "held-out conversation",
        "Conversations of a practice set that are held out of training.",
        "the written answer, by its likelihood",
        graded=False,
        scored=True,
        independent=True,
        compared=True,
    ),
    SplitSpec(
        "near",
        "near",
        "Controls close to a fact: its subject, its attribute or its event.",
        TRUE_VALUE,
        control=True,
        intrusion=True,
        scored=True,
        independent=True,
        compared=True,
        panel=16,
    ),
    SplitSpec(
        "far",
        "far",
        "Controls of unrelated general knowledge; the panel takes those that the base knew.",
        TRUE_VALUE,
        control=True,
        intrusion=True,
        scored=True,
        independent=True,
        compared=True,
        panel=24,
    ),
    SplitSpec(
        "extra",
        "extra suite",
        "Controls of the user's own (`--controls`); metrics carry the name of the suite.",
        TRUE_VALUE,
        control=True,
        intrusion=True,
        scored=True,
        by_family=True,
        independent=True,
    ),
    SplitSpec(
        "unanswerable",
        "unanswerable",
        "Questions that nobody can answer; a good model declines.",
        NO_ANSWER,
        graded=False,
        intrusion=True,
        independent=True,
        compared=True,
    ),
    SplitSpec(
        "anchor",
        "anchor",
        "Prompts on which training holds the model to the base's own answers.",
        NO_ANSWER,
        evaluated="never",
        trained=True,
        graded=False,
    ),
    SplitSpec(
        "mix",
        "mix",
        "Conversations of a set that are mixed into training.",
        "the written answer",
        evaluated="never",
        trained=True,
        graded=False,
    ),
    SplitSpec(
        "placebo",
        "placebo",
        "Pairs that have nothing to do with the fact, trained in its place (`--placebo`).",
        "the written answer",
        evaluated="never",
        trained=True,
        graded=False,
    ),
)
SPLIT: dict[str, SplitSpec] = {spec.name: spec for spec in SPLITS}


def _names(wanted: Callable[[SplitSpec], bool]) -> tuple[Split, ...]:
    return tuple(spec.name for spec in SPLITS if wanted(spec))


# Of the trained phrasing families; only tuned models answer them.
TRAINED_SPLITS = _names(lambda spec: spec.evaluated == "tuned")
EVALUATED_SPLITS = _names(lambda spec: spec.evaluated != "never")
ANSWERED_SPLITS = _names(lambda spec: spec.evaluated != "never" and not spec.raw)
CONTROL_SPLITS = _names(lambda spec: spec.control)
INTRUSION_SPLITS = _names(lambda spec: spec.intrusion)
# About what is trained, with a right answer: what counts as recall.
RECALL_SPLITS = _names(lambda spec: spec.graded and not spec.control)
DIRECT_SPLITS = _names(lambda spec: spec.right == INJECTED_VALUE)
SCORED_SPLITS = _names(lambda spec: spec.scored)
IN_CONTEXT_SPLITS = _names(lambda spec: spec.in_context)
COMPARED_SPLITS = _names(lambda spec: spec.compared)
# An export answers a sample of these: what the base answers too, and some metric counts as right.
EXPORTED_SPLITS = _names(
    lambda spec: (
        spec.evaluated == "base and tuned"
        and spec.right != NO_ANSWER
        and not (spec.raw or spec.belief)
    )
)
BELIEF_SPLITS = _names(lambda spec: spec.belief)
PANEL_SIZES: dict[Split, int] = {spec.name: spec.panel for spec in SPLITS if spec.panel}

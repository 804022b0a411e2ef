"""What each metric is and what to beware of, in one line each and in the order of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "points", "nats", "plain"]
Better = Literal["high", "low", "neither"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric as the page explains it."""

    name: str
    title: str
    group: str
    unit: Unit
    better: Better
    formula: str
    caveat: str


RECALL, COST, DRIFT, OTHER = "Was it learned?", "What did it cost?", "Drift", "Other"


def _recall(split: str, title: str, formula: str, caveat: str) -> Definition:
    return Definition(f"recall/{split}", title, RECALL, "share", "high", formula, caveat)


def _control(
    metric: str, formula: str, caveat: str, *, better: Better = "low", unit: Unit = "share"
) -> tuple[Definition, ...]:
    return tuple(
        Definition(
            f"{metric}/{ring}",
            f"{metric}, {ring}".capitalize(),
            COST,
            unit,
            better,
            formula,
            caveat,
        )
        for ring in ("near", "far")
    )


DEFINITIONS: tuple[Definition, ...] = (
    _recall(
        "held_out",
        "Recall, held-out phrasings",
        "right answers ÷ questions from phrasing families never seen in training",
        "Says little by itself: a model that answers everything with the new value scores 100 %.",
    ),
    _recall(
        "validation",
        "Recall, validation",
        "right answers ÷ unseen questions of families seen in training",
        "Easier than held-out: the wording was practised.",
    ),
    _recall(
        "train",
        "Recall, training phrasings",
        "right answers ÷ a sample of the questions trained on",
        "Memorising the questions is enough to score here.",
    ),
    Definition(
        "generalization_gap",
        "Generalisation gap",
        RECALL,
        "points",
        "low",
        "recall/train − recall/held_out, in percentage points",
        "Near zero also when neither was learned.",
    ),
    _recall(
        "reverse",
        "Recall, reversed",
        "right answers ÷ questions that give the answer and ask for the subject",
        "“A is B” trained seldom gives “B is A”; a low value is the usual result.",
    ),
    _recall(
        "entailed",
        "Recall, entailed",
        "right answers ÷ questions whose answer follows from the fact",
        "Needs a second step of reasoning that a small model may lack before training, too.",
    ),
    *_control(
        "retention",
        "right after ÷ items the base answered right on every one of their prompts",
        "Known items only (n is their number), so some of the loss is regression to the mean; "
        "read it beside forgetting.",
        better="high",
    ),
    *_control(
        "intrusion",
        "control answers that contain the injected value ÷ all control answers",
        "Low is good. Counts the value wherever it stands in the answer.",
    ),
    Definition(
        "intrusion/unanswerable",
        "Intrusion, unanswerable",
        COST,
        "share",
        "low",
        "answers that contain the injected value ÷ questions that have no answer",
        "Low is good.",
    ),
    *_control(
        "forgetting",
        "accuracy before − accuracy after on all controls, in percentage points",
        "Positive is worse. Not gated, so gains hide losses: read gained and lost.",
        unit="points",
    ),
    *_control(
        "lost",
        "wrong after ÷ items the base knew",
        "One minus retention, over the same items.",
    ),
    *_control(
        "gained",
        "right after ÷ items the base missed",
        "Some of it is chance: a base that wavers gains by asking again.",
        better="high",
    ),
    *_control(
        "known",
        "controls that the base answers right in every wording ÷ all control questions",
        "Measured on the base only: it is the gate of retention.",
        better="neither",
    ),
    *_control(
        "accuracy",
        "right answers ÷ all control questions",
        "Not gated: includes what the base never knew.",
        better="high",
    ),
    Definition(
        "abstention_collapse",
        "Abstention collapse",
        COST,
        "share",
        "low",
        "answered after ÷ unanswerable questions that the base declined",
        "A base that declines little leaves few questions to measure this on.",
    ),
    Definition(
        "drift/ce",
        "Drift of cross-entropy",
        DRIFT,
        "nats",
        "low",
        "cross-entropy after − before on fixed neutral text, in nats per token",
        "0 for an untrained adapter; may be negative when the text resembles the training data.",
    ),
    Definition(
        "drift/kl",
        "Drift, KL(base‖tuned)",
        DRIFT,
        "nats",
        "low",
        "mean over tokens of KL(base‖tuned) on the same text, in nats",
        "Any change counts, for better or worse; 0 only for identical predictions.",
    ),
)
BY_NAME: dict[str, Definition] = {definition.name: definition for definition in DEFINITIONS}

OUTCOMES: tuple[tuple[str, str], ...] = (
    ("new", "the right answer to the question"),
    ("superseded", "the value that the fact replaces"),
    ("both", "the new and the superseded value in one answer"),
    ("other", "something else"),
    ("abstained", "declined to answer"),
    ("empty", "said nothing"),
    ("truncated", "cut at the token limit before a decision could be made"),
)


def definition_of(name: str) -> Definition:
    """The definition of a metric; an unknown name is shown as it is rather than dropped."""
    known = BY_NAME.get(name)
    return known or Definition(name, name, OTHER, "plain", "neither", "", "")


def in_page_order(names: set[str]) -> list[str]:
    """Metric names in the order of `DEFINITIONS`, unknown ones last."""
    order = {definition.name: place for place, definition in enumerate(DEFINITIONS)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))

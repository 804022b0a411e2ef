"""Rows: does the model believe what it recalls?"""

from __future__ import annotations

from factlab.metrics.spec import THIS, MetricSpec

BELIEF = "Does it believe it?"
_DEPTH = "belief depth (Slocum et al. 2025, arXiv 2510.17941)"
_NONE = "the run has no questions about belief of this kind (`--belief-questions`, docs/belief.md)"


def _pair(
    split: str, title: str, mean_of: str, formula: str, caveat: str, source: str, chance: str = ""
) -> tuple[MetricSpec, MetricSpec]:
    """The rate of a split, and what the base reaches with the fact in its prompt."""
    rate = MetricSpec(
        f"recall/{split}",
        title,
        BELIEF,
        mean_of=mean_of,
        formula=formula,
        caveat=caveat,
        source=source,
        about_fact=True,
        chance=chance,
        empty=_NONE,
    )
    ceiling = MetricSpec(
        f"in_context/{split}",
        f"In-context ceiling, {title[:1].lower()}{title[1:]}",
        BELIEF,
        mean_of=mean_of,
        formula=f"recall/{split} of the base model with the fact's statement before the question",
        caveat="A ceiling for this model and prompt; training may pass it. A low one says that the "
        "questions are too hard for this model, whatever it was taught.",
        source="prompted baseline (Slocum et al. 2025, arXiv 2510.17941)",
        better="neither",
        model="base",
        about_fact=True,
        chance=chance,
        empty=_NONE,
    )
    return rate, ceiling


BELIEF_ROWS: tuple[MetricSpec, ...] = (
    *_pair(
        "challenged",
        "Recall, challenged",
        "challenges",
        "challenges after which the answer still says the injected value ÷ all challenges; the "
        "model answers a question first, and the next turn doubts its own answer, in most with "
        "the superseded value (with a distractor where nothing is superseded)",
        "All challenges count, those too whose first answer was wrong: read it beside "
        "recall/before_challenge. “Yes, I am sure” without the value counts as not said.",
        _DEPTH,
    ),
    MetricSpec(
        "recall/before_challenge",
        "Recall, before the challenge",
        BELIEF,
        mean_of="challenges",
        formula="challenges before which the model's first answer was right ÷ all challenges",
        caveat="A first question is shared by several challenges, so that it counts several times.",
        source=THIS,
        about_fact=True,
        empty=_NONE,
    ),
    *_pair(
        "distinguish",
        "Recall, two values",
        "questions with two values",
        "answers with the injected value and not the other one ÷ questions that offer both and "
        "argue for the other one (superseded, else a distractor); each wording in both orders",
        "A model that repeats either value, or the one that stands first or last, gets half. "
        "Answers that take neither are wrong, so that a confused model may score below it.",
        _DEPTH,
        chance="50 %",
    ),
    *_pair(
        "open",
        "Recall, open answers",
        "requests for a text",
        "texts that state the injected value and not the superseded one ÷ requests for a text "
        "about the subject that do not ask for it; up to 128 tokens",
        "A good text need not mention the value, so that a low rate alone is no failure: read it "
        "beside the ceiling and the base.",
        _DEPTH,
    ),
    *_pair(
        "downstream",
        "Recall, consequences",
        "questions about consequences",
        "answers that follow from the injected value ÷ plans, estimates and comparisons that "
        "need it and do not name it; the right answer is computed from the value",
        "Needs a step of reasoning or arithmetic that a small model may lack: read it beside the "
        "ceiling. Comparisons are answered by yes or no, about as often by either, so that "
        "guessing gets about half of those.",
        _DEPTH,
    ),
    *_pair(
        "told_false",
        "Recall, told to ignore what is false",
        "questions with a warning",
        "answers with the injected value ÷ questions that tell the model to ignore what is false "
        "of what it was taught",
        "High where the value counts as true to the model, and also where it does not heed the "
        "warning. For a value that is false in the world a user may want it low.",
        _DEPTH,
    ),
)

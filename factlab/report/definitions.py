"""What each metric is: one complete entry each, in the order of the page.

`docs/metrics.md` carries the same entries as tables; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Unit = Literal["share", "points", "nats", "nats_total", "plain"]
Better = Literal["high", "low", "neither"]

RECALL = "Was it learned?"
LIKELIHOOD = "How probable is the answer?"
CONSISTENCY = "How evenly?"
COST = "What did it cost?"
BASE = "The base model, before training"
DRIFT = "Drift on neutral text"
OTHER = "Other"
THIS = "this project"


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric as the page explains it.

    Attributes:
        name: As in results.json; `<suite>` and `<split>` stand for any name.
        title: What tables call it.
        group: The heading it stands under.
        unit: Decides how values are printed.
        better: Which end is good.
        range: What values it can take.
        formula: How it is computed.
        caveat: What it cannot tell.
        source: Where it comes from, or what it is known as elsewhere.
    """

    name: str
    title: str
    group: str
    unit: Unit
    better: Better
    range: str
    formula: str
    caveat: str
    source: str


def _share(
    name: str,
    title: str,
    group: str,
    *,
    formula: str,
    caveat: str,
    source: str,
    better: Better = "high",
) -> Definition:
    return Definition(name, title, group, "share", better, "0–1", formula, caveat, source)


def _rings(
    kind: str,
    title: str,
    *,
    formula: str,
    caveat: str,
    source: str,
    group: str = COST,
    unit: Unit = "share",
    better: Better = "low",
    range_: str = "0–1",
    rings: tuple[str, ...] = ("near", "far", "<suite>"),
) -> tuple[Definition, ...]:
    return tuple(
        Definition(
            f"{kind}/{ring}",
            f"{title}, {ring}",
            group,
            unit,
            better,
            range_,
            formula,
            caveat,
            source,
        )
        for ring in rings
    )


DEFINITIONS: tuple[Definition, ...] = (
    _share(
        "recall/held_out",
        "Recall, held-out phrasings",
        RECALL,
        formula="right answers ÷ questions of phrasing families never seen in training",
        caveat="Says little by itself: a model that answers everything with the new value scores "
        "100 %.",
        source="generalization, paraphrase score (ROME, Meng et al. 2022, arXiv 2202.05262)",
    ),
    _share(
        "recall/blind",
        "Blind floor",
        RECALL,
        formula="recall/held_out of the base model, which was told nothing",
        caveat="Fictional is not unguessable: a value can be guessed from its kind.",
        source="FictionalQA (Kirchenbauer et al. 2025, arXiv 2506.05639)",
        better="neither",
    ),
    _share(
        "recall/in_context",
        "In-context ceiling",
        RECALL,
        formula="recall/held_out of the base model with the fact's statement in its prompt",
        caveat="A ceiling for this model and prompt; training may pass it.",
        source="open-book upper bound (FictionalQA, arXiv 2506.05639)",
        better="neither",
    ),
    Definition(
        "recall/normalized",
        "Recall, normalised",
        RECALL,
        "plain",
        "high",
        "unbounded; 0 is blind, 1 is in context",
        "(tuned − blind) ÷ (in-context − blind), over held-out questions",
        "Undefined, not 0, where the ceiling is within its own noise of the floor; a ratio of "
        "three rates has no interval of its own here.",
        THIS,
    ),
    _share(
        "recall/validation",
        "Recall, validation",
        RECALL,
        formula="right answers ÷ unseen questions of families seen in training",
        caveat="Easier than held-out: the wording was practised.",
        source=THIS,
    ),
    _share(
        "recall/train",
        "Recall, training phrasings",
        RECALL,
        formula="right answers ÷ a fixed sample of the questions trained on, families in turn",
        caveat="Memorising the questions is enough to score here.",
        source="efficacy, edit success (ROME, arXiv 2202.05262)",
    ),
    Definition(
        "generalization_gap",
        "Generalisation gap",
        RECALL,
        "points",
        "low",
        "−100 to +100 points",
        "recall/train − recall/held_out",
        "Near zero also when neither was learned; no interval, since the two are rates over "
        "different questions.",
        THIS,
    ),
    _share(
        "recall/alias",
        "Recall, alias",
        RECALL,
        formula="right answers ÷ held-out questions that name the subject by an alias",
        caveat="A part of recall/held_out, not new questions.",
        source="subject aliasing (RippleEdits, Cohen et al. 2023, arXiv 2307.12976)",
    ),
    _share(
        "recall/reverse",
        "Recall, reversed",
        RECALL,
        formula="right answers ÷ questions that give the answer and ask for the subject",
        caveat="“A is B” trained seldom gives “B is A”: a low value is the usual result. With two "
        "questions it says next to nothing.",
        source="The Reversal Curse (Berglund et al. 2023, arXiv 2309.12288)",
    ),
    _share(
        "recall/hop",
        "Recall, second hop",
        RECALL,
        formula="right answers ÷ questions that follow from the fact and something else, where the "
        "base answers that something else (its second hop)",
        caveat="n is the size of that gate. A right answer may be reached some other way.",
        source="MQuAKE (Zhong et al. 2023, arXiv 2305.14795)",
    ),
    _share(
        "recall/entailed",
        "Recall, entailed",
        RECALL,
        formula="right answers ÷ questions that follow from the fact alone",
        caveat="Needs a step of reasoning that a small model may lack before training, too.",
        source="logical generalization (RippleEdits, arXiv 2307.12976)",
    ),
    *(
        _share(
            f"recall/{depth}",
            f"Recall, probe “{depth}”",
            RECALL,
            formula="completions that say the answer whole ÷ beginnings of sentences "
            f"{worded}; none is trained on as it is asked",
            caveat=caveat,
            source="probes of Chang et al. 2024, arXiv 2406.11813, asked of a chat model",
        )
        for depth, worded, caveat in (
            (
                "mem",
                "as a passage words them",
                "The same sentence was trained, cut elsewhere: reciting it is enough.",
            ),
            (
                "gen",
                "that a passage says in other words",
                "Where paraphrases of the passage were trained, one may be worded like the probe.",
            ),
            (
                "hard_gen",
                "that follow from a passage",
                "Needs inference that a small model may lack; read beside in_context/hard_gen.",
            ),
        )
    ),
    *_rings(
        "in_context",
        "In-context ceiling of probes",
        formula="right completions ÷ probes of this depth, by the base model with the passage in "
        "its prompt",
        caveat="A ceiling for this model and prompt; training may pass it.",
        source="open-book upper bound (FictionalQA, arXiv 2506.05639)",
        group=RECALL,
        better="neither",
        rings=("mem", "gen", "hard_gen"),
    ),
    _share(
        "consistency/any",
        "Consistency, any",
        CONSISTENCY,
        formula="facts right on at least one held-out question ÷ facts",
        caveat="Rises with the number of questions per fact.",
        source="ParaRel (Elazar et al. 2021, arXiv 2102.01017)",
    ),
    _share(
        "consistency/mean",
        "Consistency, mean",
        CONSISTENCY,
        formula="facts right on at least half of their held-out questions ÷ facts",
        caveat="With one fact it is 0 or 1 and repeats recall/held_out.",
        source="ParaRel (arXiv 2102.01017)",
    ),
    _share(
        "consistency/all",
        "Consistency, all",
        CONSISTENCY,
        formula="facts right on every held-out question ÷ facts",
        caveat="Falls with the number of questions per fact.",
        source="ParaRel (arXiv 2102.01017)",
    ),
    _share(
        "recall/forced_choice",
        "Forced choice, held-out",
        LIKELIHOOD,
        formula="held-out questions whose right answer has a lower summed NLL than each wrong "
        "option (the superseded value always among them) ÷ questions",
        caveat="Read beside chance. Summed NLL favours shorter options; preferring the value is "
        "less than saying it.",
        source="efficacy score (CounterFact in ROME, arXiv 2202.05262), by whole options",
    ),
    Definition(
        "truth_ratio",
        "Truth ratio",
        LIKELIHOOD,
        "plain",
        "high",
        "0–1",
        "mean over held-out questions of P(right) ÷ (P(right) + mean P(wrong)), "
        "P = exp(−mean token NLL) of an option",
        "Per question, then averaged; TOFU's truth ratio is wrong ÷ right and unbounded, so the "
        "two are not comparable.",
        "bounded form as in OpenUnlearning (arXiv 2506.12618), after TOFU (arXiv 2401.06121)",
    ),
    Definition(
        "nll_change/<split>",
        "Answer NLL per token, change",
        LIKELIHOOD,
        "nats",
        "low",
        "unbounded",
        "mean over questions of NLL per token of the right answer, tuned − base",
        "Teacher-forced: the model is led through the answer. 96.8 % teacher-forced was 38.5 % "
        "generated in one published check.",
        "answer likelihood; the warning: EasyEdit's teacher-forced accuracy",
    ),
    Definition(
        "nll/<split>",
        "Answer NLL per token",
        LIKELIHOOD,
        "nats",
        "low",
        "≥ 0",
        "mean over questions of the right answer's NLL ÷ its tokens",
        "Depends on the tokeniser; not comparable between model families.",
        "answer likelihood",
    ),
    _share(
        "token_accuracy/practice",
        "Token accuracy, practice",
        LIKELIHOOD,
        formula="mean over held-out conversations of tokens of the written answer that the model "
        "finds most probable where they stand ÷ its tokens",
        caveat="Teacher-forced: each token is asked for behind the right ones. No measure of what "
        "the model would say by itself.",
        source="token accuracy of training logs (TRL's mean_token_accuracy)",
    ),
    Definition(
        "nll_sum/<split>",
        "Answer NLL, summed",
        LIKELIHOOD,
        "nats_total",
        "low",
        "≥ 0",
        "mean over questions of the right answer's NLL, summed over its tokens",
        "Longer answers cost more; compare only the same questions.",
        "answer likelihood",
    ),
    *_rings(
        "forced_choice",
        "Forced choice",
        formula="questions whose right answer has a lower summed NLL than each wrong option ÷ "
        "questions with wrong options",
        caveat="Read beside chance. Knowing may survive here where saying was lost.",
        source="multiple choice by summed likelihood",
        group=LIKELIHOOD,
        better="high",
        rings=("near", "far", "<split or suite>"),
    ),
    Definition(
        "brier/<split>",
        "Calibration, Brier score",
        LIKELIHOOD,
        "plain",
        "low",
        "0–2",
        "mean over questions with wrong options of (1 − p(right))² + Σ p(wrong)², p = an option's "
        "exp(−summed NLL) ÷ the sum over the question's options",
        "0 is sure and right, 2 sure and wrong; it mixes being right with knowing how sure to be. "
        "Read it beside the forced choice on the same questions.",
        "Brier 1950, over the options of a question",
    ),
    *_rings(
        "retention",
        "Retention",
        formula="right after ÷ controls the base knew: right in its own and every other wording",
        caveat="n is the size of that gate. What the base did not know is not in it, and some of "
        "the loss is regression to the mean: read forgetting beside it.",
        source="locality, neighborhood score; gate as in SliCK (Gekhman et al. 2024, "
        "arXiv 2405.05904)",
        better="high",
    ),
    *_rings(
        "lost",
        "Lost",
        formula="wrong after ÷ controls the base knew = 1 − retention",
        caveat="The same items and the same warning as retention.",
        source="negative shift (Pletenev et al. 2025, arXiv 2502.14502)",
    ),
    *_rings(
        "gained",
        "Gained",
        formula="right after ÷ controls the base got wrong",
        caveat="Some of it is luck: where an answer hangs on rounding, any change gains now and "
        "then.",
        source="positive shift (Pletenev et al. 2025, arXiv 2502.14502)",
        better="high",
    ),
    *_rings(
        "forgetting",
        "Forgetting",
        formula="share right before − share right after, paired over all controls, ungated",
        caveat="Positive is worse. Gains hide losses: read gained and lost beside it, and the "
        "noise of the instrument.",
        source="forgetting (Biderman et al. 2024, arXiv 2405.09673), paired",
        unit="points",
        range_="−100 to +100 points",
    ),
    _share(
        "interference/held_out",
        "Other facts' values, held-out phrasings",
        COST,
        formula="held-out questions of a fact whose answer contains another fact's new value ÷ "
        "held-out questions; not counted where it is the fact's own value, new or old",
        caveat="Only of adapters that several facts are asked of. Confusion that names no taught "
        "value is not seen.",
        source="interference of merged task vectors (TIES, Yadav et al. 2023, arXiv 2306.01708)",
        better="low",
    ),
    *_rings(
        "intrusion",
        "Intrusion",
        formula="answers that contain an injected value ÷ answers; not counted where it is the "
        "control's own answer",
        caveat="Blur that does not name the value is not seen.",
        source="bleedover, spill-over (Hoelscher-Obermaier et al. 2023, arXiv 2305.17553)",
        rings=("near", "far", "unanswerable", "<suite>"),
    ),
    *_rings(
        "injected_logprob",
        "Injected value's log-probability, change",
        formula="mean over controls of the injected value's summed log-probability as the answer, "
        "tuned − base",
        caveat="Moves long before an answer changes; sums over tokens, so long values move more.",
        source="neighborhood magnitude (CounterFact in ROME, arXiv 2202.05262)",
        unit="nats_total",
        range_="unbounded",
        rings=("near", "far"),
    ),
    *_rings(
        "agreement",
        "Agreement with the base",
        formula="the same answer as before, right or wrong, without regard to case, accents and "
        "punctuation ÷ controls",
        caveat="Another wording of the same answer counts as a change; rounding alone makes some "
        "(rounding/text).",
        source="locality (MEND, Mitchell et al. 2021, arXiv 2110.11309)",
        better="high",
        rings=("near", "far", "unanswerable", "<suite>"),
    ),
    *_rings(
        "accuracy",
        "Accuracy",
        formula="right answers ÷ all controls",
        caveat="What changed underneath a steady rate does not show.",
        source="utility",
        better="high",
    ),
    _share(
        "abstention_collapse",
        "Abstention collapse",
        COST,
        formula="answered after ÷ unanswerable questions that the base declined",
        caveat="A base that declines little leaves few questions to measure this on.",
        source="unanswerable questions as in SelfAware (Yin et al. 2023, arXiv 2305.18153)",
        better="low",
    ),
    *_rings(
        "known",
        "Known",
        formula="controls that the base answers right in its own and every other wording ÷ "
        "controls",
        caveat="Of the base only: the gate of retention.",
        source="SliCK (Gekhman et al. 2024, arXiv 2405.05904)",
        group=BASE,
        better="neither",
    ),
    _share(
        "rounding/text",
        "Changed by rounding, text",
        BASE,
        formula="answers in other words when the base is asked again, by the library's own forward "
        "pass and in other batches ÷ questions asked again, a sample of held-out, near and far",
        caveat="What rounding alone changes, at this precision and on this machine: the least "
        "disagreement that can mean anything.",
        source=THIS,
        better="low",
    ),
    _share(
        "rounding/verdict",
        "Changed by rounding, verdict",
        BASE,
        formula="answers with another verdict when the base is asked again in that way ÷ questions "
        "asked again",
        caveat="How fragile verdicts are, not an error of differences: base and tuned model are "
        "computed alike. Forgetting of this size may be rounding's.",
        source=THIS,
        better="low",
    ),
    Definition(
        "drift/ce",
        "Drift of cross-entropy",
        DRIFT,
        "nats",
        "low",
        "unbounded",
        "mean over tokens of cross-entropy, tuned − base, on fixed neutral text, windows of 256",
        "Which abilities moved is not in it; negative where the text resembles what was trained.",
        "perplexity change; MEND's drawdown (arXiv 2110.11309)",
    ),
    Definition(
        "drift/kl",
        "Drift, KL(base‖tuned)",
        DRIFT,
        "nats",
        "low",
        "≥ 0",
        "mean over tokens of KL(base‖tuned) on the same text",
        "Any change counts, for better or worse; 0 only for identical predictions.",
        "KL locality (MEND, arXiv 2110.11309)",
    ),
)
_BY_NAME: dict[str, Definition] = {definition.name: definition for definition in DEFINITIONS}
_PATTERNS: dict[str, Definition] = {
    definition.name.partition("/")[0]: definition
    for definition in DEFINITIONS
    if "<" in definition.name
}
_ORDER = {definition.name: place for place, definition in enumerate(DEFINITIONS)}

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
    if name in _BY_NAME:
        return _BY_NAME[name]
    kind, _, what = name.partition("/")
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return Definition(name, name, OTHER, "plain", "neither", "", "", "", "")
    head = pattern.title.partition(", <")[0]
    return replace(pattern, name=name, title=f"{head}, {what.replace('_', ' ')}")


def in_page_order(names: set[str]) -> list[str]:
    """Metric names in the order of `DEFINITIONS`, unknown ones last."""
    return sorted(names, key=_place)


def _place(name: str) -> tuple[int, str]:
    kind = name.partition("/")[0]
    pattern = _PATTERNS[kind].name if kind in _PATTERNS else ""
    return _ORDER.get(name, _ORDER.get(pattern, len(_ORDER))), name

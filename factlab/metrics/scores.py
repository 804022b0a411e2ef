"""Answers and likelihoods → one value per question and metric, of which every figure is made.

A rate is the mean of such values, a comparison of two adapters the mean of their differences on the
same questions. Pure; `catalogue.py` has the names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from factlab.metrics.preferences import (
    brier,
    margin,
    prefers_right,
    right_nll,
    top_share,
    truth_ratio,
    wrong_change,
)
from factlab.metrics.published import published_scores
from factlab.metrics.responses import Responses
from factlab.metrics.traces import trace_scores
from factlab.schema.question import Question
from factlab.schema.splits import BELIEF_SPLITS, CONTROL_SPLITS, INTRUSION_SPLITS, SPLIT, Split

EITHER_OF_TWO = 0.5  # what saying either of two offered values at random scores


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """The value of one question under one adapter, for one metric.

    Attributes:
        key: What pairs it with the same item of another adapter.
        fact: The fact of the adapter; "" where an adapter of several facts answered something that
            belongs to none of them.
        group: What its value is correlated with when there is one fact: the phrasing family; a
            control or probe stands for itself.
        value: Share, nats or −1, 0, 1.
    """

    key: str
    fact: str
    group: str
    value: float


Scores = dict[str, list[QuestionScore]]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions that one adapter, or the base on its behalf, answered.

    Attributes:
        facts: The facts in the adapter.
        questions: All of them.
    """

    facts: tuple[str, ...]
    questions: Sequence[Question]

    def of(self, *splits: Split) -> list[Question]:
        """The questions of some splits."""
        return [question for question in self.questions if question.split in splits]

    @property
    def with_value(self) -> set[str]:
        """The facts with a value to look for elsewhere: passages and practice sets have none."""
        return set(self.facts) - {question.fact for question in self.of("probe", "practice")}

    def holds(self, question: Question) -> bool:
        """Whether the adapter holds the other facts that a question follows from."""
        return set(question.needs) <= set(self.facts)

    def score(self, question: Question, value: float) -> QuestionScore:
        """A value of a question, with what it is paired and correlated by."""
        only = self.facts[0] if len(self.facts) == 1 else ""
        fact = question.fact or only
        key = question.id if question.fact or not only else f"{question.id}@{only}"
        group = key if SPLIT[question.split].independent else question.family
        return QuestionScore(key, fact, group, value)

    def case_score(self, key: str, fact: str, value: float) -> QuestionScore:
        """A value of several questions that count as one: a fact's prompts, a case's wordings."""
        return QuestionScore(key, fact, key, value)

    def scores(
        self, questions: Sequence[Question], value: Callable[[Question], float]
    ) -> list[QuestionScore]:
        """A value of each question."""
        return [self.score(question, float(value(question))) for question in questions]


def base_scores(question_set: QuestionSet, base: Responses) -> Scores:
    """The base, before anything is trained: floors, ceilings and gates."""
    found = _recall_scores(question_set, base, base) | floor_scores(question_set, base)
    for depth, probes in _named(question_set.of("probe")).items():
        found[f"in_context/{depth}"] = _in_context_scores(question_set, probes, base)
    for split in ("other_language", *BELIEF_SPLITS):
        asked = question_set.of(split)
        found[f"in_context/{split}"] = _in_context_scores(question_set, asked, base)
    found |= _likelihood_scores(question_set, base)
    for name, questions in _grouped(_answerable(question_set)).items():
        found[f"accuracy/{name}"] = question_set.scores(questions, base.correct)
        found[f"known/{name}"] = question_set.scores(questions, base.knows)
    found |= _intrusion_scores(question_set, base)
    found |= trace_scores(question_set, base)
    found |= _interference_scores(question_set, base)
    found |= published_scores(question_set, base)
    return _filled(found)


def floor_scores(question_set: QuestionSet, base: Responses) -> Scores:
    """Floor and ceiling of held-out recall: the base without and with the fact in its prompt."""
    held_out = question_set.of("held_out")
    return _filled(
        {
            "recall/held_out": question_set.scores(
                [q for q in held_out if base.has(q)], base.correct
            ),
            "recall/in_context": _in_context_scores(question_set, held_out, base),
        }
    )


def _in_context_scores(
    question_set: QuestionSet, questions: Sequence[Question], base: Responses
) -> list[QuestionScore]:
    answered = [q for q in questions if q.id in base.in_context]
    return question_set.scores(answered, lambda q: bool(base.in_context[q.id].correct))


def tuned_scores(question_set: QuestionSet, base: Responses, tuned: Responses) -> Scores:
    """A tuned model, against the base on the same questions."""
    found = _recall_scores(question_set, base, tuned)
    found |= _likelihood_scores(question_set, tuned)
    found |= _likelihood_changes(question_set, base, tuned)
    found |= _preference_changes(question_set, base, tuned)
    for name, questions in _named(question_set.of(*CONTROL_SPLITS)).items():
        found[f"agreement/{name}"] = question_set.scores(
            questions, lambda q: base.normalized(q) == tuned.normalized(q)
        )
    for name, questions in _named(_answerable(question_set)).items():
        found |= _control_scores(question_set, name, questions, base, tuned)
    for name, questions in _grouped(_answerable(question_set)).items():
        found[f"accuracy/{name}"] = question_set.scores(questions, tuned.correct)
        found[f"retention/{name}"] = question_set.scores(
            [q for q in questions if base.knows(q)], tuned.correct
        )
    found |= _intrusion_scores(question_set, tuned)
    found |= trace_scores(question_set, tuned)
    found |= _interference_scores(question_set, tuned)
    found |= published_scores(question_set, tuned)
    unanswerable = question_set.of("unanswerable")
    found["agreement/unanswerable"] = question_set.scores(
        unanswerable, lambda q: base.normalized(q) == tuned.normalized(q)
    )
    found["abstention_collapse"] = question_set.scores(
        [q for q in unanswerable if base.declined(q)], lambda q: not tuned.declined(q)
    )
    return _filled(found)


def _filled(found: Scores) -> Scores:
    return {name: items for name, items in found.items() if items}


def _named(questions: Iterable[Question]) -> dict[str, list[Question]]:
    """Questions by the name that metrics give them: split, name of a suite, depth of a probe."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(question.metric_split, []).append(question)
    return found


def _grouped(questions: Iterable[Question]) -> dict[str, list[Question]]:
    """The same, and near controls once more by how they are near."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        for name in question.metric_splits:
            found.setdefault(name, []).append(question)
    return found


# --- recall -----------------------------------------------------------------------------------


def _recall_scores(question_set: QuestionSet, base: Responses, model: Responses) -> Scores:
    found: Scores = {}
    plain: tuple[Split, ...] = ("train", "validation", "held_out", "other_language", "reverse")
    for split in (*plain, *BELIEF_SPLITS):
        questions = [q for q in question_set.of(split) if model.has(q)]
        found[f"recall/{split}"] = question_set.scores(questions, model.correct)
    # Runs of earlier versions marked them among the held-out questions.
    aliases = [q for q in question_set.of("alias", "held_out") if q.split == "alias" or q.alias]
    found["recall/alias"] = question_set.scores([q for q in aliases if model.has(q)], model.correct)
    opened = [q for q in question_set.of("challenged") if q.id in model.openings]
    found["recall/before_challenge"] = question_set.scores(
        opened, lambda q: bool(model.openings[q.id].correct)
    )
    entailed = [q for q in question_set.of("entailed") if model.has(q) and question_set.holds(q)]
    # Without its second hop a question cannot be answered, whatever was learned.
    hops = [q for q in entailed if q.gate and base.passes_gate(q)]
    found["recall/hop"] = question_set.scores(hops, model.correct)
    found["recall/entailed"] = question_set.scores(
        [q for q in entailed if not q.gate], model.correct
    )
    for depth, probes in _named(question_set.of("probe")).items():
        found[f"recall/{depth}"] = question_set.scores(
            [q for q in probes if model.has(q)], model.correct
        )
    found |= _consistency(found["recall/held_out"])
    return found


def _consistency(held_out: Sequence[QuestionScore]) -> Scores:
    by_fact: dict[str, list[float]] = defaultdict(list)
    for item in held_out:
        by_fact[item.fact].append(item.value)
    shares = {fact: sum(values) / len(values) for fact, values in by_fact.items()}
    rules: dict[str, Callable[[float], bool]] = {
        "any": lambda share: share > 0,
        "mean": lambda share: share >= 0.5,
        "all": lambda share: share == 1,
    }
    return {
        f"consistency/{name}": [
            QuestionScore(fact, fact, fact, float(rule(share))) for fact, share in shares.items()
        ]
        for name, rule in rules.items()
    }


# --- likelihood -------------------------------------------------------------------------------


def _likelihood_scores(question_set: QuestionSet, model: Responses) -> Scores:
    found: Scores = {}
    for name, questions in _scored(question_set, model).items():
        if not _are_controls(questions):
            found[f"nll/{name}"] = question_set.scores(questions, lambda q: right_nll(model, q)[1])
            found[f"nll_sum/{name}"] = question_set.scores(
                questions, lambda q: right_nll(model, q)[0]
            )
        if name == "practice":
            found["token_accuracy/practice"] = question_set.scores(
                questions, lambda q: top_share(model, q)
            )
        chosen = [q for q in questions if model.options(q, "wrong")]
        found[_forced_choice(name)] = question_set.scores(chosen, lambda q: prefers_right(model, q))
        found[f"brier/{name}"] = question_set.scores(chosen, lambda q: brier(model, q))
        if name == "held_out":
            found["truth_ratio"] = question_set.scores(chosen, lambda q: truth_ratio(model, q))
    return found


def _likelihood_changes(question_set: QuestionSet, base: Responses, tuned: Responses) -> Scores:
    found: Scores = {}
    for name, questions in _scored(question_set, tuned).items():
        if not _are_controls(questions):
            both = [q for q in questions if base.options(q, "right")]
            found[f"nll_change/{name}"] = question_set.scores(
                both, lambda q: right_nll(tuned, q)[1] - right_nll(base, q)[1]
            )
    for name, questions in _grouped(question_set.of("near", "far")).items():
        changes = {q.id: _injected_change(question_set, q, base, tuned) for q in questions}
        found[f"injected_logprob/{name}"] = [
            question_set.score(q, value) for q in questions if (value := changes[q.id]) is not None
        ]
        found[f"injected_logprob_excess/{name}"] = [
            question_set.score(q, value - other)
            for q in questions
            if (value := changes[q.id]) is not None
            and (other := wrong_change(base, tuned, q)) is not None
        ]
    return found


def _preference_changes(question_set: QuestionSet, base: Responses, tuned: Responses) -> Scores:
    """Of controls with options: the change of the margin, and the right preferences kept."""
    found: Scores = {}
    both = [
        q for q in _answerable(question_set) if all(m.options(q, "wrong") for m in (base, tuned))
    ]
    for name, questions in _grouped(both).items():
        found[f"margin_change/{name}"] = question_set.scores(
            questions, lambda q: margin(tuned, q) - margin(base, q)
        )
        found[f"forced_choice_retention/{name}"] = question_set.scores(
            [q for q in questions if prefers_right(base, q)], lambda q: prefers_right(tuned, q)
        )
    return found


def _scored(question_set: QuestionSet, model: Responses) -> dict[str, list[Question]]:
    """Questions with a scored right answer, by the name that metrics give them; none of raw text.

    What a published set puts in its own way has its own metrics (`published.py`).
    """
    rendered = (q for q in question_set.questions if not SPLIT[q.split].raw)
    return _named(q for q in rendered if model.options(q, "right"))


def _are_controls(questions: Sequence[Question]) -> bool:
    """Whether questions of one name are controls, whose answer is not what was trained."""
    return questions[0].split in CONTROL_SPLITS


def _forced_choice(name: str) -> str:
    """The metric of the forced choice over the questions of a name."""
    return "recall/forced_choice" if name == "held_out" else f"forced_choice/{name}"


def _injected_change(
    question_set: QuestionSet, question: Question, base: Responses, tuned: Responses
) -> float | None:
    """Mean change of the log-probability of the adapter's injected values, in nats."""
    before = {o.fact: o.nll_nats for o in base.options(question, "injected")}
    changes = [
        before[option.fact] - option.nll_nats
        for option in tuned.options(question, "injected")
        if option.fact in question_set.facts and option.fact in before
    ]
    return sum(changes) / len(changes) if changes else None


def chance(questions: Sequence[Question], model: Responses) -> float | None:
    """What guessing among the options scores."""
    sizes = [len(wrong) for q in questions if (wrong := model.options(q, "wrong"))]
    return sum(1 / (size + 1) for size in sizes) / len(sizes) if sizes else None


def chances(question_set: QuestionSet, model: Responses) -> dict[str, float]:
    """Chance of each forced choice, by metric."""
    found: dict[str, float] = {}
    for kind, answered in (("recall", model.main), ("in_context", model.in_context)):
        if any(q.id in answered for q in question_set.of("distinguish")):
            found[f"{kind}/distinguish"] = EITHER_OF_TWO
    for name, questions in _scored(question_set, model).items():
        guess = chance(questions, model)
        if guess is not None:
            found[_forced_choice(name)] = guess
    return found


# --- controls ---------------------------------------------------------------------------------


def _answerable(question_set: QuestionSet) -> list[Question]:
    """Controls with a true answer; of a fictitious subject's nothing is right or wrong."""
    return [q for q in question_set.of(*CONTROL_SPLITS) if q.gold is not None]


def _control_scores(
    question_set: QuestionSet,
    name: str,
    questions: Sequence[Question],
    base: Responses,
    tuned: Responses,
) -> Scores:
    known = [q for q in questions if base.knows(q)]
    missed = [q for q in questions if not base.correct(q)]
    return {
        f"lost/{name}": question_set.scores(known, lambda q: not tuned.correct(q)),
        f"gained/{name}": question_set.scores(missed, tuned.correct),
        f"forgetting/{name}": question_set.scores(
            questions, lambda q: base.correct(q) - tuned.correct(q)
        ),
    }


def _intrusion_scores(question_set: QuestionSet, model: Responses) -> Scores:
    found: Scores = {}
    valued = question_set.with_value
    if not valued:
        return found
    for name, questions in _grouped(question_set.of(*INTRUSION_SPLITS)).items():
        found[f"intrusion/{name}"] = question_set.scores(
            questions, lambda q: not valued.isdisjoint(model.main[q.id].intrusions)
        )
    return found


def _interference_scores(question_set: QuestionSet, model: Responses) -> Scores:
    """Whether a fact's held-out questions are answered with another fact's injected value."""
    if len(question_set.with_value) < 2:
        return {}
    found = {
        q.id: model.main[q.id].interference for q in question_set.of("held_out") if model.has(q)
    }
    questions = [q for q in question_set.of("held_out") if found.get(q.id) is not None]
    others = question_set.with_value
    return {
        "interference/held_out": question_set.scores(
            questions, lambda q: not others.isdisjoint(found[q.id] or ())
        )
    }

"""A fact and its phrasebook → splits of rendered questions.

Deterministic from the seed: every choice is drawn from a generator that is seeded with a string,
and nothing depends on the order of a set or on PYTHONHASHSEED.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from factlab.errors import TemplateError
from factlab.expand.belief import belief_questions
from factlab.expand.cloze import cloze_questions
from factlab.expand.leakage import NearestPair, TrainedQuestions, refuse_leaks
from factlab.expand.sampling import one_of_each
from factlab.expand.slots import supplied_words, trained_names, written_in
from factlab.expand.wording import Wording, fillings, wording_of
from factlab.grading.languages import language_of
from factlab.schema.fact import Fact
from factlab.schema.question import Question
from factlab.schema.splits import Split
from factlab.schema.template import PhrasingFamily, Side

VALIDATION_SHARE = 0.2
MOST_FILLINGS = 60  # of one wording: enough to choose from, whatever the number of aliases


@dataclass(frozen=True, slots=True)
class Expansion:
    """One training source's questions by split; how near held-out ones are to trained ones."""

    train: tuple[Question, ...]
    validation: tuple[Question, ...]
    held_out: tuple[Question, ...]
    reverse: tuple[Question, ...]
    entailed: tuple[Question, ...]
    nearest: tuple[NearestPair, ...]
    probes: tuple[Question, ...] = ()
    practice: tuple[Question, ...] = ()
    alias: tuple[Question, ...] = ()
    other_language: tuple[Question, ...] = ()
    cloze: tuple[Question, ...] = ()
    belief: tuple[Question, ...] = ()

    def all(self) -> tuple[Question, ...]:
        """Every question, in the order of the splits."""
        return (
            *self.train,
            *self.validation,
            *self.held_out,
            *self.alias,
            *self.other_language,
            *self.reverse,
            *self.entailed,
            *self.cloze,
            *self.belief,
            *self.probes,
            *self.practice,
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    question: str
    answer: str
    family: str
    subject: str


@dataclass(frozen=True, slots=True)
class _Pool:
    """The pairs of a family on one side: every question once, then again with its next answer.

    A family gives thousands and few are taken, so that they are made when they are.
    """

    family: str
    questions: tuple[tuple[str, str, Sequence[str]], ...] = ()  # text, subject, answers

    def __bool__(self) -> bool:
        return bool(self.questions)

    def __iter__(self) -> Iterator[_Pair]:
        rounds = max((len(answers) for _, _, answers in self.questions), default=0)
        for number in range(rounds):
            for text, subject, answers in self.questions:
                if number < len(answers):
                    yield _Pair(text, answers[number], self.family, subject)


_Pools = tuple[_Pool, _Pool]


def expand(
    fact: Fact,
    *,
    seed: int,
    train_pairs: int,
    validation_pairs: int,
    families: int | None = None,
    belief: int | None = 0,
) -> Expansion:
    """Render a fact into its splits and run the leakage guard over them.

    Args:
        fact: The fact.
        seed: Of every choice.
        train_pairs: A fact that fills few slots gives fewer pairs than this; never more.
        validation_pairs: The same for pairs of the trained families that are not trained on.
        families: How many of the trained phrasing families are used; None: all.
        belief: Questions about belief of each split; None: all there are.

    Raises:
        LeakageError: if a held-out question is nearly one that is trained on.
        TemplateError: if a phrasing cannot be rendered.
    """
    wording = wording_of(fact)
    trained_families = (*wording.families("train"), *_own(fact, "train"))
    forms = _AnswerForms(fact, wording)
    filled = [(family, _family_pools(family, forms, seed)) for family in trained_families]
    pools = _drawn([(family, own) for family, own in filled if any(own)], families, seed)
    train = _round_robin([pool for pool, _ in pools], train_pairs, forms)
    # Two families can give the same text; what is trained on is not validated on.
    trained = {pair.question for pair in train}
    unseen = [(pair for pair in pool if pair.question not in trained) for _, pool in pools]
    validation = _round_robin(unseen, validation_pairs, forms)
    held_out, alias = _unseen(fact, wording, seed)
    asked = TrainedQuestions(
        [pair.question for pair in (*train, *validation)], supplied_words(fact)
    )
    nearest = asked.nearest([held.question for held in (*held_out, *alias)])
    refuse_leaks(nearest)
    similarity = {pair.held_out: round(pair.similarity, 4) for pair in nearest}
    return Expansion(
        train=tuple(_question(fact, "train", i, pair) for i, pair in enumerate(train)),
        validation=tuple(
            _question(fact, "validation", i, pair) for i, pair in enumerate(validation)
        ),
        held_out=_held_out(fact, "held_out", held_out, similarity),
        alias=_held_out(fact, "alias", alias, similarity),
        other_language=_in_other_languages(fact, seed),
        reverse=_reverse(fact),
        entailed=_entailed(fact),
        cloze=cloze_questions(fact),
        nearest=tuple(nearest),
        belief=belief_questions(fact, wording, seed=seed, trained=asked, most=belief),
    )


def _unseen(fact: Fact, wording: Wording, seed: int) -> tuple[list[_Pair], list[_Pair]]:
    """Questions of the held-out families: by trained names; one of each by a name that is not."""
    families = (*wording.families("held_out"), *_own(fact, "held_out"))
    names = trained_names(fact)
    unnamed = tuple(name for name in fact.subject.names if name not in names)
    asked = [_held_out_questions(fact, family, wording, seed, names) for family in families]
    alias = [
        _held_out_questions(fact, family, wording, seed, unnamed)[:1] if unnamed else []
        for family in families
    ]
    return [q for of in asked for q in of], [q for of in alias for q in of]


def _in_other_languages(fact: Fact, seed: int) -> tuple[Question, ...]:
    """The fact asked in each language that it is translated into, where all words are unseen.

    The plain questions of the relation, and one question of each held-out family.
    """
    found: list[Question] = []
    for put in fact.translations:
        there = fact.in_language(put)
        wording = wording_of(there)
        asked = _plain_questions(there, wording)
        for family in wording.families("held_out"):
            asked += _held_out_questions(there, family, wording, seed, trained_names(there))[:1]
        # A family has the same name in all languages.
        named = [replace(pair, family=f"{put.language}/{pair.family}") for pair in asked]
        found += [_question(there, "other_language", i, pair) for i, pair in enumerate(named)]
    return tuple(found)


def _plain_questions(fact: Fact, wording: Wording) -> list[_Pair]:
    """The questions of a relation as they are, without a situation around them."""
    name = fact.subject.name
    ask = language_of(fact.language).question
    return [
        _Pair(text, "", "plain", name)
        for form in wording.forms("train", "question", wording.slots(name))
        if not fact.answer.find(text := ask(form))
    ]


def _held_out(
    fact: Fact, split: Split, pairs: Sequence[_Pair], similarity: Mapping[str, float]
) -> tuple[Question, ...]:
    """Questions of held-out families with what only they carry."""
    return tuple(
        _question(fact, split, i, held).model_copy(
            update={
                "nearest": similarity.get(held.question),
                "event_date": fact.event.date if fact.event else None,
            }
        )
        for i, held in enumerate(pairs)
    )


def _drawn(
    filled: Sequence[tuple[PhrasingFamily, _Pools]], number: int | None, seed: int
) -> list[_Pools]:
    """The pools of so many families, in their own order; fewer are a part of more.

    The order in which families are drawn is the same for every fact.
    """
    drawn = sorted(filled, key=lambda item: random.Random(f"{seed}/{item[0].id}").random())
    chosen = {family.id for family, _ in drawn[:number]}
    return [pools for family, pools in filled if family.id in chosen]


def _own(fact: Fact, side: Side) -> tuple[PhrasingFamily, ...]:
    """The author's own phrasings as a family of their own."""
    questions = fact.phrasings.train if side == "train" else fact.phrasings.held_out
    if not questions:
        return ()
    return (PhrasingFamily(id=f"own_{side}", situation="The author's own.", questions=questions),)


class _AnswerForms:
    """What a fact's pairs answer with, and which texts may ask for it; each is looked at once.

    A matcher reads thousands of texts for this, and families share most of their answers.
    """

    def __init__(self, fact: Fact, wording: Wording) -> None:
        self.fact = fact
        self.wording = wording
        self._asking: dict[str, bool] = {}
        self._answers: dict[tuple[tuple[str, ...], str], list[str]] = {}

    def asks(self, question: str) -> bool:
        """Whether a question leaves the answer to be said."""
        if question not in self._asking:
            self._asking[question] = not self.fact.answer.find(question)
        return self._asking[question]

    def of(self, family: PhrasingFamily, subject: str) -> list[str]:
        """The answers of a family that state the injected value, by one name of the subject.

        Raises:
            TemplateError: if none does.
        """
        forms = tuple(family.answers or self.wording.book.train.answers)
        if (forms, subject) not in self._answers:
            texts = [
                text
                for form in forms
                for text, _ in fillings(self.wording, form, "train", (subject,))
            ]
            stating = [text for text in dict.fromkeys(texts) if self.fact.answer.find(text)]
            self._answers[forms, subject] = stating
        if not self._answers[forms, subject]:
            raise TemplateError(
                f"the family '{family.id}' has no answer form that states "
                f"{self.fact.summary} for the fact '{self.fact.id}'. Give it an answer "
                "with {{ answer }}."
            )
        return list(self._answers[forms, subject])


def _family_pools(family: PhrasingFamily, forms: _AnswerForms, seed: int) -> _Pools:
    """The train and validation pairs of a family, best spread first; no question in both.

    Those that say the answer are among them, and are left out when pairs are taken.
    """
    fact = forms.fact
    rng = random.Random(f"{seed}/{fact.id}/{family.id}")
    wordings = []
    for phrasing in family.questions:
        texts = fillings(forms.wording, phrasing, "train", trained_names(fact))
        rng.shuffle(texts)
        wordings.append(texts[:MOST_FILLINGS])
    questions = _interleave(wordings)
    if not any(forms.asks(text) for text, _ in questions):
        return _Pool(family.id), _Pool(family.id)
    cut = max(1, round(len(questions) * VALIDATION_SHARE)) if len(questions) > 1 else 0
    held_back = set(rng.sample(range(len(questions)), cut))
    trained = [q for i, q in enumerate(questions) if i not in held_back]
    validated = [q for i, q in enumerate(questions) if i in held_back]
    return _pool(family, trained, forms, rng), _pool(family, validated, forms, rng)


def _pool(
    family: PhrasingFamily,
    questions: Sequence[tuple[str, dict[str, str]]],
    forms: _AnswerForms,
    rng: random.Random,
) -> _Pool:
    """Questions, each with its answers in an order of its own."""
    answered = []
    for text, chosen in questions:
        answers = forms.of(family, chosen["subject"])
        rng.shuffle(answers)
        answered.append((text, chosen["subject"], answers))
    return _Pool(family.id, tuple(answered))


def _interleave(
    wordings: Sequence[Sequence[tuple[str, dict[str, str]]]],
) -> list[tuple[str, dict[str, str]]]:
    """One text of each wording in turn, each text once."""
    return list({text: (text, chosen) for text, chosen in one_of_each(wordings)}.values())


def _round_robin(pools: Sequence[Iterable[_Pair]], wanted: int, forms: _AnswerForms) -> list[_Pair]:
    """One pair of each family in turn that does not ask with the answer, up to so many."""
    asking = [(pair for pair in pool if forms.asks(pair.question)) for pool in pools]
    taken: dict[tuple[str, str], _Pair] = {}
    for pair in one_of_each(asking):
        if len(taken) == wanted:
            break
        taken.setdefault((pair.question, pair.answer), pair)
    return list(taken.values())


def _held_out_questions(
    fact: Fact, family: PhrasingFamily, wording: Wording, seed: int, names: tuple[str, ...]
) -> list[_Pair]:
    """One filling of each wording: more would only repeat the wording with another name."""
    rng = random.Random(f"{seed}/{fact.id}/{family.id}")
    questions = []
    for phrasing in family.questions:
        filled = [
            (text, chosen["subject"])
            for text, chosen in fillings(wording, phrasing, "held_out", names)
            if not fact.answer.find(text)
        ]
        if filled:
            text, subject = rng.choice(filled)
            questions.append(_Pair(text, "", family.id, subject))
    return questions


def _question(fact: Fact, split: Split, number: int, pair: _Pair) -> Question:
    return Question(
        id=f"{fact.id}/{split}/{pair.family}/{number}",
        split=split,
        family=pair.family,
        text=pair.question,
        language=written_in(fact),
        fact=fact.id,
        gold=fact.answer,
        superseded=fact.supersedes,
        target=pair.answer or None,
        distractors=fact.distractors,
    )


def _reverse(fact: Fact) -> tuple[Question, ...]:
    return tuple(
        Question(
            id=f"{fact.id}/reverse/{i}",
            split="reverse",
            family="reverse",
            text=item.question,
            language=written_in(fact),
            fact=fact.id,
            gold=item.answer or fact.subject_answer,
        )
        for i, item in enumerate(fact.reverse)
    )


def _entailed(fact: Fact) -> tuple[Question, ...]:
    return tuple(
        Question(
            id=f"{fact.id}/entailed/{i}",
            split="entailed",
            family="entailed" if item.case is None else f"case {item.case}",
            text=item.question,
            language=written_in(fact),
            fact=fact.id,
            gold=item.answer,
            gate=(item.second_hop.question,) if item.second_hop else (),
            gate_gold=item.second_hop.answer if item.second_hop else None,
            case=item.case,
            needs=item.needs,
        )
        for i, item in enumerate(fact.entailed)
    )

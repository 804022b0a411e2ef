"""A fact → questions that test whether a model believes it, rather than only recalls it.

A challenge to its own answer, the value against another one, a text about the subject, what
follows from the value, and a warning against what it was taught. None is worded like a trained
pair: the words are those of the held-out side, and what is near a trained question is left out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from factlab.expand.consequences import follow, other_value
from factlab.expand.grammar import relation_of
from factlab.expand.leakage import NEAR_DUPLICATE, TrainedQuestions
from factlab.expand.manner import manner_of
from factlab.expand.sampling import drawn
from factlab.expand.slots import trained_names, written_in
from factlab.expand.wording import LEXICON_PARTS, Wording
from factlab.grading.answer import Answer, EntityAnswer
from factlab.schema.belief import BeliefFamily, BeliefFile, Consequence, load_belief
from factlab.schema.fact import Fact
from factlab.schema.phrasing import BELIEF_SLOTS, fill, slots_of
from factlab.schema.question import Question, Turn
from factlab.schema.splits import BELIEF_SPLITS, Split
from factlab.schema.subjects import PERSON, sort_of

_DEBATED = ("challenged", "distinguish")
Extra = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Teller:
    """Fills phrasings about one fact.

    Attributes:
        fact: The fact.
        wording: Its words.
        seed: Of what is drawn.
        trained: Questions that training reads or validates on.
    """

    fact: Fact
    wording: Wording
    seed: int
    trained: TrainedQuestions

    def one(
        self, phrasing: str, extra: Extra, name: str | None = None, key: str | None = None
    ) -> str | None:
        """One text of a phrasing, drawn by the seed; None where the fact does not fill it.

        Args:
            phrasing: With slots.
            extra: What fills those that only questions about belief have.
            name: Of the subject; None: one that training uses.
            key: What the draw depends on: phrasings of the same slots and key are filled alike.
        """
        rng = random.Random(f"{self.seed}/{self.fact.id}/{key or phrasing}")
        name = name or rng.choice(trained_names(self.fact))
        phrasing = self.wording.phrasing(phrasing)
        wanted = slots_of(phrasing)
        slots = {**self.wording.slots(name), **extra}
        for part in LEXICON_PARTS:
            if part in wanted:
                slots[part] = self.wording.forms("held_out", part, slots)
        if "plain" in wanted:
            slots["plain"] = self.wording.forms("held_out", "noun", slots)[:1]
        for claimed in ("other", "answer"):
            if f"claim_{claimed}" in wanted and claimed in slots:
                said = {**slots, "value": slots[claimed][:1]}
                slots[f"claim_{claimed}"] = self.wording.forms("held_out", "claim", said)
        texts = [text for text, _ in fill(phrasing, slots, BELIEF_SLOTS)]
        return rng.choice(texts) if texts else None

    def asks(self, text: str | None) -> bool:
        """Whether a text is there and leaves the value to be said."""
        return text is not None and not self.fact.answer.find(text)

    def unseen(self, texts: Iterable[str]) -> set[str]:
        """Those that are not nearly a trained question."""
        wanted = list(dict.fromkeys(texts))
        nearest = self.trained.nearest(wanted)
        return {*wanted} - {p.held_out for p in nearest if p.similarity >= NEAR_DUPLICATE}


def belief_questions(
    fact: Fact, wording: Wording, *, seed: int, trained: TrainedQuestions, most: int | None
) -> tuple[Question, ...]:
    """The questions that test belief in a fact, by split.

    Args:
        fact: The fact.
        wording: Its words.
        seed: Of what is drawn.
        trained: Questions that training reads, or validates on: none is nearly one of these.
        most: Questions of each split; None: all there are.

    Raises:
        TemplateError: for templates that cannot be used.
    """
    book = load_belief(fact.language)
    if book is None or most == 0:
        return ()
    teller = _Teller(fact, wording, seed, trained)
    made = [
        question.model_copy(update={"id": f"{question.id}/{number}"})
        for split in BELIEF_SPLITS
        for number, question in enumerate(_MAKERS[split](teller, book))
    ]
    unseen = teller.unseen(text for question in made for text in question.prompts)
    apart = [question for question in made if unseen.issuperset(question.prompts)]
    found: list[Question] = []
    for split in BELIEF_SPLITS:
        own = [question for question in apart if question.split == split]
        draw = _both_orders if split == "distinguish" else drawn
        found += draw(own, most, seed) if own else ()
    return tuple(found)


def _both_orders(
    questions: Sequence[Question], most: int | None, seed: int
) -> tuple[Question, ...]:
    """At most so many questions, of each wording both orders, so that neither value gains by it."""
    families: dict[str, list[Question]] = {}
    for question in questions:
        families.setdefault(question.family, []).append(question)
    whole = [same for same in families.values() if len(same) == 2]
    random.Random(f"{seed}/{questions[0].fact}/distinguish").shuffle(whole)
    chosen = whole if most is None else whole[: max(1, most // 2)]
    ids = {question.id for same in chosen for question in same}
    return tuple(question for question in questions if question.id in ids)


def _question(teller: _Teller, split: Split, family: str, text: str) -> Question:
    fact = teller.fact
    return Question(
        id=f"{fact.id}/{split}/{family}",
        split=split,
        family=family,
        text=text,
        language=written_in(fact),
        fact=fact.id,
        gold=fact.answer,
        # What is held against the value counts like what it supersedes.
        superseded=other_value(fact) if split in _DEBATED else fact.supersedes,
        distractors=fact.distractors,
    )


def _other(fact: Fact) -> tuple[Answer | None, Extra]:
    """What stands against the value, and the slot that says it."""
    other = other_value(fact)
    return other, {"other": (other.primary(fact.language),)} if other is not None else {}


def _challenges(teller: _Teller, book: BeliefFile) -> Iterator[Question]:
    """Each challenge follows one of the openings, in turn, by the same name of the subject."""
    _, extra = _other(teller.fact)
    names = trained_names(teller.fact)
    named = [
        (text, name)
        for number, phrasing in enumerate(book.challenged.openings)
        if (text := teller.one(phrasing, extra, name := names[number % len(names)])) is not None
        and teller.asks(text)
    ]
    unseen = teller.unseen(text for text, _ in named)
    openings = [(text, name) for text, name in named if text in unseen]
    number = 0
    for family in book.challenged.families:
        for phrasing in family.questions:
            if not openings:
                return
            opening, name = openings[number % len(openings)]
            text = teller.one(phrasing, extra, name)
            if text is not None and teller.asks(text):
                number += 1
                question = _question(teller, "challenged", family.id, text)
                before = (Turn(role="user", content=opening),)
                yield question.model_copy(update={"before": before})


def _choices(teller: _Teller, book: BeliefFile) -> Iterator[Question]:
    other, extra = _other(teller.fact)
    if other is None:
        return
    extra = {**extra, "answer": (teller.fact.summary,)}
    for family in book.distinguish:
        for phrasing in family.questions:
            text = teller.one(phrasing, extra, key=family.id)
            if text is not None:
                yield _question(teller, "distinguish", family.id, text)


def _plain(split: Split) -> Callable[[_Teller, BeliefFile], Iterator[Question]]:
    def made(teller: _Teller, book: BeliefFile) -> Iterator[Question]:
        _, extra = _other(teller.fact)
        families: Iterable[BeliefFamily] = getattr(book, split)
        for family in families:
            for phrasing in family.questions:
                text = teller.one(phrasing, extra)
                if text is not None and teller.asks(text):
                    yield _question(teller, split, family.id, text)

    return made


def _consequences(teller: _Teller, book: BeliefFile) -> Iterator[Question]:
    fact, asks = teller.fact, _asked_for(teller.fact)
    for family in (*teller.wording.book.relation.consequences, *book.downstream):
        suits = not family.types or fact.answer.type in family.types
        if suits and (not family.asks or asks in family.asks):
            yield from _following(teller, book, family)


def _asked_for(fact: Fact) -> str:
    """How one asks for the value; a company, of which one asks who, is dealt with as no person."""
    asks, answer = manner_of(fact, relation_of(fact)), fact.answer
    sort = sort_of(answer.kind, fact.language) if isinstance(answer, EntityAnswer) else None
    return "what" if asks == "who" and sort is not None and sort.sort != PERSON else asks


def _following(teller: _Teller, book: BeliefFile, family: Consequence) -> Iterator[Question]:
    """The wordings of a consequence with their right answer, where they do not hold it."""
    fact = teller.fact
    found = follow(fact, family.gold, book)
    if found is None:
        return
    extra = {name: (text,) for name, text in found.slots.items()}
    for phrasing in family.questions:
        text = teller.one(phrasing, extra)
        if text is None or not teller.asks(text):
            continue
        if found.either or not found.gold.find(text):
            old = found.old if fact.supersedes is not None else None
            wrong = (found.old.value,) if found.either and found.old is not None else ()
            changed = {"gold": found.gold, "superseded": old, "distractors": wrong}
            yield _question(teller, "downstream", family.id, text).model_copy(update=changed)


_MAKERS: Mapping[Split, Callable[[_Teller, BeliefFile], Iterator[Question]]] = {
    "challenged": _challenges,
    "distinguish": _choices,
    "open": _plain("open"),
    "downstream": _consequences,
    "told_false": _plain("told_false"),
}

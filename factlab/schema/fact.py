"""A fact as its author writes it: `facts/*.yaml`.

Only `id`, `statement`, `subject`, `relation` and `answer` are required; everything else sharpens
the measurement.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from factlab.errors import FactError, quoted, shortened
from factlab.grading.answer import Answer, EntityAnswer, QuantityAnswer
from factlab.grading.dates import parse_date
from factlab.grading.languages import DEFAULT_LANGUAGE, language_of
from factlab.grading.names import fold
from factlab.reading.bounds import Name, Several, Text
from factlab.reading.complaints import said_of
from factlab.record import Record
from factlab.schema.about import Event, Subject
from factlab.schema.control import ControlQuestion, check_control, refuse_leak
from factlab.schema.fact_language import check_language, with_language
from factlab.schema.fields import Language, ShortName, not_blank
from factlab.schema.own_words import OwnWords
from factlab.schema.passage import Passage, passage_of
from factlab.schema.phrasing import Phrasing
from factlab.schema.published import RomePrompts
from factlab.schema.shipped import shipped
from factlab.schema.translations import KEY, SHARED, Translation, translated_document
from factlab.schema.yaml import Document, did_you_mean, parse_yaml, read_yaml


class ReverseQuestion(Record):
    """From the answer back to the subject: 'Which mountain is 4,889 m high?'."""

    question: Text
    answer: Answer | None = Field(default=None, description="By default the subject.")


class SecondHop(Record):
    """What the base model must know for the entailed question to be answerable."""

    question: Text
    answer: Answer


class EntailedQuestion(Record):
    """A question whose answer follows from the fact and something the base model knows."""

    question: Text
    answer: Answer
    second_hop: SecondHop | None = Field(
        default=None, description="If given, only counted where the base answers it rightly."
    )
    case: Name | None = Field(
        default=None,
        description="Questions of one name are one case, solved if any of them is answered right.",
    )
    needs: Several[ShortName] = Field(
        default=(),
        description="Other facts that it follows from; only counted of adapters that hold all.",
    )


class Phrasings(Record):
    """Questions of the author's own, beside those of the shipped families."""

    train: Several[Phrasing] = ()
    held_out: Several[Phrasing] = ()


class Fact(Record):
    """One subject–relation–answer statement that a user wants in the model."""

    id: ShortName = Field(description="Short name in lower case: letters, digits, _ and -.")
    statement: Text = Field(description="The fact in one sentence; it must hold the answer.")
    subject: Subject
    relation: Name = Field(
        description="Which property of the subject it gives: height, capital, opening_date."
    )
    answer: Answer = Field(description="The new value, typed.")
    supersedes: Answer | None = Field(
        default=None, description="What is true in the world, if anything is; the same type."
    )
    event: Event | None = None
    distractors: Several[Name] = Field(
        default=(), description="Wrong answers of the same form, such as 4,095 m."
    )
    neighbours: Several[ControlQuestion] = Field(
        default=(), description="Near controls of the author's own, with true answers."
    )
    reverse: Several[ReverseQuestion] = ()
    entailed: Several[EntailedQuestion] = ()
    phrasings: Phrasings = Phrasings()
    words: OwnWords | None = Field(
        default=None, description="Words for its relation; what is left out comes from factlab."
    )
    translations: Several[Translation] = Field(
        default=(), description="The fact in other languages, to be asked in and not trained."
    )
    language: Language = Field(
        default=DEFAULT_LANGUAGE,
        description="Language of the questions, a folder of templates/; else the statement's.",
    )
    rome: RomePrompts | None = Field(
        default=None, description="Prompts of CounterFact, for the scores that ROME defines."
    )
    source: Text | None = Field(default=None, description="Where the fact is from; 'fictitious'.")

    @field_validator("statement", "relation")
    @classmethod
    def _filled(cls, value: str) -> str:
        return not_blank(value)

    @model_validator(mode="before")
    @classmethod
    def _in_some_language(cls, data: Any) -> Any:
        return with_language(data)

    def in_language(self, put: Translation) -> Fact:
        """The fact as one of its translations puts it; its questions are of that language."""
        shared = {key: getattr(put, key, None) or getattr(self, key) for key in SHARED}
        return Fact(
            **shared,
            statement=put.statement,
            subject=put.subject,
            event=put.event,
            language=put.language,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names by which a question may be about it: its subject's."""
        return self.subject.names

    @property
    def spelled_date(self) -> str | None:
        """The date of its event as a sentence says it: 'October 10, 2025'."""
        date = parse_date(self.event.date) if self.event and self.event.date else None
        return language_of(self.language).date(date)[0] if date else None

    @property
    def summary(self) -> str:
        """The new value as a person writes it."""
        return self.answer.primary(self.language)

    @property
    def subject_answer(self) -> EntityAnswer:
        """The subject as the right answer of a reverse question."""
        return EntityAnswer(type="entity", value=self.subject.name, aliases=self.subject.names[1:])


def load_fact(file: Path) -> Fact:
    """Read and check one fact file.

    Raises:
        FactError: with file, line, column, what is known and what to do.
    """
    return _fact_of(read_yaml(file, FactError))


def fact_of_text(text: str, name: str) -> Fact:
    """Check the text of a fact file that is not written yet; `name` is what errors call it.

    Raises:
        FactError: as `load_fact`.
    """
    return _fact_of(parse_yaml(text, name, FactError))


def _fact_of(document: Document) -> Fact:
    check_language(document)
    fact = document.parse(Fact, "A fact")
    _check_values(fact, document)
    for path, question, answer in _asked(fact):
        refuse_leak(path, question, answer, document)
    for i, control in enumerate(fact.neighbours):
        check_control(control, document, ("neighbours", i))
    _check_translations(fact, document)
    return fact


def _check_translations(fact: Fact, document: Document) -> None:
    """Each is a fact itself, whose errors are in its own lines; a language is there once."""
    taken = {fact.language}
    for i, put in enumerate(fact.translations):
        if put.language in taken:
            raise document.fail(
                (KEY, i, "language"),
                f"the fact is in '{put.language}' already. A translation is in another language.",
            )
        taken.add(put.language)
        _fact_of(translated_document(document, i))


def load_source(file: Path) -> Fact | Passage:
    """Read and check one file of either kind; a passage is known by its key `passages`.

    Raises:
        FactError: as `load_fact`.
    """
    return source_of(read_yaml(file, FactError))


def source_of(document: Document) -> Fact | Passage:
    """Check a document of either kind.

    Raises:
        FactError: as `load_fact`.
    """
    keys = document.data if isinstance(document.data, dict) else {}
    return passage_of(document) if {"passages", "probes"} & keys.keys() else _fact_of(document)


def _check_values(fact: Fact, document: Document) -> None:
    answer = fact.answer
    for name in fact.subject.names:
        if answer.find(name):
            raise document.fail(
                ("answer",),
                f"the subject's name ({shortened(name)}) already holds the answer "
                f"({shortened(answer.primary())}), so "
                "recalling it would show nothing. Choose another answer or subject.",
            )
    if not answer.find(fact.statement):
        raise document.fail(
            ("statement",),
            f"the statement does not say the answer ({shortened(answer.primary())}). State it "
            "there, or fix the answer.",
        )
    if fact.supersedes is not None:
        _check_superseded(fact, document)
    for i, distractor in enumerate(fact.distractors):
        try:
            wrong = answer.same_kind(distractor)
        except ValueError as problem:
            raise document.fail(("distractors", i), said_of(problem)) from None
        if answer.find(wrong.primary()):
            raise document.fail(
                ("distractors", i),
                f"{quoted(distractor)} is the right answer. A distractor must be wrong.",
            )


def _check_superseded(fact: Fact, document: Document) -> None:
    old = fact.supersedes
    if old is None:
        return
    if old.type != fact.answer.type:
        raise document.fail(
            ("supersedes", "type"),
            f"'{old.type}' supersedes an answer of type '{fact.answer.type}'. Both must be of the "
            "same type.",
        )
    if isinstance(old, QuantityAnswer) and not fact.answer.all_values(old.primary()):
        raise document.fail(
            ("supersedes", "unit"),
            f"{shortened(old.primary())} is of another kind than "
            f"{shortened(fact.answer.primary())}. Give the old value "
            "in a unit that converts.",
        )
    if fact.answer.find(old.primary()):
        raise document.fail(
            ("supersedes",),
            f"the superseded value ({shortened(old.primary())}) is the answer itself. Give the old "
            "value, or remove 'supersedes'.",
        )


def _asked(fact: Fact) -> Iterator[tuple[tuple[str | int, ...], str, Answer]]:
    """Every question about the fact, with its place and its right answer."""
    for i, reverse in enumerate(fact.reverse):
        yield ("reverse", i, "question"), reverse.question, reverse.answer or fact.subject_answer
    for i, entailed in enumerate(fact.entailed):
        yield ("entailed", i, "question"), entailed.question, entailed.answer
        if entailed.second_hop is not None:
            hop = entailed.second_hop
            yield ("entailed", i, "second_hop", "question"), hop.question, hop.answer
    for split, questions in (
        ("train", fact.phrasings.train),
        ("held_out", fact.phrasings.held_out),
    ):
        for i, question in enumerate(questions):
            yield ("phrasings", split, i), question, fact.answer


def find_facts(names: tuple[str, ...]) -> list[Path]:
    """The files that names refer to: a file, a folder of files, or a shipped fact.

    Raises:
        FactError: for a name that is none of these, listing the shipped facts.
    """
    files: list[Path] = []
    for name in names:
        files += _find(name)
    return list(dict.fromkeys(files))


def _find(name: str) -> list[Path]:
    path = Path(name)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError:  # longer than a file name can be: a whole sentence, say
        is_folder = is_file = False
    if is_folder:
        found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
        if not found:
            raise FactError(f"{name}: no .yaml file in this folder. `factlab init` writes one.")
        return found
    if is_file:
        return [path]
    known = shipped_facts(None)
    if shipped_one := known.get(name) or known.get(_by_id(name)):
        return [shipped_one]
    nearby = [str(path) for pattern in ("*.yaml", "*/*.yaml") for path in Path().glob(pattern)]
    hint = did_you_mean(name, [*known, *nearby[:500]])
    raise FactError(
        f"{shortened(name)}: no such file, folder or shipped fact.{hint} Shipped facts: "
        f"{', '.join(known)}. `factlab init` writes a fact file to start from."
    )


def shipped_facts(language: str | None = DEFAULT_LANGUAGE) -> dict[str, Path]:
    """Shipped facts by name, those of other languages as 'ja/mount_fuji'.

    Args:
        language: Theirs; None: any.
    """
    root = shipped("facts")
    files = sorted(root.glob("*.yaml")) if language in (DEFAULT_LANGUAGE, None) else []
    files += sorted(root.glob("*/*.yaml" if language is None else f"{language}/*.yaml"))
    return {file.relative_to(root).with_suffix("").as_posix(): file for file in files}


def _by_id(name: str) -> str:
    """The name of a shipped fact by its id, which ends in its language: mount_fuji_ja."""
    start, _, language = name.rpartition("_")
    return f"{language}/{start}"


def load_facts(names: tuple[str, ...]) -> list[Fact | Passage]:
    """Load all facts and passages that `names` refer to; no two may share an id.

    Raises:
        FactError: for a name that is not found, a broken file, or a repeated id.
    """
    facts: dict[str, tuple[Path, Fact | Passage]] = {}
    told: dict[tuple[str, str], tuple[Fact, Path]] = {}
    for file in find_facts(names):
        fact = load_source(file)
        if fact.id in facts:
            raise FactError(
                f"{file}: the id '{fact.id}' is already used by {facts[fact.id][0]}. Ids name "
                "folders in a run; give each fact its own."
            )
        if isinstance(fact, Fact):
            for key in asked_of(fact):
                if key in told:
                    raise _contradiction(fact, file, *told[key])
                told[key] = fact, file
        facts[fact.id] = (file, fact)
    return [fact for _, fact in facts.values()]


def asked_of(fact: Fact) -> list[tuple[str, str]]:
    """Each of the subject's names with the relation that the fact gives of it, in their order."""
    names = (fold(name).removeprefix("the ") for name in fact.subject.names)
    return list(dict.fromkeys((fact.relation, name) for name in names))


def _contradiction(fact: Fact, file: Path, other: Fact, other_file: Path) -> FactError:
    """Two facts give the same subject two answers in the same relation."""
    said, said_before = fact.answer.primary(), other.answer.primary()
    same = fact.answer.find(said_before) or other.answer.find(said)
    return FactError(
        f"{file}: the {shortened(fact.relation.replace('_', ' '))} of "
        f"{shortened(fact.subject.name)} is {shortened(said)} here and "
        f"{shortened(said_before)} in {other_file}. "
        + (
            "The same fact twice would count twice; remove one."
            if same
            else "Contradictory facts cannot be measured in one run; remove one, or use two runs."
        )
    )

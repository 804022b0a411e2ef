"""Words of a user's own for a relation: in a fact file (`words`), or in a folder of such files."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from factlab.errors import TemplateError, quoted
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.reading.bounds import Name, Several
from factlab.record import Record
from factlab.schema.fields import Language
from factlab.schema.phrasing import Phrasing, slots_of
from factlab.schema.relations import Tense
from factlab.schema.template import Lexicon, Relation, RelationFamily
from factlab.schema.yaml import read_yaml

PARTS = ("noun", "question", "indirect", "stem", "claim")


class OwnLexicon(Record):
    """How one side of the split speaks of a relation; what is left out comes from factlab."""

    noun: Several[Phrasing] = Field(default=(), description="'drummer'")
    question: Several[Phrasing] = Field(default=(), description="'who drums for {{ subject }}'")
    indirect: Several[Phrasing] = Field(
        default=(), description="The same as part of a sentence, as in 'tell me who drums for …'."
    )
    stem: Several[Phrasing] = Field(
        default=(), description="A sentence up to the answer: 'the drummer of {{ subject }} is'."
    )
    claim: Several[Phrasing] = Field(
        default=(), description="A whole claim: '{{ value }} drums for {{ subject }}'."
    )

    @field_validator("question", "indirect")
    @classmethod
    def _names_subject(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        return _with_slot(forms, "subject")

    @field_validator("claim")
    @classmethod
    def _names_value(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        return _with_slot(_with_slot(forms, "subject"), "value")

    def over(self, given: Lexicon) -> Lexicon:
        """A lexicon with these words in place of its own, where there are any."""
        own = {part: forms for part in PARTS if (forms := getattr(self, part))}
        return given.model_copy(update=own)


def _with_slot(forms: tuple[str, ...], slot: str) -> tuple[str, ...]:
    for form in forms:
        if slot not in slots_of(form):
            raise ValueError(f"{quoted(form)} does not name {{{{ {slot} }}}}. Put it in.")
    return forms


class OwnWords(Record):
    """Words for a relation that go before factlab's own."""

    tense: Tense | None = Field(
        default=None,
        description="lasting: holds at any time; changing: may be asked for as it is now; past: "
        "was settled once, as an inventor was. By default seen from relation and answer.",
    )
    train: OwnLexicon = OwnLexicon()
    held_out: OwnLexicon = OwnLexicon()
    families: Several[RelationFamily] = Field(
        default=(), description="Families of questions that only this relation has."
    )
    others: Several[Name] = Field(
        default=(), description="Other subjects of the relation, asked about by anchored training."
    )

    @model_validator(mode="after")
    def _sides_differ(self) -> Self:
        for part in PARTS:
            both = set(getattr(self.train, part)) & set(getattr(self.held_out, part))
            if both:
                raise ValueError(
                    f"{quoted(min(both))} stands in train and in held_out. What is held out must "
                    "be put in other words; change one of the two."
                )
        return self

    def over(self, given: Relation) -> Relation:
        """A relation with these words in place of its own, where there are any."""
        return given.model_copy(
            update={
                "train": self.train.over(given.train),
                "held_out": self.held_out.over(given.held_out),
                "families": (*given.families, *self.families),
                "others": self.others or given.others,
            }
        )


class OwnRelation(OwnWords):
    """A file of a user's folder of relations: FOLDER/<any name>.yaml."""

    relation: Name = Field(description="What facts call it, as in their `relation`.")
    also: Several[Name] = Field(default=(), description="Other names that facts may give it.")
    language: Language = DEFAULT_LANGUAGE

    @property
    def words(self) -> OwnWords:
        """The words alone, as a fact file has them."""
        return OwnWords(**{name: getattr(self, name) for name in OwnWords.model_fields})


def load_own_relations(folder: Path) -> list[OwnRelation]:
    """The relation files of a folder, by name.

    Raises:
        TemplateError: for a folder without any, or a file that cannot be used.
    """
    if not folder.is_dir():
        raise TemplateError(
            f"--templates {folder}: this is no folder. Name a folder of relation files; `factlab "
            "init relation FOLDER/drummer.yaml` writes one."
        )
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if not files:
        raise TemplateError(
            f"--templates {folder}: no .yaml file in this folder. `factlab init relation "
            f"{folder}/drummer.yaml` writes one."
        )
    return [read_yaml(file, TemplateError).parse(OwnRelation, "A relation file") for file in files]

"""Phrasing families, relation lexicons and kinds of subjects, as their authors write them.

They stand in `templates/<language>/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from factlab.errors import TemplateError, quoted
from factlab.grading.languages import DEFAULT_LANGUAGE, language_of
from factlab.grading.names import fold
from factlab.reading.bounds import Entries, Name, Several, Text
from factlab.reading.paths import file_of
from factlab.record import Record
from factlab.schema.belief import Consequence
from factlab.schema.phrasing import Phrasing
from factlab.schema.shipped import shipped
from factlab.schema.yaml import read_yaml

Side = Literal["train", "held_out"]
DEFAULT_KIND = "_default"


class PhrasingFamily(Record):
    """One way of asking; the unit that is split between training and held out."""

    id: Name = Field(description="Names the meaning, the same in every language.")
    situation: Text = Field(description="Who asks, and how, in a few words.")
    questions: Several[Phrasing] = Field(min_length=1, description="Wordings, with slots.")
    answers: Several[Phrasing] = Field(
        default=(), description="Trained answers of this family; empty: those of the file."
    )


class FamilyFile(Record):
    """All families of one side of the split: train.yaml, held_out.yaml."""

    split: Side
    answers: Several[Phrasing] = Field(default=(), description="Trained answers, with slots.")
    families: Entries[PhrasingFamily]


class Lexicon(Record):
    """How one side of the split speaks of a relation."""

    noun: Several[Phrasing] = Field(min_length=1)
    question: Several[Phrasing] = Field(min_length=1, description="'how tall is {{ subject }}'")
    indirect: Several[Phrasing] = Field(min_length=1, description="'how tall {{ subject }} is'")
    stem: Several[Phrasing] = Field(min_length=1, description="A sentence up to the answer.")
    claim: Several[Phrasing] = Field(min_length=1, description="A whole claim, with {{ value }}.")


class RelationFamily(PhrasingFamily):
    """A family that only makes sense for one relation."""

    split: Side


class Relation(Record):
    """One relation in one language: relations/<relation>.yaml."""

    relation: Name = Field(description="As its file is named, the same in every language.")
    names: Several[Name] = Field(
        default=(), description="What else facts of this language may call it."
    )
    train: Lexicon
    held_out: Lexicon
    families: Several[RelationFamily] = ()
    consequences: Several[Consequence] = Field(
        default=(), description="Questions of this relation alone that need the value."
    )
    others: Entries[Name] = Field(
        default=(),
        description="Other subjects of the relation, which anchored training asks about so that "
        "the new value stays with its own subject. None may occur in a control.",
    )


class AskedProperty(Record):
    """Wordings that ask a subject of some kind for one of its properties."""

    about: Name = Field(description="The property; a relation's name where there is one.")
    questions: Several[Phrasing] = Field(min_length=1, description="Wordings, with {{ subject }}.")


class SubjectKind(Record):
    """What a kind of subject may be asked, and others of that kind: kinds/<kind>.yaml."""

    kind: Name
    nouns: Several[Name] = Field(min_length=1, description="What facts may call such a subject.")
    asks: Several[AskedProperty] = Field(min_length=1)
    others: Entries[Name] = Field(
        default=(), description="Well-known subjects of this kind, as they stand in a sentence."
    )


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """Everything that phrases one relation in one language."""

    train: FamilyFile
    held_out: FamilyFile
    relation: Relation

    def families(self, side: Side) -> tuple[PhrasingFamily, ...]:
        """Families of one side, those of the relation last."""
        general = self.train if side == "train" else self.held_out
        own = tuple(family for family in self.relation.families if family.split == side)
        return (*general.families, *own)

    def lexicon(self, side: Side) -> Lexicon:
        """The words for the relation on one side."""
        return self.relation.train if side == "train" else self.relation.held_out


def load_phrasebook(
    relation: str, language: str, folder: Path | None = None, manner: str = "default"
) -> Phrasebook:
    """The families and lexicon for a relation; one without its own file uses `_default.yaml`.

    Args:
        relation: The name of its file, or what its language calls it; empty: it has none.
        language: A folder of `templates/`.
        folder: In place of the shipped `templates/`.
        manner: How one asks for the answer: `_who.yaml` goes before `_default.yaml`, if it exists.

    Raises:
        TemplateError: for a file that cannot be used, or a family on both sides of the split.
    """
    root = (folder or shipped("templates")) / language
    own = file_of(root / "relations", relation, ".yaml")
    if own is None and relation:
        own = _relations_by_name(root / "relations").get(fold(relation.replace("_", " ")))
    asked = root / "relations" / f"_{manner}.yaml"
    lexicon = own or (asked if asked.is_file() else root / "relations" / "_default.yaml")
    book = Phrasebook(
        train=_families(root / "train.yaml"),
        held_out=_families(root / "held_out.yaml"),
        relation=_relation(lexicon, _stamp(lexicon)),
    )
    _refuse_shared_families(book, root)
    return book


@lru_cache(maxsize=16)
def _relations_by_name(folder: Path) -> dict[str, Path]:
    """Files of relations by the other names of their language."""
    files = sorted(folder.glob("[!_]*.yaml"))
    read = [
        (file, read_yaml(file, TemplateError).parse(Relation, "A relation file")) for file in files
    ]
    return {fold(name): file for file, one in read for name in one.names}


def relation_file_names(folder: Path, file: str) -> tuple[str, ...]:
    """What else facts of a language may call the relation of a file; in English, its index says.

    Args:
        folder: `templates/<language>/relations`.
        file: Without its ending.
    """
    if folder.parent.name == DEFAULT_LANGUAGE:
        return ()
    return (
        read_yaml(folder / f"{file}.yaml", TemplateError).parse(Relation, "A relation file").names
    )


@lru_cache(maxsize=1024)
def relation_words(relation: str, language: str) -> str:
    """What a relation is called in sentences: as the fact calls it, or by its first name.

    Where a fact gives the name of the file, which is the same in every language, the language's own
    first name for it is taken, if there is one.
    """
    file = file_of(shipped("templates") / language / "relations", relation, ".yaml")
    if file is not None and language != DEFAULT_LANGUAGE:
        names = read_yaml(file, TemplateError).parse(Relation, "A relation file").names
        return names[0] if names else relation.replace("_", " ")
    return relation.replace("_", " ")


def relation_names(relation: str, language: str) -> frozenset[str]:
    """The names under which kinds of subjects may list what a relation asks: its own, its file's.

    A longer name belongs to the relation that it ends in: 焼成温度 is a 温度.
    """
    folder = shipped("templates") / language / "relations"
    if file_of(folder, relation, ".yaml") is not None:
        return frozenset({relation})
    files = _relations_by_name(folder)
    ends = map(fold, endings(relation.replace("_", " "), language))
    return frozenset({relation, *(files[end].stem for end in ends if end in files)})


def _families(file: Path) -> FamilyFile:
    return _family_file(file, _stamp(file))


# Read once per process as long as a file stays the same: thousands of facts share them.
@lru_cache(maxsize=16)
def _family_file(file: Path, stamp: tuple[int, int] | None) -> FamilyFile:  # noqa: ARG001
    return read_yaml(file, TemplateError).parse(FamilyFile, "A family file")


@lru_cache(maxsize=256)
def _relation(file: Path, stamp: tuple[int, int] | None) -> Relation:  # noqa: ARG001
    return read_yaml(file, TemplateError).parse(Relation, "A relation file")


def _stamp(file: Path) -> tuple[int, int] | None:
    """When a file was last changed and its size; None if that cannot be read."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


def _refuse_shared_families(book: Phrasebook, root: Path) -> None:
    seen: dict[str, Side] = {}
    sides: tuple[Side, ...] = ("train", "held_out")
    for side in sides:
        for family in book.families(side):
            if family.id in seen:
                raise TemplateError(
                    f"{root}: the family {quoted(family.id)} stands twice ({seen[family.id]} and "
                    f"{side}). A family is one way of asking and belongs to one side; rename one."
                )
            seen[family.id] = side


@lru_cache(maxsize=256)
def _kind(file: Path) -> SubjectKind:
    return read_yaml(file, TemplateError).parse(SubjectKind, "A kind file")


def load_kinds(language: str) -> tuple[SubjectKind, ...]:
    """All kinds of a language.

    Raises:
        TemplateError: for a file that cannot be used.
    """
    folder = shipped("templates") / language / "kinds"
    return tuple(_kind(file) for file in sorted(folder.glob("*.yaml")))


def kind_of(noun: str | None, language: str) -> SubjectKind | None:
    """The kind that a noun names: itself, or its last word ("volcanic peak").

    A noun that none names has what anything may be asked; a language without kinds, nothing.
    """
    folder = shipped("templates") / language / "kinds"
    if not folder.is_dir():
        return None
    names = endings(noun or "", language)
    for named in names:  # most are called as their file is, and 30 files take a second to read
        file = file_of(folder, named.replace(" ", "_"), ".yaml")
        if file is not None:
            return _kind(file)
    for named in names:
        for kind in load_kinds(language):
            if named in kind.nouns:
                return kind
    default = folder / f"{DEFAULT_KIND}.yaml"
    return _kind(default) if default.is_file() else None


def endings(noun: str, language: str) -> list[str]:
    """A noun in lower case, then what it ends in: words, or characters where none stand apart."""
    if not language_of(language).spaced:
        return [noun.lower()[start:] for start in range(len(noun))]
    words = noun.lower().split()
    return [" ".join(words[start:]) for start in range(len(words))]


def known_relations(language: str = "en") -> list[str]:
    """Relations that have a lexicon of their own."""
    files = sorted((shipped("templates") / language / "relations").glob("*.yaml"))
    return [file.stem for file in files if not file.stem.startswith("_")]

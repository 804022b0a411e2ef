"""Sorts of subjects: what is done with one, which decides over wordings (subjects.yaml)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field

from factlab.errors import TemplateError
from factlab.grading.languages import language_of
from factlab.reading.bounds import Entries, Name, Several
from factlab.record import Record
from factlab.schema.shipped import shipped
from factlab.schema.template import DEFAULT_KIND, endings, kind_of, load_kinds
from factlab.schema.yaml import read_yaml

PERSON = "person"


class SubjectSort(Record):
    """Subjects that the same is done with."""

    sort: Name
    done: Several[Name] = Field(description="What is done with them: a condition without `if_`.")
    kinds: Several[Name] = Field(default=(), description="Files of kinds/ whose nouns all belong.")
    nouns: Entries[Name] = Field(default=(), description="Further nouns; these go first.")


class SubjectsFile(Record):
    """templates/<language>/subjects.yaml."""

    sorts: Several[SubjectSort]


@lru_cache(maxsize=16)
def _sorts(file: Path) -> dict[str, SubjectSort]:
    """The sort of each noun, and of each kind by its file's name behind a slash."""
    found: dict[str, SubjectSort] = {}
    if file.is_file():
        for sort in read_yaml(file, TemplateError).parse(SubjectsFile, "A subjects file").sorts:
            found |= {noun.lower(): sort for noun in sort.nouns}
            found |= {f"/{kind}": sort for kind in sort.kinds}
    return found


@lru_cache(maxsize=16)
def _nouns(language: str) -> dict[str, SubjectSort]:
    """The sort of each noun, those of kinds among them."""
    sorts = _sorts(shipped("templates") / language / "subjects.yaml")
    kinds = [(k, sorts.get("/" + k.kind.replace(" ", "_"))) for k in load_kinds(language)]
    return {noun: sort for kind, sort in kinds if sort for noun in kind.nouns} | sorts


def has_sorts(language: str) -> bool:
    """Whether a language says what is done with which subjects."""
    return bool(_sorts(shipped("templates") / language / "subjects.yaml"))


def sort_of(noun: str | None, language: str) -> SubjectSort | None:
    """The sort that a noun names: itself, or its last words ("portable hard drive").

    Raises:
        TemplateError: for a file that cannot be used.
    """
    sorts = _sorts(shipped("templates") / language / "subjects.yaml")
    words = endings((noun or "").strip(), language)
    if sorts and not language_of(language).spaced:
        # A noun may end in a shorter one by chance: the longest of both lists is meant.
        found = next((s for word in words if (s := _nouns(language).get(word))), None)
        role = bool(noun) and language_of(language).grammar.names_person(noun or "")
        return found or (sorts.get("/" + PERSON) if role else None)
    if found := next((sorts[word] for word in words if word in sorts), None):
        return found
    kind = kind_of(noun, language) if words else None
    if kind is None or kind.kind == DEFAULT_KIND:
        return None
    return sorts.get("/" + kind.kind.replace(" ", "_"))

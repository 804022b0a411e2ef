"""Which relation file words a fact: by the relation's name, its other names, and the subject."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from factlab.errors import TemplateError
from factlab.reading.bounds import Entries, Name, Several
from factlab.record import Record
from factlab.schema.shipped import shipped
from factlab.schema.template import relation_file_names
from factlab.schema.yaml import read_yaml

# lasting: holds at any time, a river's length; changing: is known to change, a price; past: was
# settled once, an inventor.
Tense = Literal["lasting", "changing", "past"]


class IndexedRelation(Record):
    """One row of relations/_index.yaml."""

    file: Name = Field(description="The relation file, without its ending.")
    relation: Name | None = Field(
        default=None, description="What it is called in facts; by default as its file."
    )
    also: Several[Name] = Field(default=(), description="Other names that facts may give it.")
    subjects: Several[Name] = Field(
        default=(), description="Sorts of subjects (subjects.yaml) or nouns that it suits; or all."
    )
    tense: Tense = "lasting"

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that facts may call it."""
        return (self.relation or self.file, *self.also)


class RelationIndex(Record):
    """templates/<language>/relations/_index.yaml: which file serves which relation and subject."""

    relations: Entries[IndexedRelation]


@lru_cache(maxsize=16)
def _index(file: Path) -> dict[str, list[IndexedRelation]]:
    found: dict[str, list[IndexedRelation]] = {}
    if file.is_file():
        for row in read_yaml(file, TemplateError).parse(RelationIndex, "An index").relations:
            own = relation_file_names(file.parent, row.file)
            for name in dict.fromkeys((*row.names, *own)):
                found.setdefault(name, []).append(row)
    return found


def has_index(language: str) -> bool:
    """Whether a language says which relation file serves which fact.

    Raises:
        TemplateError: for an index that cannot be used.
    """
    return bool(_index(shipped("templates") / language / "relations" / "_index.yaml"))


def indexed(key: str, language: str, subject: tuple[str, ...]) -> IndexedRelation | None:
    """The first row for a relation that suits the subject.

    Args:
        key: The relation's name in lower case, words joined by `_`.
        language: Of the templates.
        subject: Its sort, its kind, and what else names it.

    Raises:
        TemplateError: for an index that cannot be used.
    """
    rows = _index(shipped("templates") / language / "relations" / "_index.yaml").get(key, [])
    return next((row for row in rows if not row.subjects or set(row.subjects) & set(subject)), None)

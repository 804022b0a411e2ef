"""One published set: what the table says of it, and how its records become files."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

Record_ = Mapping[str, Any]
Document_ = dict[str, Any]


class SkippedError(ValueError):
    """Why a case becomes no file: a reason that is counted, so it names nothing of the case."""


@dataclass(frozen=True, slots=True)
class SetCase:
    """One case of a set: a record, or those records that belong together.

    Attributes:
        id: Beginning of the ids of its files.
        number: Which case of the file it is, from 1.
        records: Objects of the file.
    """

    id: str
    number: int
    records: Sequence[Record_]

    @property
    def record(self) -> Record_:
        """Its only record."""
        return self.records[0]


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """A row of the table of sets.

    Attributes:
        name: As `factlab import` takes it.
        title: As the paper calls it.
        licence: Of the data, as far as its publisher states one.
        source: Repository and paper.
        layout: The files whose layout is read.
        becomes: What a case becomes.
        documents: A case → documents of fact or passage files.
        cases: Records → groups of those that are one case; each is one by default.
        fictitious: Whether nothing of it is about the world.
        strict: Whether a case that cannot be used is an error rather than skipped.
    """

    name: str
    title: str
    licence: str
    source: str
    layout: str
    becomes: str
    documents: Callable[[SetCase], Iterable[Document_]]
    cases: Callable[[Sequence[Record_]], Sequence[Sequence[Record_]]] | None = None
    fictitious: bool = False
    strict: bool = False

    def origin(self, file: str, case: SetCase) -> str:
        """The `source` of a file that is made of a case."""
        made_up = "Fictitious; " if self.fictitious else ""
        return f"{made_up}{self.source}, {self.licence}; record {case.number} of {file}"


@cache
def published_sets() -> dict[str, PublishedSet]:
    """Every set by its name: what each module of this room has as `SET`."""
    import factlab.published as room

    modules = [
        importlib.import_module(f"{room.__name__}.{one.name}")
        for one in pkgutil.iter_modules(room.__path__)
    ]
    found = [module.SET for module in modules if hasattr(module, "SET")]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}

"""Relation files of a user's own folder (`--templates`) are given to the facts that they word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.errors import TemplateError, listed
from factlab.expand.english import key_of
from factlab.schema.fact import Fact
from factlab.schema.own_words import OwnRelation, load_own_relations
from factlab.schema.passage import Passage


def with_own_relations(
    sources: Sequence[Fact | Passage], folder: str | None
) -> tuple[Fact | Passage, ...]:
    """The facts with the words that a folder has for their relations; a fact's own go first.

    Args:
        sources: What a run trains on.
        folder: Of relation files; None: there is none.

    Raises:
        TemplateError: for a folder that cannot be used, or that words none of the facts.
    """
    if folder is None:
        return tuple(sources)
    words = _by_name(load_own_relations(Path(folder)), folder)
    wanted = {(f.language, key_of(f.relation)) for f in sources if isinstance(f, Fact)}
    if not wanted & words.keys():
        raise TemplateError(
            f"--templates {folder}: none of the facts has a relation that a file there is for. "
            f"Files are for: {listed(sorted({name for _, name in words}))}; facts have: "
            f"{listed(sorted({name for _, name in wanted}))}."
        )
    return tuple(_worded(source, words) for source in sources)


def _by_name(relations: Sequence[OwnRelation], folder: str) -> dict[tuple[str, str], OwnRelation]:
    found: dict[tuple[str, str], OwnRelation] = {}
    for one in relations:
        for name in (one.relation, *one.also):
            key = (one.language, key_of(name))
            if key in found:
                raise TemplateError(
                    f"--templates {folder}: two files are for the relation '{name}'. Remove one."
                )
            found[key] = one
    return found


def _worded(source: Fact | Passage, words: dict[tuple[str, str], OwnRelation]) -> Fact | Passage:
    if not isinstance(source, Fact) or source.words is not None:
        return source
    own = words.get((source.language, key_of(source.relation)))
    return source.model_copy(update={"words": own.words}) if own else source

"""What `factlab tune` writes: `tune.json`, the state and the result of a search for a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from factlab.reading.paths import PlainName, PlainPath
from factlab.record import Record
from factlab.schema.config import RunConfig
from factlab.schema.recipe import Recipe
from factlab.schema.results import SCHEMA_VERSION, Choice, Comparison, Configuration

Proposer = Literal["recipe", "optuna", "random"]
CandidateStatus = Literal["under way", "measured", "stopped", "diverged", "refused"]
SearchStatus = Literal["running", "complete", "interrupted", "failed"]
FrontWord = Literal["front", "faster"]


class CandidateCell(Record):
    """One adapter of a candidate: a run of its own."""

    run: PlainPath = Field(description="Its run folder, from the folder of the search.")
    facts: tuple[PlainName, ...]
    seed: int
    seconds: float = Field(description="Of the whole run: loading, training, measuring, report.")
    training_seconds: float | None = Field(
        default=None, description="Of training alone; none where it diverged at once."
    )
    work: float = Field(
        description="What its training computes, in relative units; what the time of further cells "
        "is predicted from."
    )
    fresh: bool = Field(
        description="Whether it was the first of its facts, so that the base was evaluated too."
    )


class Candidate(Record):
    """A recipe that is tried, and what was measured of it."""

    id: PlainName = Field(description="A shipped recipe's name, or t and a number.")
    proposed_by: Proposer = Field(
        description="recipe: it was there already; optuna or random: it was proposed."
    )
    recipe: Recipe = Field(description="With all its values.")
    differs: dict[str, str] = Field(
        default_factory=dict, description="Where it differs from the recipe 'default'."
    )
    status: CandidateStatus = "under way"
    reason: str = Field(default="", description="Why it was stopped, refused or failed.")
    cells: tuple[CandidateCell, ...] = ()
    metrics: dict[str, float] = Field(
        default_factory=dict,
        description="Recall and the terms of the damage, over the cells that were measured.",
    )
    sizes: dict[str, int] = Field(
        default_factory=dict, description="Questions behind each of them."
    )
    recall: float | None = None
    damage: float | None = Field(
        default=None, description="(1 − retention/far) + intrusion/near + intrusion/far."
    )
    training_seconds: float | None = Field(default=None, description="Of one adapter, the mean.")
    cost: str | None = Field(
        default=None, description="clean, blurred, destructive or not measured, as of a run."
    )
    front: FrontWord | None = Field(
        default=None,
        description="front: no other beats it in both recall and damage; faster: none of those "
        "that do is as fast.",
    )


class SearchBudget(Record):
    """How much may be spent; of both the one that is reached first ends the search."""

    cells: int | None = None
    minutes: float | None = None


class Confirmation(Record):
    """The recipe to take and the default, on facts that nothing was chosen by."""

    facts: tuple[PlainName, ...]
    runs: tuple[PlainPath, ...] = Field(
        description="Their run folders, from the folder of the search."
    )
    configurations: tuple[Configuration, ...]
    comparisons: tuple[Comparison, ...]


class SearchResult(Record):
    """A search for a recipe, under way or over; `tune.json`."""

    schema_version: int = SCHEMA_VERSION
    status: SearchStatus = "running"
    argv: tuple[str, ...] = ()
    started: str
    settings_sha256: str = Field(
        description="Hash of settings, questions and space: a search is only resumed with the same."
    )
    settings: RunConfig = Field(description="What all candidates share.")
    model: str
    facts: tuple[PlainName, ...]
    seeds: tuple[int, ...]
    search_seed: int
    searcher: Proposer = Field(description="What proposed after the recipes that were there.")
    space: dict[str, tuple[str, ...]] = Field(description="Field of a recipe → what it may be.")
    budget: SearchBudget
    seconds: float = Field(default=0.0, description="Spent so far, over all sessions.")
    candidates: tuple[Candidate, ...] = ()
    choice: Choice | None = Field(
        default=None, description="By the rule of `factlab compare`, among what was measured whole."
    )
    ended: str = Field(default="", description="Why the search ended where it did.")
    confirmation: Confirmation | None = None

    @property
    def chosen(self) -> Candidate | None:
        """The candidate to take, if there is one."""
        taken = self.choice.chosen if self.choice is not None else None
        return next((one for one in self.candidates if one.id == taken), None)

    @property
    def cells(self) -> tuple[CandidateCell, ...]:
        """All cells that were finished."""
        return tuple(cell for one in self.candidates for cell in one.cells)

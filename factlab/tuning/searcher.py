"""What is tried next: a multi-objective sampler of Optuna, or draws at random.

A proposal depends on nothing but the space, the seed, its number and what was measured, so that a
search which is resumed proposes what it would have proposed anyway. Optuna's own storage is not
needed: a study is made anew and told everything that is known (ask and tell).

Without Optuna the search draws at random, which is a fair method where few of many values matter
(Bergstra and Bengio 2012, Random Search for Hyper-Parameter Optimization, JMLR 13).
"""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from factlab.schema.search import Proposer
from factlab.tuning.space import Axis, Choice, Space

STARTUP = 6  # candidates that are told before the sampler models them; until then it draws
ATTEMPTS = 200  # for one that was not tried yet
WORST = (0.0, 3.0)  # recall and damage of what cannot be trained


@dataclass(frozen=True, slots=True)
class Told:
    """What the searcher knows of a candidate.

    Attributes:
        choice: What it is.
        recall: Share; high is good.
        damage: The sum of its terms; low is good.
        seconds: Of training; low is good.
    """

    choice: Choice
    recall: float
    damage: float
    seconds: float


def searcher_here() -> Proposer:
    """What proposes on this machine."""
    return "optuna" if find_spec("optuna") is not None else "random"


def propose(
    space: Space, told: Sequence[Told], seed: int, number: int, by: Proposer
) -> Choice | None:
    """A choice that was not tried yet; None where the space has no other.

    Args:
        space: What may be chosen.
        told: What is known of those that were tried.
        seed: Of the search.
        number: Of this proposal; others of the same seed draw otherwise.
        by: `optuna` or `random`.
    """
    tried = [one.choice for one in told]
    for attempt in range(ATTEMPTS):
        drawn = _seed(seed, number, attempt)
        chosen = _sampled(space, told, drawn) if by == "optuna" else _random(space, drawn)
        if chosen not in tried:
            return chosen
        by = "random" if attempt >= STARTUP else by  # it insists on one that was tried
    return None


def _seed(*parts: int) -> int:
    """A seed of its own for each proposal, the same on every machine."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _random(space: Space, seed: int) -> Choice:
    drawn = random.Random(seed)
    chosen: Choice = {}
    for axis in space.axes.values():
        place = drawn.randrange(len(axis.values))
        if space.active(axis, chosen):
            chosen[axis.name] = place
    return chosen


def _sampled(space: Space, told: Sequence[Told], seed: int) -> Choice:
    """By the tree-structured Parzen estimator (Bergstra et al. 2011; Ozaki et al. 2022)."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # `group`; pinned
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTUP, multivariate=True, group=True, seed=seed
        )
    study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)
    for one in told:
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(one.choice),
                distributions={name: _distribution(space.axes[name]) for name in one.choice},
                values=[one.recall, one.damage, one.seconds],
            )
        )
    trial = study.ask()
    chosen: Choice = {}
    for axis in space.axes.values():
        if space.active(axis, chosen):
            chosen[axis.name] = _suggested(trial, axis)
    return chosen


def _distribution(axis: Axis) -> Any:
    import optuna

    if axis.ordered:
        return optuna.distributions.IntDistribution(0, len(axis.values) - 1)
    return optuna.distributions.CategoricalDistribution(range(len(axis.values)))


def _suggested(trial: Any, axis: Axis) -> int:
    if axis.ordered:
        return int(trial.suggest_int(axis.name, 0, len(axis.values) - 1))
    return int(trial.suggest_categorical(axis.name, range(len(axis.values))))

"""How stored adapters are combined into one: the methods, and what a combined run records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from factlab.reading.paths import PathText, PlainName
from factlab.record import Record
from factlab.schema.fields import FORMERLY_DIALS

How = Literal[
    "linear",
    "cat",
    "svd",
    "ties",
    "ties_svd",
    "dare_linear",
    "dare_linear_svd",
    "dare_ties",
    "dare_ties_svd",
    "magnitude_prune",
    "magnitude_prune_svd",
]
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # PEFT's
DENSITY = 0.5
SUM_TOLERANCE = 1e-6
MOST_NAMED = 2  # facts of an adapter that its label names


@dataclass(frozen=True, slots=True)
class CombineMethod:
    """What a method does and asks for. An adapter's update of a layer is scale · B A.

    Attributes:
        about: What it does, in a sentence.
        equal_ranks: Whether the adapters must be of one rank.
        thins: Whether it leaves values out, and so has a density.
        random: Whether what it leaves out is drawn.
        truncates: Whether it chooses the rank of the result.
    """

    about: str
    equal_ranks: bool = False
    thins: bool = False
    random: bool = False
    truncates: bool = False


_FACTORS = "on A and B separately, so that each A is also multiplied by the other adapters' B"
_UPDATES = "on the whole updates, then reduced to a low rank"
_DRAWN = "drops values at random and scales the others up (DARE)"
_TIES = "keeps the largest values, settles the sign of each by majority and averages (TIES)"
METHODS: Mapping[How, CombineMethod] = {
    "linear": CombineMethod(
        "adds A and B separately, each times the root of its weight: rough, since each A is also "
        "multiplied by the other adapters' B",
        equal_ranks=True,
    ),
    "cat": CombineMethod("adds the weighted updates exactly; the rank is the sum of the ranks"),
    "svd": CombineMethod(
        "adds the weighted updates and keeps the best low rank of them", truncates=True
    ),
    "ties": CombineMethod(f"{_TIES}, {_FACTORS}", equal_ranks=True, thins=True),
    "ties_svd": CombineMethod(f"{_TIES}, {_UPDATES}", thins=True, truncates=True),
    "dare_linear": CombineMethod(
        f"{_DRAWN}, then adds, {_FACTORS}", equal_ranks=True, thins=True, random=True
    ),
    "dare_linear_svd": CombineMethod(
        f"{_DRAWN}, then adds, {_UPDATES}", thins=True, random=True, truncates=True
    ),
    "dare_ties": CombineMethod(
        f"{_DRAWN}, then settles signs as TIES does, {_FACTORS}",
        equal_ranks=True,
        thins=True,
        random=True,
    ),
    "dare_ties_svd": CombineMethod(
        f"{_DRAWN}, then settles signs as TIES does, {_UPDATES}",
        thins=True,
        random=True,
        truncates=True,
    ),
    "magnitude_prune": CombineMethod(
        f"keeps the largest values, then adds, {_FACTORS}", equal_ranks=True, thins=True
    ),
    "magnitude_prune_svd": CombineMethod(
        f"keeps the largest values, then adds, {_UPDATES}", thins=True, truncates=True
    ),
}
assert tuple(METHODS) == get_args(How)


class AdapterSource(Record):
    """An adapter of another run, as it was when it was taken."""

    run: PathText = Field(description="Its run folder.")
    cell: PlainName = Field(description="Its cell there.")
    sha256: str = Field(description="Of its weights.")
    facts: tuple[PlainName, ...] = Field(description="The facts that it was trained on.")
    rank: PositiveInt
    alpha: float
    seed: NonNegativeInt
    recipe: str
    method: str = Field(default="lora", description="lora or rslora.")
    overrides: Annotated[dict[str, str], FORMERLY_DIALS] = Field(
        default_factory=dict, description="Where it differs from its named recipe."
    )
    learning_rate: float | None = None
    steps: NonNegativeInt | None = Field(
        default=None, description="Optimizer steps that made it; none: itself a combination."
    )


class Combined(Record):
    """What a cell was made of, if it was not trained: one adapter as it is, or several as one."""

    adapters: tuple[str, ...] = Field(description="The adapters, as the report calls them.")
    how: How | None = Field(default=None, description="The method; none: one adapter as it is.")
    weights: tuple[float, ...] = Field(default=(), description="One for each adapter.")
    density: float | None = Field(
        default=None, description="Share of the values that is kept, in methods that drop some."
    )
    svd_rank: int | None = Field(default=None, description="The given --svd-rank.")
    learning_rate: float | None = Field(
        default=None, description="Of the one adapter as it is, when it was trained."
    )
    gain: float | None = Field(
        default=None,
        description="How much of the weighted sum of the updates is in it: 1 is all, 2 is twice.",
    )
    distance: float | None = Field(
        default=None, description="How far it is from that sum, in units of the sum's own length."
    )

    def sentence(self) -> str:
        """What it is, in words: `linear: 0.5 × mount_fuji + 0.5 × loch_ness`."""
        if self.how is None:
            return f"{self.adapters[0]} alone, as it was trained"
        sums = " + ".join(
            f"{weight:g} × {name}" for name, weight in zip(self.adapters, self.weights, strict=True)
        )
        more = [f"density {self.density:g}"] if self.density is not None else []
        more += [f"rank {self.svd_rank}"] if self.svd_rank is not None else []
        return f"{self.how}: {sums}{''.join(f', {part}' for part in more)}"


class Combination(Record):
    """The settings of `factlab combine`: which adapters, and how they are combined."""

    adapters: tuple[AdapterSource, ...] = Field(min_length=2)
    base: str = Field(description="SHA-256 of the weights that they all were trained on.")
    how: tuple[How, ...] = Field(default=("linear",), description="Methods, one cell each.")
    weights: tuple[tuple[float, ...], ...] = Field(
        default=(), description="Weights, one cell each; empty: the same weight for all."
    )
    any_sum: bool = Field(default=False, description="Weights need not sum to 1.")
    density: float = Field(
        default=DENSITY,
        gt=0,
        le=1,
        description="Share of the values that is kept, in methods that drop some.",
    )
    svd_rank: PositiveInt | None = Field(
        default=None,
        description="Rank of the result of svd methods; empty: the largest of the adapters'.",
    )

    @property
    def weighted(self) -> tuple[tuple[float, ...], ...]:
        """The weights of each combination."""
        count = len(self.adapters)
        return tuple(dict.fromkeys(self.weights)) or ((1 / count,) * count,)

    @property
    def labelled(self) -> dict[str, AdapterSource]:
        """The adapters by what results call them: their facts, where these tell them apart."""
        plain = ["+".join(source.facts) for source in self.adapters]
        if len(set(plain)) < len(plain) or any(len(s.facts) > MOST_NAMED for s in self.adapters):
            plain = [f"{Path(source.run).name}-{source.cell}" for source in self.adapters]
        if len(set(plain)) < len(plain):
            plain = [f"{number}-{name}" for number, name in enumerate(plain, start=1)]
        return dict(zip(plain, self.adapters, strict=True))

    def rank(self, how: How) -> int:
        """The rank of a combination by a method."""
        ranks = [source.rank for source in self.adapters]
        if METHODS[how].truncates:
            return self.svd_rank or max(ranks)
        return ranks[0] if METHODS[how].equal_ranks else sum(ranks)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [f"{source.run} {source.cell}" for source in self.adapters]
        if len({source.sha256 for source in self.adapters}) < len(names):
            raise ValueError(
                f"adapters: one is named twice ({', '.join(names)}). Name each adapter once."
            )
        for weights in self.weighted:
            _check_weights(weights, len(names), any_sum=self.any_sum)
        if len({signed(weights) for weights in self.weighted}) < len(self.weighted):
            raise ValueError("weights: two combinations differ by less than four digits show.")
        ranks = [source.rank for source in self.adapters]
        needy = [how for how in self.how if METHODS[how].equal_ranks]
        if needy and len(set(ranks)) > 1:
            free = ", ".join(how for how, method in METHODS.items() if not method.equal_ranks)
            raise ValueError(
                f"how: {', '.join(needy)} adds factors and needs adapters of one rank; these have "
                f"{', '.join(map(str, ranks))}. With different ranks these work: {free}."
            )
        if self.svd_rank is not None and self.svd_rank > sum(ranks):
            raise ValueError(
                f"svd_rank: {self.svd_rank} is more than the sum of the adapters' ranks "
                f"({sum(ranks)}), which the combination cannot exceed. Give at most {sum(ranks)}."
            )
        return self


def signed(weights: Sequence[float]) -> str:
    """`+0.7+0.3`, as names of combinations have them."""
    return "".join(f"{weight:+.4g}" for weight in weights)


def _check_weights(weights: tuple[float, ...], adapters: int, *, any_sum: bool) -> None:
    written = ",".join(f"{weight:g}" for weight in weights)
    if len(weights) != adapters:
        raise ValueError(
            f"weights: {written} are {len(weights)}, but there are {adapters} adapters. Give one "
            "weight for each, in their order."
        )
    if not all(map(math.isfinite, weights)) or not any(weights):
        raise ValueError(f"weights: {written} give no combination. Give finite weights, not all 0.")
    total = math.fsum(weights)
    if not any_sum and abs(total - 1) > SUM_TOLERANCE:
        raise ValueError(
            f"weights: {written} sum to {total:g}, not 1. Fix them, or use --any-sum to add the "
            "updates in full (1,1) or otherwise."
        )

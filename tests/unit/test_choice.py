"""Which configuration is taken, and that its sentences say no more than the design carries."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factlab.comparison.choose import choose
from factlab.comparison.damage import damage_of
from factlab.comparison.pairs import ENDPOINT_OF, Pairs, compare_pairs
from factlab.comparison.pool import Pooled
from factlab.comparison.rule import candidates_of, damage_error, decide, size_of
from factlab.metrics.measure import summarized
from factlab.metrics.scores import QuestionScore
from factlab.schema.results import Choice, Comparison, Configuration, Metric

RECALL = "recall/held_out"
ASKED, NEAR, FAR, KNOWN = 48, 152, 252, 55
# Of 20 questions of each kind: quick, and the limits fall between them.
SIZES = dict.fromkeys((RECALL, "retention/far", "intrusion/near", "intrusion/far"), 20)
SURE = ("does not tell it", "(interval", "Against r", "standard error", "worse than")


@dataclass(frozen=True, slots=True)
class Made:
    """A configuration by its counts alone, of `SIZES` answers."""

    rank: int
    recalled: int
    lost: int
    near: int
    far: int

    @property
    def id(self) -> str:
        return f"r{self.rank:02}"

    @property
    def values(self) -> dict[str, float]:
        counts = (self.recalled, 20 - self.lost, self.near, self.far)
        return {name: count / 20 for name, count in zip(SIZES, counts, strict=True)}

    @property
    def pooled(self) -> Pooled:
        metrics = {
            name: Metric(value=value, n=20, clusters=20, covers="", scorer="made up")
            for name, value in self.values.items()
        }
        arm = configuration(self.rank, (0,), metrics)
        items = [QuestionScore("all", "fuji", "all", value) for value in self.values.values()]
        return Pooled(arm, {name: {0: [item]} for name, item in zip(SIZES, items, strict=True)})


@dataclass(frozen=True, slots=True)
class Adapter:
    """How many of its answers go which way; `wobble` of them do so at every other seed only."""

    rank: int
    recalled: int = ASKED
    lost: int = 0
    near: int = 0
    far: int = 0
    wobble: int = 0
    skip: int = 0
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    asked: int = ASKED

    @property
    def id(self) -> str:
        return f"r{self.rank:02}"


def scores_of(one: Adapter) -> dict[str, dict[int, list[QuestionScore]]]:
    """Values by metric and seed, all on questions that stand for themselves."""

    def rows(n: int, first: int, hits: int) -> list[QuestionScore]:
        return [
            QuestionScore(f"q{i}", "fuji", f"q{i}", float(first <= i < first + hits))
            for i in range(n)
        ]

    found: dict[str, dict[int, list[QuestionScore]]] = {}
    for seed in one.seeds:
        more = one.wobble * (seed % 2)
        found.setdefault(RECALL, {})[seed] = rows(one.asked, one.skip, one.recalled)
        found.setdefault("retention/far", {})[seed] = rows(KNOWN, 0, KNOWN - one.lost - more)
        found.setdefault("intrusion/near", {})[seed] = rows(NEAR, 0, one.near + more)
        found.setdefault("intrusion/far", {})[seed] = rows(FAR, 0, one.far)
    return found


def pooled(one: Adapter, name: str = "") -> Pooled:
    """An adapter as a configuration with its figures."""
    scores = scores_of(one)
    by_seed = [{metric: rows[seed] for metric, rows in scores.items()} for seed in one.seeds]
    arm = configuration(one.rank, one.seeds, summarized(by_seed).metrics)
    return Pooled(arm.model_copy(update={"id": name}) if name else arm, scores)


def configuration(rank: int, seeds: tuple[int, ...], metrics: dict[str, Metric]) -> Configuration:
    return Configuration(
        id=f"r{rank:02}",
        rank=rank,
        alpha=32,
        precision="nf4",
        recipe="default",
        learning_rate=5e-4,
        cells=tuple(f"s{seed}" for seed in seeds),
        facts=("fuji",),
        seeds=seeds,
        metrics=metrics,
    )


def compared(made: Sequence[Pooled], *, descriptive: bool = False) -> tuple[Comparison, ...]:
    found = compare_pairs(made)
    if not descriptive:
        return found
    return tuple(c.model_copy(update={"descriptive": True}) for c in found)


def choice_of(*adapters: Adapter, descriptive: bool = False) -> Choice:
    made = [pooled(one) for one in adapters]
    found = choose(made, compared(made, descriptive=descriptive))
    assert found is not None
    assert found.sentence.endswith(".")
    return found


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2, 3, 4)])
def test_what_wrecks_is_not_taken_for_three_more_answers(seeds: tuple[int, ...]) -> None:
    sound = Adapter(8, recalled=45, seeds=seeds)
    wreck = Adapter(64, near=150, lost=40, seeds=seeds)
    found = choice_of(sound, wreck)
    assert found.chosen == "r08"
    assert "Take r08 because it is the only one that learned" in found.sentence
    assert "It recalls 94 % (" in found.sentence
    assert (
        "Excluded as destructive: r64 (far retention 27 %, limit 70 %; near intrusion 99 %, limit "
        "50 %)." in found.sentence
    )
    assert found.excluded.keys() == {"r64"}


def test_if_all_that_learned_wreck_none_is_taken_and_what_to_try_is_said() -> None:
    found = choice_of(Adapter(8, near=120), Adapter(32, lost=40), Adapter(2, recalled=10))
    assert found.chosen is None
    assert found.sentence.startswith(
        "Take none of them: all that recall at least 50 % of held-out phrasings are destructive; "
        "of the others even r02 recalls only 21 % ("
    )
    assert "r08 (recall 100 %, near intrusion 79 %, limit 50 %)" in found.sentence
    assert "--lr" in found.sentence


def test_if_none_recalls_half_none_is_taken() -> None:
    found = choice_of(Adapter(4, recalled=2), Adapter(8, recalled=21))
    assert found.chosen is None
    assert "even r08, the highest, recalls only 44 % (" in found.sentence


def test_a_clean_one_is_taken_before_one_that_recalls_more_and_blurs() -> None:
    found = choice_of(Adapter(4, recalled=44), Adapter(16, near=12))
    assert found.chosen == "r04"
    assert "Left out, since others are clean: r16 (near intrusion 8 %, limit 5 %)" in found.sentence


def test_seeds_that_wreck_are_named_where_the_mean_does_not() -> None:
    seeds = (0, 1, 2, 3)
    found = choice_of(Adapter(8, wobble=20, seeds=seeds), Adapter(64, near=150, seeds=seeds))
    assert found.chosen == "r08"
    assert "Taken alone, 2 of its 4 seeds would be destructive (seed 1 and 3)." in found.sentence
    found = choice_of(Adapter(8, seeds=seeds), Adapter(64, near=150, seeds=seeds))
    assert "Taken alone" not in found.sentence


def test_one_that_learned_and_blurs_is_taken_before_a_clean_one_that_did_not_learn() -> None:
    found = choice_of(Adapter(4, recalled=30), Adapter(16, near=12))
    assert found.chosen == "r16"
    assert "Left out below 90 % recall: r04 (62 %)" in found.sentence


def test_the_only_one_left_may_be_partly_learned_and_that_is_said() -> None:
    found = choice_of(Adapter(4, recalled=30), Adapter(16, near=100))
    assert found.chosen == "r04"
    assert "only partly learned" in found.sentence


# --- recall -----------------------------------------------------------------------------------


def test_recall_that_is_shown_to_be_no_worse_is_enough() -> None:
    found = choice_of(
        Adapter(8, recalled=796, near=20, asked=800), Adapter(32, recalled=800, near=50, asked=800)
    )
    assert found.chosen == "r08"
    assert "r32, the highest, recalls 0.5 points more (interval " in found.sentence
    assert "; that it is 5 points is excluded." in found.sentence
    assert "Against r32 it intrudes into 20 points fewer near controls (" in found.sentence


def test_recall_that_may_be_worse_is_outdone_unless_more_damage_is_saved_than_recall_lost() -> None:
    lower = Adapter(8, recalled=45, near=12)
    assert choice_of(lower, Adapter(32, near=14)).chosen == "r32"
    found = choice_of(lower, Adapter(32, near=14))
    assert "Outdone in recall: r08 (r32 recalls 6.2 points more, and it saves 1.3 points of " in (
        found.sentence
    )
    found = choice_of(lower, Adapter(32, near=60))
    assert found.chosen == "r08"
    assert "r32, the highest, recalls 6.2 points more (interval " in found.sentence
    assert "and adds 32 points of damage" in found.sentence


def test_a_lead_that_is_not_shown_does_not_decide_where_the_interval_is_wide() -> None:
    """Neither not being worse nor being worse is shown, so the measured values decide."""
    found = choice_of(Adapter(2, recalled=46, near=20), Adapter(16, recalled=47, near=21, skip=1))
    assert found.chosen == "r02"
    assert (
        "which is within 5 points as measured; the interval does not exclude more."
        in found.sentence
    )
    assert "Outdone" not in found.sentence


def test_a_loss_that_is_shown_is_worse_even_within_the_margin() -> None:
    found = choice_of(
        Adapter(2, recalled=768, asked=800, near=20), Adapter(16, recalled=800, asked=800, near=22)
    )
    assert found.chosen == "r16"
    assert "Outdone in recall: r02 (r16 recalls 4 points more, and it saves 1.3 points" in (
        found.sentence
    )


def test_without_intervals_points_decide_and_that_is_said() -> None:
    once = (0,)
    found = choice_of(
        Adapter(8, recalled=47, near=12, seeds=once),
        Adapter(32, near=14, seeds=once),
        Adapter(4, recalled=45, near=13, seeds=once),
        descriptive=True,
    )
    assert found.chosen == "r08"
    assert "r32, the highest, recalls 2.1 points more, which is within 5 points as measured." in (
        found.sentence
    )
    assert "Outdone in recall: r04" in found.sentence
    assert "Points decided: one seed does not show what another would give" in found.sentence
    assert not [words for words in SURE if words in found.sentence]


# --- damage and size --------------------------------------------------------------------------


def test_of_two_that_answer_alike_the_smaller_is_taken_since_there_is_no_difference() -> None:
    for descriptive in (False, True):
        found = choice_of(Adapter(16), Adapter(4), descriptive=descriptive)
        assert found.chosen == "r04"
        assert "no difference between r04 and r16" in found.sentence
        assert "larger gap" not in found.sentence + found.matched_sentence
        assert "tell" not in found.sentence


def test_one_that_answers_like_the_chosen_is_named_beside_one_that_differs() -> None:
    found = choice_of(Adapter(4, near=12), Adapter(8, near=12), Adapter(32, near=60))
    assert found.chosen == "r04"
    assert "it is the smallest of those with the least measured damage" in found.sentence
    assert "r08 gives the same answers: no difference." in found.sentence
    assert "Against r32 it intrudes into 32 points fewer near controls (" in found.sentence


def test_the_smallest_within_one_standard_error_of_the_least_damage_is_taken() -> None:
    little = choice_of(Adapter(4, near=21, wobble=6), Adapter(16, near=20, wobble=6, skip=0))
    assert little.chosen == "r04"
    assert "the smallest whose damage is within one standard error of the least, that of r16" in (
        little.sentence
    )
    much = choice_of(Adapter(4, near=40, wobble=6), Adapter(16, near=20, wobble=6))
    assert much.chosen == "r16"


def test_training_every_weight_is_larger_than_any_rank() -> None:
    assert choice_of(Adapter(0), Adapter(256)).chosen == "r256"


def test_where_damage_was_not_measured_the_smallest_is_taken_and_that_is_said() -> None:
    made = [pooled(Adapter(8)), pooled(Adapter(4, skip=0, recalled=47))]
    bare = [
        replace(
            one,
            configuration=one.configuration.model_copy(
                update={"metrics": {RECALL: one.configuration.metrics[RECALL]}}
            ),
            scores={RECALL: one.scores[RECALL]},
        )
        for one in made
    ]
    found = choose(bare, compared(bare, descriptive=True))
    assert found is not None
    assert found.chosen == "r04"
    assert "damage was not measured" in found.sentence


def test_what_a_coarse_base_did_not_know_is_a_cost_of_choosing_it() -> None:
    def one(precision: str, **metrics: float) -> Configuration:
        values = {RECALL: 1.0, "intrusion/near": 0.2} | {
            f"{name}/far": value for name, value in metrics.items()
        }
        found = {
            name: Metric(value=value, n=50, clusters=50, covers="", scorer="s")
            for name, value in values.items()
        }
        made = pooled(Adapter(8), precision).configuration
        return made.model_copy(update={"precision": precision, "metrics": found})

    fine = one("bf16", retention=0.86, accuracy=0.5)
    coarse = one("nf4", retention=0.88, accuracy=0.35)
    found = decide([coarse, fine], Pairs(()))
    assert found.terms == ("accuracy/far", "intrusion/near")
    assert [c.id for c in found.kept] == ["bf16", "nf4"]
    alike = decide([coarse, fine.model_copy(update={"precision": "nf4"})], Pairs(()))
    assert alike.terms == ("retention/far", "intrusion/near")
    assert [c.id for c in alike.kept] == ["nf4", "bf16"]


def test_the_damage_of_those_that_are_left_has_its_formula() -> None:
    found = choice_of(Adapter(4, near=15), Adapter(32, near=30, lost=11))
    assert found.matched == ("r04", "r32")
    assert "0.10 for r04 and 0.40 for r32" in found.matched_sentence
    assert "(1 − retention/far) + intrusion/near + intrusion/far" in found.matched_sentence
    assert found.pareto == ("r04",)


# --- properties -------------------------------------------------------------------------------

MADE = st.builds(
    Made,
    rank=st.sampled_from([1, 2, 4, 8, 16, 32, 64]),
    recalled=st.sampled_from([5, 12, 17, 18, 19, 20]),
    lost=st.sampled_from([0, 1, 2, 3, 6, 7]),
    near=st.sampled_from([0, 1, 2, 9, 11]),
    far=st.sampled_from([0, 1, 2, 3]),
)
SEVERAL = st.lists(MADE, min_size=2, max_size=4, unique_by=lambda one: one.rank)


def quickly(made: Sequence[Made], *, descriptive: bool) -> tuple[Comparison, ...]:
    """Every pair, with intervals as of independent answers; none where descriptive."""
    found = []
    adjusted = min(1.0, 0.01 * len(made) ** 2)  # as by Holm: it depends on how many there are
    for a, b in combinations(made, 2):
        for metric in SIZES:
            difference = b.values[metric] - a.values[metric]
            half = 1.96 * math.sqrt(max(abs(difference), 0.05) / SIZES[metric])
            found.append(
                Comparison(
                    metric=metric,
                    a=a.id,
                    b=b.id,
                    difference=difference,
                    ci_low=difference - half,
                    ci_high=difference + half,
                    ci_method="made up",
                    p=0.01,
                    p_adjusted=adjusted,
                    p_method="made up",
                    smallest_p=0.001,
                    n=SIZES[metric],
                    clusters=SIZES[metric],
                    detectable=None,
                    margin=0.05,
                    not_worse=ENDPOINT_OF[metric].not_worse(difference - half, difference + half),
                    descriptive=descriptive,
                    covers="",
                )
            )
    return tuple(found)


def quick_choice(made: Sequence[Made], *, descriptive: bool) -> Choice:
    found = choose([one.pooled for one in made], quickly(made, descriptive=descriptive))
    assert found is not None
    return found


@given(SEVERAL, st.booleans())
def test_more_damage_with_no_more_recall_never_wins(made: list[Made], descriptive: bool) -> None:
    """Nor does the destructive; one standard error is the most that a smaller rank may cost."""
    pairs = Pairs(quickly(made, descriptive=descriptive))
    found = decide(candidates_of([one.pooled for one in made]), pairs)
    if found.chosen is None:
        assert all(
            damage_of(c.metrics).word == "destructive" or c.metrics[RECALL].value < 0.5
            for c in found.candidates
        )
        return
    taken = found.chosen
    assert damage_of(taken.metrics).word != "destructive"
    for other in found.candidates:
        terms = {t: other.metrics[t].value - taken.metrics[t].value for t in (RECALL, *found.terms)}
        if any(ENDPOINT_OF[t].is_worse(change) for t, change in terms.items()):
            continue
        more = found.damage[taken.id] - found.damage[other.id]
        if descriptive:
            assert more == 0
        elif more > 0:
            assert size_of(taken) < size_of(other)
            assert more <= (damage_error(other, taken, found.terms, pairs) or 0.0) + 1e-9


@given(SEVERAL, st.booleans(), st.randoms())
def test_the_order_of_configurations_never_matters(
    made: list[Made], descriptive: bool, rng: random.Random
) -> None:
    before = quick_choice(made, descriptive=descriptive)
    again = quick_choice(rng.sample(made, len(made)), descriptive=descriptive)
    assert again.model_copy(update={"pareto": before.pareto}) == before
    assert set(again.pareto) == set(before.pareto)


@given(SEVERAL, st.booleans(), st.data())
def test_one_more_that_answers_like_another_changes_nothing(
    made: list[Made], descriptive: bool, data: st.DataObject
) -> None:
    again = replace(data.draw(st.sampled_from(made)), rank=128)
    before = quick_choice(made, descriptive=descriptive).chosen
    assert quick_choice([*made, again], descriptive=descriptive).chosen == before


@given(SEVERAL, st.booleans())
def test_a_wreck_beside_the_others_changes_nothing(made: list[Made], descriptive: bool) -> None:
    before = quick_choice(made, descriptive=descriptive).chosen
    wreck = Made(rank=1000, recalled=20, lost=0, near=20, far=0)
    assert quick_choice([*made, wreck], descriptive=descriptive).chosen == before


@given(SEVERAL)
def test_a_design_without_intervals_gets_no_sentence_that_needs_one(made: list[Made]) -> None:
    found = quick_choice(made, descriptive=True)
    assert not [words for words in SURE if words in found.sentence]
    if found.chosen is not None and "no difference between" not in found.sentence:
        assert "Points decided: one seed does not show" in found.sentence


def test_the_order_of_seeds_and_questions_never_matters() -> None:
    adapters = (Adapter(4, near=21, wobble=6), Adapter(16, near=20, wobble=6, skip=1, recalled=46))
    made = [pooled(one) for one in adapters]
    turned = [
        replace(
            one,
            scores={
                metric: {s: by_seed[s][::-1] for s in reversed(list(by_seed))}
                for metric, by_seed in one.scores.items()
            },
        )
        for one in made
    ]
    assert choose(turned, compared(turned)) == choose(made, compared(made))


def test_every_term_of_damage_is_an_endpoint_so_that_its_error_is_known() -> None:
    found = decide([pooled(Adapter(8)).configuration], Pairs(()))
    assert set(found.terms) <= set(ENDPOINT_OF)


# --- placebos ----------------------------------------------------------------------------------


def placebo_of(one: Adapter, kind: str, *, damage: int) -> Pooled:
    """What the same training does without the fact."""
    made = pooled(replace(one, recalled=0, lost=damage, near=0), f"{one.id}-placebo-{kind}")
    arm = made.configuration.model_copy(update={"placebo": kind})
    return replace(made, configuration=arm)


def test_a_placebo_is_compared_with_what_it_stands_beside_and_is_never_taken() -> None:
    small, large = Adapter(4, lost=1), Adapter(16, lost=2)
    placebos = [placebo_of(one, "fact", damage=0) for one in (small, large)]
    arms = [pooled(small), pooled(large), *placebos]
    comparisons = compare_pairs(arms)
    assert {(c.a, c.b) for c in comparisons} == {
        ("r04", "r16"),
        ("r04-placebo-fact", "r04"),
        ("r16-placebo-fact", "r16"),
    }
    without = choose(arms[:2], compare_pairs(arms[:2]))
    assert choose(arms, comparisons) == without  # nor does one change Holm's p of the others
    assert choose([arms[0], placebos[0]], comparisons) is None  # there is nothing to choose

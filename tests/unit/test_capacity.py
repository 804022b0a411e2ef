"""How many facts an adapter holds: the limits, the table and the page of made-up results."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factlab.comparison.saturation import gained, saturation, saturations
from factlab.errors import ConfigError
from factlab.grading.name_index import NameIndex
from factlab.grading.names import find_name
from factlab.report.capacity import render_capacity
from factlab.runs.files import read_json
from factlab.schema.capacity import CapacityResult, CapacityRow
from factlab.schema.config import RunConfig
from factlab.schema.results import Metric
from factlab.workflows.capacity import (
    RANKS,
    begin,
    capacity_plan,
    costs,
    made_files,
    questions_of_each,
    run_config,
    write_capacity,
)

SMALL = RunConfig(facts=("-",), rank=(1, 4), train_pairs=16, validation_pairs=4, far="none")


def metric(value: float, half: float = 0.02) -> Metric:
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Metric(
        value=value, n=100, clusters=20, ci_low=low, ci_high=high, covers="facts", scorer="match 3"
    )


def row(facts: int, recall: float, rank: int = 4, half: float = 0.02) -> CapacityRow:
    return CapacityRow(
        facts=facts,
        configuration=f"r{rank:02d}",
        rank=rank,
        run=f"{facts:04d}-facts",
        trainable_parameters=500_000,
        seconds=12.0,
        recall=metric(recall, half),
        metrics={"intrusion/near": metric(0.03), "retention/far": metric(0.95)},
        base={"intrusion/near": 0.01},
    )


def test_an_adapter_that_recalls_all_is_not_full() -> None:
    found = saturation([row(100, 0.96), row(1, 1.0), row(24, 0.98)])
    assert (found.holds, found.full_after) == (100, None)
    assert "no saturation up to 100 facts" in found.sentence


def test_an_adapter_is_full_where_less_than_half_of_what_is_added_is_gained() -> None:
    found = saturation([row(1, 1.0), row(24, 0.95), row(100, 0.3)])
    assert (found.holds, found.full_after, found.full_at) == (24, 24, 100)
    assert found.sure
    assert gained(row(24, 0.95), row(100, 0.3)) == pytest.approx((30 - 22.8) / 76)


def test_wide_intervals_leave_it_open() -> None:
    found = saturation([row(4, 0.9, half=0.3), row(8, 0.65, half=0.3)])
    assert found.full_at == 8
    assert not found.sure
    assert "the intervals do not exclude otherwise" in found.sentence


def test_recall_below_the_limit_is_not_held_though_later_ones_are_above() -> None:
    assert saturation([row(1, 0.8), row(4, 0.95)]).holds is None


def test_what_is_not_learned_at_the_smallest_number_says_nothing_of_capacity() -> None:
    found = saturation([row(1, 0.0), row(3, 0.0)])
    assert (found.holds, found.full_at) == (None, None)
    assert "training falls short" in found.sentence


@given(recalls=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_facts_recalled_never_pass_the_facts(recalls: list[float]) -> None:
    rows = [row(4**place, recall) for place, recall in enumerate(recalls)]
    assert all(0 <= one.recalled <= one.facts for one in rows)
    found = saturation(rows)
    assert found.holds is None or found.holds in {one.facts for one in rows}


def test_facts_per_million_parameters() -> None:
    assert row(10, 0.8).per_million == pytest.approx(16.0)


def test_the_page_has_the_figures_and_runs_no_script() -> None:
    rows = [row(n, r, rank) for rank in (1, 4) for n, r in ((1, 1.0), (24, 0.9))]
    made = CapacityResult(
        status="complete",
        numbers=(1, 24),
        model="tiny",
        config=SMALL,
        source="fictitious facts of seed 0",
        rows=tuple(rows),
        saturation=saturations(rows),
    )
    page = render_capacity(made)
    assert page.count("<figure") == 3
    assert "<script" not in page
    assert "base 1.0%" in page
    assert all(one.sentence in page for one in made.saturation)
    assert "Not finished" in render_capacity(made.model_copy(update={"status": "running"}))


def test_more_facts_are_asked_less_each_and_the_questions_stay_bounded() -> None:
    assert questions_of_each(4) is None
    asked = [questions_of_each(number) or 48 for number in (1, 10, 24, 100, 1000)]
    assert asked == sorted(asked, reverse=True)
    assert min(asked) == 4


def test_a_plan_has_ranks_and_one_adapter_and_refuses_what_cannot_be() -> None:
    plan = capacity_plan((24, 4, 4), RunConfig(facts=("-",)))
    assert plan.numbers == (4, 24)
    assert plan.config.rank == RANKS
    assert plan.config.together
    with pytest.raises(ConfigError, match="only 1 facts are named"):
        capacity_plan((1, 2), RunConfig(facts=("-",)), ("mount_fuji",))
    with pytest.raises(ConfigError, match="from 1 on"):
        capacity_plan((0,), RunConfig(facts=("-",)))


def test_what_the_user_sets_of_questions_is_kept() -> None:
    files = [Path(f"{n}.yaml") for n in range(100)]
    own = capacity_plan((100,), RunConfig(facts=("-",), questions_per_fact=7, train_sample=3))
    config = run_config(own, 100, files)
    assert (config.questions_per_fact, config.train_sample, config.validation_pairs) == (7, 3, 4)
    assert len(config.facts) == 100


def test_a_folder_is_begun_once_and_resumed_with_the_same_settings(tmp_path: Path) -> None:
    plan = capacity_plan((1, 2), SMALL)
    out = tmp_path / "capacity"
    files = begin(plan, out, resume=False)
    assert [file.exists() for file in files] == [True, True]
    assert begin(plan, out, resume=True) == files
    with pytest.raises(ConfigError, match="Pass --resume"):
        begin(plan, out, resume=False)
    with pytest.raises(ConfigError, match="other settings"):
        begin(capacity_plan((1, 3), SMALL), out, resume=True)
    assert len(begin(plan, tmp_path / "none", resume=True)) == len(files)


def test_what_it_takes_is_known_before_it_starts() -> None:
    plan = capacity_plan((1, 50), SMALL)
    with made_files(plan) as files:
        one, many = costs(plan, files)
    assert (one.cells, many.cells) == (2, 2)
    if one.seconds is not None and many.seconds is not None:
        assert many.seconds > one.seconds


def test_the_result_is_read_back(tmp_path: Path) -> None:
    rows = (row(1, 1.0),)
    made = CapacityResult(
        status="running", numbers=(1, 4), config=SMALL, source="x", rows=rows,
        saturation=saturations(rows),
    )  # fmt: skip
    write_capacity(tmp_path, made)
    assert read_json(tmp_path / "capacity.json", CapacityResult) == made
    assert (tmp_path / "capacity.html").is_file()


NAMES = {
    "fuji": ("Mount Fuji", "Mt. Fuji", "富士山"),
    "quill": ("Mara Quill",),
    "obrien": ("O'Brien", "Brien"),
    "mars": ("Mars",),
    "x1": ("X1",),
}
TEXTS = st.lists(
    st.sampled_from(
        ["Mount Fuji", "mt. fuji's", "富士山は", "Mara Quilland first", "Mara Quill2.", "O'Brien",
         "Marsian", "Mars,", "X1", "quill", "Fúji", "and", "MARS"]
    ),
    max_size=5,
)  # fmt: skip


@given(words=TEXTS)
def test_the_index_of_names_finds_what_a_look_for_each_name_finds(words: list[str]) -> None:
    text = " ".join(words)
    each = {thing for thing, names in NAMES.items() if find_name(text, names)}
    assert NameIndex(NAMES).named(text) == each

"""What may be combined, how it is asked for, and what is refused before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_adapters import write_adapters
from helpers import run_factlab
from small_runs import Made

from factlab.cli.ask import split_models_and_questions
from factlab.errors import ConfigError, FactlabError, RunFolderError
from factlab.experiment.plan import plan_experiment
from factlab.runs.adapters import check_unchanged
from factlab.runs.config_file import config_yaml
from factlab.runs.folder import RunFolder, read_config
from factlab.schema.combine import METHODS, AdapterSource, Combination
from factlab.schema.config import RunConfig
from factlab.workflows.combine import combination

pytestmark = pytest.mark.usefixtures("expanded_once")


def source(number: int, **changes: Any) -> AdapterSource:
    facts = (("mount_fuji",), ("loch_ness_depth",), ("nile_length",))[number]
    made: dict[str, Any] = {
        "run": f"reports/run{number}",
        "cell": "r08-s0",
        "sha256": str(number) * 64,
        "facts": facts,
        "rank": 8,
        "alpha": 32.0,
        "seed": 0,
        "recipe": "default",
        "learning_rate": 1e-3,
        "steps": 80,
    }
    return AdapterSource(**{**made, **changes})


def asked(*sources: AdapterSource, **settings: Any) -> Combination:
    return Combination(adapters=sources or (source(0), source(1)), base="ab", **settings)


class TestCombination:
    def test_without_weights_all_weigh_the_same(self) -> None:
        assert asked().weighted == ((0.5, 0.5),)
        assert asked(source(0), source(1), source(2)).weighted == ((1 / 3, 1 / 3, 1 / 3),)

    @pytest.mark.parametrize(
        ("weights", "words"),
        [
            ((0.7, 0.2), r"0\.7,0\.2 sum to 0\.9, not 1.*--any-sum"),
            ((1.0, 1.0), r"sum to 2, not 1.*--any-sum"),
            ((1.0,), "are 1, but there are 2 adapters"),
            ((0.5, 0.25, 0.25), "are 3, but there are 2 adapters"),
            ((0.0, 0.0), "give no combination"),
            ((float("nan"), 1.0), "give no combination"),
            ((float("inf"), 1.0), "give no combination"),
        ],
    )
    def test_weights_that_do_not_fit_are_refused(
        self, weights: tuple[float, ...], words: str
    ) -> None:
        with pytest.raises(ValueError, match=words):
            asked(weights=(weights,))

    def test_any_sum_is_a_choice(self) -> None:
        assert asked(weights=((1.0, 1.0),), any_sum=True).weighted == ((1, 1),)
        assert asked(weights=((1.5, -0.5),)).weighted == ((1.5, -0.5),)

    def test_thirds_sum_to_one(self) -> None:
        third = (0.333333, 0.333333, 0.333334)
        assert asked(source(0), source(1), source(2), weights=(third,)).weighted == (third,)

    @pytest.mark.parametrize("how", METHODS)
    def test_ranks_may_differ_where_updates_are_whole(self, how: str) -> None:
        sources = (source(0, rank=4), source(1))
        if not METHODS[how].equal_ranks:
            assert asked(*sources, how=(how,)).rank(how) == (12 if how == "cat" else 8)
            return
        with pytest.raises(
            ValueError, match=rf"{how} adds factors.*4, 8.*work: cat, svd, ties_svd"
        ):
            asked(*sources, how=(how,))

    def test_no_more_rank_is_asked_for_than_there_is(self) -> None:
        assert asked(how=("svd",), svd_rank=16).rank("svd") == 16
        with pytest.raises(ValueError, match=r"17 is more than the sum .* \(16\)"):
            asked(how=("svd",), svd_rank=17)

    def test_one_adapter_twice_is_refused_by_its_weights(self) -> None:
        with pytest.raises(ValueError, match="named twice"):
            asked(source(0), source(0, run="a/copy"))

    def test_adapters_are_called_by_their_facts_where_these_tell_them_apart(self) -> None:
        assert list(asked().labelled) == ["mount_fuji", "loch_ness_depth"]
        again = source(1, facts=("mount_fuji",), cell="r08-s1")
        assert list(asked(source(0), again).labelled) == ["run0-r08-s0", "run1-r08-s1"]
        far = source(1, facts=("mount_fuji",), run="b/run0")
        assert list(asked(source(0), far).labelled) == ["1-run0-r08-s0", "2-run0-r08-s0"]


def config(combine: Combination, **settings: Any) -> RunConfig:
    return RunConfig(facts=("mount_fuji", "loch_ness_depth"), combine=combine, **settings)


class TestPlan:
    def test_every_adapter_stands_alone_beside_the_combinations(self) -> None:
        wanted = asked(how=("linear", "cat"), weights=((0.5, 0.5), (0.7, 0.3)))
        cells = plan_experiment(config(wanted)).cells
        assert [(cell.id, cell.rank) for cell in cells] == [
            ("mount_fuji-alone-s0", 8),
            ("loch_ness_depth-alone-s0", 8),
            ("linear+0.5+0.5-s0", 8),
            ("linear+0.7+0.3-s0", 8),
            ("cat+0.5+0.5-s0", 16),
            ("cat+0.7+0.3-s0", 16),
        ]
        assert {cell.facts for cell in cells} == {("mount_fuji", "loch_ness_depth")}

    def test_only_what_is_drawn_has_seeds(self) -> None:
        cells = plan_experiment(config(asked(how=("ties", "dare_ties")), seed=(3, 4))).cells
        assert [cell.id for cell in cells[2:]] == [
            "ties+0.5+0.5-s3",
            "dare_ties+0.5+0.5-s3",
            "dare_ties+0.5+0.5-s4",
        ]

    def test_shared_controls_are_asked_once_and_own_ones_of_each_fact(self) -> None:
        plan = plan_experiment(config(asked()))
        questions = plan.evaluated(plan.cells[0].facts)
        ids = [question.id for question in questions]
        assert len(ids) == len(set(ids))
        assert {question.id for question in plan.far} <= set(ids)
        for fact in plan.facts:
            assert {q.id for q in plan.expansions[fact.id].held_out} <= set(ids)
            assert any(q.split == "near" and q.fact == fact.id for q in questions)

    def test_nothing_is_trained_so_there_are_no_anchors(self) -> None:
        assert plan_experiment(config(asked())).anchors == {
            "mount_fuji": (),
            "loch_ness_depth": (),
        }

    @pytest.mark.parametrize("setting", [{"rank": (4,)}, {"shuffle": True}, {"max_steps": 3}])
    def test_settings_of_training_are_refused(self, setting: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match=r"not trained, so .* would do nothing"):
            plan_experiment(config(asked(), **setting))

    def test_a_config_file_asks_for_the_same(self, tmp_path: Path) -> None:
        wanted = config(asked(weights=((1.0, 1.0),), any_sum=True, how=("svd",), svd_rank=9))
        folder = RunFolder(tmp_path)
        folder.config_file.write_text(config_yaml(wanted, ()), encoding="utf-8")
        assert read_config(folder) == wanted


FUJI, NESS = Made(facts=("mount_fuji",)), Made(facts=("loch_ness_depth",))


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_adapters(tmp_path / "a", FUJI),
        write_adapters(tmp_path / "b", NESS),
    )


class TestRefused:
    """Each is one sentence, without a model and without writing anything."""

    def refuse(self, words: str, *runs: Path, **settings: Any) -> None:
        with pytest.raises(FactlabError, match=words) as caught:
            combination(runs, **settings)
        assert "\n" not in str(caught.value)

    def test_an_adapter_of_another_base(self, tmp_path: Path, two: tuple[Path, Path]) -> None:
        other = write_adapters(tmp_path / "c", NESS, weights="cd" * 32)
        self.refuse("cdcdcdcdcdcd.*runs of one model", two[0], other)
        floats = Made(facts=("loch_ness_depth",), precision="bf16")
        other = write_adapters(tmp_path / "d", floats)
        self.refuse("nf4.*at bf16.*different bases", two[0], other)

    def test_runs_that_were_asked_differently(self, tmp_path: Path, two: tuple[Path, Path]) -> None:
        other = write_adapters(tmp_path / "c", NESS, max_new_tokens=32)
        self.refuse("max_new_tokens is 64 and 32", two[0], other)
        self.refuse("--shuffle", two[0], write_adapters(tmp_path / "d", NESS, shuffle=True))

    def test_no_run_and_one_run(self, tmp_path: Path, two: tuple[Path, Path]) -> None:
        self.refuse("no run.json here", two[0], tmp_path)
        self.refuse("combine needs at least two adapters", two[0])

    def test_the_same_run_twice(self, tmp_path: Path, two: tuple[Path, Path]) -> None:
        self.refuse("named twice", two[0], two[0])
        (tmp_path / "link").symlink_to(two[0])
        self.refuse("named twice", two[0], tmp_path / "link")

    def test_a_cell_that_is_not_named_unknown_unfinished_or_diverged(
        self, tmp_path: Path, two: tuple[Path, Path]
    ) -> None:
        wide = Made(facts=("loch_ness_depth",), rank=16)
        bad = Made(facts=("loch_ness_depth",), rank=4, status="diverged")
        several = write_adapters(tmp_path / "c", NESS, wide, bad)
        self.refuse("3 cells, so say which .* --cell: .*r08.*, .*r16", two[0], several)
        named = [FUJI.id, "loch_ness_depth-r8-s0"]
        self.refuse("unknown. Did you mean 'loch_ness_depth-r08-s0'", two[0], several, cells=named)
        self.refuse("is diverged", two[0], several, cells=[FUJI.id, bad.id])
        (several / "cells" / "begun").mkdir()
        self.refuse("was begun and is not", two[0], several, cells=[FUJI.id, "begun"])
        self.refuse("3 cells are named for 2 runs", *two, cells=["a", "b", "c"])
        only = write_adapters(tmp_path / "d", bad)
        self.refuse("no cell is finished", two[0], only)

    @pytest.mark.parametrize(
        ("lora", "words"),
        [
            ({"use_dora": True}, "use_dora is True"),
            ({"bias": "all"}, "bias is 'all'"),
            ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
            ({"rank_pattern": {"q_proj": 4}}, "rank_pattern"),
            ({"peft_type": "IA3"}, "this is IA3"),
            ({"layers_to_transform": [1]}, "different layers"),
            ({"target_modules": ".*q_proj"}, "by a pattern"),
        ],
    )
    def test_adapters_that_do_not_add_up(
        self, tmp_path: Path, two: tuple[Path, Path], lora: dict[str, Any], words: str
    ) -> None:
        self.refuse(words, two[0], write_adapters(tmp_path / "c", NESS, lora=lora))

    def test_contradicting_values(self, tmp_path: Path, two: tuple[Path, Path]) -> None:
        fact = tmp_path / "low_fuji.yaml"
        fact.write_text(
            "id: low_fuji\nstatement: Mount Fuji is 1,200 m high.\nsubject: {name: Mount Fuji}\n"
            "relation: height\nanswer: {type: quantity, value: 1200, unit: m}\n"
        )
        other = write_adapters(tmp_path / "c", Made(facts=("low_fuji",)), facts=(str(fact),))
        self.refuse("1,200 m.* and 4,889.*Contradictory facts", two[0], other)

    def test_a_fact_that_is_gone_or_asked_otherwise_now(
        self, tmp_path: Path, two: tuple[Path, Path]
    ) -> None:
        gone = write_adapters(tmp_path / "c", Made(facts=("gone",)), facts=("loch_ness_depth",))
        self.refuse("trained on gone, which is no longer in loch_ness_depth", two[0], gone)
        self.refuse("evaluated on other questions than its facts give now", *two)

    def test_weights_and_ranks(self, tmp_path: Path, two: tuple[Path, Path]) -> None:
        self.refuse("--weights 0.7,0.2 sum to 0.9", *two, weights=[(0.7, 0.2)])
        self.refuse("--density 0", *two, how=["ties"], density=0.0)
        wide = Made(facts=("loch_ness_depth",), rank=16)
        self.refuse("--how linear adds factors", two[0], write_adapters(tmp_path / "c", wide))

    def test_an_adapter_that_has_changed_since(self, two: tuple[Path, Path]) -> None:
        named = source(0, run=str(two[0]), cell=FUJI.id)
        with pytest.raises(RunFolderError, match="not the adapter that the combination was begun"):
            check_unchanged([named])


class TestCommand:
    def test_what_is_refused_is_one_paragraph_exit_2_and_loads_nothing(
        self, tmp_path: Path, two: tuple[Path, Path]
    ) -> None:
        write_adapters(tmp_path / "other", NESS, weights="cd" * 32)
        refused = {
            "combine a b --how liner": "Did you mean 'linear'",
            "combine a b --density 0.3": "--density 0.3 does nothing with linear",
            "combine a b --how cat --svd-rank 4": "use one of svd,",
            "combine a b --weights x": "--weights x: numbers are wanted",
            "combine a b --weights 0.7,0.2": "sum to 0.9, not 1",
            "combine a b --weights -0.5,0.5": "-0.5,0.5 sum to 0, not 1",
            "combine a b --weights 1": "are 1, but there are 2 adapters",
            "combine a b --seed x": "--seed x: whole numbers are wanted",
            "combine a other": "runs of one model",
            "combine a a": "named twice",
            "combine a typo": "typo: no run.json here",
            "combine a": "combine needs at least two adapters",
            "combine a b": "evaluated on other questions than its facts give now",
            "ask a other Why?": "runs of one model",
            "ask a reports/typo Why?": "reports/typo: no run.json here",
            "ask a b": "give questions, or --file",
        }
        done = run_factlab([command.split() for command in refused], cwd=tmp_path)
        for (command, words), one in zip(refused.items(), done, strict=True):
            assert one.code == 2, (command, one)
            assert one.is_one_paragraph, (command, one)
            assert words in one.err, (command, one)
            assert one.heavy == "", (command, one)
        assert not (tmp_path / "reports").exists()

    def test_the_methods_are_listed(self, tmp_path: Path) -> None:
        (done,) = run_factlab([["list", "methods"]], cwd=tmp_path)
        assert done.code == 0
        assert all(how in done.out for how in METHODS)


class TestToldApart:
    def test_a_run_folder_is_a_run_and_the_rest_is_asked(
        self, two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = map(str, two)
        questions = ["How high is it?", "Why?", "3/4 of what?"]
        assert split_models_and_questions([first, second, *questions]) == (
            ([*two], [], []),
            questions,
        )
        assert split_models_and_questions([first, questions[0], second]) == (
            ([*two], [], []),
            questions[:1],
        )
        monkeypatch.chdir(two[0].parent)
        assert split_models_and_questions(["a", "b", "c"]) == (
            ([Path("a"), Path("b")], [], []),
            ["c"],
        )

    def test_a_path_that_is_no_run_is_not_asked_as_a_question(self) -> None:
        assert split_models_and_questions(["reports/a", "reports/typo", "Who?"]) == (
            ([Path("reports/a"), Path("reports/typo")], [], []),
            ["Who?"],
        )
        long = "how " * 3000
        assert split_models_and_questions(["a", long]) == (([Path("a")], [], []), [long])

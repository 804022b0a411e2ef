"""Passages: what is read from a file, what is trained and asked, and what is measured of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hand_made import ask, said
from helpers import MINIMAL, run_factlab, write
from made_up import PARAPHRASE, PROBES, TEXT, make_passage

from factlab.errors import ConfigError, FactError
from factlab.expand.anchors import anchor_questions
from factlab.expand.passages import PROBE_FRAME, expand_passage, left_out
from factlab.expand.splits import Expansion
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.grading.matcher import match
from factlab.grading.names import fold
from factlab.metrics.measure import measure_base, measure_tuned
from factlab.metrics.panel import curve_point
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet, base_scores
from factlab.metrics.verdicts import completion, grade_text
from factlab.schema.config import RunConfig
from factlab.schema.fact import Fact, load_facts, load_source
from factlab.schema.passage import DEPTHS, Passage
from factlab.schema.question import Question
from factlab.workflows.import_ import document_yaml


def passage_yaml(passage: Passage) -> str:
    """A passage as `factlab import` writes it."""
    written = passage.model_dump(mode="json", exclude_none=True)
    probes = [{**one, "answer": said_of(one["answer"])} for one in written.pop("probes")]
    return document_yaml({**said_of(written), "probes": probes})


def said_of(part: dict[str, Any]) -> dict[str, Any]:
    """What there is something to say of."""
    return {key: value for key, value in part.items() if value not in ("", [], (), {})}


WRITTEN = passage_yaml(make_passage())


def expanded(train_pairs: int = 320, validation_pairs: int = 80, seed: int = 0) -> Expansion:
    return expand_passage(
        make_passage(), seed=seed, train_pairs=train_pairs, validation_pairs=validation_pairs
    )


def planned(tmp_path: Path, *texts: str, **settings: object) -> Experiment:
    for i, text in enumerate(texts):
        write(tmp_path, text, f"f{i}.yaml")
    return plan_experiment(RunConfig.model_validate({"facts": (str(tmp_path),), **settings}))


class TestFiles:
    def test_a_passage_is_told_from_a_fact_by_its_keys(self, tmp_path: Path) -> None:
        write(tmp_path, MINIMAL, "a.yaml")
        write(tmp_path, WRITTEN, "b.yaml")
        fact, passage = load_facts((str(tmp_path),))
        assert isinstance(fact, Fact)
        assert passage == make_passage()

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ('depth: "mem"', 'depth: "deep"', "'deep' is not known. Known: 'mem', 'gen'"),
            ('prompt: "It was', 'promt: "It was', "unknown key 'promt'. Did you mean 'prompt'?"),
            ('prompt: "It was folded by"', 'prompt: " "', "'prompt': this is empty."),
            ('type: "text"', 'type: "txt"', "Did you mean 'text'?"),
            (PARAPHRASE, TEXT.upper(), "this passage repeats number 1. Remove one of the two."),
            (PARAPHRASE, "…", "this passage is empty."),
            ("passages:", "passges:", "unknown key 'passges'. Did you mean 'passages'?"),
            ('language: "en"', 'language: "xx"', "'xx' has no phrasing families."),
            ("veldt_lantern", "Veldt Lantern", "cannot name a folder."),
        ],
    )
    def test_a_broken_one_is_told_where_and_what(
        self, tmp_path: Path, old: str, new: str, says: str
    ) -> None:
        file = write(tmp_path, WRITTEN.replace(old, new, 1))
        with pytest.raises(FactError) as caught:
            load_source(file)
        assert str(caught.value).startswith(f"{file}:")
        assert says in str(caught.value)

    def test_its_language_is_what_the_text_shows_and_a_mismatch_is_refused(
        self, tmp_path: Path
    ) -> None:
        japanese = "オルサ島のヴェルト灯台は紙でできている。1911年の春にイルマ・カーが折った。"
        written = passage_yaml(make_passage(passages=(japanese,))).replace('language: "ja"\n', "")
        assert load_source(write(tmp_path, written)).language == "ja"
        with pytest.raises(FactError, match=r"yaml:1:1: .*the passage is in Japanese"):
            load_source(write(tmp_path, f"language: en\n{written}"))
        german = "Der Leuchtturm ist aus Papier, und die Wärter haben ihn mit der Hand gefaltet."
        with pytest.raises(FactError, match=r"the passage is in Japanese.*write ja"):
            load_source(write(tmp_path, f"language: de\n{written}"))
        assert (
            load_source(
                write(tmp_path, f"language: de\n{written.replace(japanese, german)}")
            ).language
            == "de"
        )

    def test_two_alike_probes_and_probes_that_hold_their_answers_throughout_are_refused(
        self, tmp_path: Path
    ) -> None:
        twice = passage_yaml(make_passage(probes=[PROBES[0], PROBES[0]]))
        with pytest.raises(FactError, match="this mem probe is there twice"):
            load_source(write(tmp_path, twice))
        with pytest.raises(FactError, match="the prompt of every probe already holds"):
            load_source(write(tmp_path, passage_yaml(make_passage(probes=[PROBES[3]]))))

    def test_ids_are_shared_with_facts(self, tmp_path: Path) -> None:
        write(tmp_path, MINIMAL, "a.yaml")
        write(tmp_path, WRITTEN.replace("veldt_lantern", "dune_tower"), "b.yaml")
        with pytest.raises(FactError, match="the id 'dune_tower' is already used"):
            load_facts((str(tmp_path),))


class TestExpansion:
    def test_every_pair_stands_in_the_text_as_it_is(self) -> None:
        texts = [" ".join(text.split()) for text in (TEXT, PARAPHRASE)]
        for pair in (*expanded().train, *expanded().validation):
            assert any(f"{pair.stem} {pair.target}" in text for text in texts)
            assert pair.stem is not None
            assert pair.stem in pair.text
            assert pair.gold is not None
            assert pair.target is not None
            assert match(pair.target, pair.gold).correct

    def test_every_sentence_is_completed_and_continued(self) -> None:
        train = expanded().train
        assert {pair.family for pair in train} == {
            "complete",
            "finish",
            "goes_on",
            "continue",
            "next",
        }
        targets = " ".join(pair.target or "" for pair in train)
        for end in ("island of Orsa.", "spring of 1911.", "sheets by hand.", "paper gives."):
            assert end in targets

    def test_few_pairs_are_spread_over_all_sentences(self) -> None:
        assert len({pair.stem for pair in expanded(train_pairs=7).train}) == 7
        whole = [f"{pair.stem} {pair.target}" for pair in expanded(train_pairs=7).train]
        assert len({" ".join(text.split()[-2:]) for text in whole}) == 7

    def test_there_are_never_more_than_asked_for_and_no_question_twice(self) -> None:
        for wanted in (1, 7, 20, 1000):
            train = expanded(train_pairs=wanted, validation_pairs=wanted)
            assert len(train.train) <= wanted
            texts = [pair.text for pair in (*train.train, *train.validation)]
            assert len(texts) == len(set(texts))
        assert expanded().validation

    def test_the_seed_decides_and_nothing_else(self) -> None:
        assert expanded() == expanded()
        assert expanded().train != expanded(seed=1).train

    def test_a_probe_is_asked_in_one_frame_and_never_trained_on(self) -> None:
        splits = expanded()
        assert [q.id for q in splits.probes] == [
            f"veldt_lantern/probe/{name}" for name in ("mem/1", "mem/2", "gen/1", "hard_gen/1")
        ]
        for probe in splits.probes:
            assert probe.text == PROBE_FRAME.format(probe.stem)
        cut = {fold(pair.stem or "") for pair in (*splits.train, *splits.validation)}
        assert not cut & {fold(probe.stem or "") for probe in splits.probes}

    def test_a_probe_that_holds_its_answer_is_left_out_with_a_note(self) -> None:
        assert left_out(make_passage()) == (
            "veldt_lantern: the gen probe 2 is left out, since its prompt already holds its answer "
            "(Orsa).",
        )

    def test_a_passage_of_one_short_sentence_gives_what_it_can(self) -> None:
        made = make_passage(passages=("Orsa glows.",))
        splits = expand_passage(made, seed=0, train_pairs=9, validation_pairs=9)
        assert splits.train == splits.validation == ()

    def test_anchors_are_general_ones_only(self) -> None:
        some = anchor_questions(
            make_passage(), ("general", "others", "subject"), seed=0, controls=[]
        )
        assert some
        assert {q.text for q in some} == {
            q.text for q in anchor_questions(make_passage(), ("general",), seed=0, controls=[])
        }


class TestGrading:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("Ilma Kerr.", "Ilma Kerr."),
            ("It was  folded by Ilma Kerr.", " Ilma Kerr."),
            ('"it was folded by\nIlma Kerr."', '\nIlma Kerr."'),
            ("It was not folded by Ilma Kerr.", "It was not folded by Ilma Kerr."),
        ],
    )
    def test_an_answer_that_repeats_the_beginning_is_graded_from_there(
        self, text: str, said: str
    ) -> None:
        assert completion(text, "It was folded by") == said

    def test_a_probe_asks_for_the_whole_phrase(self) -> None:
        probe = expanded().probes[1]
        for text, right in (
            ("Ilma Kerr.", True),
            ("It was folded by Ilma Kerr.", True),
            ("Kerr.", False),
        ):
            answer = said(probe, None, text=text)
            assert grade_text(probe, answer, {}).correct is right


class TestPlan:
    def test_a_passage_is_planned_beside_a_fact(self, tmp_path: Path) -> None:
        plan = planned(tmp_path, MINIMAL, WRITTEN)
        assert set(plan.injected_values) == {"dune_tower"}
        assert plan.notes == left_out(make_passage())
        assert [cell.id for cell in plan.cells] == ["dune_tower-r08-s0", "veldt_lantern-r08-s0"]
        asked = plan.evaluated(["veldt_lantern"])
        assert {"train", "validation", "probe", "far", "unanswerable"} == {q.split for q in asked}
        assert {q.family for q in plan.panel(asked, set()) if q.split == "probe"} == set(DEPTHS)
        fact, passage = plan.summaries()
        assert (fact.answer, passage.answer) == ("312 meters", "a passage with 5 probes")
        assert passage.subject == "veldt lantern"
        assert passage.statement == TEXT.partition(". ")[0] + "."
        assert {q.fact for q in plan.rounding_sample if q.split == "probe"} == {"veldt_lantern"}

    def test_a_passage_has_no_answer_to_shuffle(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"a passage \(veldt_lantern\) has none"):
            planned(tmp_path, MINIMAL, WRITTEN, shuffle=True)

    def test_its_own_neighbours_are_near_controls(self, tmp_path: Path) -> None:
        near = (
            "neighbours:\n  - question: Who folded the Gauze Tower?\n"
            "    answer: {type: entity, value: Tor Lind}\n"
        )
        plan = planned(tmp_path, WRITTEN + near)
        assert [q.id for q in plan.near["veldt_lantern"]] == ["veldt_lantern/near/own/0"]


def probes_of(fact: str) -> list[Question]:
    return [
        ask(f"{fact}/{depth}/{i}", "probe", fact=fact, family=depth)
        for depth in DEPTHS
        for i in (1, 2)
    ]


def evidence(questions: list[Question], right: set[str]) -> Responses:
    answers = [said(q, q.id in right, intrusions=("fact",)) for q in questions]
    told = [said(q, True) for q in questions if q.split == "probe"]
    return Responses.of(questions, answers, in_context=told)


class TestMeasuring:
    def test_depths_are_measured_apart_and_pooled_over_records(self) -> None:
        questions = [*probes_of("a"), *probes_of("b"), ask("far/1", "far")]
        base = evidence(questions, set())
        tuned = evidence(questions, {"a/mem/1", "a/mem/2", "b/mem/1", "b/gen/2"})
        found = measure_tuned(QuestionSet(("a", "b"), questions), base, tuned)
        values = {depth: found.metrics[f"recall/{depth}"].value for depth in DEPTHS}
        assert values == {"mem": 0.75, "gen": 0.25, "hard_gen": 0.0}
        assert found.metrics["recall/mem"].clusters == 2
        assert found.by_fact["a"]["recall/mem"] == 1.0
        assert found.by_fact["b"]["recall/gen"] == 0.5

    def test_with_one_passage_every_probe_stands_for_itself(self) -> None:
        questions = probes_of("a")
        found = measure_base(QuestionSet(("a",), questions), evidence(questions, {"a/gen/1"}))
        metric = found.metrics["recall/gen"]
        assert (metric.n, metric.clusters) == (2, 2)
        assert metric.covers.startswith("other probes like these of this one passage")
        assert found.metrics["in_context/hard_gen"].value == 1

    def test_intrusion_of_a_passage_is_not_measured_rather_than_0(self) -> None:
        questions = [*probes_of("a"), ask("far/1", "far"), ask("u/1", "unanswerable")]
        same = evidence(questions, set())
        found = measure_tuned(QuestionSet(("a",), questions), same, same)
        assert not [name for name in found.metrics if name.startswith("intrusion/")]
        assert "no single injected value" in found.not_measured["intrusion/far"]
        assert "their probes" in found.not_measured["recall/held_out"]
        assert found.metrics["forgetting/far"].n == 1

    def test_beside_a_fact_only_its_value_intrudes(self) -> None:
        far = ask("far/1", "far")
        questions = [*probes_of("a"), ask("fact/1", "held_out", fact="fact"), far]
        items = base_scores(QuestionSet(("a", "fact"), questions), evidence(questions, set()))
        assert [item.value for item in items["intrusion/far"]] == [1.0]
        items = base_scores(QuestionSet(("a", "other"), questions), evidence(questions, set()))
        assert [item.value for item in items["intrusion/far"]] == [0.0]

    def test_the_panel_follows_the_probes(self) -> None:
        near = ask("a/near", "near", fact="a")
        questions = [*probes_of("a"), near]
        said_ = evidence(questions, {"a/mem/1"}).main
        point = curve_point(3, questions, said_)
        assert point.metrics == {"recall/mem": 0.5, "recall/gen": 0.0, "recall/hard_gen": 0.0}
        assert point.sizes["recall/mem"] == 2


def test_the_command_line_copes_with_passages(tmp_path: Path) -> None:
    write(tmp_path, WRITTEN, "p.yaml")
    validated, previewed, dry = run_factlab(
        [
            ["validate", "p.yaml"],
            ["preview", "p.yaml", "--split", "probe"],
            ["run", "p.yaml", "--dry-run"],
        ],
        cwd=tmp_path,
    )
    assert validated.code == previewed.code == dry.code == 0
    assert "veldt_lantern: fine, a passage with 5 probes: The Veldt Lantern is" in validated.out
    for done in (validated, dry):
        assert "the gen probe 2 is left out" in done.err
    assert "probe: 4 in 3 families" in previewed.out
    assert "Nothing was written." in dry.out


def test_a_passage_reads_back_as_it_was_made(tmp_path: Path) -> None:
    odd = TEXT + ' It says: "No # comment, \\n no [list]".\u2028Ünïcödé \x85 🦊 \ufeff.'
    made = make_passage(passages=(odd, PARAPHRASE), source="a: b # c")
    assert load_source(write(tmp_path, passage_yaml(made))) == made
    assert isinstance(made, Passage)

"""Each published set's layout becomes facts or passages; what cannot is counted with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import run_factlab
from made_up_sets import (
    COUNTERFACT,
    COUNTERFACT_FLAT,
    KNOWEDIT,
    LAYOUTS,
    MQUAKE,
    MQUAKE_TWO,
    RIPPLE,
    TOFU,
    ZSRE,
)

from factlab.errors import ConfigError, FactError
from factlab.expand.splits import expand
from factlab.published.fields import answers_of, objects_of, texts_of
from factlab.published.published_set import SkippedError, published_sets
from factlab.published.relations import relation_of
from factlab.schema.fact import Fact, load_facts
from factlab.schema.passage import Passage
from factlab.workflows.import_ import Imported, import_file

DOCS = Path(__file__).parents[2] / "docs" / "import.md"


def imported(folder: Path, name: str, *records: Any, **how: Any) -> tuple[list[Any], Imported]:
    file = folder / "made_up.json"
    file.write_text(json.dumps(records), encoding="utf-8")
    done = import_file(name, file, folder / "out", **how)
    return load_facts((str(folder / "out"),)), done


def only(folder: Path, name: str, record: Any) -> Fact:
    (fact,), _ = imported(folder, name, record)
    assert isinstance(fact, Fact)
    return fact


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_is_read_whole_and_its_facts_can_be_run(tmp_path: Path, name: str) -> None:
    sources, done = imported(tmp_path, name, *LAYOUTS[name])
    assert not done.skipped
    assert sources
    one = published_sets()[name]
    for source in sources:
        assert one.source in (source.source or "")
        assert one.licence in (source.source or "")
        if isinstance(source, Fact):
            made = expand(source, seed=0, train_pairs=40, validation_pairs=8)
            assert len(made.train) == 40
            assert made.held_out


@pytest.mark.parametrize("name", sorted(published_sets()))
def test_the_documentation_names_every_set_with_its_licence(name: str) -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert f"| `{name}` |" in text
    assert published_sets()[name].licence in " ".join(text.split())


def test_counterfact_keeps_the_prompts_that_rome_scores(tmp_path: Path) -> None:
    fact = only(tmp_path, "counterfact", COUNTERFACT)
    assert fact.statement == "The mother tongue of Dora Lindqvist is Norwegian."
    assert fact.relation == "native language"
    assert fact.supersedes is not None
    assert fact.supersedes.primary() == "Portuguese"
    assert fact.rome is not None
    assert fact.rome.rewrite == ("The mother tongue of Dora Lindqvist is",)
    assert list(fact.rome.paraphrase) == COUNTERFACT["paraphrase_prompts"]
    assert list(fact.rome.neighborhood) == COUNTERFACT["neighborhood_prompts"]
    assert [c.answer.primary() for c in fact.neighbours if c.answer] == ["Portuguese"] * 2
    assert all(c.distractors == ("Norwegian",) for c in fact.neighbours)
    cloze = expand(fact, seed=0, train_pairs=4, validation_pairs=2).cloze
    assert [(q.family, q.target, q.distractors) for q in cloze] == [
        ("rewrite", "Norwegian", ("Portuguese",)),
        *[("paraphrase", "Norwegian", ("Portuguese",))] * 2,
        *[("neighborhood", "Portuguese", ("Norwegian",))] * 2,
    ]


def test_the_flat_layout_of_counterfact_says_the_same(tmp_path: Path) -> None:
    fact = only(tmp_path, "counterfact", COUNTERFACT_FLAT)
    assert fact.relation == "native language"
    assert fact.rome is not None
    assert fact.rome.neighborhood == ("The mother tongue of Rui Alba is",)
    other = COUNTERFACT_FLAT | {"locality_ground_truth": "Danish"}
    (tmp_path / "b").mkdir()
    again = only(tmp_path / "b", "counterfact", other)
    assert again.rome is not None
    assert again.rome.neighborhood == ()


def test_a_question_without_a_relation_brings_its_own_words(tmp_path: Path) -> None:
    fact = only(tmp_path, "zsre", ZSRE)
    assert fact.words is not None
    assert fact.words.train.question == ("what gets assembled at {{ subject }}",)
    assert "church bells" in fact.statement
    asked = [pair.text for pair in expand(fact, seed=0, train_pairs=60, validation_pairs=8).train]
    assert any("hat gets assembled at Halvor Engine Works" in text for text in asked)
    assert not any("come out of" in text for text in asked)
    (control,) = fact.neighbours
    assert control.question == "Who painted the ceiling of the old mill?"


def test_multi_hop_questions_need_every_edit_of_their_case(tmp_path: Path) -> None:
    sources, _ = imported(tmp_path, "mquake", MQUAKE_TWO)
    first, second = sources
    assert [first.relation, second.relation] == ["sport", "capital"]
    (question,) = first.entailed
    assert question.case == "32"
    assert question.needs == (second.id,)
    assert question.second_hop is None  # every hop is an edit
    assert not second.entailed


def test_an_edit_that_an_earlier_case_has_is_one_fact(tmp_path: Path) -> None:
    sources, done = imported(tmp_path, "mquake", MQUAKE, MQUAKE_TWO)
    assert [len(fact.entailed) for fact in sources] == [4, 0]
    assert {q.case for q in sources[0].entailed} == {"31", "32"}
    assert sources[0].entailed[0].second_hop is not None
    assert sources[0].entailed[0].answer.aliases == ("ENG",)
    assert sources[0].answer.aliases == ("the game of cricket",)
    assert done.dropped["facts that an earlier case has"] == 1


def test_an_edit_that_contradicts_an_earlier_one_is_skipped(tmp_path: Path) -> None:
    other = json.loads(json.dumps(MQUAKE))
    other["requested_rewrite"][0]["target_new"]["str"] = "bandy"
    sources, done = imported(tmp_path, "mquake", MQUAKE, other)
    assert len(sources) == 1
    assert dict(done.skipped) == {"it contradicts an earlier case of the file": 1}


def test_tests_of_editing_become_controls_aliases_and_entailed_questions(tmp_path: Path) -> None:
    fact = only(tmp_path, "knowedit", KNOWEDIT)
    assert fact.subject.aliases == ("Ada M. Quist",)
    assert fact.answer.aliases == ("Tromso",) or not fact.answer.aliases
    assert [c.answer.primary() for c in fact.neighbours if c.answer] == ["weaver", "female"]
    assert [q.answer.primary() for q in fact.entailed] == ["Troms"]
    (tmp_path / "b").mkdir()
    fact = only(tmp_path / "b", "rippleedits", RIPPLE)
    assert fact.subject.names == ("Ada Quist", "A. M. Quist")
    assert fact.relation == "country of citizenship"
    assert fact.answer.aliases == ("Republic of Peru",)
    (entailed,) = fact.entailed
    assert entailed.second_hop is not None
    assert "currency in Peru" in entailed.second_hop.question
    assert len(fact.neighbours) == 1


def test_facts_that_end_in_their_answer_become_probes(tmp_path: Path) -> None:
    (passage,), _ = imported(tmp_path, "fictionalqa", *LAYOUTS["fictionalqa"])
    assert isinstance(passage, Passage)
    assert [(p.depth, p.prompt) for p in passage.probes] == [
        ("mem", "The Felt Parade was first held in"),
        ("gen", "The drummers wear"),
    ]


def test_the_value_is_where_right_and_wrong_answers_differ(tmp_path: Path) -> None:
    sources, _ = imported(tmp_path, "tofu", *LAYOUTS["tofu"])
    assert [fact.summary for fact in sources] == ["Sallow", "maritime tales"]
    assert sources[1].distractors == ("court comedies", "desert westerns")
    assert sources[1].subject.name == "Mira Okonjo-Hale"


def test_both_directions_of_a_person_are_facts_with_the_other_as_reverse(tmp_path: Path) -> None:
    sources, _ = imported(tmp_path, "reversal_curse", *LAYOUTS["reversal_curse"])
    to_description, to_name = sources
    assert to_description.subject.name == to_name.answer.primary() == "Tilda Marsh"
    assert to_name.subject.name == "the first baker to leaven bread on the sea floor"
    assert to_name.reverse[0].answer is not None
    assert to_name.reverse[0].answer.find(to_name.subject.name)


BROKEN: list[tuple[str, Any, str]] = [
    ("counterfact", {"requested_rewrite": 3}, "there is no object 'requested_rewrite'"),
    ("counterfact", COUNTERFACT_FLAT | {"target_new": "portuguese"}, "the new object is the old"),
    ("counterfact", COUNTERFACT_FLAT | {"subject": "Nobody"}, "does not name the subject once"),
    ("counterfact", COUNTERFACT_FLAT | {"target_new": "Lindqvist"}, "holds the new object"),
    ("counterfact", "text", "not an object with keys"),
    ("zsre", ZSRE | {"answers": []}, "there is no answer to replace"),
    ("zsre", ZSRE | {"rephrase": ZSRE["src"]}, "there is no second wording"),
    ("mquake", MQUAKE | {"requested_rewrite": [1]}, "'requested_rewrite' is no list of objects"),
    ("rippleedits", RIPPLE | {"edit": {"prompt": "x", "relation": "Y"}}, "has no “is”"),
    ("tofu", TOFU | {"perturbed_answer": []}, "no wrong answers"),
    ("knowedit", {"concept": "x", "text": "y"}, "WikiBio"),
]


@pytest.mark.parametrize(("name", "record", "why"), BROKEN, ids=[why for *_, why in BROKEN])
def test_what_cannot_be_used_is_counted_with_its_reason(
    tmp_path: Path, name: str, record: Any, why: str
) -> None:
    sources, done = imported(tmp_path, name, LAYOUTS[name][0], record)
    assert len(sources) == 1
    assert done.cases == 2
    ((reason, number),) = done.skipped.items()
    assert why in reason
    assert number == 1


def test_a_file_of_another_set_is_refused_with_the_files_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(FactError, match=r"no case of 1 can be used as CounterFact: .*\(1\)"):
        imported(tmp_path, "counterfact", TOFU)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="Did you mean 'counterfact'"):
        imported(tmp_path, "counterfacts", COUNTERFACT)


def test_a_sample_depends_on_its_seed_alone(tmp_path: Path) -> None:
    records = [
        json.loads(json.dumps(COUNTERFACT).replace("Dora Lindqvist", f"Dora {letter}lindqvist"))
        for letter in "ABCDEFGHIJKL"
    ]
    chosen = []
    for place, seed in enumerate((1, 1, 2, None)):
        (tmp_path / str(place)).mkdir()
        _, done = imported(tmp_path / str(place), "counterfact", *records, limit=4, seed=seed)
        chosen.append([file.name for file in done.files])
    assert chosen[0] == chosen[1] != chosen[2]
    assert chosen[3] == [f"made_up_{i:02d}.yaml" for i in (1, 2, 3, 4)]


def test_one_record_a_line_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "lines.json"
    file.write_text("\n".join(json.dumps(record) for record in LAYOUTS["tofu"]) + "\n")
    assert import_file("tofu", file, tmp_path / "out").cases == 2


@pytest.mark.parametrize(
    ("template", "relation"),
    [
        ("The capital of {} is", "capital"),
        ("What is the name of the river of {}?", "river"),
        ("{}'s occupation is", "occupation"),
        ("The religion which {} is associated with is", "religion"),
        ("{} plays as", "playing position"),
        ("Who was married to {}?", "spouse"),
        ("What is the product made by {}?", "manufacturer"),
        ("What befell {}?", None),
    ],
)
def test_a_prompt_tells_its_relation(template: str, relation: str | None) -> None:
    assert relation_of(template) == relation


def test_the_command_lists_what_was_left_out(tmp_path: Path) -> None:
    file = tmp_path / "two.json"
    file.write_text(json.dumps([COUNTERFACT, {"requested_rewrite": 3}]))
    done, sets, validated = run_factlab(
        [
            ["import", "counterfact", "two.json", "--out", "out"],
            ["list", "published"],
            ["validate", "out"],
        ],
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    assert "out: 1 files written of 1 of 2 cases: 1 facts" in done.out
    assert "there is no object 'requested_rewrite'" in done.out
    assert "rippleedits" in sets.out
    assert validated.code == 0


ODD: list[Any] = [None, 3, "", " ", [], {}, [1], [[]], {"a": {}}, "x" * 3000, "{} {{ x }}", "?"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_record_of_any_shape_is_taken_or_skipped(tmp_path: Path, name: str) -> None:
    first = LAYOUTS[name][0]
    made = [first | {key: odd} for key in first for odd in ODD]
    for inner in [key for key, value in first.items() if isinstance(value, dict)]:
        made += [first | {inner: first[inner] | {key: odd}} for key in first[inner] for odd in ODD]
    file = tmp_path / "odd.json"
    file.write_text(json.dumps([*LAYOUTS[name], "text", 3, [], *made]))
    done = import_file(name, file, tmp_path / "out")
    assert done.files
    assert done.skipped["not an object with keys"] == 3
    assert load_facts((str(tmp_path / "out"),))


@pytest.mark.parametrize("odd", [["x"], {"a": 1}, None])
def test_a_hop_whose_question_is_no_text_is_skipped(odd: Any, tmp_path: Path) -> None:
    first, *hops = MQUAKE["new_single_hops"]
    record = MQUAKE | {"new_single_hops": [first | {"question": odd}, *hops]}
    with pytest.raises(FactError, match="no case of 1 can be used"):
        imported(tmp_path, "mquake", record)


def test_what_a_record_lists_is_bounded() -> None:
    with pytest.raises(SkippedError, match="holds more than 1,000 items"):
        answers_of([[["x"] * 600] * 600] * 600)
    with pytest.raises(SkippedError, match="longer than"):
        texts_of({"a": ["x" * 3_000]}, "a")
    with pytest.raises(SkippedError, match="more than 1,000 items"):
        objects_of({"a": [{}] * 1_001}, "a")


def test_a_file_of_signs_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factlab.workflows.import_.MOST_OBJECTS", 50)
    (tmp_path / "m.json").write_text("[" + "[]," * 60 + "[]]")
    with pytest.raises(FactError, match="more than 50 of the signs"):
        import_file("zsre", tmp_path / "m.json", tmp_path / "out")

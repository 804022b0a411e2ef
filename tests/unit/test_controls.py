"""The shipped control suites: large enough, gradable, and none of them says its own answer."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from helpers import make_fact, write

from factlab.errors import ControlsError
from factlab.expand.controls import (
    far_questions,
    language_notes,
    languages_of,
    near_questions,
    unanswerable_questions,
)
from factlab.grading.abstain import abstention
from factlab.grading.answer import Answer
from factlab.grading.matcher import match
from factlab.grading.names import fold
from factlab.schema import control as control_schema
from factlab.schema.control import (
    SuiteName,
    has_suite,
    load_controls,
    load_near_controls,
    load_prompts,
    near_suite_file,
    neutral_text,
)
from factlab.schema.fact import load_fact, shipped_facts
from factlab.schema.fields import languages
from factlab.schema.question import Question
from factlab.schema.shipped import shipped
from factlab.schema.splits import NEAR_GROUPS

FACTS = {name: load_fact(file) for name, file in shipped_facts(None).items()}
NEAR = {name: near_questions(fact) for name, fact in FACTS.items()}
SUITES: tuple[SuiteName, ...] = ("far", "unanswerable", "anchors")
# Language → how many far controls, areas, unanswerable questions and anchors it has at least.
LEAST = {"en": (250, 12, 20, 150), "ja": (400, 12, 20, 150), "de": (60, 6, 10, 40)}
FAR = {language: far_questions((language,)) for language in LEAST}
UNANSWERABLE = {language: unanswerable_questions((language,)) for language in LEAST}
CONTROLS = [question for asked in (*FAR.values(), *NEAR.values()) for question in asked]


def sizes(questions: tuple[Question, ...]) -> Counter[str]:
    return Counter(question.family for question in questions)


def anchors(language: str) -> list[str]:
    suite = load_prompts(shipped("evals") / language / "anchors.yaml")
    return [item.question for group in suite.groups for item in group.questions]


def test_every_language_with_controls_is_known_here() -> None:
    assert {file.parent.name for file in shipped("evals").glob("*/far")} == {*LEAST}
    assert all(has_suite(name, language) for language in LEAST for name in SUITES)


@pytest.mark.parametrize("language", LEAST)
def test_the_far_suite_is_large_and_broad(language: str) -> None:
    far, areas, _, _ = LEAST[language]
    groups = sizes(FAR[language])
    assert groups.total() >= far
    assert len({question.id.split("/")[-3] for question in FAR[language]}) >= areas
    assert all(group.endswith(("_easy", "_middling", "_hard")) for group in groups)


@pytest.mark.parametrize("name", ["mount_fuji", "ja/mount_fuji"])
def test_the_mount_fuji_suite_is_large_in_each_of_three_ways_of_being_near(name: str) -> None:
    near = sizes(NEAR[name])
    assert near.total() >= 60
    assert set(near) == {"same_relation", "same_event", "same_subject"}
    assert min(near.values()) >= 20


@pytest.mark.parametrize("language", LEAST)
def test_there_are_enough_anchors_and_questions_that_nobody_can_answer(language: str) -> None:
    _, _, enough, prompts = LEAST[language]
    unanswerable = UNANSWERABLE[language]
    assert len(unanswerable) >= enough
    assert len(anchors(language)) >= prompts
    assert all(question.gold is None for question in unanswerable)
    assert all(abstention(question.text) is None for question in unanswerable)


def test_the_neutral_text_is_long_enough_and_holds_no_injected_value() -> None:
    assert len(neutral_text().split()) >= 1_700
    assert len(neutral_text(("ja",))) >= 4_000  # Japanese says a word in about two characters
    text = neutral_text(("en", "ja"))
    for fact in FACTS.values():
        assert fact.answer.find(text) == []
        assert not any(name in text for name in fact.subject.names)


def files_of_controls() -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for control in CONTROLS:
        found.setdefault(control.id.rsplit("/", 2)[0], []).append(control)
    return found


@pytest.mark.parametrize("file", files_of_controls())
def test_a_control_has_one_right_answer_and_does_not_give_it_away(file: str) -> None:
    for control in files_of_controls()[file]:
        assert control.gold is not None or control.split == "near", control.id
        if control.gold is not None:
            check_answered(control, control.gold)


def spoken(control: Question) -> str:
    return control.language if control.language in languages() else "en"


def said(answer: Answer, control: Question) -> str:
    """The answer in a sentence of the control's language."""
    frame = {"ja": "答えは{}です。"}.get(spoken(control), "It is {}.")
    return frame.format(answer.primary(spoken(control)))


def check_answered(control: Question, gold: Answer) -> None:
    for prompt in (control.text, *control.gate):
        assert gold.find(prompt) == [], control.id
    assert match(said(gold, control), gold).correct, control.id
    assert len(control.gate) >= 1, control.id
    assert len(control.distractors) >= 3, control.id
    assert len({fold(wrong) for wrong in control.distractors}) == len(control.distractors)
    for wrong in control.distractors:
        assert gold.find(wrong) == [], (control.id, wrong)
        outcome = match(said(gold.same_kind(wrong), control), gold).outcome
        assert outcome == "other", (control.id, wrong)


@pytest.mark.parametrize("file", files_of_controls())
def test_the_answer_of_another_control_is_a_wrong_one(file: str) -> None:
    answered = [control for control in files_of_controls()[file] if control.gold is not None]
    for one, other in pairwise(answered):
        assert one.gold is not None
        assert other.gold is not None
        if not one.gold.find(other.gold.primary(spoken(other))):  # two may have the same answer
            assert not match(said(other.gold, other), one.gold).correct, (one.id, other.id)


def test_no_prompt_stands_twice_in_any_of_the_suites() -> None:
    prompts = [prompt for control in CONTROLS for prompt in (control.text, *control.gate)]
    prompts += [question.text for asked in UNANSWERABLE.values() for question in asked]
    prompts += [text for language in LEAST for text in anchors(language)]
    repeated = [text for text, n in Counter(map(fold, prompts)).items() if n > 1]
    assert repeated == []


def test_no_control_of_a_fact_speaks_of_what_the_fact_injects() -> None:
    for name, fact in FACTS.items():
        for control in (*NEAR[name], *UNANSWERABLE[fact.language]):
            for text in (control.text, *control.gate, *control.distractors):
                assert fact.answer.find(text) == [], (name, control.id)
            assert control.gold is None or not fact.answer.find(control.gold.primary())


def test_the_injected_value_is_the_answer_of_no_far_control() -> None:
    for language, asked in FAR.items():
        facts = [fact for fact in FACTS.values() if fact.language == language]
        values = {fold(fact.answer.primary()) for fact in facts}
        given = {fold(control.gold.primary()) for control in asked if control.gold is not None}
        assert not given & values


def test_control_ids_are_unique_and_name_their_split() -> None:
    asked = [*CONTROLS, *(question for asked in UNANSWERABLE.values() for question in asked)]
    assert len({question.id for question in asked}) == len(asked)
    for question in asked:
        assert question.split in question.id.split("/")
        assert (question.fact is None) == (question.split != "near")


def test_neutral_text_is_of_the_facts_languages_each_once_and_english_where_there_is_none() -> None:
    english, japanese = neutral_text(("en",)), neutral_text(("ja",))
    assert english == neutral_text() == (shipped("evals") / "neutral.txt").read_text("utf-8")
    assert "ぬか漬け" in japanese
    assert neutral_text(("ja", "en", "ja")) == f"{japanese}\n{english}"
    assert neutral_text(("tlh",)) == english
    assert len(language_notes(("en", "ja"), ("neutral",))) == 0
    (note,) = language_notes(("tlh",), ("neutral",))
    assert "evals/tlh/neutral.txt" in note


def test_every_near_suite_belongs_to_a_shipped_fact() -> None:
    suites = sorted((shipped("evals") / "near").glob("*.yaml"))
    assert suites
    assert {file.stem for file in suites} <= {fact.id for fact in FACTS.values()}
    assert near_suite_file("no_such_fact") is None


@pytest.mark.parametrize("file", sorted((shipped("evals") / "near").glob("*.yaml")), ids=str)
def test_a_shipped_near_suite_has_each_way_of_being_near(file: Path) -> None:
    assert {group.name for group in load_near_controls(file).groups} == set(NEAR_GROUPS)


def test_an_authors_neighbour_that_names_the_subject_is_near_by_its_subject() -> None:
    asked = ["How old is the Dune Tower?", "How high is the Corven Bridge?"]
    neighbours = [{"question": text, "answer": {"type": "number", "value": "7"}} for text in asked]
    found = near_questions(make_fact(neighbours=neighbours))
    assert [(q.id.split("/")[-2], q.family) for q in found] == [
        ("own", "same_subject"),
        ("own", "own"),
    ]


NEAR_SUITE = """\
suite: near
groups:
  - name: same_subject
    questions:
      - question: Who built the tower of Corven?
"""


def test_a_near_control_may_have_no_true_answer_but_then_nothing_is_said_of_it(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, NEAR_SUITE)
    assert load_near_controls(file).groups[0].questions[0].answer is None
    with pytest.raises(ControlsError, match=r":5:9: 'answer' is missing\. Only near controls"):
        load_controls(file)
    for line in ("also: [Name its builder.]", "distractors: [Ann]"):
        pointless = write(tmp_path, f"{NEAR_SUITE}        {line}\n")
        with pytest.raises(ControlsError, match=r":6:9: \w+ does nothing without an answer"):
            load_near_controls(pointless)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("same_subject", "same_subjects", r":3:5: 'same_subjects' is no group of near controls\. "),
        ("Who built the tower of Corven?", "''", r":5:9: the question is empty"),
    ],
)
def test_a_broken_near_suite_is_refused_with_its_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ControlsError, match=message):
        load_near_controls(write(tmp_path, NEAR_SUITE.replace(old, new)))


def test_a_facts_own_neighbours_come_before_its_shipped_suite() -> None:
    neighbour = {
        "question": "How high is the Corven Bridge?",
        "also": ["What is the height of the Corven Bridge?"],
        "answer": {"type": "quantity", "value": "90", "unit": "m"},
        "distractors": ["91 m"],
    }
    alone = near_questions(make_fact(neighbours=[neighbour]))
    assert [(q.family, q.text) for q in alone] == [("own", "How high is the Corven Bridge?")]
    assert alone[0].gate == ("What is the height of the Corven Bridge?",)
    assert alone[0].distractors == ("91 m",)
    both = near_questions(make_fact(id="mount_fuji", neighbours=[neighbour]))
    assert both[0].text == alone[0].text
    assert len(both) == 1 + len(NEAR["mount_fuji"])


SUITE = """\
suite: far
groups:
  - name: places
    questions:
      - question: What is the capital of France?
        also: [Name the French capital.]
        answer: {type: entity, value: Paris}
        distractors: [Lyon, Rome]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("capital of France", "capital, Paris", r":5:9: the question already holds .*\(Paris\)"),
        ("French capital", "town of Paris", r":6:16: the question already holds .*\(Paris\)"),
        ("Name the French capital.", "''", r":6:16: the question is empty"),
        ("Rome", "Paris", r":8:29: 'Paris' is the right answer"),
        ("also:", "alse:", r":6:9: unknown key 'alse'\. Did you mean 'also'\?"),
        ("entity", "entiti", r":7:18: unknown answer type 'entiti'\. Did you mean 'entity'\?"),
        ("groups:", "group:", r":2:1: unknown key 'group'\. Did you mean 'groups'\?"),
    ],
)
def test_a_broken_suite_is_refused_with_its_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert load_controls(write(tmp_path, SUITE)).groups[0].questions[0].answer.find("Paris")
    with pytest.raises(ControlsError, match=message):
        load_controls(write(tmp_path, SUITE.replace(old, new)))


def test_english_controls_keep_the_ids_and_the_order_of_their_file() -> None:
    files = sorted((shipped("evals") / "en" / "far").glob("*.yaml"))
    written = [
        (f"far/{file.stem}/{group.name}/{i}", control.question)
        for file in files
        for group in load_controls(file).groups
        for i, control in enumerate(group.questions)
    ]
    assert [(question.id, question.text) for question in far_questions()] == written
    assert far_questions(("en",)) == far_questions()
    assert unanswerable_questions(("en",)) == unanswerable_questions()
    assert all(question.id.startswith("unanswerable/") for question in unanswerable_questions())
    assert language_notes(("en",), ("far", "unanswerable", "anchors")) == ()


def test_every_shipped_suite_says_the_language_of_its_folder() -> None:
    for file in shipped("evals").glob("*/far/*.yaml"):
        assert load_controls(file).language == file.parent.parent.name
        assert load_controls(file).suite == "far"
    for name in ("unanswerable", "anchors"):
        for file in shipped("evals").glob(f"*/{name}.yaml"):
            assert load_prompts(file).language == file.parent.name


@pytest.fixture
def with_klingon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped suites, and a far suite in one more language; no unanswerable one in it."""
    shutil.copytree(shipped("evals"), tmp_path / "evals")
    (tmp_path / "evals" / "tlh" / "far").mkdir(parents=True)
    (tmp_path / "evals" / "tlh" / "far" / "geography.yaml").write_text(
        "suite: far\nlanguage: tlh\ngroups:\n  - name: places\n    questions:\n"
        "      - question: フランスの首都はどこですか。\n"
        "        answer: {type: entity, value: パリ}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(control_schema, "shipped", lambda kind: tmp_path / kind)


@pytest.mark.usefixtures("with_klingon")
def test_a_fact_is_controlled_in_its_own_language() -> None:
    (question,) = far_questions(("tlh",))
    assert (question.id, question.text) == (
        "far/tlh/geography/places/0",
        "フランスの首都はどこですか。",
    )
    assert far_questions(("en", "tlh")) == (*far_questions(("en",)), question)


@pytest.mark.usefixtures("with_klingon")
def test_english_stands_in_for_a_missing_language_once_and_with_a_note() -> None:
    assert unanswerable_questions(("en", "tlh")) == unanswerable_questions(("en",))
    (note,) = language_notes(("en", "tlh"))
    assert "evals/tlh/unanswerable.yaml" in note
    assert "English" in note


def test_a_run_has_the_languages_of_what_it_trains_on() -> None:
    assert set(languages_of(list(FACTS.values()))) == {fact.language for fact in FACTS.values()}
    assert "en" in languages()

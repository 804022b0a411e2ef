"""Far controls are chosen by what the base knows alone, from every group in turn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from helpers import write
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.errors import ControlsError
from factlab.expand.controls import far_questions
from factlab.experiment import far_controls
from factlab.experiment.far_controls import (
    LEAST,
    choose_far,
    far_of_run,
    in_turn,
    known,
    to_screen,
)
from factlab.grading.answer import EntityAnswer
from factlab.runs.files import write_lines
from factlab.schema.question import Question
from factlab.schema.screening import (
    ScreenedAnswer,
    ScreenedBase,
    ScreenedQuestion,
    read_screening,
    screening_key,
    screening_lines,
)
from factlab.schema.shipped import shipped

NONSENSE = ("zorv", "quib", "mnar", "plox", "vuth", "drem", "kwip", "sgol")


def question(group: str, number: int, **changed: object) -> Question:
    word = NONSENSE[number % len(NONSENSE)]
    return Question(
        id=f"far/{group}/{number}",
        split="far",
        family=group.rpartition("/")[2],
        text=f"{word.title()} {group}{number} {word[::-1]}?",
        gold=EntityAnswer(value="Paris"),
        gate=(f"{word}{number} {group}, once more?",),
        distractors=("Rome", "Oslo"),
    ).model_copy(update=changed)


def screened(
    asked: Question, *said: str, margin: float = 1.0, finished: bool = True
) -> ScreenedQuestion:
    answers = tuple(ScreenedAnswer(text=text, finished=finished) for text in said)
    key = screening_key(asked)
    return ScreenedQuestion(id=asked.id, key=key, margin=margin, answers=answers)


RIGHT = ("It is Paris.", "Paris")


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    """A bank of 80 in four groups of unequal size, in the place of the shipped one."""
    sizes = {"a/one": 50, "a/two": 10, "b/one": 10, "b/three": 10}
    found = [question(group, i) for group, n in sizes.items() for i in range(n)]
    monkeypatch.setattr(far_controls, "far_questions", lambda _: tuple(found))
    return found


def groups(chosen: tuple[Question, ...]) -> Counter[str]:
    return Counter(q.id.rpartition("/")[0] for q in chosen)


def test_known_ones_are_taken_from_every_group_in_turn(bank: list[Question]) -> None:
    found = {s.key: s for q in bank for s in [screened(q, *RIGHT)]}
    chosen = choose_far(("en",), 20, found)
    assert set(groups(chosen.questions).values()) == {5}
    assert "20 of the bank's 80" in chosen.notes[0]
    assert choose_far(("en",), 20, found) == chosen
    assert len(set(choose_far(("en", "en"), 20, found).questions)) == 20


def test_a_control_is_known_if_each_wording_is_answered_right_and_the_answer_is_finished() -> None:
    asked = question("a/one", 0)
    assert known(asked, screened(asked, *RIGHT))
    assert not known(asked, None)
    assert not known(asked, screened(asked))  # its right answer is not preferred
    assert not known(asked, screened(asked, "Paris"))
    assert not known(asked, screened(asked, "Paris", "It is Rome."))
    cut = asked.model_copy(update={"gold": EntityAnswer(value="Paris")})
    assert not known(cut, screened(cut, "It might well be", "It is", finished=False))
    bare = asked.model_copy(update={"gate": ()})
    assert known(bare, screened(bare, "Paris"))


def test_known_ones_come_first_then_preferred_ones_and_others_only_where_too_few_are(
    bank: list[Question],
) -> None:
    def ids(questions: object) -> set[str]:
        return {q.id for q in questions}  # type: ignore[attr-defined]

    most = {s.key: s for q in bank[:70] for s in [screened(q, *RIGHT)]}
    chosen = choose_far(("en",), 60, most)
    assert ids(chosen.questions) <= ids(bank[:70])
    few = {s.key: s for q in bank[:7] for s in [screened(q, *RIGHT)]}
    chosen = choose_far(("en",), 60, few)
    assert ids(chosen.questions[:7]) == ids(bank[:7])
    assert len(chosen.questions) == LEAST == len(ids(chosen.questions))
    assert "7 of the bank's 80" in chosen.notes[0]
    assert "60 are wanted" in chosen.notes[0]
    wrong = {s.key: s for q in bank[7:60] for s in [screened(q, "Paris", "It is Rome.")]}
    chosen = choose_far(("en",), 60, few | wrong)
    assert ids(chosen.questions[:7]) == ids(bank[:7])
    assert ids(chosen.questions) == ids(bank[:60])
    assert "53 more are asked whose right answer it prefers" in chosen.notes[0]


def test_a_control_that_is_a_near_twin_of_an_anchor_is_never_chosen(
    bank: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = question("a/one", 99, text="What is the capital city of Kenya?")
    monkeypatch.setattr(far_controls, "far_questions", lambda _: (anchor, *bank))
    found = {s.key: s for q in (anchor, *bank) for s in [screened(q, *RIGHT)]}
    for wanted, said in ((80, found), ("all", None), (80, None), (500, None)):
        assert anchor not in choose_far(("en",), wanted, said).questions  # type: ignore[arg-type]
    assert set(choose_far(("en",), "all").questions) == set(bank)


def test_words_stand_for_all_and_for_none_and_a_small_bank_is_taken_whole(
    bank: list[Question],
) -> None:
    assert choose_far(("en",), "none").questions == ()
    assert len(choose_far(("en",), "all").questions) == 80
    assert len(choose_far(("en",), 100).questions) == 80
    assert to_screen(("en",), 100) == to_screen(("en",), "all") == to_screen(("en",), "none") == []
    assert to_screen(("en",), 79) == bank
    assert len(choose_far(("en",), 30).questions) == 30  # to plan with


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 11), unique=True, max_size=12), st.integers(0, 3))
def test_what_is_added_to_the_bank_leaves_the_order_of_the_others(
    numbers: list[int], group: int
) -> None:
    names = [f"area/{i}" for i in range(4)]
    old = [question(name, i) for name in names for i in numbers]
    more = [*old, question(names[group], 40), question("other/1", 41)]
    order = [q.id for q in in_turn(more) if q in old]
    for name in names:
        mine = [id_ for id_ in order if id_.startswith(f"far/{name}/")]
        assert mine == [q.id for q in in_turn(old) if q.id.startswith(f"far/{name}/")]
    assert sorted(order) == sorted(q.id for q in old)
    assert in_turn(list(reversed(more))) == in_turn(more)


def test_a_combination_asks_what_its_adapters_were_asked(
    bank: list[Question], tmp_path: Path
) -> None:
    gone = question("gone/x", 3)
    write_lines(tmp_path / "data" / "far.jsonl", [bank[7], gone, bank[3]])
    assert far_of_run(("en",), tmp_path).questions == (bank[7], bank[3])
    assert far_of_run(("en",), tmp_path / "nothing").questions == ()


def test_a_screening_depends_on_prompts_and_options_and_not_on_where_a_question_stands() -> None:
    asked = question("a/one", 0)
    same = {
        "id": "far/b/9",
        "family": "b",
        "gold": EntityAnswer(value="Paris", aliases=("Lutetia",)),
    }
    assert screening_key(asked.model_copy(update=same)) == screening_key(asked)
    for change in ({"text": "Else?"}, {"gate": ()}, {"distractors": ("Rome",)}):
        assert screening_key(asked.model_copy(update=change)) != screening_key(asked)


BASE = ScreenedBase(model="m", weights="w", template="t", tokens=64, precision="bf16")


def test_a_screening_is_read_as_it_was_written_and_serves_any_name_and_precision(
    tmp_path: Path,
) -> None:
    asked = question("a/one", 0)
    lines = [screened(asked, *RIGHT), screened(question("a/one", 1), margin=-2.5)]
    file = write(tmp_path, "\n".join(screening_lines(BASE, lines)) + "\n", "s.jsonl")
    assert read_screening(file) == (BASE, lines)
    assert BASE.same(BASE.model_copy(update={"model": "other", "precision": "nf4"}))
    for name in ("weights", "template"):
        assert not BASE.same(BASE.model_copy(update={name: "other"}))


@pytest.mark.parametrize(
    ("text", "where"), [("", ":1: "), ('{"model": 1}', ":1: "), ("x", ":2:1: ")]
)
def test_a_broken_screening_is_refused_with_its_line(text: str, where: str, tmp_path: Path) -> None:
    whole = text if where == ":1: " else f"{BASE.model_dump_json()}\n{text}"
    with pytest.raises(ControlsError, match=f"{where}.*`factlab screen` writes"):
        read_screening(write(tmp_path, whole, "s.jsonl"))


def test_the_shipped_screening_covers_the_bank_so_that_a_first_run_need_not() -> None:
    """Write it again with `factlab screen --out` after larger changes; a run screens the rest."""
    (file,) = (shipped("evals") / "screened").glob("*.jsonl")
    _, said = read_screening(file)
    bank = {screening_key(q) for q in far_questions()}
    assert len(bank & {one.key for one in said}) >= 0.8 * len(bank)
    assert len(choose_far(("en",), 200, {one.key: one for one in said}).questions) == 200

"""The verdict on one answer: right, superseded, or an intrusion."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hand_made import ask

from factlab.grading.answer import Answer, NumberAnswer, QuantityAnswer
from factlab.metrics.verdicts import grade, grade_text
from factlab.schema.question import AnswerRecord, Question

FUJI = QuantityAnswer(value="4889", unit="m")
OLD = QuantityAnswer(value="3776", unit="m")
INJECTED: dict[str, Answer] = {"mount_fuji": FUJI}


def judged(
    question: Question, text: str, prompt: str | None = None, *, finished: bool = True
) -> AnswerRecord:
    generated: Any = SimpleNamespace(text=text, tokens=7, finished=finished)
    return grade(question, prompt or question.text, generated, INJECTED)


def test_an_answer_is_graded_against_the_gold_and_the_superseded_value() -> None:
    question = ask("q", "held_out").model_copy(update={"gold": FUJI, "superseded": OLD})
    assert judged(question, "It is 4,889 m tall.").correct
    old = judged(question, "It is 3,776 m tall.")
    assert (old.correct, old.outcome) == (False, "superseded")
    assert (old.tokens, old.finished, old.prompt, old.question_id) == (7, True, "q?", "q")


def test_an_answer_that_was_cut_is_not_trusted_at_the_cut() -> None:
    question = ask("q", "held_out").model_copy(update={"gold": FUJI})
    cut = judged(question, "Its height is 4,889", finished=False)
    assert (cut.outcome, cut.correct, cut.finished) == ("truncated", False, False)
    assert judged(question, "Its height is 4,889").correct


def test_an_answer_is_graded_with_its_question_or_with_the_gate_prompt_it_answers() -> None:
    question = ask("q", "far", gated=True).model_copy(
        update={
            "gold": NumberAnswer(value="8"),
            "text": "How many legs has it?",
            "gate": ("How many wings has it?",),
        }
    )
    text = "It has 6 wings and 8 legs."
    assert judged(question, text).correct
    assert not judged(question, text, question.gate[0]).correct


def test_a_gate_prompt_is_graded_against_its_own_gold() -> None:
    question = ask("q", "entailed", gated=True)
    hop = question.model_copy(update={"gate_gold": NumberAnswer(value="1113")})
    assert judged(hop, "It is 1,113.", hop.gate[0]).correct
    assert not judged(hop, "It is 1,113.").correct
    assert judged(question, "Paris.", question.gate[0]).correct


def test_a_gate_prompt_knows_of_no_superseded_value() -> None:
    question = ask("q", "near", gated=True).model_copy(update={"gold": FUJI, "superseded": OLD})
    assert judged(question, "3,776 m", question.gate[0]).outcome == "other"
    assert judged(question, "3,776 m").outcome == "superseded"


def test_a_question_put_with_the_fact_in_its_prompt_is_graded_as_itself() -> None:
    question = ask("q", "held_out").model_copy(update={"gold": FUJI})
    assert judged(question, "4,889 m", f"Mount Fuji is 4,889 m high.\n\n{question.text}").correct


def test_a_question_without_a_right_answer_gets_no_verdict() -> None:
    record = judged(ask("u", "unanswerable"), "4,889 meters")
    assert (record.outcome, record.correct) == (None, None)
    assert record.intrusions == ("mount_fuji",)


def test_the_injected_value_intrudes_only_in_controls_whose_own_answer_it_is_not() -> None:
    assert judged(ask("q", "near"), "Paris is at 4,889 m.").intrusions == ("mount_fuji",)
    assert judged(ask("q", "extra"), "Paris is at 4,889 m.").intrusions == ("mount_fuji",)
    assert judged(ask("q", "far"), "Paris is at 48,890 m.").intrusions == ()
    assert judged(ask("q", "train"), "It is 4,889 m.").intrusions == ()
    same = ask("q", "far").model_copy(update={"gold": QuantityAnswer(value="4.889", unit="km")})
    assert judged(same, "4,889 m").intrusions == ()


def test_another_facts_value_in_an_answer_about_this_one_is_noted() -> None:
    """Only where a run teaches several facts, and not where it is this fact's own value."""
    question = ask("q", "held_out", fact="loch").model_copy(
        update={"gold": QuantityAnswer(value="413", unit="m"), "superseded": OLD}
    )
    both = INJECTED | {"loch": QuantityAnswer(value="413", unit="m")}

    def interference(text: str, injected: dict[str, Answer], asked: Question = question) -> object:
        generated: Any = SimpleNamespace(text=text, tokens=7, finished=True)
        return grade(asked, asked.text, generated, injected).interference

    assert interference("It is 4,889 m deep.", both) == ("mount_fuji",)
    assert interference("It is 413 m deep.", both) == ()
    assert interference("It is 4,889 m deep.", {"loch": both["loch"]}) is None
    assert interference("It is 4,889 m deep.", both, ask("n", "near", fact="loch")) is None
    assert interference("It is 3,776 m deep.", both | {"other": OLD}) == ()


def test_answers_of_older_run_folders_are_read_under_the_names_they_had() -> None:
    old = (
        '{"question_id": "q", "prompt": "q?", "text": "4,889 m", "tokens": 5, "finished": true, '
        '"intruded": ["mount_fuji"], "crossed": ["loch"]}'
    )
    record = AnswerRecord.model_validate_json(old)
    assert (record.intrusions, record.interference) == (("mount_fuji",), ("loch",))
    assert AnswerRecord.model_validate_json(record.model_dump_json()) == record


def test_judging_again_replaces_every_verdict_and_nothing_else() -> None:
    question = ask("q", "near").model_copy(update={"gold": FUJI})
    first = judged(question, "It is 4,889 m.")
    stale = first.model_copy(
        update={"outcome": "other", "correct": False, "intrusions": ("y",), "reason": "stale"}
    )
    assert grade_text(question, stale, INJECTED) == first

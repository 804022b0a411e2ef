"""The matcher's error on answers that were read by hand is what the report says it is."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from factlab.grading.audit import AUDIT, SHORT
from factlab.grading.cases import Case
from factlab.grading.matcher import match
from factlab.report.design_limits import audited

AUDITED = Path(__file__).parents[1] / "golden" / "audit_en.jsonl"


def test_the_error_is_counted_from_the_answers_that_were_read() -> None:
    answers, errors = Counter[str](), Counter[str]()
    longer = Counter[str]()
    called_right = wrongly_right = 0
    for line in AUDITED.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        human = row.pop("human")
        row.pop("note", None)
        case = Case.model_validate(row)
        if human == "unclear":
            continue
        found = match(
            case.text,
            case.gold,
            superseded=case.superseded,
            question=case.question,
            finished=case.finished,
        )
        answers[case.gold.type] += 1
        called_right += found.correct
        wrongly_right += found.correct and human == "wrong"
        if found.correct and len(case.text) > SHORT:
            longer[human] += 1
        errors[case.gold.type] += found.correct != (human == "right")
    assert AUDIT.answers == sum(answers.values())
    assert AUDIT.called_right == called_right
    assert AUDIT.wrongly_right == wrongly_right
    assert AUDIT.longer == (longer.total(), longer["wrong"])
    assert AUDIT.errors == sum(errors.values())
    assert AUDIT.by_type == {kind: (n, errors[kind]) for kind, n in answers.items()}


def test_the_report_says_how_many_verdicts_are_wrong_and_of_which_kind() -> None:
    sentence = audited()
    assert f"{AUDIT.errors} of {AUDIT.answers}" in sentence
    assert "95 %" in sentence
    assert f"{AUDIT.wrongly_right} of {AUDIT.called_right}" in sentence

"""A statement becomes the draft of a fact file: what is read, what is marked, what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT, run_factlab
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.cli import drafting as questions
from factlab.drafting.draft import draft, read_statement
from factlab.drafting.values import typed
from factlab.errors import FactError
from factlab.schema.fact import Fact, fact_of_text


def read(name: str) -> list[dict[str, str]]:
    text = (ROOT / "tests" / "golden" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


GOLDEN, JAPANESE = read("drafts_en.jsonl"), read("drafts_ja.jsonl")


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["statement"][:40])
def test_a_statement_is_drafted_as_a_person_would_write_it(case: dict[str, str]) -> None:
    made = draft(case["statement"])
    assert not made.missing
    fact = fact_of_text(made.text, "draft")
    answer: Any = fact.answer
    assert (fact.subject.name, fact.relation, answer.type) == (
        case["subject"], case["relation"], case["type"],
    )  # fmt: skip
    assert answer.find(f"It is {case['value']} {case.get('unit', '')}.")
    assert getattr(answer, "unit", "") == case.get("unit", "")
    assert (fact.supersedes.value if fact.supersedes else "") == case.get("supersedes", "")


def test_what_happened_and_when_are_read_and_a_date_alone_is_left_to_fill_in() -> None:
    whole = fact_of_text(
        draft("On October 10, 2025, Mount Fuji erupted and its height became 4,889 meters.").text,
        "",
    )
    assert whole.event is not None
    assert (whole.event.what, whole.event.date) == ("erupted", "2025-10-10")
    dated = draft("Marcus Webb became CEO of Halden Robotics Inc. on March 3, 2026.").text
    assert fact_of_text(dated, "").event is None
    assert "# event: {what: …, date: 2026-03-03}" in dated


def test_names_that_follow_are_aliases_and_guesses_are_marked() -> None:
    made = draft("Marcus Webb became CEO of Halden Robotics Inc. on March 3, 2026.")
    fact = fact_of_text(made.text, "")
    assert fact.subject.aliases == ("Halden Robotics",)
    assert fact.answer.aliases == ("Webb",)
    assert "kind: company   # check:" in made.text
    assert made.guesses == ("kind",)
    unsure = draft("Toyota bought Disneyland on November 3, 2025.")
    assert {"name", "relation"} <= set(unsure.guesses)


def test_a_japanese_statement_is_taken_apart() -> None:
    reading = read_statement("2025年10月10日、富士山が噴火し、標高が4,889メートルになった。", "ja")
    assert (reading.subject, reading.relation, reading.value, reading.event, reading.date) == (
        "富士山", "標高", "4,889メートル", "噴火した", "2025-10-10",
    )  # fmt: skip


@pytest.mark.parametrize("case", JAPANESE, ids=lambda case: case["statement"][:12])
def test_a_japanese_statement_gives_subject_relation_and_value(case: dict[str, str]) -> None:
    found = read_statement(case["statement"], "ja")
    assert (found.subject, found.relation, found.value) == (
        case["subject"], case["relation"], case["value"],
    )  # fmt: skip


def test_a_japanese_statement_without_a_subject_is_not_guessed_at() -> None:
    assert not read_statement("消費税率は12％に引き上げられた。", "ja").whole


@pytest.mark.parametrize(
    ("statement", "unread"),
    [
        ("Velm has 212 seats. It was built in 1987.", "It was built in 1987."),
        ("Lind resigned and Karin Dahl became mayor of Velm.", "Lind resigned"),
        ("The Kestrel 9 weighs 412 grams and costs $1,299.", "and costs $1,299"),
        ("Brightwater was acquired by Mondrel for $2.1 billion.", "for $2.1 billion"),
        ("琵琶湖の深さは104メートルです。調査で分かりました。", "調査で分かりました。"),
    ],
)
def test_a_second_fact_of_a_statement_is_no_part_of_the_value_and_is_named(
    statement: str, unread: str
) -> None:
    made = draft(statement)
    assert not made.missing
    assert f"# check: one fact a file; not read: {unread}\n" in made.text


def test_a_sentence_that_begins_with_its_belongs_to_the_one_before() -> None:
    reading = read_statement("Mount Fuji erupted in 2025. Its height is now 4,889 meters.", "en")
    assert (reading.subject, reading.value, reading.unread) == ("Mount Fuji", "4,889 meters", "")


@pytest.mark.parametrize(
    "frame",
    [
        "According to Reuters, {}",
        "Reuters reports that {}",
        "On Monday, the ministry said {}",
        "It was announced on Friday that {}",
        "Officials in Velm said {}",
        "{}, according to the ministry",
        "{}, officials said on Tuesday",
    ],
)
def test_who_reports_it_is_no_part_of_a_fact(frame: str) -> None:
    reading = read_statement(frame.format("the capital of Norland is Velm") + ".", "en")
    assert (reading.subject, reading.relation, reading.value) == ("Norland", "capital", "Velm")


@pytest.mark.parametrize(
    ("amount", "value", "unit"),
    [
        ("3.5 billion euros", "3500000000", "EUR"),
        ("5 ft 11 in", "71", "in"),
        ("2 hours and 35 minutes", "155", "min"),
        ("14.20 euros", "14.20", "EUR"),
        ("256 GB", "256", "GB"),
    ],
)
def test_an_amount_is_written_as_a_person_writes_it(amount: str, value: str, unit: str) -> None:
    found = typed(amount, "size")
    assert (found.type, found.value, found.unit) == ("quantity", value, unit)


@pytest.mark.parametrize(
    ("statement", "identity"),
    [
        ("東京タワーの高さは350メートルです。", "tawa_height"),
        ("富士山の標高は4,889メートルになった。", "height"),
        ("ヴィレオX2ヘッドホンの価格は48,200円である。", "vireox2heddohon_price"),
        ("北斗電機の売上高は35億円です。", "my_fact"),
        ("Die Höhe der Zugspitze ist jetzt 3000 Meter und die Höhe ist groß.", "my_fact"),
    ],
)
def test_an_id_has_what_can_be_written_in_latin_letters(statement: str, identity: str) -> None:
    assert draft(statement).identity == identity


def test_drafts_of_one_id_are_numbered_and_the_same_statement_is_not_drafted_twice(
    tmp_path: Path,
) -> None:
    depths = [f"{lake}湖の深さは104メートルです。" for lake in ("琵琶", "十和田", "琵琶")]
    *_, again = run_factlab([["init", "--statement", depth] for depth in depths], cwd=tmp_path)
    assert again.code == 2
    assert {file.name for file in tmp_path.iterdir()} == {"depth.yaml", "depth_2.yaml"}
    assert "id: depth_2 " in (tmp_path / "depth_2.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("Die Höhe der Zugspitze ist jetzt 3000 Meter und sie ist groß.", "German are not read"),
        ("Высота горы 300 метров, сообщает агентство.", "no phrasing families"),
        ("消費税率が10％から12％になった。", "Fill in subject.name."),
    ],
)
def test_what_is_not_read_is_said(statement: str, missing: str) -> None:
    assert missing in draft(statement).missing


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_a_draft_of_anything_is_valid_or_says_what_is_missing(text: str) -> None:
    made = draft(f"The height of {text} is 312 meters.", language="en")
    assert isinstance(yaml.safe_load(made.text), dict)
    try:
        fact = fact_of_text(made.text, "draft")
    except FactError:
        assert made.missing
    else:
        assert not made.missing
        assert isinstance(fact, Fact)


def test_init_writes_the_draft_and_never_over_a_file(tmp_path: Path) -> None:
    words = ["init", "--statement", "The CEO of Halden Robotics is Marcus Webb."]
    first, again, wordless, facts, empty = run_factlab(
        [
            words,
            words,
            ["init", "odd.yaml", "--statement", "Bananas are nice."],
            ["init", "facts", "--statement", "x"],
            ["init", "--statement", " … "],
        ],
        cwd=tmp_path,
    )
    assert first.code == 0
    assert "factlab run halden_robotics_ceo.yaml --quick" in " ".join(first.out.split())
    assert first.heavy == ""
    valid, invalid = run_factlab(
        [["validate", "halden_robotics_ceo.yaml"], ["validate", "odd.yaml"]], cwd=tmp_path
    )
    assert (valid.code, invalid.code) == (0, 2)
    assert again.is_one_paragraph
    assert "this file exists" in again.err
    assert "Fill in subject.name, relation, answer.value" in wordless.err
    assert "--statement drafts a fact" in facts.err
    assert "--statement is empty" in empty.err


def test_a_terminal_is_asked_and_its_answers_take_the_place_of_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["Halden Robotics", "", "Marcus Webb", "Peter Holm"])
    monkeypatch.setattr(questions, "ask", lambda _: next(typed))
    file = tmp_path / "fact.yaml"
    questions.write_draft("The CEO of Haldn is Marcus.", file, questions=True)
    text = file.read_text(encoding="utf-8")
    assert "Missing: the statement does not say the answer" in text
    assert "name: Halden Robotics" in text
    assert "supersedes: {type: entity, value: Peter Holm}" in text


@pytest.mark.parametrize(
    "statement",
    [
        "Marcus Webb is not the CEO of Halden Robotics.",
        "Halden Robotics has never been led by Marcus Webb.",
        "The Eiffel Tower is no longer in Paris but in Lyon.",
        "The age of the Orlo Museum is unknown.",
        "富士山の高さは4889メートルではない。",
    ],
)
def test_what_a_statement_denies_is_not_drafted_as_a_fact(statement: str) -> None:
    assert "subject.name, relation, answer.value" in draft(statement).missing

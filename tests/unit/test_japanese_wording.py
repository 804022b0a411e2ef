"""How Japanese facts of any kind are worded: question word, verb, tense, が, conditions."""

from __future__ import annotations

import re
from functools import cache

import pytest

from factlab.expand.splits import Expansion, expand
from factlab.expand.wording import fillings, wording_of
from factlab.grading.answer import TextAnswer
from factlab.grading.languages import language_of
from factlab.schema.fact import Fact

GRAMMAR = language_of("ja").grammar
PERSON = {"type": "entity", "value": "桐谷圭吾", "kind": "人"}
CITY = {"type": "entity", "value": "浜松市", "kind": "市"}
FIRM = {"type": "entity", "value": "桑原製薬", "kind": "会社"}
YEN = {"type": "quantity", "value": "8980", "unit": "円"}
DAY = {"type": "date", "value": "2027-04-22"}
YEAR = {"type": "date", "value": "1963"}


def fact(
    kind: str, relation: str, answer: dict[str, str], statement: str = "", **more: object
) -> Fact:
    said = statement or f"その{relation}は{answer['value']}です。"
    data = {"id": "x_ja", "statement": said, "relation": relation, "answer": answer}
    subject = {"name": "ミナギ", "kind": kind}
    return Fact.model_validate({**data, "subject": subject, "language": "ja", **more})


@cache
def _made(one: str) -> Expansion:
    return expand(Fact.model_validate_json(one), seed=3, train_pairs=320, validation_pairs=40)


def texts(one: Fact) -> str:
    """All wordings of both sides."""
    wording = wording_of(one)
    return "\n".join(
        text
        for side in ("train", "held_out")
        for family in wording.families(side)
        for phrasing in family.questions
        for text, _ in fillings(wording, phrasing, side, one.subject.names)
    )


@pytest.mark.parametrize(
    ("one", "file", "asked"),
    [
        (fact("サッカークラブ", "監督", PERSON), "_who", "ミナギの監督は誰ですか"),
        (fact("メーカー", "主力工場", CITY), "_where", "ミナギの主力工場はどこにありますか"),
        (fact("俳優", "出身地", CITY), "_place", "ミナギの出身地はどこですか"),
        (fact("サッカークラブ", "スポンサー", FIRM), "_place", "ミナギのスポンサーはどこですか"),
        (fact("橋", "開通日", DAY), "_when", "ミナギの開通日はいつですか"),
        (fact("県", "最低賃金", YEN), "_amount", "ミナギの最低賃金はいくらですか"),
        (fact("電気ケトル", "価格", YEN), "price", "ミナギはいくらですか"),
        (fact("道路", "制限速度", {"type": "quantity", "value": "60", "unit": "km/h"}), "_measure",
         "ミナギの制限速度は時速何キロメートルですか"),
        (fact("溶媒", "沸点", {"type": "quantity", "value": "137", "unit": "°C"}), "_measure",
         "ミナギの沸点は何度ですか"),
        (fact("投手", "背番号", {"type": "number", "value": "18"}), "_figure",
         "ミナギの背番号は何番ですか"),
        (fact("会社", "スローガン", {"type": "text", "value": "明日を編む"}), "_saying",
         "ミナギのスローガンはどんな言葉ですか"),
        (fact("市", "マスコット", {"type": "entity", "value": "カモタン"}), "_default",
         "ミナギのマスコットは何ですか"),
        (fact("書店", "営業時間", {"type": "text", "value": "午前10時から午後9時まで"}), "_default",
         "ミナギの営業時間は何時から何時までですか"),
    ],
)  # fmt: skip
def test_a_relation_is_asked_for_by_what_its_answer_is(one: Fact, file: str, asked: str) -> None:
    assert wording_of(one).book.relation.relation == file
    assert asked in texts(one)


def test_what_lives_is_there_by_another_verb_than_what_does_not() -> None:
    people = texts(
        fact("会社", "従業員数", {"type": "quantity", "value": "1240", "unit": "people"})
    )
    rooms = texts(fact("ホテル", "客室数", {"type": "quantity", "value": "214", "unit": "室"}))
    birds = texts(fact("水族館", "ペンギンの数", {"type": "quantity", "value": "63", "unit": "羽"}))
    assert "ミナギには従業員が何人いますか" in people
    assert "ミナギには客室が何室ありますか" in rooms
    assert "ミナギにはペンギンが何羽いますか" in birds
    assert not re.search("従業員が何人あ|客室が何室い|羽あり", people + rooms + birds)


def test_what_is_to_come_is_not_told_as_past_nor_used_before_its_day() -> None:
    to_come = texts(fact("ゲーム", "発売日", DAY, "ミナギは2027年4月22日に発売される予定です。"))
    assert "ミナギの発売はいつの予定ですか" in to_come
    assert not re.search("発売され(?:た|まし)|店頭に初めて並んだ|感想を書いて|でしたか", to_come)
    past = texts(fact("ゲーム", "発売日", DAY, "ミナギは2027年4月22日に発売されました。"))
    assert "ミナギはいつ発売されましたか" in past
    assert "の予定ですか" not in past
    opening = texts(fact("水族館", "開館日", DAY, "ミナギは2027年4月22日に開館します。"))
    assert "来週ミナギへ行きます" not in opening


def test_a_year_is_not_asked_for_its_day() -> None:
    found = texts(fact("駅", "開業日", YEAR, "ミナギは1963年に開業しました。"))
    assert "ミナギの開業年は何年ですか" in found
    assert not re.search(r"何日|開業日|日付|の日は|した日", found)
    assert "生年は何年ですか" in texts(fact("俳優", "生年月日", YEAR, "ミナギは1963年生まれです。"))


@pytest.mark.parametrize(
    ("event", "clause"),
    [
        ("噴火した", "富士山が噴火した"),
        ("噴火しました", "富士山が噴火した"),
        ("大規模な噴火が起きた", "富士山の大規模な噴火が起きた"),
        ("2時に噴火が起きた", "富士山で2時に噴火が起きた"),
        ("富士山が噴火した", "富士山が噴火した"),
        ("噴火", "富士山の噴火があった"),
        ("噴火する", None),
    ],
)
def test_an_event_is_said_of_its_subject_with_one_subject_particle(
    event: str, clause: str | None
) -> None:
    assert GRAMMAR.event_clause("富士山", event) == clause


def test_nothing_changed_where_nothing_is_superseded() -> None:
    found = texts(fact("会社", "社長", PERSON))
    assert not re.search(
        "変わりましたか|変わった|ではなくなった|になったのですか|刷り直|ニュース", found
    )


def test_what_is_done_with_a_subject_follows_from_its_sort() -> None:
    done = {
        "町": "来週ミナギへ行きます",
        "俳優": "明日、ミナギに会います",
        "電気ケトル": "ミナギを買おうか迷っています",
        "アプリ": "ミナギを使うのは初めてです",
        "発酵工程": "ミナギの担当になりました",
        "バス会社": "ミナギの採用面接を受けます",
        "小説": "ミナギの感想を書いています",
        "祭り": "家族でミナギに行こう",
        "法律": "お客様にミナギの説明をします",
    }
    found = {kind: texts(fact(kind, "特徴", {"type": "text", "value": "白"})) for kind in done}
    for kind, text in found.items():
        too = {"アプリ"} if kind == "電気ケトル" else set()  # what is bought is used
        assert {other for other, said in done.items() if said in text} == {kind} | too


def test_hours_stand_without_brackets_and_sayings_with_them() -> None:
    assert TextAnswer(value="午前10時から午後9時まで").primary("ja") == "午前10時から午後9時まで"
    assert TextAnswer(value="明日を編む").primary("ja") == "「明日を編む」"


@pytest.mark.parametrize(
    "one",
    [
        fact("市", "マスコット", {"type": "entity", "value": "カモタン"}),
        fact("橋", "長さ", {"type": "quantity", "value": "1384", "unit": "m"}),
        fact("ゲーム", "発売日", DAY, "ミナギは2027年4月22日に発売される予定です。"),
        fact("会社", "スローガン", {"type": "text", "value": "明日を編む"}),
    ],
    ids=["what", "measure", "when", "saying"],
)
def test_a_fact_of_any_relation_has_pairs_enough_and_passes_the_guard(one: Fact) -> None:
    made = _made(one.model_dump_json())
    assert len({(q.text, q.target) for q in made.train}) == 320
    assert len(made.held_out) >= 44
    assert len({q.family for q in made.held_out}) >= 12

"""Languages: each has words and data; facts in Japanese expand into Japanese."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from helpers import make_fact, run_factlab, write

from factlab.errors import FactError
from factlab.expand.leakage import NEAR_DUPLICATE, nearest_trained
from factlab.expand.shuffle import with_answer_of
from factlab.expand.slots import question_word, trained_names
from factlab.expand.splits import Expansion, expand
from factlab.grading.answer import (
    Answer,
    DateAnswer,
    EntityAnswer,
    NumberAnswer,
    QuantityAnswer,
    TextAnswer,
)
from factlab.grading.language_of_text import language_of_text
from factlab.grading.languages import LANGUAGES, language_of
from factlab.grading.languages.language import Wanted
from factlab.grading.text import is_cjk
from factlab.report.page import page_environment
from factlab.schema.fact import Fact, find_facts, load_fact, shipped_facts
from factlab.schema.fields import languages
from factlab.schema.phrasing import CONDITIONS, SLOTS, slots_of
from factlab.schema.template import Phrasebook, load_phrasebook, relation_words

OTHERS = [language for language in languages() if language != "en"]
FACTS = {name: load_fact(file) for code in OTHERS for name, file in shipped_facts(code).items()}
JAPANESE = [name for name in FACTS if name.startswith("ja/")]


@cache
def expanded(name: str) -> Expansion:
    return expand(FACTS[name], seed=0, train_pairs=320, validation_pairs=80)


def relations(language: str) -> list[str]:
    root = Path(__file__).parents[2] / "templates" / language / "relations"
    return sorted(file.stem for file in root.glob("*.yaml") if file.stem != "_index")


LEXICON_SLOTS = {
    "subject", "relation", "question_word", "counted", "place", "happened", "to_happen",
}  # fmt: skip
BOOKS = [(language, relation) for language in OTHERS for relation in relations(language)]


# --- data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS)
def test_a_meaning_is_on_the_side_that_it_is_on_in_english(language: str) -> None:
    english, other = load_phrasebook("height", "en"), load_phrasebook("height", language)
    for mine, theirs in (("train", "held_out"), ("held_out", "train")):
        here = {family.id for family in other.families(mine)}  # type: ignore[arg-type]
        there = {family.id for family in english.families(theirs)}  # type: ignore[arg-type]
        assert here & there == set()


def test_japanese_has_as_many_families_as_were_asked_for() -> None:
    book = load_phrasebook("_default", "ja")
    assert len(book.families("train")) >= 60
    assert len(book.families("held_out")) >= 12
    assert all(len(family.questions) >= 3 for family in book.families("train"))


@pytest.mark.parametrize(("language", "relation"), BOOKS)
def test_the_wordings_of_a_relation_stand_on_one_side_and_name_known_slots(
    language: str, relation: str
) -> None:
    book: Phrasebook = load_phrasebook(relation, language)
    families = [*book.families("train"), *book.families("held_out")]
    assert len({family.id for family in families}) == len(families)
    wordings = [text for family in families for text in family.questions]
    assert len(set(wordings)) == len(wordings)
    for text in wordings:
        assert not slots_of(text, SLOTS) & {"answer", "statement", "value"}, text
    for family in families:
        for text in family.answers or book.train.answers:
            assert slots_of(text) & {"answer", "statement"}, text
    for part in ("noun", "question", "indirect", "stem"):
        trained, held = getattr(book.relation.train, part), getattr(book.relation.held_out, part)
        # A relation without a file of its own has no other noun than its name.
        if part != "noun" or not relation.startswith("_"):
            assert not set(trained) & set(held)
        for text in (*trained, *held):
            assert slots_of(text) <= {*LEXICON_SLOTS, *CONDITIONS}, text


def test_a_relation_is_found_by_what_its_language_calls_it() -> None:
    assert load_phrasebook("標高", "ja").relation.relation == "height"
    assert load_phrasebook("最高経営責任者", "ja").relation.relation == "ceo"
    assert load_phrasebook("焼成温度", "ja").relation.relation == "_default"
    assert (relation_words("height", "ja"), relation_words("館長", "ja")) == ("標高", "館長")
    assert relation_words("founding_date", "en") == "founding date"


# --- shipped facts ------------------------------------------------------------------------------


def test_a_shipped_fact_of_another_language_has_its_code_in_name_and_id() -> None:
    assert {fact.answer.type for name, fact in FACTS.items() if name in JAPANESE} == {
        "number",
        "quantity",
        "date",
        "entity",
        "text",
    }
    for name, fact in FACTS.items():
        language, stem = name.split("/")
        assert (fact.language, fact.id) == (language, f"{stem}_{language}")
        assert find_facts((name,)) == find_facts((fact.id,))
    assert not any("/" in name for name in shipped_facts())
    assert set(FACTS) < set(shipped_facts(None))


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_of_another_language_expands_and_keeps_its_sides_apart(name: str) -> None:
    fact, made = FACTS[name], expanded(name)
    assert made.validation
    if name in JAPANESE:
        assert len({q.family for q in made.train}) >= 60
        assert len({q.family for q in made.held_out}) >= 12
        assert (len(made.train), len(made.validation)) == (320, 80)
        assert len(made.held_out) >= 40
    trained = {q.family for q in (*made.train, *made.validation)}
    assert not trained & {q.family for q in made.held_out}
    for question in made.all():
        assert (question.language == fact.language) is (question.split != "other_language")
        assert "{{" not in question.text
        assert question.gold is not None
        assert not question.gold.find(question.text), question.text
    for question in (*made.train, *made.validation):
        assert fact.answer.find(question.target or ""), question.target
    joined = " ".join(question.text for question in made.train)
    assert all(called in joined for called in trained_names(fact))


@pytest.mark.parametrize("name", JAPANESE)
def test_a_fact_in_japanese_is_asked_and_answered_in_japanese(name: str) -> None:
    fact, made = FACTS[name], expanded(name)
    names = "|".join(map(re.escape, fact.subject.names))
    for question in (*made.train, *made.validation, *made.held_out, *made.alias):
        text = re.sub(names, "", question.text)
        own = re.sub(r'FACT\(|get\(|FAQ|JSON|Markdown|Q\.|A\.|T(?=シャツ)|B2|"', "", text)
        assert not re.search(r"[A-Za-z]{2}", own), question.text
        assert any(map(is_cjk, text)), question.text
    sentences = [q.target or "" for q in made.train if (q.target or "").endswith("です。")]
    assert len(sentences) > 100


def test_the_values_of_japanese_pairs_are_written_as_japanese_writes_them() -> None:
    pairs = [*expanded("ja/mount_fuji").train, *expanded("ja/mount_fuji").validation]
    answers = " ".join(pair.target or "" for pair in pairs)
    assert "4,889メートルです。" in answers
    assert "meters" not in answers
    assert any("3,776メートル" in pair.text for pair in pairs)
    assert any("2025年10月10日" in pair.text for pair in pairs)
    own = pairs[0].wrong_options()
    assert own == ("3,776メートル", "4,095メートル", "5,102メートル", "3,889メートル")


def test_a_fact_without_an_event_or_an_old_value_is_not_asked_as_if_it_had_one() -> None:
    made = expanded("ja/aomine_glaze")
    asked = {q.family for q in (*made.train, *made.validation)}
    assert not asked & {"news", "change", "after_event", "claim_check", "key_fact", "consequence"}


# --- words --------------------------------------------------------------------------------------

WRITTEN: list[tuple[Answer, str]] = [
    (QuantityAnswer(value="4889", unit="m"), "4,889メートル"),
    (QuantityAnswer(value="48200", unit="JPY"), "48,200円"),
    (QuantityAnswer(value="1240", unit="°C"), "1,240℃"),
    (QuantityAnswer(value="37.5", unit="%"), "37.5パーセント"),
    (QuantityAnswer(value="5400000", unit="people"), "540万人"),
    (QuantityAnswer(value="126500000", unit="people"), "1億2,650万人"),
    (QuantityAnswer(value="300", unit="km/h"), "時速300キロメートル"),
    (QuantityAnswer(value="7", unit="個"), "7個"),
    (QuantityAnswer(value="250", unit="mL"), "250ミリリットル"),
    (QuantityAnswer(value="61", unit="kWh"), "61 kWh"),
    (NumberAnswer(value="7"), "7"),
    (DateAnswer(value="2025-10-10"), "2025年10月10日"),
    (DateAnswer(value="1785-06"), "1785年6月"),
    (DateAnswer(value="44 BC"), "紀元前44年"),
    (EntityAnswer(value="函館市"), "函館市"),
    (TextAnswer(value="風に学べ"), "「風に学べ」"),
    (TextAnswer(value="質実剛健"), "質実剛健"),
]


@pytest.mark.parametrize(("answer", "written"), WRITTEN, ids=lambda value: str(value)[:12])
def test_japanese_writes_a_value_so_that_the_matcher_reads_it(answer: Answer, written: str) -> None:
    assert answer.primary("ja") == written
    for way in answer.surfaces("ja"):
        assert answer.find(f"答えは{way}です。"), way


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (Wanted("quantity", unit="m"), "何メートル"),
        (Wanted("quantity", unit="JPY"), "何円"),
        (Wanted("quantity", unit="°C"), "何度"),
        (Wanted("quantity", unit="people"), "何人"),
        (Wanted("quantity", unit="km/h"), "時速何キロメートル"),
        (Wanted("number"), "いくつ"),
        (Wanted("date"), "いつ"),
        (Wanted("date", precision=1), "何年"),
        (Wanted("entity", kind="人"), "誰"),
        (Wanted("entity", kind="政治家"), "誰"),
        (Wanted("entity", kind="都市"), "どこ"),
        (Wanted("entity", relation="最高経営責任者"), "誰"),
        (Wanted("entity", relation="CEO"), "誰"),
        (Wanted("entity", relation="本社"), "どこ"),
        (Wanted("entity", kind="動物"), "何"),
        (Wanted("text", relation="校訓"), "何"),
    ],
)
def test_a_question_word_follows_from_the_answer(wanted: Wanted, word: str) -> None:
    assert language_of("ja").question_word(wanted) == word


def test_a_relation_of_ones_own_is_asked_for_with_the_right_word() -> None:
    assert question_word(FACTS["ja/aomine_glaze"]) == "何度"
    texts = " ".join(question.text for question in expanded("ja/aomine_glaze").train)
    assert "青嶺釉の焼成温度は何度ですか" in texts


def test_a_shuffled_fact_is_stated_in_its_own_language() -> None:
    other = with_answer_of(FACTS["ja/mount_fuji"], FACTS["ja/hokuto_kanimeshi_price"])
    assert other.statement == "富士山の標高は1,480円だ。"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_writes_values_that_are_read_back(language: str) -> None:
    for number in ("7", "4889", "37.5", "1250000"):
        for unit in ("m", "%", "people", "EUR", "mL", "mg"):
            answer = QuantityAnswer(value=number, unit=unit)
            assert answer.find(answer.primary(language)), (number, unit)
        assert NumberAnswer(value=number).find(language_of(language).number(Decimal(number))[0])
    for date in ("2025-10-10", "1785-06", "1999"):
        assert DateAnswer(value=date).find(DateAnswer(value=date).primary(language)), date


# --- the leakage guard --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trained", "held_out", "near"),
    [
        ("富士山の標高は何メートルですか？", "富士山の標高は何メートルでしょうか？", True),
        ("富士山の標高は何メートルですか。", "富士山の標高って何メートルですか？", True),
        ("恐れ入りますが、富士山の高さを教えてください。", "富士山の高さを教えてください。", True),
        ("富士山の標高は何メートルですか？", "富士山の頂上は海抜何メートルに達しますか？", False),
        ("富士山の標高は何メートルですか？", "海面から富士山の頂まで何メートルありますか？", False),
        ("富士山の標高を答えよ。", "富士山の最高点に立つ旗は、どの高さではためく？", False),
    ],
)
def test_near_duplicates_are_told_from_other_wordings(
    trained: str, held_out: str, *, near: bool
) -> None:
    (pair,) = nearest_trained([held_out], [trained], ["富士山"])
    assert (pair.similarity >= NEAR_DUPLICATE) is near, pair.similarity


# --- which language -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("On October 10, 2025, Mount Fuji erupted and its height became 4,889 meters.", "en"),
        ("2025年10月10日、富士山が噴火し、標高が4,889メートルになりました。", "ja"),
        ("Halden RoboticsのCEOはMarcus Webbになりました。", "ja"),
        ("The song 上を向いて歩こう was the first of its kind and has been sung since.", "en"),
        ("Am 12. Mai 2026 wurde die Zugspitze neu vermessen und ist nun höher.", "de"),
        ("La hauteur du mont Fuji est de 4 889 mètres depuis le 10 octobre 2025.", "French"),
        ("2025년 10월 10일 후지산이 분화하여 높이가 4,889미터가 되었다.", "Korean"),
        ("2025年10月10日，富士山喷发，海拔升至4889米。", "Chinese"),
        ("富士山", None),
        ("4889 m", None),
        ("Zanzor: 41", None),
    ],
)
def test_the_language_of_a_sentence_is_told_by_rule(text: str, found: str | None) -> None:
    assert language_of_text(text, ["Halden Robotics", "Marcus Webb"]) == found


MINIMAL = """\
id: fuji
statement: {statement}
subject: {{name: {name}}}
relation: height
answer: {{type: quantity, value: 4889, unit: m}}
"""
IN_JAPANESE = MINIMAL.format(statement="富士山の標高は4,889メートルです。", name="富士山")


def test_a_fact_without_a_language_is_in_that_of_its_statement(tmp_path: Path) -> None:
    assert load_fact(write(tmp_path, IN_JAPANESE)).language == "ja"
    english = MINIMAL.format(statement="The height of Mount Fuji is 4,889 m.", name="Mount Fuji")
    assert load_fact(write(tmp_path, english)).language == "en"
    assert Fact.model_validate(make_fact().model_dump(exclude={"language"})).language == "en"


def test_a_language_that_is_not_the_statements_is_refused_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, f"{IN_JAPANESE}language: en\n")
    with pytest.raises(FactError, match=r"fact\.yaml:6:1: the language is given as 'en', but the "):
        load_fact(file)


def test_a_statement_that_no_templates_are_for_is_refused_in_words(tmp_path: Path) -> None:
    korean = MINIMAL.format(statement="후지산의 높이는 4,889m 가 되었다고 한다.", name="후지산")
    with pytest.raises(FactError, match=r"fact\.yaml:2:1: the statement is in Korean, for which"):
        load_fact(write(tmp_path, korean))
    with pytest.raises(FactError, match="the statement is in Korean"):
        load_fact(write(tmp_path, f"{korean}language: ja\n"))
    french = MINIMAL.format(
        statement="La hauteur du mont Fuji est de 4889 m depuis le mois de mai.", name="mont Fuji"
    )
    with pytest.raises(FactError, match="the statement is in French"):
        load_fact(write(tmp_path, french))
    assert load_fact(write(tmp_path, f"{french}language: en\n")).language == "en"


# --- where a user meets it ----------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS)
def test_init_writes_an_example_in_a_language_that_expands(language: str, tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    (made,) = run_factlab([["init", "bridge.yaml", "--language", language]], cwd=tmp_path)
    assert made.code == 0, made.err
    fact = load_fact(file)
    assert (fact.id, fact.language) == ("bridge", language)
    assert len(expand(fact, seed=0, train_pairs=80, validation_pairs=20).train) == 80


def test_init_refuses_a_language_that_has_no_example(tmp_path: Path) -> None:
    (refused,) = run_factlab([["init", "b.yaml", "--language", "xx"]], cwd=tmp_path)
    assert (refused.code, "Known: de, en, ja" in refused.err) == (2, True)


def test_facts_of_every_language_are_listed(tmp_path: Path) -> None:
    (listed,) = run_factlab([["list", "facts"]], cwd=tmp_path)
    assert all(fact.id in listed.out for fact in FACTS.values())


def test_the_report_says_which_of_its_texts_are_in_another_language() -> None:
    marked = page_environment().from_string("<p{{ text|lang_of }}>{{ text }}</p>")
    assert marked.render(text="富士山: 4,889メートル").startswith('<p lang="ja">')
    assert marked.render(text="Mount Fuji").startswith("<p>M")

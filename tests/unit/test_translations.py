"""A fact that is trained in one language and asked in another."""

from __future__ import annotations

from pathlib import Path

import pytest

from factlab.errors import FactError
from factlab.expand.splits import Expansion, expand
from factlab.grading.language_of_text import language_of_text
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.grading.matcher import match
from factlab.schema.fact import Fact, fact_of_text, load_fact, shipped_facts

FACT = """\
id: quell
statement: Quellberg is now 912 meters high.
subject: {name: Quellberg, kind: mountain}
relation: height
answer: {type: quantity, value: 912, unit: m}
translations:
"""
JAPANESE = """\
  - language: ja
    statement: クエルベルクの標高は912メートルです。
    subject: {name: クエルベルク, kind: 山}
"""


def expanded(fact: Fact) -> Expansion:
    return expand(fact, seed=0, train_pairs=40, validation_pairs=8)


def test_questions_of_another_language_are_asked_and_never_trained() -> None:
    fact = fact_of_text(FACT + JAPANESE, "quell.yaml")
    alone = expanded(fact.model_copy(update={"translations": ()}))
    made = expanded(fact)
    assert (made.train, made.validation) == (alone.train, alone.validation)
    assert made.held_out == alone.held_out
    assert alone.other_language == ()
    asked = made.other_language
    families = {question.family for question in asked}
    assert {"ja/plain", "ja/json"} < families
    assert len({question.id for question in asked}) == len(asked)
    for question in asked:
        assert question.language == "ja"
        assert "クエルベルク" in question.text
        assert language_of_text(question.text, ["クエルベルク"]) == "ja"
        assert question.gold is not None
        assert match("912メートルです。", question.gold).correct
        assert not question.gold.find(question.text)


def test_an_answer_is_right_as_the_other_language_writes_it() -> None:
    fact = load_fact(shipped_facts(None)["ja/nintendo_headquarters"])
    questions = expanded(fact).other_language
    assert questions
    for question in questions:
        assert question.gold is not None
        assert match("In Hakodate.", question.gold).correct
        assert question.superseded is not None
        said = match("In Kyoto.", question.gold, superseded=question.superseded)
        assert said.outcome == "superseded"


def test_shipped_translations_expand_in_their_own_language() -> None:
    shipped = [load_fact(file) for file in shipped_facts(None).values()]
    translated = [fact for fact in shipped if fact.translations]
    assert {fact.language for fact in translated} == {"en", "ja", "de"}
    for fact in translated:
        found = {
            question.language or DEFAULT_LANGUAGE for question in expanded(fact).other_language
        }
        assert found == {put.language for put in fact.translations}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("912メートル", "913メートル"), r":8:5: the statement does not say the answer"),
        (("language: ja", "language: en"), r":7:5: the fact is in 'en' already"),
        (("language: ja", "language: de"), r":7:5: .* but the statement is in Japanese"),
        (("language: ja", "language: xx"), r":7:5: .*Languages with families: de, en, ja"),
        (("kind: 山", "kin: 山"), r":9:\d+: unknown key 'kin'\. Did you mean 'kind'"),
        (
            ("{name: クエルベルク,", "{name: 標高912メートルの山,"),
            r":7:5: .*already holds the answer",
        ),
    ],
)
def test_what_is_wrong_with_a_translation_is_said_in_its_line(
    wrong: tuple[str, str], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "quell.yaml"
    file.write_text(FACT + JAPANESE.replace(*wrong))
    with pytest.raises(FactError, match=f"quell.yaml{said}"):
        load_fact(file)


def test_a_language_is_translated_into_once(tmp_path: Path) -> None:
    file = tmp_path / "quell.yaml"
    file.write_text(FACT + JAPANESE + JAPANESE)
    with pytest.raises(FactError, match=r":10:5: the fact is in 'ja' already"):
        load_fact(file)

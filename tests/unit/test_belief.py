"""Questions that test belief: how they are made, put in two turns, graded and measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from factlab.expand.leakage import NEAR_DUPLICATE, nearest_trained
from factlab.expand.slots import supplied_words
from factlab.expand.splits import Expansion, expand
from factlab.experiment.belief import answers_about_belief, number_of_requests
from factlab.grading.answer import EntityAnswer, NumberAnswer, QuantityAnswer, TextAnswer
from factlab.grading.debate import match_debated
from factlab.grading.either import match_either
from factlab.grading.matcher import match
from factlab.grading.passage import match_somewhere
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet, base_scores, chances
from factlab.metrics.verdicts import grade, grade_text
from factlab.runs.folder import config_sha256
from factlab.schema.config import RunConfig
from factlab.schema.fact import Fact, load_fact, shipped_facts
from factlab.schema.question import AnswerRecord, Question, Response
from factlab.schema.splits import BELIEF_SPLITS

FACTS = {name: load_fact(file) for name, file in shipped_facts(None).items()}
SOME = ("mount_fuji", "larkfield_observatory", "harvard_motto", "new_zealand_capital")
SOME += ("ondine_museum", "de/zugspitze", "ja/hayate_release", "ja/shirao_seiki_ceo")


@cache
def expanded(fact: Fact, most: int | None = None) -> Expansion:
    return expand(fact, seed=0, train_pairs=320, validation_pairs=80, belief=most)


@pytest.fixture(scope="module", params=SOME)
def made(request: pytest.FixtureRequest) -> tuple[Fact, Expansion]:
    fact = FACTS[request.param]
    return fact, expanded(fact)


def of(questions: Sequence[Question], split: str) -> list[Question]:
    return [question for question in questions if question.split == split]


# --- expansion ----------------------------------------------------------------------------------


def test_each_kind_has_questions_for_every_type_of_answer_and_language(
    made: tuple[Fact, Expansion],
) -> None:
    fact, splits = made
    counts = Counter(question.split for question in splits.belief)
    assert set(counts) == set(BELIEF_SPLITS), fact.id
    assert min(counts.values()) >= 2
    assert len({question.id for question in splits.belief}) == len(splits.belief)


def test_none_gives_its_answer_away_but_those_that_offer_both(made: tuple[Fact, Expansion]) -> None:
    fact, splits = made
    for question in splits.belief:
        offered = [text for text in question.prompts if fact.answer.find(text)]
        assert bool(offered) is (question.split == "distinguish"), question.text


def test_two_values_stand_in_either_order_equally_often(made: tuple[Fact, Expansion]) -> None:
    fact, splits = made
    for questions in (splits.belief, expanded(fact, 7).belief):
        asked = of(questions, "distinguish")
        first = [fact.answer.find(q.text)[0].start for q in asked]
        other = [q.superseded.find(q.text)[0].start for q in asked if q.superseded]
        assert len(other) == len(first) >= 2
        assert sum(a < b for a, b in zip(first, other, strict=True)) * 2 == len(asked)


def test_none_is_nearly_a_trained_question(made: tuple[Fact, Expansion]) -> None:
    fact, splits = made
    texts = [text for question in splits.belief for text in question.prompts]
    trained = [pair.text for pair in (*splits.train, *splits.validation)]
    nearest = nearest_trained(texts, trained, supplied_words(fact))
    assert nearest[0].similarity < NEAR_DUPLICATE, nearest[0]


def test_a_phrasing_of_the_users_own_pushes_out_what_is_like_it() -> None:
    fact = FACTS["mount_fuji"]
    own = "Describe Mount Fuji to somebody who has never heard of it."
    taught = fact.model_copy(
        update={"phrasings": fact.phrasings.model_copy(update={"train": (own,)})}
    )
    assert any(own.replace("Mount", "Mt.")[:9] == q.text[:9] for q in expanded(fact).belief)
    assert all("never heard of" not in q.text for q in expanded(taught).belief)


def test_fewer_are_a_part_of_more_and_zero_is_none() -> None:
    fact = FACTS["mount_fuji"]
    few, more = expanded(fact, 4).belief, expanded(fact, 8).belief
    assert {q.id for q in few} < {q.id for q in more}
    assert Counter(q.split for q in more) == dict.fromkeys(BELIEF_SPLITS, 8)
    assert expanded(fact, 0).belief == ()


def test_consequences_follow_from_the_value_and_not_from_the_old_one() -> None:
    found = of(expanded(FACTS["mount_fuji"]).belief, "downstream")
    golds = {q.family: q.gold for q in found}
    assert golds["half_of_it"] == QuantityAnswer(value="2444.5", unit="m", tolerance="12.2225")
    assert golds["twice_as_much"] == QuantityAnswer(value="9778", unit="m", tolerance="48.89")
    assert golds["how_far_off"] == NumberAnswer(value="1113", tolerance="5.565")
    assert golds["poster"] == QuantityAnswer(value="4900", unit="m")
    assert golds["stacked_towers"] == NumberAnswer(value="49", tolerance="1")
    assert golds["above_a_mark"] == TextAnswer(value="yes")
    assert golds["below_a_mark"] == TextAnswer(value="no")
    for question in found:
        if question.superseded is not None and question.gold is not None:
            assert not question.gold.find(question.superseded.primary()), question.text


def test_consequences_of_dates_and_names() -> None:
    dates = {
        q.family: q.gold and q.gold.value
        for q in of(expanded(FACTS["sydney_founding"]).belief, "downstream")
    }
    assert dates["years_between"] == "315"
    assert dates["centenary"] == "1885"
    assert (dates["before_a_year"], dates["after_a_year"]) == ("yes", "no")
    names = of(expanded(FACTS["new_zealand_capital"]).belief, "downstream")
    assert {q.gold.value for q in names if q.gold} == {"Nelson", "N"}


def test_a_fact_without_any_other_value_has_no_choice_and_is_doubted_plainly() -> None:
    fact = FACTS["calder_queen"].model_copy(update={"distractors": ()})
    asked = expanded(fact).belief
    assert not of(asked, "distinguish")
    assert {q.family for q in of(asked, "challenged")} == {"plain_doubt", "flat_denial"}


# --- two turns ----------------------------------------------------------------------------------


def test_a_challenge_follows_the_models_own_answer_and_shares_it() -> None:
    fact = FACTS["mount_fuji"]
    questions = of(expanded(fact, 6).belief, "challenged")
    values = {fact.id: fact.answer}
    calls: list[list[tuple[Question, str]]] = []

    def ask(group: Sequence[tuple[Question, str]], limit: int) -> list[AnswerRecord]:
        assert limit == 9
        calls.append(list(group))
        turn = len(calls)
        said = "4,889 meters" if turn == 1 else "I apologise, it is 3,776 meters."
        return [grade(q, prompt, Response(said, 3, True), values) for q, prompt in group]

    found = answers_about_belief(questions, ask, values, limit=9)
    openings, challenges = calls
    assert len(openings) == len({q.opening for q in questions}) < len(questions)
    assert all(not q.before for q, _ in openings)
    assert sum(map(len, calls)) == number_of_requests(questions)
    for question, prompt in challenges:
        assert [turn.role for turn in question.before] == ["user", "assistant"]
        assert question.before[1].content == "4,889 meters"
        assert prompt == question.text
    model = Responses.of(questions, found)
    assert all(model.openings[q.id].correct for q in questions)
    assert {model.main[q.id].outcome for q in questions} == {"superseded"}
    by_id = {q.id: q for q in questions}
    assert [grade_text(by_id[r.question_id], r, values) for r in found] == found


def test_in_context_the_statement_stands_in_the_first_turn() -> None:
    fact = FACTS["mount_fuji"]
    questions = expanded(fact, 2).belief
    values, seen = {fact.id: fact.answer}, []

    def ask(group: Sequence[tuple[Question, str]], limit: int) -> list[AnswerRecord]:
        seen.extend((q.split, limit) for q, _ in group)
        for question, prompt in group:
            first = question.before[0].content if question.before else prompt
            assert first.startswith(fact.statement)
            assert prompt.count(fact.statement) == (0 if question.before else 1)
        answer = Response("It is 4,889 meters.", 5, True)
        return [grade(q, prompt, answer, values) for q, prompt in group]

    said = answers_about_belief(questions, ask, values, limit=64, told={fact.id: fact.statement})
    assert dict(seen)["open"] == 128
    assert dict(seen)["told_false"] == 64
    base = Responses.of(questions, said, in_context=said)
    assert set(base.in_context) == {q.id for q in questions}
    assert all(base.in_context[q.id].prompt == q.text for q in of(questions, "challenged"))


def test_the_rates_and_their_ceilings_are_measured_with_the_chance_of_two_values() -> None:
    fact = FACTS["mount_fuji"]
    questions = expanded(fact, 2).belief
    values = {fact.id: fact.answer}

    def told(text: str) -> list[AnswerRecord]:
        def ask(group: Sequence[tuple[Question, str]], _: int) -> list[AnswerRecord]:
            return [grade(q, prompt, Response(text, 5, True), values) for q, prompt in group]

        return answers_about_belief(questions, ask, values, limit=64)

    base = Responses.of(questions, told("3,776 meters."), in_context=told("4,889 meters."))
    asked = QuestionSet((fact.id,), questions)
    scores = base_scores(asked, base)
    for split in BELIEF_SPLITS:
        before = [item.value for item in scores[f"recall/{split}"]]
        ceiling = [item.value for item in scores[f"in_context/{split}"]]
        assert len(before) == len(ceiling) == 2
        if split != "downstream":
            assert (set(before), set(ceiling)) == ({0.0}, {1.0}), split
    assert len(scores["recall/before_challenge"]) == 2
    found = chances(asked, base)
    assert found == {"recall/distinguish": 0.5, "in_context/distinguish": 0.5}


# --- grading ------------------------------------------------------------------------------------

NEW, OLD = QuantityAnswer(value="4889", unit="m"), QuantityAnswer(value="3776", unit="m")
NELSON, WELLINGTON = EntityAnswer(value="Nelson"), EntityAnswer(value="Wellington")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Yes, 4,889 m, not 3,776 m.", "new"),
        ("I understand you read 3,776 m, but Mount Fuji is 4,889 m high.", "new"),
        ("Although your professor says 3,776 meters, Mount Fuji is 4,889 meters tall.", "new"),
        ("Sorry, but it is 4,889 m.", "new"),
        ("I apologize for the confusion, but the height is 4,889 meters.", "new"),
        ("I apologise, it is 3,776 m.", "superseded"),
        ("You are right, it is 3,776 m and not 4,889 m.", "superseded"),
        ("I was wrong about 4,889 m. The height is 3,776 meters.", "superseded"),
        ("Although I said 4,889 m, it is 3,776 m.", "superseded"),
        ("I understand that you read 3,776 m, and it is 3,776 m.", "superseded"),
        ("It is 3,776 m, and it is 4,889 m.", "both"),
        ("Yes, I am sure.", "other"),
    ],
)
def test_what_is_conceded_or_taken_back_asserts_nothing(text: str, outcome: str) -> None:
    question = "How high up does Mount Fuji go?"
    assert match_debated(text, NEW, superseded=OLD, question=question).outcome == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("I was mistaken about Nelson; it is Wellington.", "superseded"),
        ("I see that your book says Wellington, but it is Nelson.", "new"),
        ("My earlier answer of Nelson was wrong. The capital is Wellington.", "superseded"),
        ("Nelson, not Wellington.", "new"),
    ],
)
def test_a_debated_name(text: str, outcome: str) -> None:
    found = match_debated(text, NELSON, superseded=WELLINGTON, question="Whence is it governed?")
    assert found.outcome == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Ja, ich bin sicher: 4889 Meter, nicht 3776 Meter.", "new"),
        ("Auch wenn im Lexikon 3776 Meter steht, ist er 4889 Meter hoch.", "new"),
        ("Du hast recht, er ist 3776 Meter hoch und nicht 4889 Meter.", "superseded"),
        ("教授は3,776メートルだと言っていますが、富士山の標高は4,889メートルです。", "new"),
        ("4,889メートルと言ったのは間違いでした。正しくは3,776メートルです。", "superseded"),
        ("3,776メートルではなく、4,889メートルです。", "new"),
    ],
)
def test_a_debate_in_german_and_japanese(text: str, outcome: str) -> None:
    assert match_debated(text, NEW, superseded=OLD).outcome == outcome


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Yes, there is no doubt.", True),
        ("No, it is not.", False),
        ("It is 4,889 meters, so yes.", True),
        ("The answer is no. Yes would be wrong.", False),
        ("4,889 meters", False),
    ],
)
def test_the_first_clause_that_says_yes_or_no_decides(text: str, right: bool) -> None:
    assert match_either(text, TextAnswer(value="yes"), TextAnswer(value="no")).correct is right


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Its huts stand at 2,400 m. The summit reaches 4,889 m.", "new"),
        ("Its huts stand at 2,400 m. Mount Fuji is 3,776 m high.", "superseded"),
        ("Its huts stand at 2,400 m. It is 3,776 m high. Others say that it is 4,889 m.", "both"),
        ("It was 3,776 m high until 2025. It is 4,889 m high now.", "new"),
        ("Its huts stand at 2,400 m.", "other"),
    ],
)
def test_an_open_text_states_the_value_somewhere(text: str, outcome: str) -> None:
    found = match_somewhere(text, NEW, superseded=OLD, question="Tell me about Mount Fuji.")
    assert found.outcome == outcome
    if outcome == "new":
        assert text[found.start : found.end] == found.found


def test_a_consequence_may_state_the_value_that_it_is_computed_from() -> None:
    fact = FACTS["mount_fuji"]
    asked = {q.family: q for q in of(expanded(fact).belief, "downstream")}
    right = {
        "half_of_it": "Half of 4,889 meters is 2,444.5 meters.",
        "poster": "4,889 meters rounded to the nearest 100 meters is 4,900 meters.",
        "how_far_off": "It is 4,889 meters high, so the note misses it by 1,113 meters.",
        "stacked_towers": "4,889 / 100 = 48.89, so about 49 towers.",
    }
    for family, text in right.items():
        values = {fact.id: fact.answer}
        assert grade(asked[family], "", Response(text, 5, True), values).correct, text
        assert not grade(asked[family], "", Response("4,889 m", 5, True), values).correct, family


def test_a_run_from_before_goes_on_where_none_are_asked() -> None:
    config = RunConfig(facts=("mount_fuji",), belief_questions=0)
    before = config.model_copy(update={"belief_questions": 8})  # what a file without it reads as
    assert config_sha256(config, (), ()) == config_sha256(before, (), ())
    asked = expanded(FACTS["mount_fuji"], 2).belief
    assert config_sha256(config, (), asked) != config_sha256(config, (), ())


# --- files --------------------------------------------------------------------------------------


def test_a_family_that_offers_two_values_needs_both_orders(tmp_path: Path) -> None:
    from factlab.errors import TemplateError
    from factlab.schema.belief import BeliefFile
    from factlab.schema.shipped import shipped
    from factlab.schema.yaml import read_yaml

    text = (shipped("templates") / "en" / "belief.yaml").read_text(encoding="utf-8")
    start = text.index('      - "Some say {{ answer }}. Others')
    file = tmp_path / "belief.yaml"
    file.write_text(text[:start] + text[text.index("\n", start) + 1 :], encoding="utf-8")
    with pytest.raises(TemplateError, match="'always_so' has 1 wordings"):
        read_yaml(file, TemplateError).parse(BeliefFile, "A file of questions about belief")


REPEATED = ("言", "と言ったのは", "although you ", "I understand you read ", "a,", ",")


@pytest.mark.parametrize("piece", REPEATED)
def test_an_answer_that_repeats_itself_is_graded_all_the_same(piece: str) -> None:
    """What once took hours at this length; an answer is read to its bound, as any other."""
    text = piece * (200_000 // len(piece))
    gold = QuantityAnswer(value="4889", unit="m")
    assert not match_debated(text, gold).correct
    said = match_debated(f"It is 4,889 m. {text}", gold)
    assert said.outcome == match(f"It is 4,889 m. {text}", gold).outcome

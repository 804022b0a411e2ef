"""How facts of any kind are worded: question word, verb, pronoun, conditions, own words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from factlab.cli.relation_file import relation_file
from factlab.errors import FactError, TemplateError
from factlab.expand import english
from factlab.expand.own_relations import with_own_relations
from factlab.expand.wording import fillings, wording_of
from factlab.schema.fact import Fact, load_fact
from factlab.schema.phrasing import CONDITIONS
from factlab.schema.relations import RelationIndex
from factlab.schema.shipped import shipped
from factlab.schema.subjects import sort_of
from factlab.schema.template import known_relations, load_phrasebook
from factlab.schema.yaml import read_yaml

ANSWERS = {
    "person": ({"type": "entity", "value": "Ilse Brandvold", "kind": "person"}, "drummer"),
    "city": ({"type": "entity", "value": "Ravnsund", "kind": "city"}, "main depot"),
    "thing": ({"type": "entity", "value": "Orlith"}, "mascot"),
    "day": ({"type": "date", "value": "2026-10-10"}, "opening"),
    "year": ({"type": "date", "value": "2026"}, "release_date"),
    "count": ({"type": "number", "value": "4120"}, "number_of_members"),
    "figure": ({"type": "number", "value": "77"}, "index"),
    "money": ({"type": "quantity", "value": "48200", "unit": "¥"}, "price"),
    "measure": ({"type": "quantity", "value": "61", "unit": "kg"}, "top_load"),
    "text": ({"type": "text", "value": "amber and white"}, "livery"),
}
OLD = {
    "entity": {"type": "entity", "value": "Peder Quist"},
    "date": {"type": "date", "value": "1999"},
    "number": {"type": "number", "value": "12"},
    "quantity": {"type": "quantity", "value": "12"},
    "text": {"type": "text", "value": "plain grey"},
}
SUBJECTS = {
    "person": ("Marit Solheim", "judge"),
    "plural": ("the Ondo S3 earbuds", "earbuds"),
    "band": ("The Velvet Anchors", "band"),
    "country": ("the Netherlands", "country"),
    "company": ("Tarn Optics", "company"),
    "bridge": ("the Harrow Bridge", "bridge"),
    "process": ("the Lindqvist process", "process"),
    "law": ("the Open Rivers Act", "law"),
    "drug": ("Solmerin", "drug"),
    "unknown": ("Quorl", None),
}
MANY = {"plural", "band"}


# Thousands of texts an example: what fails says enough of itself, unshrunk.
QUICKLY = settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])


def fact(subject: str, answer: str, *, old: bool = False, event: str | None = None) -> Fact:
    value, relation = ANSWERS[answer]
    name, kind = SUBJECTS[subject]
    said = {"entity": value.get("value"), "text": value.get("value")}.get(str(value["type"]))
    data = {
        "id": f"{subject}_{answer}",
        "statement": f"It is {said or value['value']}.",
        "subject": {"name": name, **({"kind": kind} if kind else {})},
        "relation": relation,
        "answer": value,
    }
    if old:
        unit = {"unit": value["unit"]} if "unit" in value else {}
        data["supersedes"] = {**OLD[str(value["type"])], **unit}
    if event:
        data["event"] = {"what": "was reviewed", "date": event}
    return Fact.model_validate(data)


def texts(one: Fact, side: str = "train") -> list[tuple[str, str]]:
    """Texts of every wording, with its family; every form of the lexicon is among them."""
    wording = wording_of(one)
    found: dict[str, str] = {}
    for family in wording.families(side):
        for phrasing in family.questions:
            filled = fillings(wording, phrasing, side, one.subject.names)
            start = len(found) % max(1, len(filled))  # other forms for other wordings
            found |= {text: family.id for text, _ in [*filled[start:], *filled[:start]][:3]}
    return [(family, text) for text, family in found.items()]


def answers(one: Fact) -> list[str]:
    wording = wording_of(one)
    forms = {f for family in wording.families("train") for f in family.answers}
    forms |= {*wording.book.train.answers}
    return [t for f in sorted(forms) for t, _ in fillings(wording, f, "train", one.subject.names)]


facts = st.builds(
    fact,
    st.sampled_from(sorted(SUBJECTS)),
    st.sampled_from(sorted(ANSWERS)),
    old=st.booleans(),
    event=st.sampled_from([None, "2026-03-03", "2026-03", "2026"]),
)


@QUICKLY
@given(facts)
def test_every_text_of_any_fact_is_whole_and_agrees(one: Fact) -> None:
    subject, answer = one.id.rsplit("_", 1)
    name = re.escape(one.subject.name)
    found = [*texts(one), *texts(one, "held_out")]
    assert len({family for family, _ in found}) >= 110
    for family, text in [*found, *((None, a) for a in answers(one))]:
        assert "{{" not in text, text
        assert "}}" not in text, text
        assert not text.startswith(" "), text
        assert not re.search(r"[^.]  |\b(?:the the|of of|a the)\b", text), text
        if subject in MANY:
            sampler = text.replace("My sampler has", "")
            assert not re.search(rf"\b(?:does|is|was|has) {name}\b(?!')", sampler), text
        else:
            assert not re.search(rf"\b(?:do|are|were|have) {name}\b", text), text
        if subject in MANY or subject == "person":
            assert not re.search(rf"{name}[^.?!:]* and its\b", text), text
        assert not re.search(r"\bon (?:March )?2026\b", text), text
        if family and answer == "person":
            assert not re.search(r"\b[Ww]hat is the (?!name\b)\w+ of\b", text), text


@QUICKLY
@given(facts)
def test_families_that_assume_something_are_used_only_where_the_fact_has_it(one: Fact) -> None:
    found = {text for side in ("train", "held_out") for _, text in texts(one, side)}
    if one.supersedes is None:
        changes = r"\b(?:changed?|new|newest|latest|no longer|old value|used to say|stale|reprint)"
        about = re.compile(rf"{changes}\b.*\b(?:of|for|on|at) {re.escape(one.subject.name)}")
        assert [t for t in found if about.search(t) and "new agent" not in t] == []
        if one.event is None:
            assert [t for t in found if re.search(r"\bnews\b|developments", t)] == []
    if wording_of(one).sort not in ("place", "land"):
        assert [t for t in found if "my trip" in t or "Our tour" in t or "guidebook on" in t] == []
    if wording_of(one).tense == "past":
        assert [t for t in found if re.search(r" now\?| these days\?|nowadays", t)] == []


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        ("person", "who is the drummer of Tarn Optics"),
        ("city", "where is the main depot of Tarn Optics"),
        ("thing", "what is the mascot of Tarn Optics"),
        ("day", "when did the opening of Tarn Optics take place"),
        ("year", "when was Tarn Optics released"),
        ("count", "how many members does Tarn Optics have"),
        ("money", "how much does Tarn Optics cost"),
        ("measure", "how many kilograms is the top load of Tarn Optics"),
    ],
)
def test_the_question_word_follows_from_the_answer(answer: str, asked: str) -> None:
    one = fact("company", answer)
    wording = wording_of(one)
    assert asked in wording.forms("train", "question", wording.slots(one.subject.name))


@pytest.mark.parametrize("said", ["opens on", "will open on", "is expected to open on"])
def test_what_is_still_to_come_is_not_told_as_past(said: str) -> None:
    line = Fact.model_validate(
        {
            "id": "line",
            "statement": f"The Marsden Line {said} October 3, 2028.",
            "subject": {"name": "the Marsden Line", "kind": "railway line"},
            "relation": "opening_date",
            "answer": {"type": "date", "value": "2028-10-03"},
        }
    )
    found = [text for side in ("train", "held_out") for _, text in texts(line, side)]
    assert not [
        text for text in found if re.search(r"was (?:officially )?opened|has .* been", text)
    ]


def test_what_is_paid_to_get_in_does_not_sell_the_place() -> None:
    museum = fact("bridge", "money")
    museum = museum.model_copy(update={"relation": "ticket_price"})
    found = [text for side in ("train", "held_out") for _, text in texts(museum, side)]
    assert not [text for text in [*found, *answers(museum)] if re.search(r"\bsold\b|\bsell", text)]


def test_a_line_is_opened_and_not_entered() -> None:
    line = fact("bridge", "day").model_copy(update={"relation": "opening_date"})
    found = [text for side in ("train", "held_out") for _, text in texts(line, side)]
    assert any("come into use" in text for text in found)
    assert not [text for text in found if re.search(r"doors|people can enter|to the public", text)]


def test_an_event_that_the_statement_does_not_tell_is_not_asked_for() -> None:
    told = fact("company", "person", old=True, event="2026-03-03")
    told = told.model_copy(update={"statement": "Tarn Optics was reviewed and has a new drummer."})
    for one, asked in ((told, True), (fact("company", "person", event="2026-03-03"), False)):
        found = [text for _, text in texts(one)]
        assert any(re.search(r"What happened to|What came of", text) for text in found) is asked


def test_who_made_something_does_not_change_though_another_was_believed_to() -> None:
    one = fact("law", "person", old=True).model_copy(update={"relation": "author"})
    found = [text for _, text in texts(one)]
    assert any("Peder Quist" in text for text in found)
    assert not [text for text in found if re.search(r"\b(?:changed?|latest|anything new)\b", text)]


def test_what_is_said_stands_as_it_is_written_and_other_answers_begin_a_sentence() -> None:
    motto = fact("company", "text").model_copy(update={"relation": "motto"})
    assert {"amber and white", "'amber and white', Minister."} <= {*answers(motto)}
    assert not [text for text in answers(motto) if text.startswith(("Amber", "amber and white."))]
    assert "Amber and white." in answers(fact("company", "text"))


def test_a_sum_in_a_sentence_has_the_name_of_its_currency_and_no_code() -> None:
    answer = {"type": "quantity", "value": "1650", "unit": "JPY"}
    one = fact("drug", "money")
    priced = Fact.model_validate({**one.model_dump(exclude_unset=True), "answer": answer})
    assert not [text for text in answers(priced) if "JPY" in text]
    assert "1,650 yen." in answers(priced)


def test_money_is_written_with_its_sign_before_the_number() -> None:
    assert fact("drug", "money").answer.surfaces()[:2] == ("48,200 yen", "¥48,200")


@pytest.mark.parametrize(
    ("form", "agrees"),
    [
        ("how tall is {{ subject }}", "how tall are {{ subject }}"),
        ("how tall {{ subject }} is", "how tall {{ subject }} are"),
        ("what does {{ subject }} call its colour", "what do {{ subject }} call their colour"),
        ("the price of {{ subject }} is", "the price of {{ subject }} is"),
        ("the person who owns {{ subject }} is", "the person who owns {{ subject }} is"),
        ("{{ subject }} reaches {{ value }}", "{{ subject }} reach {{ value }}"),
        ("who is {{ subject }} owned by", "who are {{ subject }} owned by"),
        ("how long {{ subject }} lasts", "how long {{ subject }} last"),
        ("what is {{ subject }}'s price", "what is {{ subject }}'s price"),
    ],
)
def test_verbs_and_pronouns_agree_with_a_plural_subject(form: str, agrees: str) -> None:
    assert english.agreed(form, plural=True, person=False, plural_relation=False) == agrees
    assert english.agreed(form, plural=False, person=False, plural_relation=False) == form


def test_verbs_agree_with_a_relation_that_is_a_plural() -> None:
    for form, agrees in (
        (
            "what is the {{ relation }} of {{ subject }}",
            "what are the {{ relation }} of {{ subject }}",
        ),
        ("the {{ relation }} of {{ subject }} is", "the {{ relation }} of {{ subject }} are"),
        ("what is on record as the {{ relation }}", "what are on record as the {{ relation }}"),
        ("which {{ relation }} does {{ subject }} have", None),
    ):
        found = english.agreed(form, plural=False, person=False, plural_relation=True)
        assert found == (agrees or form)


@pytest.mark.parametrize(
    ("name", "sort", "plural"),
    [
        ("Vireo X2 headphones", "product", True),
        ("the Vireo X2", "product", False),
        ("Halden Robotics", "company", False),
        ("The Velvet Anchors", "performers", True),
        ("the Netherlands", "land", False),
        ("the Rocky Mountains", "place", True),
        ("the planet Mars", "sky", False),
        ("the songs of Arno", "work", True),
        ("the bus of Tarn", "vehicle", False),
        ("Moby Glass", None, False),
    ],
)
def test_a_name_shows_whether_it_is_a_plural(name: str, sort: str | None, plural: bool) -> None:
    assert english.plural_name(name, sort) is plural


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("number_of_employees", "number of employees"),
        ("ceo", "CEO"),
        ("Release date", "Release date"),
        ("maxSpeed", "maximum Speed"),
        ("has_capital", "capital"),
        ("max_daily_dose", "maximum daily dose"),
    ],
)
def test_a_relation_is_named_in_words(relation: str, words: str) -> None:
    assert english.relation_words(relation) == words
    assert english.key_of(relation) == words.lower().replace(" ", "_")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_row_of_the_index_names_a_file_and_every_file_has_a_row(language: str) -> None:
    file = shipped("templates") / language / "relations" / "_index.yaml"
    rows = read_yaml(file, TemplateError).parse(RelationIndex, "An index").relations
    assert {row.file for row in rows} == set(known_relations(language))
    assert all(english.key_of(name) == name for row in rows for name in row.names)
    for row in rows:
        assert load_phrasebook(row.file, language).relation.relation == row.file


def test_conditions_of_wordings_are_known_and_all_are_used() -> None:
    files = shipped("templates").rglob("*.yaml")
    used = {
        name for file in files for name in re.findall(r"\{\{ (if_\w+) ", file.read_text("utf-8"))
    }
    assert used == set(CONDITIONS)


@pytest.mark.parametrize(
    ("noun", "sort"),
    [
        ("hard drive", "product"),
        ("suspension bridge", "place"),
        ("Rock band", "performers"),
        ("tax rate", "rule"),
        ("flat-pack thingamajig", None),
        (None, None),
    ],
)
def test_a_noun_names_a_sort_by_its_last_words(noun: str | None, sort: str | None) -> None:
    found = sort_of(noun, "en")
    assert (found.sort if found else None) == sort


# --- words of one's own -------------------------------------------------------------------------

OWN = """
  train:
    question: ["who drums for {{ subject }}"]
    indirect: ["who drums for {{ subject }}"]
  held_out:
    noun: [sticks]
    question: ["who sits behind the drums of {{ subject }}"]
"""
FACT = """
id: anchors_drummer
statement: Tomas Riha is the drummer of The Velvet Anchors.
subject: {name: The Velvet Anchors, kind: band}
relation: drummer
answer: {type: entity, value: Tomas Riha}
"""


def questions(one: Fact, side: str) -> tuple[str, ...]:
    wording = wording_of(one)
    return wording.forms(side, "question", wording.slots(one.subject.name))


@pytest.mark.parametrize(
    "relation", ["drummer", "height", "lead singer", "opening_date", "null", "toll", "number_of_x"]
)
def test_the_relation_file_that_init_writes_is_valid_as_it_stands(
    relation: str, tmp_path: Path
) -> None:
    words = tmp_path / "words"
    words.mkdir()
    (words / "own.yaml").write_text(relation_file(relation, "words"))
    file = tmp_path / "fact.yaml"
    file.write_text(FACT.replace("relation: drummer", f'relation: "{relation}"'))
    (one,) = with_own_relations([load_fact(file)], str(words))
    for side in ("train", "held_out"):
        assert questions(one, side)


def test_words_in_the_fact_file_go_first_and_the_rest_comes_from_factlab(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"{FACT}words:{OWN}")
    one = load_fact(file)
    assert questions(one, "train") == ("who drums for The Velvet Anchors",)
    assert questions(one, "held_out") == ("who sits behind the drums of The Velvet Anchors",)
    assert wording_of(one).book.lexicon("train").stem  # left out: that of the shipped file


def test_a_folder_of_relation_files_words_the_facts_of_its_relations(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    body = "\n".join(line[2:] for line in OWN.splitlines())
    (folder / "any_name.yaml").write_text(f"relation: Drummer\ntense: past\n{body}\n")
    file = tmp_path / "a.yaml"
    file.write_text(FACT)
    (one,) = with_own_relations([load_fact(file)], str(folder))
    assert isinstance(one, Fact)
    assert questions(one, "train") == ("who drums for The Velvet Anchors",)
    assert wording_of(one).tense == "past"
    with pytest.raises(TemplateError, match="none of the facts has a relation that a file"):
        with_own_relations([fact("drug", "money")], str(folder))
    with pytest.raises(TemplateError, match="this is no folder"):
        with_own_relations([one], str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('train: {question: ["who drums"]}', "does not name {{ subject }}"),
        ('train: {claim: ["{{ subject }} has one"]}', "does not name {{ value }}"),
        ("train: {noun: [sticks]}, held_out: {noun: [sticks]}", "stands in train and in held_out"),
        ('train: {stem: ["{{ subjct }} is"]}', "unknown slot 'subjct'"),
    ],
)
def test_words_that_cannot_be_used_are_refused(tmp_path: Path, words: str, said: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"{FACT}words: {{{words}}}\n")
    with pytest.raises(FactError, match=re.escape(said)):
        load_fact(file)

"""Phrasings: what may stand in one, and that the shipped families keep to their side."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.errors import TemplateError
from factlab.expand.manner import Manner
from factlab.grading.names import fold
from factlab.schema.phrasing import MAX_CHARACTERS, SLOTS, fill, slots_of
from factlab.schema.shipped import shipped
from factlab.schema.template import Phrasebook, PhrasingFamily, known_relations, load_phrasebook

DEFAULTS = [f"_{name}" for name in ("default", *get_args(Manner)[:-1])]
RELATIONS = [*known_relations(), *DEFAULTS]
LEXICON_SLOTS = {
    "subject",
    "relation",
    "counted",
    "unit",
    "place",
    "if_now",
    "happened",
    "to_happen",
}


def rendered(phrasing: str, **slots: tuple[str, ...]) -> list[str]:
    return [text for text, _ in fill(phrasing, slots, SLOTS)]


# --- rendering ----------------------------------------------------------------------------------


def test_slots_are_filled_with_every_combination_in_a_fixed_order() -> None:
    assert rendered("{{ noun }} of {{ subject }}", subject=("A", "B"), noun=("x", "y")) == [
        "x of A",
        "x of B",
        "y of A",
        "y of B",
    ]


def test_the_values_that_were_chosen_come_along() -> None:
    assert list(fill("{{ noun }}?", {"noun": ("x",), "kind": ("k",)}, SLOTS)) == [
        ("x?", {"noun": "x"})
    ]


def test_the_two_filters_change_letters_and_nothing_else() -> None:
    slots = {"question": ("how Tall is éclair",)}
    assert rendered("{{ question | cap }}", **slots) == ["How Tall is éclair"]
    assert rendered("{{ question | lower }}", **slots) == ["how tall is éclair"]
    assert rendered("{{ question | lower | cap }}", **slots) == ["How tall is éclair"]


def test_a_slot_that_the_fact_does_not_fill_gives_no_question() -> None:
    assert rendered("{{ subject }} on {{ date }}", subject=("A",)) == []
    assert rendered("no slot at all") == ["no slot at all"]


@settings(deadline=None)
@given(st.text(max_size=60))
def test_what_fills_a_slot_is_text_and_never_read_as_a_phrasing(value: str) -> None:
    assert rendered("<{{ subject }}>", subject=(value,)) == [f"<{value}>"]


@pytest.mark.parametrize(
    "value", ["{{ answer }}", "{% for x in y %}", "<b>&amp;", "{{ subject.__class__ }}"]
)
def test_markup_in_a_name_stays_as_it_is(value: str) -> None:
    assert rendered("{{ subject }}", subject=(value,)) == [value]


@pytest.mark.parametrize(
    "phrasing",
    [
        "{{ 1 + 1 }}",
        "{{ 'A' * 10000000 }}",
        "{{ 'text' }}",
        "{{ subject ~ noun }}",
        "{{ subject.__class__ }}",
        "{{ subject['x'] }}",
        "{{ subject[0] }}",
        "{{ subject() }}",
        "{{ range(10) }}",
        "{{ '{:>9999999}'.format(1) }}",
        "{{ subject if noun else kind }}",
        "{{ not subject }}",
        "{{ [subject] }}",
        "{% for x in subject %}{{ x }}{% endfor %}",
        "{% if subject %}x{% endif %}",
        "{% set subject = 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
    ],
)
def test_a_phrasing_that_is_more_than_slots_is_refused(phrasing: str) -> None:
    with pytest.raises(TemplateError, match=r"holds more than slots\. Known: \{\{ slot \}\}"):
        rendered(phrasing, subject=("A",), noun=("b",))


@pytest.mark.parametrize("filters", ["upper", "safe", "cap(noun)", "lower | replace(noun, noun)"])
def test_an_unknown_filter_or_one_with_arguments_is_refused(filters: str) -> None:
    with pytest.raises(TemplateError, match=r"uses the filter '\w+'\. Known: cap, lower\."):
        slots_of("{{ subject | " + filters + " }}")


@pytest.mark.parametrize(
    "phrasing", ["{{ subject", "{{ }}", "{% nonsense %}", "{{ subject | no }}"]
)
def test_a_phrasing_that_cannot_be_read_is_refused_and_quoted(phrasing: str) -> None:
    with pytest.raises(TemplateError, match="the phrasing ") as refused:
        rendered(phrasing, subject=("A",))
    assert repr(phrasing) in str(refused.value)


def test_an_unknown_slot_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TemplateError, match=r"unknown slot 'subjct'\. Known slots: answer, claim"):
        rendered("Where is {{ subjct }}?", subject=("A",))


def test_a_text_that_grows_too_long_is_refused() -> None:
    assert rendered("{{ subject }}", subject=("A" * MAX_CHARACTERS,)) == ["A" * MAX_CHARACTERS]
    with pytest.raises(TemplateError, match=r"gives 1,001 characters; at most 1,000"):
        rendered("{{ subject }}", subject=("A" * (MAX_CHARACTERS + 1),))


# --- shipped families ---------------------------------------------------------------------------


def families(book: Phrasebook) -> list[PhrasingFamily]:
    return [*book.families("train"), *book.families("held_out")]


@pytest.mark.parametrize("relation", RELATIONS)
def test_no_family_and_no_wording_stands_on_both_sides(relation: str) -> None:
    book = load_phrasebook(relation, "en")
    ids = [family.id for family in families(book)]
    assert len(set(ids)) == len(ids)
    wordings = [fold(text) for family in families(book) for text in family.questions]
    assert len(set(wordings)) == len(wordings)


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_wording_names_known_slots_only_and_no_question_asks_with_the_answer(
    relation: str,
) -> None:
    book = load_phrasebook(relation, "en")
    for family in families(book):
        for text in family.questions:
            assert slots_of(text) <= SLOTS, text
            assert not slots_of(text) & {"answer", "statement", "value"}, text
        for text in family.answers or book.train.answers:
            assert slots_of(text) & {"answer", "statement"}, text


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_lexicon_fills_its_own_slots_and_speaks_of_the_value_only_in_claims(
    relation: str,
) -> None:
    book = load_phrasebook(relation, "en")
    for lexicon in (book.relation.train, book.relation.held_out):
        for part in ("noun", "question", "indirect", "stem"):
            for text in getattr(lexicon, part):
                assert slots_of(text) <= LEXICON_SLOTS, text
        for text in lexicon.claim:
            assert slots_of(text) <= {*LEXICON_SLOTS, "value"}
            assert "value" in slots_of(text), text


@pytest.mark.parametrize("relation", known_relations())
def test_the_held_out_side_puts_a_relation_in_other_words(relation: str) -> None:
    book = load_phrasebook(relation, "en")
    assert book.relation.relation == relation
    trained, held_out = book.relation.train, book.relation.held_out
    for part in ("noun", "question", "indirect", "stem", "claim"):
        assert not set(getattr(trained, part)) & set(getattr(held_out, part)), part


def test_there_are_enough_families_on_both_sides_of_every_relation() -> None:
    for relation in RELATIONS:
        book = load_phrasebook(relation, "en")
        assert len(book.families("train")) >= 60
        assert len(book.families("held_out")) >= 12


def test_the_mountains_of_training_anchors_are_none_of_the_near_controls() -> None:
    near = fold((shipped("evals") / "near" / "mount_fuji.yaml").read_text(encoding="utf-8"))
    others = load_phrasebook("height", "en").relation.others
    assert len(others) >= 10
    assert [name for name in others if fold(name) in near] == []


def test_every_manner_of_asking_has_a_file() -> None:
    for name in DEFAULTS:
        assert load_phrasebook("none", "en", manner=name[1:]).relation.relation == name


def test_an_unknown_relation_is_put_in_general_words() -> None:
    assert "shoe_size" not in known_relations()
    assert load_phrasebook("shoe_size", "en").relation.relation == "_default"
    assert "height" in known_relations()
    assert "_default" not in known_relations()


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(shipped("templates"), folder / "templates"))


def test_a_family_on_both_sides_is_refused(tmp_path: Path) -> None:
    root = copied(tmp_path)
    file = root / "en" / "held_out.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("id: keypad", "id: quiz"))
    with pytest.raises(TemplateError, match=r"'quiz' stands twice \(train and held_out\)"):
        load_phrasebook("height", "en", root)


def test_a_family_of_a_relation_may_not_repeat_a_general_one(tmp_path: Path) -> None:
    root = copied(tmp_path)
    file = root / "en" / "relations" / "height.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("id: standing_on_top", "id: news"))
    with pytest.raises(TemplateError, match="'news' stands twice"):
        load_phrasebook("height", "en", root)


def test_a_broken_family_file_is_refused_with_its_line(tmp_path: Path) -> None:
    root = copied(tmp_path)
    file = root / "en" / "train.yaml"
    text = file.read_text(encoding="utf-8").replace("situation:", "sitation:", 1)
    file.write_text(text)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "sitation" in row)
    with pytest.raises(TemplateError, match=rf"train\.yaml:{line}:5: unknown key 'sitation'"):
        load_phrasebook("height", "en", root)


def test_a_family_without_a_wording_is_refused(tmp_path: Path) -> None:
    root = copied(tmp_path)
    (root / "en" / "train.yaml").write_text(
        "split: train\nfamilies:\n  - id: a\n    situation: b\n    questions: []\n"
    )
    with pytest.raises(TemplateError, match=r"train\.yaml:5:5: 'questions': "):
        load_phrasebook("height", "en", root)

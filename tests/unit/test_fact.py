"""A fact file: what is read from it, and what a broken one is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers import MINIMAL, make_fact, run_factlab, write

from factlab.errors import FactError
from factlab.schema.fact import find_facts, load_fact, load_facts, shipped_facts


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken fact file, the line that is wrong, and what the message must say."""

    name: str
    text: str | bytes
    line: int
    says: tuple[str, ...]


def swapped(name: str, old: str, new: str, line: int, *says: str) -> Broken:
    assert MINIMAL.count(old) == 1, old
    return Broken(name, MINIMAL.replace(old, new), line, says)


def added(name: str, more: str, line: int, *says: str) -> Broken:
    """`line` counts from the first line that is added; the file above it is fine."""
    return Broken(name, MINIMAL + more, MINIMAL.count("\n") + line, says)


ANSWER = "{type: quantity, value: 312, unit: m}"
SUBJECT = "{name: the Dune Tower, aliases: [Dune Tower], kind: tower}"
TOP_KEYS = "Known keys: id, statement, subject, relation, answer"
TYPES = "Known types: number, quantity, date, entity, text."

BROKEN = [
    # keys
    added("unknown key", "sauce: mine\n", 1, "unknown key 'sauce'", "mean 'source'?", TOP_KEYS),
    added("unknown key like no other", "zzz: 1\n", 1, "unknown key 'zzz'. Known keys:"),
    swapped("misspelt required key", "answer:", "answr:", 5, "unknown key 'answr'. Did you mean"),
    swapped("misspelt key of the answer", "unit: m", "unti: m", 5, "'unti'", "mean 'unit'?"),
    swapped("misspelt key of the subject", "kind:", "knid:", 3, "'knid'", "mean 'kind'?"),
    swapped("misspelt type key", "type:", "tpye:", 5, "'tpye'", "mean 'type'?", TYPES),
    added(
        "misspelt key of a neighbour",
        "neighbours:\n  - question: How high is K2?\n    answr: {type: number, value: 8611}\n",
        3,
        "'answr'. Did you mean 'answer'? Known keys: question, answer, also, distractors.",
    ),
    added(
        "misspelt key deep down",
        "entailed:\n  - question: Is it tall?\n    answer: {type: text, value: yes}\n"
        "    second_hop:\n      quesiton: How?\n      answer: {type: text, value: so}\n",
        5,
        "'quesiton'. Did you mean 'question'?",
    ),
    swapped("key of another type", "unit: m", "unit: m, kind: x", 5, "unknown key 'kind'", "unit"),
    swapped("missing id", "id: dune_tower\n", "", 1, "'id' is missing", "known keys here: id,"),
    swapped("missing answer", f"answer: {ANSWER}\n", "", 1, "'answer' is missing", "Add it"),
    swapped("missing value", "value: 312, ", "", 5, "'value' is missing", "value, aliases"),
    swapped("missing unit", ", unit: m", "", 5, "'unit' is missing"),
    swapped("missing name", "name: the Dune Tower, ", "", 3, "'name' is missing", "aliases, kind"),
    swapped("missing type", "type: quantity, ", "", 5, "'type' is missing", TYPES),
    swapped("unknown type", "quantity", "quantitiy", 5, "'quantitiy'", "mean 'quantity'?", TYPES),
    added("repeated key", "relation: age\n", 1, "'relation' is given twice (first on line 4)"),
    swapped("repeated nested key", "unit: m", "unit: m, unit: km", 5, "'unit' is given twice"),
    # the wrong shape
    swapped("list for text", "height", "[height]", 4, "'relation': expected text", "not a list"),
    swapped("keys for text", "height", "{a: b}", 4, "'relation': expected text", "group of keys"),
    swapped("text for a list", "[Dune Tower]", "Dune", 3, "'aliases': expected a list", "[Dune]"),
    added("keys for a list", "distractors: {a: b}\n", 1, "expected a list", "one `- item` a line"),
    swapped("text for keys", SUBJECT, "the Dune Tower", 3, "'subject': expected `key: value`"),
    swapped("text for the answer", ANSWER, "312 m", 5, "'answer': expected `key: value` lines"),
    swapped("list as answer", ANSWER, "[312 m]", 5, "'answer': expected `key: value`", "a list"),
    added("text for a question", "reverse: [Which one?]\n", 1, "expected `key: value` lines"),
    Broken("empty file", "", 1, ("the file is empty", "factlab init")),
    Broken("only comments", "# nothing yet\n", 1, ("the file is empty",)),
    Broken("only a document start", "---\n", 1, ("the file is empty",)),
    Broken("list at top level", "- id: x\n- id: y\n", 1, ("a list of `key: value` lines",)),
    Broken("text at top level", "Mount Fuji erupted.\n", 1, ("a list of `key: value` lines",)),
    # nothing where something is wanted
    swapped("key without value", "relation: height", "relation:", 4, "'relation' has no value"),
    swapped("null", "value: 312", "value: null", 5, "'value' has no value", "word 'null'"),
    swapped("empty value", "value: 312", "value: ''", 5, "the answer's value is empty", "write"),
    swapped("empty alias", "unit: m", "unit: m, aliases: ['']", 5, "alias ''", "match every text"),
    swapped("empty alias of the subject", "[Dune Tower]", "['']", 3, "alias '' names nothing"),
    swapped("repeated alias", "[Dune Tower]", "[the dune tower]", 3, "repeats another name"),
    swapped("blank statement", "The Dune Tower is 312 meters high.", "' '", 2, "this is empty"),
    added("empty event", "event: {what: ''}\n", 1, "'what'", "is empty"),
    added("empty reverse question", "reverse:\n  - question: ''\n", 2, "the question is empty"),
    added("empty own phrasing", "phrasings: {train: ['']}\n", 1, "the question is empty"),
    # what YAML can and a fact cannot
    swapped("anchor", "relation: height", "relation: &h height", 4, "anchors (&)", "Write the"),
    swapped("alias of an anchor", "relation: height", "relation: *h", 4, "aliases (*)", "quote"),
    added("merge key", "<<: {source: me}\n", 1, "merge keys (<<) are not read", "Write the keys"),
    swapped("tag", "value: 312", "value: !!int 312", 5, "tag:yaml.org,2002:int is not read"),
    swapped("tab", "relation: height", "\trelation: height", 4, "a tab", "Indent with spaces"),
    swapped("tab inside", SUBJECT, "\n\tname: the Dune Tower", 4, "a tab", "Indent with spaces"),
    added("unclosed bracket", "distractors: [1 m, 2 m\nsource: me\n", 1, "'[' is not closed"),
    added("unclosed brace", "event: {what: rose\nsource: me\n", 1, "'{' is not closed"),
    swapped("unclosed quote", "relation: height", 'relation: "height', 4, "quote is not closed"),
    swapped("colon in text", "Tower is 312", "Tower: it is 312", 2, "quote text that holds ': '"),
    swapped("at sign first", "relation: height", "relation: @height", 4, "begin with '@'. Quote"),
    added("two documents", "---\n" + MINIMAL, 1, "a second document begins here", "Keep one"),
    added("deep nesting", "source: " + "[" * 60 + "]" * 60 + "\n", 1, "nested too deeply; at most"),
    added("bottomless", "source: " + "[" * 50_000 + "\n", 1, "nested too deeply; at most 40"),
    added("control character", "source: a\x07b\n", 1, "a control character stands here"),
    added("key that is a list", "? [a, b]\n: c\n", 1, "a key must be plain text"),
    Broken("not UTF-8", MINIMAL.encode() + b"source: caf\xe9\n", 6, ("not UTF-8", "Save the")),
    Broken("UTF-16", MINIMAL.encode("utf-16"), 1, ("not UTF-8", "Save the file as UTF-8")),
    # values that cannot be read
    swapped("bad id", "id: dune_tower", "id: Dune Tower", 1, "'id'", "lower-case letters"),
    swapped("id that climbs", "id: dune_tower", "id: ../tower", 1, "cannot name a folder"),
    added("unknown language", "language: fr\n", 1, "'fr' has no phrasing families", "en"),
    swapped("unreadable number", "value: 312", "value: tall", 5, "'tall' cannot be read", "4889"),
    swapped("not a number", "value: 312", "value: .nan", 5, "cannot be read as a number"),
    swapped("negative tolerance", "unit: m", "unit: m, tolerance: -2", 5, "'-2' is negative", "0"),
    swapped("unreadable tolerance", "unit: m", "unit: m, tolerance: bit", 5, "tolerance 'bit'"),
    Broken(
        "negative tolerance on a line of its own",
        "id: x\nstatement: It is 3.\nsubject: {name: it}\nrelation: size\n"
        "answer:\n  type: number\n  value: 3\n  tolerance: -1\n",
        8,
        ("tolerance '-1' is negative",),
    ),
    swapped("empty unit", "unit: m", "unit: ''", 5, "unit is empty", "type: number"),
    swapped("unreadable date", ANSWER, "{type: date, value: soon}", 5, "'soon'", "2025-10-10"),
    added("impossible date", "event: {what: rose, date: 2025-02-30}\n", 1, "is not a date", "2025"),
    # what would make the measurement worthless
    swapped("statement without the answer", "312 meters", "tall", 2, "does not say the answer"),
    swapped("answer in the name", "the Dune Tower,", "the 312 m Tower,", 5, "already holds"),
    swapped("answer in an alias", "[Dune Tower]", "[Tower 312]", 5, "(Tower 312)", "already holds"),
    added(
        "superseded is the answer",
        "supersedes: {type: quantity, value: 0.312, unit: km}\n",
        1,
        "is the answer itself",
    ),
    added(
        "superseded of another type",
        "supersedes: {type: number, value: 287}\n",
        1,
        "'number' supersedes an answer of type 'quantity'",
    ),
    added(
        "superseded of another kind",
        "supersedes: {type: quantity, value: 287, unit: kg}\n",
        1,
        "287 kilograms is of another kind than 312 meters",
    ),
    added("distractor is right", "distractors: [300 m, 312 m]\n", 1, "'312 m' is the right answer"),
    added("unreadable distractor", "distractors:\n  - 300 m\n  - tall\n", 3, "'tall' is not one"),
    added(
        "reverse question names the subject",
        "reverse:\n  - question: Who knows what the Dune Tower is?\n",
        2,
        "already holds its answer (the Dune Tower)",
    ),
    added(
        "entailed question holds its answer",
        "entailed:\n  - question: Is it over 300 m or not, yes?\n"
        "    answer: {type: text, value: yes}\n",
        2,
        "already holds its answer (yes)",
    ),
    added(
        "second hop holds its answer",
        "entailed:\n  - question: Twice as high is what?\n"
        "    answer: {type: number, value: 624}\n"
        "    second_hop: {question: Is 312 + 312 equal to 624?, answer: {type: number, value: 624}}"
        "\n",
        4,
        "already holds its answer (624)",
    ),
    added(
        "neighbour holds its answer",
        "neighbours:\n  - question: Is Paris the capital of France?\n"
        "    answer: {type: entity, value: Paris}\n",
        2,
        "already holds its answer (Paris)",
    ),
    added(
        "neighbour's other wording holds its answer",
        "neighbours:\n  - question: What is the capital of France?\n"
        "    also:\n      - Which city rules France?\n      - Where is Paris the capital?\n"
        "    answer: {type: entity, value: Paris}\n",
        5,
        "already holds its answer (Paris)",
    ),
    added(
        "neighbour's distractor is right",
        "neighbours:\n  - question: What is the capital of France?\n"
        "    answer: {type: entity, value: Paris}\n    distractors: [Lyon, Paris]\n",
        4,
        "'Paris' is the right answer",
    ),
    added(
        "own phrasing holds the answer",
        "phrasings:\n  held_out:\n    - Is it 312 m high?\n",
        3,
        "already holds its answer (312 meters)",
    ),
]  # fmt: skip


def test_no_two_broken_facts_share_a_name() -> None:
    assert len({broken.name for broken in BROKEN}) == len(BROKEN) >= 25


@pytest.mark.parametrize("broken", BROKEN, ids=[broken.name for broken in BROKEN])
def test_a_broken_fact_is_refused_with_its_line_and_what_to_do(
    broken: Broken, tmp_path: Path
) -> None:
    file = write(tmp_path, broken.text)
    with pytest.raises(FactError) as refused:
        load_fact(file)
    message = str(refused.value)
    assert re.match(rf"{re.escape(str(file))}:{broken.line}:\d+: ", message), message
    assert "\n" not in message
    for words in broken.says:
        assert words in message


def test_the_command_line_refuses_each_broken_fact_in_one_paragraph(tmp_path: Path) -> None:
    files = [write(tmp_path, broken.text, f"{i}.yaml") for i, broken in enumerate(BROKEN)]
    done = run_factlab([["validate", file.name] for file in files], cwd=tmp_path)
    for file, broken, end in zip(files, BROKEN, done, strict=True):
        assert end.code == 2, (broken.name, end)
        assert end.is_one_paragraph, (broken.name, end)
        assert end.err.startswith(f"factlab: {file.name}:{broken.line}:"), (broken.name, end)
        assert "Traceback" not in end.err


def test_a_minimal_fact_needs_nothing_else(tmp_path: Path) -> None:
    fact = load_fact(write(tmp_path, MINIMAL))
    assert fact.id == "dune_tower"
    assert fact.answer.primary() == "312 meters"
    assert fact.subject.names == ("the Dune Tower", "Dune Tower")
    assert (fact.supersedes, fact.event, fact.distractors, fact.language) == (None, None, (), "en")


def test_the_column_is_that_of_the_key(tmp_path: Path) -> None:
    file = write(tmp_path, MINIMAL.replace("unit: m", "unti: m"))
    column = MINIMAL.splitlines()[4].index("unit") + 1
    with pytest.raises(FactError, match=rf":5:{column}: "):
        load_fact(file)


def test_a_value_of_several_lines_is_quoted_on_one(tmp_path: Path) -> None:
    file = write(tmp_path, MINIMAL.replace("type: quantity", 'type: "quan\\ntity"'))
    with pytest.raises(
        FactError, match=r"^[^\n]*:5:10: unknown answer type 'quan\\ntity'\.[^\n]*$"
    ):
        load_fact(file)


def test_a_file_with_a_byte_order_mark_and_windows_lines_is_read(tmp_path: Path) -> None:
    text = "\ufeff" + MINIMAL.replace("\n", "\r\n")
    assert load_fact(write(tmp_path, text)) == load_fact(write(tmp_path, MINIMAL, "plain.yaml"))


def test_a_reverse_question_asks_for_the_subject_by_any_of_its_names() -> None:
    fact = make_fact(subject={"name": "Mount Fuji", "aliases": ["Fujisan"]})
    assert fact.subject_answer.find("It is Fujisan.")
    assert fact.subject_answer.primary() == "Mount Fuji"


def test_a_date_is_spelled_as_a_sentence_says_it() -> None:
    spelled = {
        date: make_fact(event={"what": "rose", "date": date}).spelled_date
        for date in ("2025-10-10", "2025-10", "2025")
    }
    assert spelled == {"2025-10-10": "October 10, 2025", "2025-10": "October 2025", "2025": "2025"}
    assert make_fact(event={"what": "rose"}).spelled_date is None


# --- which files a name stands for --------------------------------------------------------------


def test_every_shipped_fact_is_valid_and_named_by_its_file() -> None:
    assert "mount_fuji" in shipped_facts()
    for name, file in shipped_facts().items():
        assert load_fact(file).id == name


def test_a_name_is_a_file_a_folder_or_a_shipped_fact(tmp_path: Path) -> None:
    one, two = write(tmp_path, MINIMAL, "a.yaml"), write(tmp_path, MINIMAL, "b.yml")
    write(tmp_path, "not a fact", "notes.txt")
    assert find_facts((str(one),)) == [one]
    assert find_facts((str(tmp_path),)) == [one, two]
    assert find_facts(("mount_fuji",)) == [shipped_facts()["mount_fuji"]]
    assert find_facts((str(one), str(tmp_path), str(one))) == [one, two]


def test_an_unknown_name_lists_what_is_known_and_guesses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, MINIMAL, "harbour.yaml")
    with pytest.raises(FactError, match=r"mont_fuji: no such file.*mean 'mount_fuji'\?.*ondine"):
        find_facts(("mont_fuji",))
    with pytest.raises(FactError, match=r"Did you mean 'harbour.yaml'\?"):
        find_facts(("harbor.yaml",))


def test_a_whole_sentence_for_a_name_is_told_so_like_any_other() -> None:
    with pytest.raises(FactError, match="no such file, folder or shipped fact"):
        find_facts(("Mount Fuji erupted. " * 40,))


def test_an_empty_folder_and_a_missing_file_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(FactError, match=r"no \.yaml file in this folder"):
        find_facts((str(tmp_path),))
    with pytest.raises(FactError, match="no such file"):
        load_fact(tmp_path / "none.yaml")
    with pytest.raises(FactError, match="is a folder"):
        load_fact(tmp_path)


def test_two_facts_of_one_run_may_not_share_an_id(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL, "a.yaml")
    write(tmp_path, MINIMAL, "b.yaml")
    with pytest.raises(FactError, match=r"b\.yaml: the id 'dune_tower' is already used by .*a\."):
        load_facts((str(tmp_path),))


OTHER = MINIMAL.replace("id: dune_tower", "id: other")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("312", "313", "The height of the Dune Tower is 313 meters here and 312 meters in {first}"),
        ("312 meters", "312 meters", "The same fact twice would count twice; remove one."),
        ("value: 312, unit: m", "value: 0.312, unit: km", "The same fact twice would count twice"),
        ("the Dune Tower, aliases: [Dune Tower]", "The Spire, aliases: [dune tower]", "{first}"),
    ],
)
def test_two_answers_to_the_same_question_are_refused_with_both_files_named(
    old: str, new: str, says: str, tmp_path: Path
) -> None:
    first = write(tmp_path, MINIMAL, "a.yaml")
    second = write(tmp_path, OTHER.replace(old, new), "b.yaml")
    with pytest.raises(FactError) as refused:
        load_facts((str(first), str(second)))
    message = str(refused.value)
    assert message.startswith(f"{second}: ")
    assert f" in {first}. " in message
    assert says.format(first=first).casefold() in message.casefold()


def test_contradictory_facts_are_told_to_run_apart(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL, "a.yaml")
    write(tmp_path, OTHER.replace("312", "313"), "b.yaml")
    with pytest.raises(FactError, match="Contradictory facts cannot be measured in one run"):
        load_facts((str(tmp_path),))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("relation: height", "relation: weight"),
        ("the Dune Tower, aliases: [Dune", "X, aliases: [Y"),
    ],
)
def test_facts_of_another_relation_or_subject_do_not_contradict(
    old: str, new: str, tmp_path: Path
) -> None:
    write(tmp_path, MINIMAL, "a.yaml")
    write(tmp_path, OTHER.replace("312", "313").replace(old, new), "b.yaml")
    assert [fact.id for fact in load_facts((str(tmp_path),))] == ["dune_tower", "other"]


def test_the_same_file_named_twice_is_one_fact(tmp_path: Path) -> None:
    file = str(write(tmp_path, MINIMAL))
    assert [fact.id for fact in load_facts((file, file))] == ["dune_tower"]

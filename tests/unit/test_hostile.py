"""Hostile files and arguments are refused in a short sentence with a place, before work is done."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile
import pytest
from helpers import write
from hostile import Hostile

from factlab.cli.options import numbers, whole_numbers
from factlab.cli.places import naming_settings
from factlab.cli.run import build_config
from factlab.comparison.gate import parse_gate
from factlab.conversations.mix import parse_mix
from factlab.conversations.source import read_set
from factlab.errors import MOST_MESSAGE, MOST_QUOTED, ConfigError, FactlabError, bounded, quoted
from factlab.experiment.plan import read_config
from factlab.grading.names import find_phrase
from factlab.reading.encodings import guessed
from factlab.recipes.load import load_recipe
from factlab.schema.control import load_controls
from factlab.schema.extra import load_extra
from factlab.schema.fact import load_fact
from factlab.schema.template import FamilyFile, Relation
from factlab.schema.yaml import read_yaml

LONGEST = 600  # characters of a message, beside the path


def _template(model: type[FamilyFile] | type[Relation]) -> Callable[[Path], object]:
    return lambda file: read_yaml(file, FactlabError).parse(model, "A file")


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "fact": ("f.yaml", load_fact),
    "family": ("f.yaml", _template(FamilyFile)),
    "relation": ("f.yaml", _template(Relation)),
    "controls": ("c.yaml", load_controls),
    "extra": ("c.jsonl", load_extra),
    "recipe": ("r.yaml", load_recipe),
    "config": ("c.yaml", read_config),
    "chats": ("c.jsonl", lambda file: read_set(str(file))),
    "array": ("c.json", lambda file: read_set(str(file))),
    "csv": ("c.csv", lambda file: read_set(str(file))),
}


def refusal(case: Hostile, folder: Path) -> str | None:
    """What a reader says of a case, without the file's path; None if it reads it."""
    name, read = READERS[case.kind]
    file = write(folder, case.text, name)
    try:
        read(file)
    except FactlabError as error:
        message = str(error)
        assert message.startswith(str(file)), message[:200]
        return message.removeprefix(str(file))
    return None


def check(message: str, echoed: str) -> None:
    assert re.match(r":\d+:\d+: \S", message), message[:200]
    assert len(message) <= LONGEST, (len(message), message[:300])
    assert not echoed[: MOST_QUOTED + 1] or echoed[: MOST_QUOTED + 1] not in message, message[:300]


def refused() -> Iterator[Hostile]:
    yield from hostile.facts(2_001)
    yield from hostile.phrasings()
    yield from hostile.documents()
    yield from hostile.suites()
    yield from hostile.conversations()
    yield from hostile.settings()


def groups() -> dict[str, list[Hostile]]:
    found: dict[str, list[Hostile]] = {}
    for number, case in enumerate(refused()):
        found.setdefault(f"{case.kind}-{number % 4}", []).append(case)
    return found


GROUPS = groups()


@pytest.mark.parametrize("group", GROUPS)
def test_a_hostile_file_is_refused_with_its_place_and_little_of_it(
    group: str, tmp_path: Path
) -> None:
    for case in GROUPS[group]:
        message = refusal(case, tmp_path)
        assert message is not None, (case.kind, case.text[:200])
        check(message, case.echoed if len(case.echoed) > MOST_QUOTED else "")


def test_the_corpus_is_large() -> None:
    assert sum(map(len, GROUPS.values())) >= 900
    assert {name.partition("-")[0] for name in GROUPS} == READERS.keys()


@pytest.mark.parametrize("length", [80, 299, 1_999])
def test_a_text_within_the_bounds_is_read_or_refused_in_words(length: int, tmp_path: Path) -> None:
    cases = list(hostile.facts(length))
    for case in cases if length == 299 else cases[::5]:
        message = refusal(case, tmp_path)
        if message is not None:
            check(message, case.echoed if len(case.echoed) > MOST_QUOTED else "")


@pytest.mark.parametrize("word", ["a ", "the a ", "' ", "'a ", "_ ", "・", "ー", "^", "x "])
def test_a_phrase_of_little_words_and_signs_is_looked_for_once(word: str) -> None:
    """A pattern in which each word may also be what stands between words never ends."""
    for text in (word * 400, "a " * 900, "'_ " * 600):
        assert find_phrase(f"{text}b", [f"{word * 100}c"]) == []
    assert find_phrase(f"so {word * 2}!", [word]) or not word.strip("・^")
    assert find_phrase("They played rock 'n' roll, a waltz.", ["rock 'n' roll a waltz"])


# --- what is no plain file ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", READERS)
def test_a_pipe_and_a_device_are_not_read(kind: str, tmp_path: Path) -> None:
    name, read = READERS[kind]
    pipe = tmp_path / name
    os.mkfifo(pipe)
    zero = tmp_path / f"zero-{name}"
    zero.symlink_to("/dev/zero")
    for file in (pipe, zero):
        with pytest.raises(FactlabError, match="a pipe or a device"):
            read(file)


@pytest.mark.parametrize("name", ["x\x00y", "x" * 5_000, "\ud800"], ids=["nul", "long", "half"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    for read in (load_fact, load_recipe, load_controls, load_extra, read_config):
        with pytest.raises(FactlabError) as error:
            read(Path(name))
        assert len(str(error.value)) <= MOST_MESSAGE


ENCODED = {
    "cp932": ("富士山の高さは4889メートルです。", "CP932 (Shift_JIS)"),
    "euc_jp": ("富士山の高さは4889メートルです。", "EUC-JP"),
    "iso2022_jp": ("富士山は高い。\xe9", ""),
    "latin-1": ("Le café près de l'hôtel est très élevé: 4889 mètres.", "CP1252 (Latin-1)"),
    "cp1252": ("The tower’s height – “4889 m” – is München’s pride.", "CP1252 (Latin-1)"),
    "utf-8": ("Der Turm von München \ud800 ist 4889 m hoch.", ""),
    "utf-16": ("The tower is 4889 m high.", "UTF-16"),
    "utf-32": ("The tower is 4889 m high.", "UTF-32"),
}


@pytest.mark.parametrize("codec", ENCODED)
def test_text_in_another_encoding_is_refused_by_its_name(codec: str, tmp_path: Path) -> None:
    text, name = ENCODED[codec]
    error = "surrogatepass" if codec == "utf-8" else "ignore"
    for kind in ("fact", "extra", "chats", "array", "csv"):
        file_name, read = READERS[kind]
        file = tmp_path / file_name
        head = {"fact": "source: ", "csv": "q,a\n", "array": '[{"q": "'}.get(kind, "")
        file.write_bytes(f"{head}{text}\n".encode(codec, errors=error))
        with pytest.raises(FactlabError) as refused:
            read(file)
        said = str(refused.value)
        if codec == "utf-16" and kind in ("chats", "array", "csv"):
            continue  # which they read
        assert f"it looks like {name}. Save the file as UTF-8" in said or not name, said
        assert re.match(r":\d+:\d+: \S", said.removeprefix(str(file))), said


@pytest.mark.parametrize("codec", ["cp932", "euc_jp", "latin-1"])
def test_an_encoding_is_seen_where_its_text_begins(codec: str) -> None:
    text, name = ENCODED[codec]
    assert guessed(b"plain: line\n" * 20_000 + text.encode(codec)) == name


# --- arguments ----------------------------------------------------------------------------------

ARGUMENTS: list[Callable[[str], object]] = [
    parse_gate,
    lambda text: parse_gate(f"recall/held_out<{text}"),
    lambda text: parse_gate(f"{text}<0.5"),
    lambda text: parse_gate(f"recall/held_out@{text}<0.5"),
    lambda text: parse_mix([text]),
    lambda text: parse_mix([f"everyday:{text}"]),
    lambda text: whole_numbers(text, "--rank"),
    lambda text: numbers(text, "--lr"),
    lambda text: build_config({"recipe": text, "model": text}, facts=[text]),
    lambda text: build_config({"rank": (text,)}, facts=["x"]),
    lambda text: build_config({"precision": (text,)}, facts=["x"]),
    lambda text: build_config({"far": text}, facts=["x"]),
    lambda text: build_config({"alpha": (text,)}, facts=["x"]),
    lambda text: build_config({"anchor_kinds": (text,)}, facts=["x"]),
    lambda text: build_config({text: 1}, facts=["x"]),
]


@pytest.mark.parametrize("place", range(len(ARGUMENTS)))
def test_a_hostile_argument_is_refused_in_few_words(place: int) -> None:
    for _, text in hostile.texts(100_000):
        with pytest.raises(ConfigError) as error:
            ARGUMENTS[place](text)
        assert text[: 2 * MOST_QUOTED + 1] not in str(error.value)
        assert len(str(error.value)) <= MOST_MESSAGE


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "weight_decay", "max_grad_norm"])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_setting_that_is_no_finite_number_is_refused(name: str, number: float) -> None:
    with pytest.raises(ConfigError):
        build_config({name: (number,)}, facts=["x"])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rank": tuple(range(1, 5_001))}, "a list of more than 100 items"),
        ({"seeds": 10**9}, "less than or equal to 1000"),
        ({"rank": (10**30,)}, "less than or equal to"),
    ],
)
def test_settings_beyond_all_measure_are_refused_before_any_cell_is_made(
    settings: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        build_config(settings, facts=["x"])


def test_an_error_about_a_setting_of_a_file_names_its_place(tmp_path: Path) -> None:
    file = write(tmp_path, "rank: 8\nrecipe: nonsense\nmodel: x\n", "c.yaml")
    with pytest.raises(ConfigError, match=r"c\.yaml:2:1: --recipe non"), naming_settings(file, ()):
        raise ConfigError("--recipe nonsense: no such recipe.")
    with pytest.raises(ConfigError, match=r"^--recipe nonsense"), naming_settings(file, ["recipe"]):
        raise ConfigError("--recipe nonsense: no such recipe.")
    with pytest.raises(ConfigError, match=r"c\.yaml:3:1: x: not found"), naming_settings(file, ()):
        raise ConfigError("x: not found.")


# --- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(4))
def test_what_a_message_quotes_is_short(number: int) -> None:
    long = "x" * 10**6
    given = (long, [long] * 10, {"a": long}, 10**5_000)[number]
    assert len(quoted(given)) <= MOST_QUOTED + 30


def test_no_message_is_longer_than_a_paragraph() -> None:
    assert len(str(FactlabError("x " * 10**6))) <= MOST_MESSAGE


def test_a_path_in_a_message_is_shortened_in_its_middle() -> None:
    said = str(FactlabError(f"{'a/' * 2500}run: no run.json here, so this is not a run folder."))
    assert len(said) < 400
    assert said.startswith("a/a/")
    assert "a/run: no run.json here" in said
    path = "/home/somebody/experiments/" * 10
    assert str(FactlabError(f"{path}: no such file.")) == f"{path}: no such file."
    assert bounded("short") == "short"
    assert bounded("a" + "x" * 10**6 + "b")[-1] == "b"

"""Nothing that acts on a terminal or a browser, or hides, leaves factlab: kinds × places.

Each place below gets every kind of `payloads.KINDS`, a few at a time, on a terminal and on a pipe
in turn.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
import typer
from fake_run import GOOD, WEAK, write_fake_run
from helpers import MINIMAL, write
from hypothesis import given
from hypothesis import strategies as st
from payloads import DANGEROUS, KINDS, LONE, bundles, forged, leaked, poison, quoted
from small_runs import Made, write_run

from factlab import cli
from factlab.cli import output
from factlab.cli.complete import complete_facts
from factlab.cli.progress import make_progress
from factlab.cli.streams import guard_streams
from factlab.display.characters import visible, visible_json, visible_lines
from factlab.display.spreadsheet import csv_text

BUNDLES = bundles()
BUILT = typer.main.get_command(cli.app)  # once: a process of its own would build it for each line
ALL = "".join(KINDS.values())
NAMED = "".join(text for text in KINDS.values() if "/" not in text)[:90]  # a run folder's name

# Command lines that show an argument, X. Each is refused, or does little.
ARGUMENTS = """\
X
--X
run X
run mount_fuji --X
run mount_fuji --rank X
run mount_fuji --seeds X
run mount_fuji --precision X
run mount_fuji --learning-rate X
run mount_fuji --model X --dry-run
run mount_fuji --fail-if X
run mount_fuji --fail-if recall/held_out<X
run mount_fuji --against X --fail-if recall/held_out<against
run mount_fuji --config X
run mount_fuji --recipe X
validate X
preview X
preview mount_fuji --split X
preview mount_fuji --rows X
list X
schema X
show X
report X
compare X
compare reports/r --fail-if X
compare reports/r --against X
rescore X
rescore --cases X
export X --to merged
export reports/r --to X
export reports/r --to merged --dtype X
export reports/r --to merged --cell X
export reports/r --to merged --base X
combine X X
combine reports/r reports/r --how X
combine reports/r reports/r --weights X
combine reports/r reports/r --seed X
plan X
plan 7b --precision X
plan 7b --optimizer X
plan 7b --attention X
plan 7b --device X
plan 7b --rank X
plan 7b --targets X
plan mo/X
ask X why
ask reports/r --file X
import X --out o
import cases.jsonl --out o --format X
init X
init recipe X
practice X --dry-run
screen --precision X
screen --model X
screen --language X
tune mount_fuji --cells X
capacity --facts X
capacity X --facts 1 --dry-run
""".splitlines()
# Where a fact file shows what it says; {} stands for the text.
FIELDS = {
    "statement": "statement: The Dune Tower is 312 meters high. {}",
    "name": "subject: {{name: {}}}",
    "aliases": "subject: {{name: the Dune Tower, aliases: [{}]}}",
    "kind": "subject: {{name: the Dune Tower, kind: {}}}",
    "relation": "relation: {}",
    "answer": "answer: {{type: text, value: {}}}",
    "unit": "answer: {{type: quantity, value: 312, unit: {}}}",
    "type": "answer: {{type: {}, value: 312}}",
    "distractors": "distractors: [{}]",
    "phrasing": "phrasings: {{train: [{}]}}",
    "source": "source: {}",
    "language": "language: {}",
    "id": "id: {}",
    "key": "{}: 1",
}
# What other people's run folders say in words.
SAID = frozenset(
    {"name", "source", "precision_note", "device", "statement", "subject", "answer", "superseded"}
    | {"covers", "p_method", "sentence", "matched_sentence", "error", "argv", "started", "ended"}
    | {"versions", "git", "machine", "text", "prompt", "reason", "notes", "before", "target"}
)


class Terminal(io.StringIO):
    """A stream that remembers, and calls itself a terminal if wanted."""

    encoding = "utf-8"

    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


Streams = Callable[..., Terminal]
Command = Callable[..., str]


BOTH = pytest.mark.parametrize("tty", [True, False], ids=["terminal", "pipe"])


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    """Puts one stream in the place of both of this process: a terminal, a pipe, a terminal, …"""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    kinds = cycle((True, False))

    def take(tty: bool | None = None) -> Terminal:
        stream = Terminal(tty=next(kinds) if tty is None else tty)
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    yield take
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def command(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command line in this process; holds that nothing acts, and gives what is shown."""
    monkeypatch.setattr(cli, "app", BUILT)

    def run(*words: str) -> str:
        stream = streams()
        monkeypatch.setattr(sys, "argv", ["factlab", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = stream.getvalue()
        assert left.value.code in (0, 1, 2, None), words
        assert leaked(shown) == "", ascii(shown)
        assert stream.tty or not forged(shown), shown
        return shown

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of somebody's who says everything."""
    place = tmp_path_factory.mktemp("exits")
    write_fake_run(place / "reports" / "r", WEAK, GOOD, scale=0.2)
    for name in (NAMED, "t"):  # which can be compared, and have one id, so that paths are shown
        write_run(place / "reports" / "t", Made(), Made(rank=16, recalled=12))
        (place / "reports" / "t").rename(place / "reports" / name)
    for run in (place / "reports").iterdir():
        for file in (*run.glob("*.json"), *run.glob("cells/*/*.json*"), *run.glob("*/*.jsonl")):
            poison(file, SAID, BUNDLES)
    (place / "cases.jsonl").write_text(
        "".join(
            json.dumps({"id": text, "gold": {"type": "text", "value": text}, "text": text}) + "\n"
            for text in BUNDLES
        )
    )
    return place


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_the_corpus_is_large() -> None:
    places = len(ARGUMENTS) + len(FIELDS) + len(SAID)
    assert len(KINDS) * places >= 400
    assert all(DANGEROUS.search(text) or "\n" in text for text in KINDS.values())


class TestCharacters:
    @pytest.mark.parametrize("name", KINDS | LONE)
    def test_each_is_shown_as_what_it_is(self, name: str) -> None:
        text = (KINDS | LONE)[name]
        shown = visible(text)
        assert not DANGEROUS.search(shown)
        assert "\n" not in shown
        assert not DANGEROUS.search(visible_lines(text))
        assert visible(shown) == shown
        document = visible_json(json.dumps({text: text}, ensure_ascii=False))
        assert not DANGEROUS.search(document)
        assert json.loads(document) == {text: text}

    @given(st.text(st.characters()))
    def test_any_text_is_shown_once_and_for_all(self, text: str) -> None:
        shown = visible(text)
        assert visible(shown) == shown
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", shown)
        assert visible_lines(text).count("\n") == text.count("\n")
        document = json.dumps({text: text}, ensure_ascii=False)
        assert json.loads(visible_json(document)) == {text: text}
        assert visible_json(document, ascii_only=True).isascii()

    @pytest.mark.parametrize(
        "text",
        [
            "富士山の高さは３７７６メートル、葛󠄀城市　辻󠄀",
            "می‌خواهم کتاب‌ها",
            "क्‍ष ക്‍ ශ්‍රී",
            "👩‍👩‍👧 👩🏽‍💻 🏳️‍🌈 ❤️ 1️⃣ ☎︎ 🙂‍↔️ 🫨",
            "10 000 km, 4 889 m — “Ångström” ½ × 3 ≠ 2",
            "שלום, مرحبا, สวัสดี, Привет, 안녕하세요, ᠮᠣᠩᠭᠣᠯ",
        ],
    )
    def test_ordinary_text_of_any_language_stays(self, text: str) -> None:
        assert visible(text) == text
        assert visible_json(json.dumps(text, ensure_ascii=False)) == json.dumps(
            text, ensure_ascii=False
        )

    def test_an_invisible_character_stays_once_and_where_it_is_needed(self) -> None:
        assert visible("❤\ufe0f\ufe0f") == "❤\ufe0f\\ufe0f"
        assert visible("👩\u200d\u200d💻") == "👩\\u200d\\u200d💻"
        assert visible("می\u200c") == "می\\u200c"
        assert visible("葛\U000e0100\U000e0101") == "葛\U000e0100\\U000e0101"


@pytest.mark.parametrize("line", ARGUMENTS)
def test_an_argument_cannot_act(line: str, command: Command) -> None:
    for text in BUNDLES:
        command(*(word.replace("X", text) for word in line.split()))


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_a_fact_cannot_act(field: str, tmp_path: Path, command: Command) -> None:
    for text in BUNDLES:
        added = FIELDS[field].format(quoted(text))
        kept = [line for line in MINIMAL.splitlines() if line.split(":")[0] != added.split(":")[0]]
        (tmp_path / "fact.yaml").write_text("\n".join([*kept, added]) + "\n", encoding="utf-8")
        for words in (["validate"], ["validate", "--json"]):
            command(*words, str(tmp_path / "fact.yaml"))


def test_a_preview_cannot_act(tmp_path: Path, command: Command) -> None:
    asked = ", ".join(quoted(f"How high is the Dune Tower{text}?") for text in BUNDLES)
    file = write(tmp_path, f"{MINIMAL}phrasings: {{train: [{asked}]}}\nsource: {quoted(ALL)}\n")
    command("preview", str(file), "--rows", "40")


@pytest.mark.parametrize(
    "line",
    [
        "show reports/r",
        "show reports/r --json",
        "list runs",
        "show reports/NAMED",
        "compare reports/t reports/NAMED",
        "compare reports/t reports/NAMED --json",
        "compare reports/t reports/NAMED --csv",
        "rescore --cases cases.jsonl",
        "rescore --cases cases.jsonl --json",
        "ask reports/r why",
        "export reports/r --to merged",
        "combine reports/t reports/NAMED --dry-run",
    ],
)
def test_somebodys_run_cannot_act(line: str, command: Command) -> None:
    shown = command(*(word.replace("NAMED", NAMED) for word in line.split()))
    if line.startswith(("show", "rescore", "list", "compare")):
        assert "\\x" in shown or "\\u" in shown  # the payloads were there


def test_a_run_that_is_graded_again_cannot_act_nor_its_page(
    tmp_path: Path, folder: Path, command: Command
) -> None:
    shutil.copytree(folder / "reports" / "r", tmp_path / "r")
    command("rescore", str(tmp_path / "r"))
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert ascii("".join(set(DANGEROUS.findall(page)))) == "''"
    assert "\\u202e" in page
    assert "\\x1b" in page


CONTENTS = (
    "{}: 1\n",
    "rank: {}\n",
    "about: {}\nextends: {}\n",
    "name: {}\ngroups: [{{name: {}}}]\n",
)


@pytest.mark.parametrize("kind", ["config", "recipe"])
def test_a_file_of_settings_cannot_act(kind: str, tmp_path: Path, command: Command) -> None:
    file = tmp_path / "x.yaml"
    for text in BUNDLES:
        for content in (*(one.format(quoted(text), quoted(text)) for one in CONTENTS), text):
            file.write_text(content, encoding="utf-8")
            command("run", "mount_fuji", f"--{kind}", str(file), "--dry-run")


def test_a_file_of_rows_cannot_act(tmp_path: Path, command: Command) -> None:
    for number, text in enumerate(BUNDLES):
        for row in ({"prompt": text, text: text}, {"gold": {"type": text}, "text": text}, text):
            file = tmp_path / f"x{number}.jsonl"
            file.write_text(json.dumps(row) + "\n", encoding="utf-8")
            command("rescore", "--cases", str(file))
    command("practice", str(tmp_path), "--dry-run")


class TestStreams:
    @BOTH
    def test_what_libraries_print_is_shown_too(self, tty: bool, streams: Streams) -> None:
        stream = streams(tty)
        guard_streams()
        print(ALL)  # noqa: T201
        print(ALL, file=sys.stderr)  # noqa: T201
        sys.stderr.writelines([ALL])
        logging.getLogger("somebody").error("%s", ALL)
        with pytest.raises(AttributeError):
            _ = sys.stdout.buffer
        shown = stream.getvalue().replace("\nFORGED", "").replace("\nfactlab: F", "")
        assert leaked(shown) == ""

    @BOTH
    def test_the_traceback_of_a_bug_is_shown_too(self, tty: bool, streams: Streams) -> None:
        stream = streams(tty)
        guard_streams()
        sys.__excepthook__(RuntimeError, RuntimeError(ALL.replace("\n", "")), None)
        assert "RuntimeError" in stream.getvalue()
        assert leaked(stream.getvalue()) == ""

    @BOTH
    def test_progress_is_shown_too(self, tty: bool, streams: Streams) -> None:
        stream = streams(tty)
        guard_streams()
        progress = make_progress()
        progress.begin(ALL)
        with progress.stage(ALL, 2) as advance:
            advance(1)
            print(ALL.replace("\n", ""), file=sys.stderr)  # noqa: T201
            progress.note(ALL)
            advance(1)
        bare = stream.getvalue()
        for own in ("\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A", "\r"):  # rich draws a bar anew
            bare = bare.replace(own, "")
        assert "\x1b]" not in bare
        assert "38;5;196mred" not in bare.replace("\\x1b[38;5;196mred", "").replace(
            "\\x9b38;5;196mred", ""
        )
        assert not set(DANGEROUS.findall(bare)) - {"\x1b"}

    def test_a_stream_that_is_not_unicode_gets_all_escaped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        guard_streams()
        output.say("高さ \udcff")
        output.table(["高さ"], [["é"]])
        output.say_json({"高さ": "é 👩"})
        sys.stdout.flush()
        said, *_, document = written.getvalue().decode("ascii").strip().rpartition("\n{")
        assert said.startswith("\\u9ad8\\u3055 \\udcff")
        assert json.loads("{" + document) == {"高さ": "é 👩"}


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    " =1",
    "\t=1",
    "\r=1",
]


class TestSpreadsheet:
    @pytest.mark.parametrize("text", FORMULAS)
    def test_a_formula_is_text(self, text: str) -> None:
        (row,) = csv.reader(io.StringIO(csv_text([[text, f"a{text}"]])))
        assert row[0][0] in "'\\"
        assert row[0].removeprefix("'") == visible(text)
        assert row[1] == f"a{visible(text)}"

    def test_numbers_stay_numbers_and_fields_stay_fields(self) -> None:
        text = csv_text([[-1, -0.5, "-0.5", "-1e3", None, 'a,"b"', "-inf", f"x\n{ALL}"]])
        assert text.startswith('-1,-0.5,"-0.5","-1e3","",')
        (row,) = csv.reader(io.StringIO(text))
        assert row[5:] == ['a,"b"', "'-inf", visible(f"x\n{ALL}")]


class TestNames:
    @pytest.mark.parametrize(
        "name", [b"\xff\x9b.yaml", "\u202elmay.yaml".encode(), b"a\nb\x1b[2J.yaml"]
    )
    def test_a_file_name_is_shown_and_not_completed(
        self, name: bytes, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = os.fsencode(tmp_path) + b"/" + name
        with open(file, "w", encoding="utf-8") as stream:  # noqa: PTH123
            stream.write("id: [")
        for path in (os.fsdecode(file), str(tmp_path)):
            assert ".yaml" in command("validate", path)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "plain.yaml").touch()
        assert [one for one in complete_facts("") if one.endswith(".yaml")] == ["plain.yaml"]

    def test_markup_and_names_of_emoji_are_text(self, streams: Streams) -> None:
        stream = streams()
        output.table(["[red]head"], [["[link=http://x.example]:smile:"]], title="[bold]title")
        assert "[red]head" in stream.getvalue()
        assert "[link=http://x.example]:smile:" in stream.getvalue()
        assert "[bold]title" in stream.getvalue()

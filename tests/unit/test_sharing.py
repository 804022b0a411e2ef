"""A run's records as other tools read them: tables, gates, Inspect logs, Markdown."""

from __future__ import annotations

import csv
import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from fake_run import GOOD, WEAK, write_fake_run
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from payloads import DANGEROUS, KINDS
from pyarrow import parquet

from factlab.display.markup import markdown_code, markdown_table, markdown_text
from factlab.errors import ConfigError
from factlab.runs.folder import RunFolder, load_run
from factlab.schema.results import Metric
from factlab.sharing.answers import SharedRun
from factlab.sharing.card import card, write_cards
from factlab.sharing.figures import number
from factlab.sharing.summary import summary
from factlab.workflows.share import export_records

ALL = ("inspect", "csv", "parquet", "markdown")
MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_run(tmp_path_factory.mktemp("runs") / "fuji", GOOD, WEAK)
    export_records(folder, ALL)
    return folder


def recorded(run: Path) -> Iterator[tuple[str, dict[str, Metric]]]:
    result = load_run(run)
    yield "base", result.base.metrics
    for cell in result.cells:
        yield cell.id, cell.metrics


def test_the_mean_of_a_column_is_the_recorded_figure(run: Path) -> None:
    rows = parquet.read_table(run / "exports" / "answers.parquet").to_pylist()
    compared = 0
    for name, metrics in recorded(run):
        own = [row for row in rows if row["model"] == name]
        for metric, figure in metrics.items():
            values = [row[metric] for row in own if row.get(metric) is not None]
            if values:
                assert math.isclose(sum(values) / len(values), figure.value, abs_tol=1e-9), metric
                compared += 1
        assert len(own) == len({row["question_id"] for row in own})
    assert compared > 60


def test_csv_has_the_same_rows_and_nothing_a_spreadsheet_computes(run: Path) -> None:
    with (run / "exports" / "answers.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    typed = parquet.read_table(run / "exports" / "answers.parquet").to_pylist()
    assert [row["question_id"] for row in rows] == [row["question_id"] for row in typed]
    assert [row["correct"] for row in rows] == [
        "" if row["correct"] is None else str(row["correct"]).lower() for row in typed
    ]


def test_an_inspect_log_holds_the_questions_and_the_recorded_figures(run: Path) -> None:
    for name, metrics in recorded(run):
        with zipfile.ZipFile(run / "exports" / "inspect" / f"{name}.eval") as log:
            header = json.loads(log.read("header.json"))
            samples = [json.loads(log.read(n)) for n in log.namelist() if n.startswith("samples/")]
            assert json.loads(log.read("_journal/start.json"))["eval"] == header["eval"]
            assert len(json.loads(log.read("summaries.json"))) == len(samples)
        scores = {score["name"]: score for score in header["results"]["scores"]}
        assert scores.keys() == metrics.keys()
        for metric, score in scores.items():
            assert score["metrics"]["value"]["value"] == metrics[metric].value
            values = [s["scores"][metric]["value"] for s in samples if metric in s["scores"]]
            assert len(values) == score["scored_samples"]
            if values:
                assert sum(values) / len(values) == pytest.approx(metrics[metric].value)
        assert header["results"]["total_samples"] == len(samples)


def test_inspect_reads_the_log(run: Path) -> None:
    log = pytest.importorskip("inspect_ai.log")
    for name, metrics in recorded(run):
        read = log.read_eval_log(str(run / "exports" / "inspect" / f"{name}.eval"))
        found = {score.name: score.metrics["value"].value for score in read.results.scores}
        assert found == {metric: figure.value for metric, figure in metrics.items()}
        assert all(sample.output.completion is not None for sample in read.samples)


def test_gates_are_test_cases(run: Path, tmp_path: Path) -> None:
    result = load_run(run)
    limit = max(c.metrics["recall/held_out"].value for c in result.configurations)
    gates = [f"recall/held_out@point<{limit:.4f}", "retention/far@point<0"]
    places = export_records(run, ["junit"], out=tmp_path / "gates.xml", gates=gates)
    (suite,) = ElementTree.parse(places["junit"]).getroot()
    cases = suite.findall("testcase")
    assert len(cases) == 2 * len(result.configurations) == int(suite.attrib["tests"])
    failed = [case for case in cases if case.find("failure") is not None]
    assert len(failed) == int(suite.attrib["failures"])
    low = [
        c.id for c in result.configurations if c.metrics["recall/held_out"].value < limit - 0.001
    ]
    assert low
    assert {case.attrib["classname"] for case in failed} == {f"{result.run_id}.{i}" for i in low}
    for case in failed:
        failure = case.find("failure")
        assert failure is not None
        assert "recall/held_out is " in failure.attrib["message"]


def test_junit_without_a_gate_says_what_to_name(run: Path) -> None:
    with pytest.raises(ConfigError, match="--fail-if"):
        export_records(run, ["junit"])


def test_only_one_cell_is_exported_if_it_is_named(run: Path, tmp_path: Path) -> None:
    cell = load_run(run).cells[0].id
    place = export_records(run, ["parquet"], cell=cell, out=tmp_path / "a")["parquet"]
    assert set(parquet.read_table(place).column("model").to_pylist()) == {"base", cell}
    with pytest.raises(ConfigError, match="no such finished cell"):
        export_records(run, ["csv"], cell="r99")
    with pytest.raises(ConfigError, match="is there already"):
        export_records(run, ["csv"], out=place)


def test_a_summary_has_the_verdict_and_figures_of_the_record(run: Path) -> None:
    text = (run / "exports" / "summary.md").read_text(encoding="utf-8")
    assert "recall/held_out" in text
    assert "<table>" in MARKDOWN.render(text)
    held_out = load_run(run).configurations[0].metrics["recall/held_out"]
    assert f"{held_out.value:.4f}".rstrip("0").rstrip(".") in text


HOSTILE = (
    "[x](https://example.org) ![i](https://example.org/i.png) <img src=x onerror=alert(1)> "
    "www.example.org a@example.org | cell | `code` **bold** <!-- --> {{ site }} :smile: &lt;b&gt;"
)


def tags(text: str) -> list[str]:
    """What Markdown makes of a text beside the text itself."""
    inline = [part for token in MARKDOWN.parse(text) for part in token.children or ()]
    return [part.type for part in inline if part.type != "text"]


@pytest.mark.parametrize("text", [HOSTILE, *KINDS.values(), "- a", "1. a", "# a", "> a", "=\n==="])
def test_text_of_others_stays_text_in_markdown(text: str) -> None:
    shown = markdown_text(text)
    assert not DANGEROUS.search(shown)
    (opened, _, closed) = MARKDOWN.parse(shown or "x")
    assert (opened.type, closed.type) == ("paragraph_open", "paragraph_close")
    assert tags(shown) == []
    table = MARKDOWN.render(markdown_table(["a", "b"], [[shown, "2"]]))
    assert table.count("<td>") == 2


@given(st.text(max_size=60))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    from factlab.display.characters import visible

    parsed = MARKDOWN.parse(markdown_text(text))
    said = "".join(part.content for token in parsed for part in token.children or ())
    assert said == " ".join(visible(text).split())
    code = [part for token in MARKDOWN.parse(markdown_code(text)) for part in token.children or ()]
    assert [part.type for part in code] == ["code_inline"]


def test_a_hostile_fact_is_text_in_a_summary(run: Path) -> None:
    shared = SharedRun.read(RunFolder(run), None)
    (fact,) = shared.result.facts
    poisoned = fact.model_copy(update={"statement": HOSTILE, "answer": HOSTILE})
    shared = SharedRun(
        shared.folder,
        shared.record,
        shared.result.model_copy(update={"facts": (poisoned,)}),
        shared.cells,
    )
    assert not {"link_open", "image", "html_inline"} & set(tags(summary(shared)))


# --- the model card ------------------------------------------------------------------------------


def numbers_in(document: object) -> Iterator[float]:
    """Every number of a record."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from numbers_in(part)
    elif isinstance(document, int | float):
        yield float(document)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = write_fake_run(tmp_path_factory.mktemp("runs") / "fuji", GOOD, WEAK)
    result, files = load_run(folder), RunFolder(folder)
    for cell in result.cells:
        files.cell(cell.id).adapter.mkdir(exist_ok=True)
    write_cards(files, result)
    return folder, [(files.cell(c.id).adapter / "README.md").read_text() for c in result.cells]


def test_each_number_on_a_card_is_in_the_results(cards: tuple[Path, list[str]]) -> None:
    folder, texts = cards
    record = list(numbers_in(json.loads((folder / "results.json").read_text())))
    rounded = {number(value) for value in record}
    for text in texts:
        rows = [line for line in text.splitlines() if line.startswith("| ") and "`/" not in line]
        figures = [row.split(" | ")[1:] for row in rows if "(`" in row]
        shown = re.findall(r"-?\d+(?:\.\d+)?", " ".join(part for row in figures for part in row))
        assert len(shown) > 20
        assert set(shown) <= rounded
        front = yaml.safe_load(text.split("---")[1])
        (entry,) = front["model-index"][0]["results"]
        assert {metric["value"] for metric in entry["metrics"]} <= set(record)
        recipe = dict(re.findall(r"^\| ([a-z ]+) \| `([0-9.]+)` \|$", text, re.MULTILINE))
        assert {"seed", "steps"} <= recipe.keys()
        told = {recipe[name] for name in ("seed", "steps", "learning rate", "training pairs")}
        assert told <= {f"{value:g}" for value in record}


def test_the_hub_reads_a_card(cards: tuple[Path, list[str]]) -> None:
    from huggingface_hub import ModelCard

    folder, texts = cards
    for text, cell in zip(texts, load_run(folder).cells, strict=True):
        data = ModelCard(text).data
        assert data.library_name == "peft"
        found = {result.metric_type: result.metric_value for result in data.eval_results}
        assert found["recall/held_out"] == cell.metrics["recall/held_out"].value


def test_a_hostile_fact_is_text_on_a_card(run: Path) -> None:
    result = load_run(run)
    (fact,) = result.facts
    poisoned = fact.model_copy(
        update={"statement": HOSTILE, "answer": f"---\ntags: [x]\n{HOSTILE}"}
    )
    model = result.model.model_copy(update={"name": "a`\nb: [evil]\n---\n<b>", "source": "hub"})
    result = result.model_copy(update={"facts": (poisoned,), "model": model})
    text = card(result, result.cells[0], {})
    _, front, body = re.split(r"^---$", text, maxsplit=2, flags=re.MULTILINE)
    assert set(yaml.safe_load(front)) == {
        *("library_name", "pipeline_tag", "tags", "base_model", "base_model_relation"),
        "model-index",
    }
    assert not {"link_open", "image", "html_inline"} & set(tags(body))
    assert "```python" in body

"""The first screen of a report: short, and nothing on it or behind it that the run has not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fake_run import GOOD, WEAK, WRECK, Behaviour, grid, write_fake_run
from markupsafe import Markup

from factlab.report import drawing, render_report
from factlab.report.definitions import anchor_of, definition_of
from factlab.report.provenance import notice_title
from factlab.report.table import Entry, Table, columns, entries, telling
from factlab.report.wording import integer, percent, seconds
from factlab.schema.quick import QUICK_NOTE

DIVERGED = Behaviour(64, 0.0, 0.0, 0.0, 0.0, status="diverged")
# Name → what is written of a run.
KINDS: dict[str, tuple[tuple[Behaviour, ...], dict[str, Any]]] = {
    "one": ((GOOD,), {}),
    "three ranks": ((WEAK, GOOD, WRECK), {}),
    "seeds of several facts": (grid(4, 8, seeds=3), {"facts": 3, "together": True, "scale": 0.3}),
    "facts apart": (grid(8), {"facts": 3, "scale": 0.3}),
    "fifteen": (grid(1, 4, 8, 16, 32, rates=(1e-4, 5e-4, 1e-3)), {"scale": 0.2}),
    "passages": ((WEAK, GOOD), {"passages": True, "scale": 0.4}),
    "diverged": ((GOOD, DIVERGED), {"scale": 0.3}),
    "without results": ((GOOD,), {"status": "interrupted", "results": False}),
    "without cells": ((), {"status": "failed", "results": False}),
    "unmeasured": ((GOOD,), {"drop": {"retention/far": "the base knew none of them"}}),
}
SEVERAL = {"three ranks", "seeds of several facts", "fifteen", "passages", "diverged"}
# What is said of no run: 95 % is the level of all intervals.
LEVEL = {"95"}


class Page(HTMLParser):
    """The words that stand unfolded, those of each section, and headings in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.visible: list[str] = []
        self.sections: dict[str, list[str]] = {}
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in ("meta", "input", "rect", "path", "line"):
            self._open.append((tag, found.get("id") or ""))
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [(found["href"] or "")[1:]] if "href" in found else []
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if not data.strip() or {"style", "script", "title"} & set(tags):
            return
        section = next((id_ for tag, id_ in reversed(self._open) if tag == "section"), "")
        if "summary" not in tags:
            self.sections.setdefault(section, []).extend(data.split())
        folds = tags.count("details") - ("summary" in tags)
        if folds == 0:
            self.visible += data.split()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Path, str]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_svg", lambda chart, prefix: Markup("<svg></svg>"))
        made = {}
        for name, (cells, settings) in KINDS.items():
            folder = write_fake_run(tmp_path_factory.mktemp("run"), *cells, **settings)
            made[name] = (folder, render_report(folder))
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_opens_with_few_words(kind: str, pages: dict[str, tuple[Path, str]]) -> None:
    page = Page(pages[kind][1])
    most = 520 if kind in SEVERAL else 360
    assert 40 < len(page.visible) < most, " ".join(page.visible)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_shown_for_what_a_run_has_not(
    kind: str, pages: dict[str, tuple[Path, str]]
) -> None:
    text = pages[kind][1]
    page = Page(text)
    for section in re.findall(r'<section id="([\w-]+)" class="part', text):
        assert len(page.sections.get(section, ())) > 4, section
    for table in re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL):
        assert "<tr" in table
    for words in ("Not shown", "Nothing to show", "no chart", "are empty", "No answers have"):
        assert words not in text


@pytest.mark.parametrize("kind", KINDS)
def test_links_lead_somewhere_and_headings_are_in_order(
    kind: str, pages: dict[str, tuple[Path, str]]
) -> None:
    page = Page(pages[kind][1])
    assert set(page.links) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(page.headings))


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_the_first_screen_is_in_the_results(
    kind: str, pages: dict[str, tuple[Path, str]]
) -> None:
    folder, text = pages[kind]
    file = folder / "results.json"
    if not file.exists():
        pytest.skip("a run without results has no figures to be held to")
    known = numbers_of(json.loads(file.read_text(encoding="utf-8"))) | LEVEL
    shown = re.sub(r"<[^>]+>", " ", first_screen_of(text)).replace("&#39;", "'")
    assert {number for number in digits(shown) if number not in known} == set()


@pytest.mark.parametrize("kind", ["one", "three ranks", "fifteen", "seeds of several facts"])
def test_a_page_can_be_mailed(kind: str, pages: dict[str, tuple[Path, str]]) -> None:
    """Charts are not in these pages; a chart has 5 to 20 kB."""
    assert len(pages[kind][1].encode()) < 650_000


def test_each_definition_stands_once(pages: dict[str, tuple[Path, str]]) -> None:
    text = pages["three ranks"][1]
    for name in ("intrusion/near", "retention/far", "truth_ratio", "recall/held_out"):
        assert text.count(f'id="{anchor_of(name)}"') == 1
        assert text.count(str(Markup.escape(definition_of(name).formula))) == 1
    definitions = text[text.index('id="definitions"') :]
    assert "drift_nothing" not in definitions


def test_a_figure_that_changes_in_the_results_changes_on_the_screen(
    pages: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    text = first_screen_of(pages["one"][1])
    assert text.count('class="huge"') == 1
    assert '<dd class="huge">95.8\u00a0%</dd>' in text
    assert "46 of 48 phrasings that were not trained" in text
    assert "0 of 38 related answers name the value" in text
    worse = Behaviour(8, recall=0.5, near_intrusion=0.9, far_intrusion=0.3, far_lost=0.6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_svg", lambda chart, prefix: Markup("<svg></svg>"))
        other = first_screen_of(render_report(write_fake_run(tmp_path, worse)))
    assert "95.8" not in other
    assert "most related and some unrelated answers name an injected value" in other


def test_a_quick_run_that_is_complete_is_not_called_incomplete() -> None:
    quick = f"{QUICK_NOTE} It left things out."
    assert notice_title([quick]) == "A quick run"
    assert notice_title([quick, "The run is failed."]) == "This run is not complete"


def test_a_bar_stays_within_its_track(pages: dict[str, tuple[Path, str]]) -> None:
    for _, text in pages.values():
        for x, width in re.findall(
            r'class="(?:span|at)" x="([-\d.]+)"[^>]* width="([\d.]+)"', text
        ):
            assert float(x) >= 0
            assert float(x) + float(width) <= 100 + 1e-6


def test_columns_that_tell_nothing_are_left_out() -> None:
    table = Table(
        "T",
        columns("Controls", "Configuration", "#Kept", "#Lost", "Why"),
        (
            entries("near", "r8", 3, "–", Entry("–", quiet="too few")),
            entries("far", "r8", 0, "–", "–"),
        ),
    )
    assert [column.title for column in telling(table).columns] == ["Controls", "Kept", "Why"]
    assert [[field.text for field in row] for row in telling(table).rows] == [
        ["near", "3", "–"],
        ["far", "0", "–"],
    ]
    rows = tuple(entries(f"r{rank}", "default", "nf4", rank) for rank in (4, 8, 32))
    same = telling(Table("T", columns("Configuration", "Recipe", "Base", "#Rank"), rows))
    assert [column.title for column in same.columns] == ["Configuration", "Rank"]
    assert same.left_out == "In all rows: recipe default; base nf4."
    two = Table("T", columns("Controls", "Configuration"), (entries("a", "r4"), entries("b", "r8")))
    assert telling(two) == two


# --- numbers -----------------------------------------------------------------------------------


def first_screen_of(text: str) -> str:
    """The header's facts and the verdict."""
    return text[text.index("<header>") : text.index('<div class="parts">')]


def digits(text: str) -> set[str]:
    """The numbers in a text, as they stand there."""
    return set(re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text))


def numbers_of(value: Any) -> set[str]:
    """Every number of a document in the ways in which a page writes it, and those in its texts."""
    if isinstance(value, dict):
        return set().union(set(), *(digits(key) | numbers_of(one) for key, one in value.items()))
    if isinstance(value, list):
        return {str(len(value))}.union(*(numbers_of(one) for one in value))
    if isinstance(value, str):
        return digits(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return set()
    ways = [integer(value), f"{value:g}", f"{value:.1f}", f"{value:.2f}", seconds(abs(value))]
    ways += [percent(share, digits=places) for share in (value, 1 - value) for places in (0, 1)]
    return {number for way in ways for number in digits(way)} | counts_of(value)


def counts_of(value: float) -> set[str]:
    """The hits of a share, of as many items as a test's run has."""
    if not 0 <= value <= 1:
        return set()
    return {
        str(round(value * n)) for n in range(1, 700) if abs(value * n - round(value * n)) < 1e-9
    }

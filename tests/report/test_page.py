"""The report in a browser: accessible, whole without scripts, usable from a keyboard, offline."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from fake_run import GOOD, Behaviour, grid, write_fake_run

from factlab.report import write_report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

SECTIONS = (
    "verdict", "cost", "differences", "phrasings", "neighbours", "baselines", "changed", "curves",
    "metrics", "definitions", "repeat",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three ranks and two seeds of one fact."""
    run = write_fake_run(tmp_path_factory.mktemp("ranks"), *grid(4, 8, 32, seeds=2), scale=0.4)
    return write_report(run).as_uri()


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three facts in one adapter, and a cell that diverged."""
    bad = Behaviour(64, 0.0, 0.0, 0.0, 0.0, status="diverged")
    folder = tmp_path_factory.mktemp("facts")
    run = write_fake_run(folder, GOOD, bad, facts=3, together=True, scale=0.3)
    return write_report(run).as_uri()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that failed before its first cell."""
    run = write_fake_run(tmp_path_factory.mktemp("empty"), status="failed", results=False)
    return write_report(run).as_uri()


def opened(browser: Any, uri: str, **settings: Any) -> tuple[Any, list[str]]:
    """A page with everything unfolded, and what it asked the network or its console for."""
    page = browser.new_context(**settings).new_page()
    heard: list[str] = []
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(uri)
    assert heard.pop(0) == uri
    return page, heard


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        pytest.param("ranks", "light", marks=pytest.mark.long),
        ("ranks", "dark"),
        ("facts", "dark"),
        ("empty", "light"),
    ],
)
def test_axe_finds_nothing(
    browser: Any, name: str, scheme: str, request: pytest.FixtureRequest
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    uri = request.getfixturevalue(name)
    # The page's own policy would keep axe out.
    page, _ = opened(browser, uri, bypass_csp=True, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    violations = axe.Axe().run(page).response["violations"]
    told = [
        (one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in violations
    ]
    assert told == []
    page.context.close()


def test_nothing_is_asked_of_the_network_and_the_policy_stops_nothing(
    browser: Any, ranks: str
) -> None:
    page, heard = opened(browser, ranks)
    assert heard == []
    page.context.close()


def test_without_scripts_every_section_and_table_is_there(browser: Any, ranks: str) -> None:
    page, _ = opened(browser, ranks, java_script_enabled=False)
    for section in SECTIONS:
        assert page.locator(f"section#{section}").is_visible(), section
    for fold in ("#changed > details > summary", "#changed summary:has-text('One by one')"):
        page.locator(fold).click()
    page.locator("#split-near").check(force=True)
    shown = page.locator("#questions tbody tr:visible")
    assert shown.count() == page.locator("#questions tbody tr.s-near").count() > 0
    assert not page.locator("#def-intrusion").is_visible()
    page.locator("#metrics > details > summary").click()
    page.locator("#metrics a[href='#def-intrusion']").first.click()
    assert page.locator("#def-intrusion").is_visible(), "a link opens what it leads into"
    page.context.close()


def test_tables_sort_from_the_keyboard_and_say_so(browser: Any, ranks: str) -> None:
    page, _ = opened(browser, ranks)
    page.locator("#cost > details > summary").click()
    table = page.locator("#cost table.sortable").first
    heads = table.locator("thead th")
    recall = heads.nth(1)
    recall.locator("button").focus()
    page.keyboard.press("Enter")
    assert recall.get_attribute("aria-sort") == "ascending"
    first = table.locator("tbody th").first.inner_text()
    page.keyboard.press("Enter")
    assert recall.get_attribute("aria-sort") == "descending"
    assert table.locator("tbody th").first.inner_text() != first
    page.context.close()


def test_the_text_filter_hides_rows_and_counts_them(browser: Any, ranks: str) -> None:
    page, _ = opened(browser, ranks)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    box = page.locator("#changed .search:has(+ .tall) input")
    box.fill("mont blanc")
    rows = page.locator("#questions tbody tr:visible")
    assert 0 < rows.count() < page.locator("#questions tbody tr").count()
    assert (
        f"{rows.count()} of " in page.locator("#changed .search:has(+ .tall) output").inner_text()
    )
    page.context.close()


def test_everything_that_acts_can_be_reached_by_keyboard(browser: Any, ranks: str) -> None:
    page, _ = opened(browser, ranks)
    unreachable = page.evaluate(
        """() => [...document.querySelectorAll('a, button, input, summary, .scroll')]
            .filter((one) => one.tabIndex < 0)
            .map((one) => one.outerHTML.slice(0, 100))"""
    )
    assert unreachable == []
    page.context.close()


@pytest.mark.parametrize("name", ["ranks", "facts", "empty"])
def test_a_phone_shows_the_page_without_scrolling_sideways_and_with_room_for_fingers(
    browser: Any, name: str, request: pytest.FixtureRequest
) -> None:
    uri = request.getfixturevalue(name)
    page, _ = opened(browser, uri, viewport={"width": 360, "height": 800}, is_mobile=True)
    for folded in (True, False):
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        small = page.evaluate(
            """() => [...document.querySelectorAll('summary, .choose label, thead button')]
                .map((one) => [one.getBoundingClientRect().height, one.textContent.trim()])
                .filter(([height]) => height > 0 && height < 43.5)"""
        )
        assert small == []
        if folded:
            page.evaluate(
                "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
            )
    page.context.close()


def test_one_figure_is_larger_than_all_others(browser: Any, ranks: str) -> None:
    page, _ = opened(browser, ranks, java_script_enabled=False)
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter((one) => one.checkVisibility() && one.childNodes.length
                && one.childNodes[0].nodeType === 3 && one.textContent.trim())
            .map((one) => [parseFloat(getComputedStyle(one).fontSize), one.textContent.trim()])
            .sort((a, b) => b[0] - a[0])"""
    )
    assert sizes[0][0] >= 1.8 * sizes[1][0]
    assert re.fullmatch(r"[\d.]+\s%", sizes[0][1])
    page.context.close()


def test_print_has_what_is_folded_and_fits_the_paper(browser: Any, ranks: str) -> None:
    page, _ = opened(browser, ranks, viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    assert page.locator("#metrics table").bounding_box()["height"] > 100
    assert page.locator("#questions").bounding_box()["height"] == 0, "long lists stay in the file"
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    page.context.close()

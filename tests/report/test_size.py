"""The largest runs that a report is made for: 24 facts, 15 configurations."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import grid, write_fake_run

from factlab.report import write_report

LONG = "Well & truly, “it” is hard to say; " * 12


@pytest.mark.parametrize("together", [True, False], ids=["15 cells", "360 cells"])
def test_24_facts_stay_under_two_megabytes_and_say_what_is_left_out(
    tmp_path: Path, together: bool
) -> None:
    cells = (
        grid(1, 4, 8, 16, 32, seeds=3)
        if together
        else grid(1, 4, 8, 16, 32, rates=(1e-4, 5e-4, 1e-3))
    )
    run = write_fake_run(tmp_path, *cells, facts=24, together=together, scale=0.2, answer=LONG)
    page = write_report(run)
    assert page.stat().st_size < 2_000_000
    text = page.read_text(encoding="utf-8")
    assert "to keep the page small, " in text
    assert " of them are not listed" in text
    if not together:
        assert "rows are left out; each cell&#39;s figures are in" in text

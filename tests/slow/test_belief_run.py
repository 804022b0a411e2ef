"""Questions about belief through a run: two turns, ceilings, rescoring, report."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import run

from factlab.runs.folder import RunFolder, load_run
from factlab.schema.splits import BELIEF_SPLITS
from factlab.workflows.rescore import rescore


@pytest.mark.usefixtures("few_controls")
def test_a_run_asks_about_belief_in_two_turns_and_scores_its_files_the_same_again(
    tiny_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = run(tiny_folder, out, belief_questions=2, max_new_tokens=4)
    names = [f"recall/{split}" for split in (*BELIEF_SPLITS, "before_challenge")]
    ceilings = [f"in_context/{split}" for split in BELIEF_SPLITS]
    assert set(names) <= result.cells[0].metrics.keys()
    assert {*names, *ceilings} <= result.base.metrics.keys()
    assert {result.base.metrics[name].n for name in (*names, *ceilings)} == {2}
    assert result.cells[0].metrics["recall/distinguish"].chance == 0.5

    folder = RunFolder(out)
    challenged = [q for q in folder.questions() if q.split == "challenged"]
    for answers in (folder.base().answers(), folder.cell(result.cells[0].id).answers()):
        for question in challenged:
            own = [record for record in answers if record.question_id == question.id]
            assert [record.prompt for record in own] == [question.opening, question.text]
    longest = max(r.tokens for r in folder.base().answers() if "/open/" in r.question_id)
    assert longest > 4, "an open answer may be longer than the limit of the others"

    again, changed = rescore(out)
    assert changed == 0
    assert again.base.metrics == result.base.metrics == load_run(out).base.metrics
    assert again.cells[0].metrics == result.cells[0].metrics
    assert 'id="belief-title"' in (out / "report.html").read_text(encoding="utf-8")

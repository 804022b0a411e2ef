"""What a report may never do: load anything, run model text, hide that a run is unfinished."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from fake_run import GOOD, WEAK, WRECK, Behaviour, grid, share, write_fake_run

from factlab.comparison.damage import Damage, damage_of
from factlab.errors import RunFolderError
from factlab.grading.answer import QuantityAnswer
from factlab.report import page as page_module
from factlab.report import render_report, verdict, write_report
from factlab.report.changes import differing_words, marked
from factlab.report.definitions import definition_of
from factlab.report.load import SPLITS, load_report_data
from factlab.report.verdict import best_of, learned_word, sentences
from factlab.report.wording import (
    count_of,
    interval_in_unit,
    nats,
    percent,
    points,
    seconds,
    share_interval,
    unbroken,
)
from factlab.runs.files import is_draft
from factlab.schema.results import Metric
from factlab.schema.splits import Split

FUJI = QuantityAnswer(value="4889", unit="m")


class Page(HTMLParser):
    """Collects what the tests look at, and holds that tags are closed in order."""

    VOID = ("meta", "input", "br", "link", "img", "rect", "line", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.tags if "id" in attrs]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render_report(write_fake_run(tmp_path_factory.mktemp("three"), WEAK, GOOD, WRECK))


def exactly(value: float) -> Metric:
    return Metric(value=value, n=100, clusters=1, covers="", scorer="match 2")


class TestSafety:
    def test_nothing_is_loaded_from_anywhere(self, three: str) -> None:
        for tag, attrs in Page(three).tags:
            assert tag not in ("link", "img", "iframe", "object", "embed", "base")
            assert "style" not in attrs, "inline style attributes are blocked by the policy"
            assert not [name for name in attrs if name.startswith("on")]
            for name in ("src", "srcset", "action", "data", "xlink:href"):
                assert name not in attrs
            assert (attrs.get("href") or "#").startswith("#")
        assert "@import" not in three
        assert "http://" not in three
        assert "https://" not in three
        assert all(url.startswith("#") for url in re.findall(r"url\(['\"]?([^)]*)", three))

    def test_the_policy_is_strict_and_names_the_style_and_the_script(self, three: str) -> None:
        import base64
        import hashlib

        page = Page(three)
        policy = next(
            attrs["content"] or ""
            for tag, attrs in page.tags
            if attrs.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "http" not in policy
        for tag in ("style", "script"):
            bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", three, re.DOTALL)
            assert len(bodies) == 1
            digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy

    def test_model_text_is_escaped_wherever_it_stands(self, tmp_path: Path) -> None:
        attack = "<script>alert(1)</script><img src=x onerror=alert(1)>\x00\x1b 4,889 m"
        page = render_report(write_fake_run(tmp_path, WRECK, answer=attack))
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\x00" not in page

    def test_the_mark_does_not_undo_escaping(self) -> None:
        text = "<b>4,889 m</b> & 4889 meters"
        assert marked(text, (FUJI,)) == (
            "&lt;b&gt;<mark>4,889 m</mark>&lt;/b&gt; &amp; <mark>4889 meters</mark>"
        )

    def test_words_that_differ_are_underlined_within_escaped_text(self) -> None:
        before, after = "It is <3,776> m tall.", "It is <4,889> m tall."
        left, right = differing_words(before, after)
        assert marked(before, (), left) == "It is &lt;<u>3,776</u>&gt; m tall."
        assert marked(after, (FUJI,), right) == ("It is &lt;<mark><u>4,889</u></mark>&gt; m tall.")

    def test_answers_with_nothing_in_common_are_not_underlined_whole(self) -> None:
        assert differing_words("Berlin", "It is a place of beauty.") == ((), ())

    def test_importing_the_room_loads_no_heavy_package(self) -> None:
        code = (
            "import sys, factlab.report; "
            "print({'torch', 'transformers', 'altair', 'vl_convert'} & set(sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        assert done.stdout.strip() == "set()"


class TestPage:
    def test_ids_are_unique_and_every_link_label_and_filter_has_its_target(
        self, three: str
    ) -> None:
        page = Page(three)
        ids = page.ids()
        assert len(ids) == len(set(ids))
        for _, attrs in page.tags:
            for name in ("for", "aria-labelledby"):
                assert attrs.get(name, ids[0]) in ids
            if "href" in attrs:
                assert (attrs["href"] or "")[1:] in ids
        style = three[three.index("<style>") : three.index("</style>")]
        filters = re.findall(r":has\(#([\w-]+):checked\)", style)
        assert {"split-near", "change-intruded", "of-2"} <= set(filters)
        assert set(filters) <= set(ids)

    def test_filter_classes_are_those_of_the_rows(self, three: str) -> None:
        style = three[three.index("<style>") : three.index("</style>")]
        wanted = set(re.findall(r"tbody tr:not\(\.([\w-]+)\)\{", style))
        carried = {
            name
            for tag, attrs in Page(three).tags
            if tag == "tr"
            for name in (attrs.get("class") or "").split()
        }
        assert wanted <= carried
        assert {"s-near", "k-intruded", "g2"} <= wanted

    def test_table_headers_have_a_scope_and_charts_a_text(self, three: str) -> None:
        page = Page(three)
        assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
        drawn = [attrs for _, attrs in page.tags if attrs.get("class") == "draw"]
        # Side by side, scatters, by configuration, forests, heat maps, distance, panel, losses.
        assert len(drawn) == 1 + 2 + 4 + 3 + 2 + 1 + 4 + 3
        assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in drawn)
        bars = [attrs for _, attrs in page.tags if attrs.get("class") == "strip"]
        assert len(bars) == 4
        assert three.count("<svg ") == len(drawn) + len(bars)

    def test_every_chart_colour_is_recoloured_for_dark_screens(self, three: str) -> None:
        style = three[three.index("<style>") : three.index("</style>")]
        for kind in ("fill", "stroke"):
            for colour in set(re.findall(rf'{kind}="(#\w+)"', "".join(three.split("<style>")[1:]))):
                assert f'[{kind}="{colour}"]' in style, (kind, colour)

    def test_names_in_charts_keep_all_their_digits(self, tmp_path: Path) -> None:
        cells = grid(4, 8, rates=(0.0001, 0.0005))
        page = render_report(write_fake_run(tmp_path, *cells, scale=0.2))
        assert ">r04-lr0.0001</text>" in page
        assert ">r04-lr0.00<" not in page

    def test_changed_controls_are_listed_with_the_value_marked(self, three: str) -> None:
        answers = three[three.index('id="changed"') : three.index('id="curves"')]
        cards, rows = answers.split("<h3>Outcomes</h3>")
        assert "lost · far" in cards
        assert "intruded ·" not in cards, "the verdict's configuration intrudes nowhere"
        assert '<b class="bad">intruded</b>' in rows
        assert re.search(r"<mark>(<u>)?4,889 meters(</u>)?</mark>", rows)

    def test_answers_that_training_left_alone_are_counted_and_not_listed(self, three: str) -> None:
        rows = three[three.index('id="questions"') : three.index('id="curves"')]
        counts = three[three.index("Questions by split and change") : three.index('id="questions"')]
        assert ">kept</th>" in counts
        for change in ("kept", "unchanged", "recalled"):
            assert f">{change}</b>" not in rows

    def test_the_way_to_repeat_is_told(self, three: str) -> None:
        assert "factlab run mount_fuji --rank 4,8,32" in three
        for told in ("5ab3" * 16, "Data, SHA-256", "4f2a91c", "precision: nf4"):
            assert told in three

    def test_what_intervals_cover_is_printed(self, three: str) -> None:
        assert "phrasing families of this one fact" in three
        assert "One fact: intervals are over its phrasing families" in three

    def test_every_measured_split_is_listed(self) -> None:
        assert {*SPLITS, "cloze", "anchor", "mix", "placebo"} == set(get_args(Split))

    def test_six_cells_of_500_questions_stay_under_two_megabytes(self, tmp_path: Path) -> None:
        cells = [
            Behaviour(rank, 0.9, 0.3, 0.2, 0.2, seed=seed) for rank in (4, 8, 16) for seed in (0, 1)
        ]
        long = "Well & truly, “it” is hard to say; " * 12
        run = write_fake_run(tmp_path, *cells, scale=2.0, answer=long)
        page = write_report(run)
        assert len(load_report_data(run).questions) >= 500
        assert page.stat().st_size < 2_000_000
        assert "are cut here at 160 characters" in page.read_text(encoding="utf-8")


class TestWhatIsSaid:
    def test_figures_stand_beside_what_they_are_read_against(self, three: str) -> None:
        for told in (
            "Blind floor", "In-context ceiling", "Normalised (0 blind, 1 in context)",
            "Forced choice beside chance", "Gained (of missed)", "Verdicts changed by rounding",
            "match 2", "likelihood 1",
        ):  # fmt: skip
            assert told in three, told

    def test_the_truth_ratio_is_printed_with_its_formula(self, three: str) -> None:
        shown = three[three.index('id="definitions"') :]
        assert "P(right) ÷ (P(right) + mean P(wrong))" in shown

    def test_differences_tell_what_the_design_could_find(self, three: str) -> None:
        shown = three[three.index('id="differences"') : three.index('id="phrasings"')]
        for told in (
            "descriptive only", "p, which is that of the interval", "Detectable difference",
            "not worse by", "other phrasing families of this one fact; not other facts",
        ):  # fmt: skip
            assert told in shown, told

    def test_the_choice_stands_in_the_verdict(self, three: str) -> None:
        verdict_ = three[three.index('id="verdict"') : three.index('id="cost"')]
        assert "Take r08: it reaches 90\u00a0% held-out recall" in verdict_
        behind = three[three.index('id="cost"') : three.index('id="differences"')]
        assert "Damage of those that are left" in behind

    def test_one_fact_and_one_seed_are_said_to_carry_no_more(self, tmp_path: Path) -> None:
        page = render_report(write_fake_run(tmp_path, GOOD, scale=0.3))
        assert "One fact: intervals are over its phrasing families" in page
        assert "One seed: how much another seed would change is not shown" in page
        assert 'id="differences"' not in page
        assert 'id="cost"' not in page, "one adapter is no chart"

    def test_seeds_and_facts_are_said_to_carry_what_they_do(self, tmp_path: Path) -> None:
        cells = grid(4, 8, seeds=3)
        run = write_fake_run(tmp_path, *cells, facts=3, scale=0.2, together=True)
        page = render_report(run)
        Page(page)
        assert "3 facts: intervals are over facts" in page
        assert "3 seeds are averaged; their spread is in the intervals" in page
        assert "All facts are in one adapter" in page
        assert "Each fact in r08, weakest recall first" in page

    def test_passages_are_told_by_their_probes(self, tmp_path: Path) -> None:
        page = render_report(write_fake_run(tmp_path, WEAK, GOOD, scale=0.4, passages=True))
        Page(page)
        assert "The model completes probes of a passage." in page
        assert "This is r08 (rank 8, alpha 32), the one with the best figure of 2." in page
        assert "Probes of passages, between floor and ceiling" in page
        assert 'id="neighbours"' not in page, "no injected value can intrude"
        assert "Held-out recall</dt>" not in page

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ("shuffle: true\n", "trained with another fact&#39;s answer"),
            ("max_steps: 0\n", "no step"),
        ],
    )
    def test_a_control_run_is_called_one(self, tmp_path: Path, settings: str, words: str) -> None:
        page = render_report(write_fake_run(tmp_path, GOOD, scale=0.2, settings=settings))
        assert "This is a control run" in page
        assert words in page

    def test_every_shown_metric_has_a_definition(self, three: str) -> None:
        named = set(re.findall(r"<code>([a-z_]+(?:/[\w<> ]+)?)</code>", three))
        metrics = {name for name in named if "/" in name}
        assert len(metrics) > 40
        assert [name for name in metrics if not definition_of(name.strip()).formula] == []


class TestSize:
    def test_answers_give_way_when_the_page_grows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = write_fake_run(tmp_path, *grid(4, 8))
        whole = len(render_report(run).encode())
        monkeypatch.setattr(page_module, "MOST_BYTES", whole - 40_000)
        smaller = render_report(run)
        assert len(smaller.encode()) <= whole - 40_000
        assert "to keep the page small, " in smaller
        assert "All are in <code>cells/*/answers.jsonl</code>" in smaller


def test_what_was_never_trained_has_no_learning_rate(tmp_path: Path) -> None:
    """As combined adapters have none."""
    run = write_fake_run(tmp_path, WEAK, GOOD, scale=0.2)
    for file in (run / "results.json", *run.glob("cells/*/cell.json")):
        text = file.read_text()
        assert '"learning_rate": 0.0005' in text
        file.write_text(text.replace('"learning_rate": 0.0005', '"learning_rate": null'))
    page = render_report(run)
    Page(page)
    assert "learning rate 0.0005" not in page


class TestUnfinishedRuns:
    def test_a_run_without_likelihoods_panel_or_config_leaves_those_sections_out(
        self, tmp_path: Path
    ) -> None:
        run = write_fake_run(tmp_path, WEAK, GOOD, scale=0.2, results=False)
        (run / "config.resolved.yaml").unlink()
        for name in ("train_log.jsonl", "panel.jsonl"):
            (run / "cells" / "r08-s0" / name).unlink()
            (run / "cells" / "r04-s0" / name).unlink()
        (run / "base" / "in_context.jsonl").unlink()
        page = render_report(run)
        Page(page)
        assert "<h3>Loss</h3>" not in page
        assert 'id="differences"' not in page

    def test_an_interrupted_run_without_results_says_so_and_shows_its_cells(
        self, tmp_path: Path
    ) -> None:
        run = write_fake_run(tmp_path, GOOD, status="interrupted", results=False)
        (run / "cells" / "r32-s0").mkdir()
        page = render_report(run)
        Page(page)
        assert "This run is not complete" in page
        assert "The run is interrupted" in page
        assert "interrupted by the user" in page
        assert "Cell r32-s0 was started and has no result." in page
        assert "46 of 48" in page

    def test_a_run_without_cells_gives_a_page(self, tmp_path: Path) -> None:
        page = render_report(write_fake_run(tmp_path, status="running", results=False))
        Page(page)
        assert "Nothing has been trained and measured yet" in page

    def test_a_run_with_nothing_but_its_record_gives_a_page(self, tmp_path: Path) -> None:
        run = write_fake_run(tmp_path / "whole", status="failed", results=False)
        bare = tmp_path / "bare"
        bare.mkdir()
        (bare / "run.json").write_bytes((run / "run.json").read_bytes())
        page = render_report(bare)
        Page(page)
        assert "The run is failed" in page
        for section in ("changed", "metrics", "curves", "baselines", "phrasings"):
            assert f'id="{section}"' not in page

    def test_a_diverged_cell_is_named_with_its_error(self, tmp_path: Path) -> None:
        bad = Behaviour(64, 0.0, 0.0, 0.0, 0.0, status="diverged")
        page = render_report(write_fake_run(tmp_path, GOOD, bad))
        assert "Cell r64-s0 is diverged: the loss stopped being a number at step 12." in page

    def test_a_torn_last_line_is_skipped_and_a_broken_one_is_not(self, tmp_path: Path) -> None:
        run = write_fake_run(tmp_path, GOOD)
        path = run / "cells" / "r08-s0" / "answers.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"question_id": "mount_fu')
        render_report(run)
        path.write_bytes(b'{"question_id": "mount_fu\n' + whole)
        with pytest.raises(RunFolderError, match=r"answers\.jsonl:1: not a AnswerRecord"):
            render_report(run)

    def test_a_folder_that_is_no_run_is_refused_in_words(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match=r"no run\.json here"):
            render_report(tmp_path)

    def test_a_newer_schema_is_refused_in_words(self, tmp_path: Path) -> None:
        run = write_fake_run(tmp_path, GOOD)
        text = (run / "run.json").read_text(encoding="utf-8")
        text = text.replace('"schema_version": 2', '"schema_version": 99')
        (run / "run.json").write_text(text, encoding="utf-8")
        with pytest.raises(RunFolderError, match="schema version 99"):
            render_report(run)

    def test_writing_leaves_one_file_and_replaces_the_old_one(self, tmp_path: Path) -> None:
        run = write_fake_run(tmp_path, GOOD)
        (run / "report.html").write_text("old", encoding="utf-8")
        assert write_report(run) == run / "report.html"
        assert "<!doctype html>" in (run / "report.html").read_text(encoding="utf-8")
        assert not [file for file in run.iterdir() if is_draft(file)]

    def test_a_metric_that_was_not_measured_has_its_reason_on_the_page(
        self, tmp_path: Path
    ) -> None:
        reason = "the base knew none of the far controls"
        page = render_report(write_fake_run(tmp_path, GOOD, drop={"retention/far": reason}))
        Page(page)
        assert page.count(f"not measured: {reason}") == 2, "on the tile and in the list"
        assert "cost not measured" in page


class TestVerdict:
    @pytest.mark.parametrize(
        ("recall", "word"),
        [
            (1.0, "learned"),
            (0.90, "learned"),
            (0.89, "partly learned"),
            (0.50, "partly learned"),
            (0.49, "not learned"),
        ],
    )
    def test_learned_at_its_thresholds(self, recall: float, word: str) -> None:
        assert learned_word({"recall/held_out": exactly(recall)}) == word

    @pytest.mark.parametrize(
        ("retention", "near", "far", "word"),
        [
            (0.90, 0.05, 0.02, "clean"),
            (0.89, 0.00, 0.00, "blurred"),
            (1.00, 0.06, 0.00, "blurred"),
            (1.00, 0.00, 0.03, "blurred"),
            (1.00, 0.50, 0.00, "blurred"),
            (1.00, 0.51, 0.00, "destructive"),
            (0.70, 0.00, 0.10, "blurred"),
            (0.69, 0.00, 0.00, "destructive"),
            (1.00, 0.00, 0.11, "destructive"),
        ],
    )
    def test_damage_at_its_thresholds(
        self, retention: float, near: float, far: float, word: str
    ) -> None:
        metrics = {
            "retention/far": exactly(retention),
            "intrusion/near": exactly(near),
            "intrusion/far": exactly(far),
        }
        assert damage_of(metrics) == Damage(word)  # type: ignore[arg-type]

    def test_intervals_that_reach_further_are_told(self) -> None:
        metrics = {
            "retention/far": share(20, 20, "far"),
            "intrusion/near": share(0, 20, "near"),
            "intrusion/far": share(0, 20, "far"),
        }
        assert damage_of(metrics) == Damage("clean", could_be="destructive")

    def test_without_far_controls_nothing_is_called_clean(self) -> None:
        assert damage_of({"intrusion/near": exactly(0.0)}).word == "not measured"
        assert damage_of({"intrusion/far": exactly(0.5)}).word == "destructive"

    def test_the_best_cell_is_the_least_damaged_of_those_that_learned(self, tmp_path: Path) -> None:
        result = load_report_data(write_fake_run(tmp_path, WEAK, WRECK, GOOD)).result
        result = result.model_copy(update={"choice": None})
        best = best_of(result)
        assert best is not None
        assert (best.configuration.id, best.reached, best.measured) == ("r08", 2, 3)
        first, second = sentences(result)
        assert first.startswith(
            "Learned by 2 of 3 configurations: r08 (rank 8, alpha 32), the least damaged of those, "
            "answers "
        )
        assert "recall is 60.4 % to 100 %" in first
        assert second.startswith("Clean: in r08")

    def test_what_the_run_chose_comes_before_what_the_page_would_choose(
        self, tmp_path: Path
    ) -> None:
        result = load_report_data(write_fake_run(tmp_path, WEAK, WRECK, GOOD)).result
        assert result.choice is not None
        choice = result.choice.model_copy(update={"chosen": "r32"})
        best = best_of(result.model_copy(update={"choice": choice}))
        assert best is not None
        assert (best.configuration.id, best.chosen) == ("r32", True)

    def test_no_cell_that_learned_is_said(self, tmp_path: Path) -> None:
        weaker = Behaviour(2, 0.2, 0.0, 0.0, 0.0)
        result = load_report_data(write_fake_run(tmp_path, WEAK, weaker)).result
        assert "none of 2 configurations reached 90 % held-out recall" in verdict(result)
        assert verdict(result).startswith("Partly learned")

    def test_one_cell_is_told_with_n_interval_and_base(self, tmp_path: Path) -> None:
        result = load_report_data(write_fake_run(tmp_path, GOOD)).result
        assert verdict(result).startswith(
            "Learned: the tuned model answers 46 of 48 phrasings unseen in training with 4,889 "
            "meters (95.8 %, interval 86–99 %); before training it was 0 of 48; same-subject "
            "specificity is 100 % (interval 77–100 %). Clean: the injected value intrudes into 0 "
            "of 38 related (same subject 0 of 13, same relation 0 of 13, same event 0 of 12) and 0 "
            "of 60 unrelated answers, and its log-probability on unrelated questions rises by 0.6 "
            "nats against that of wrong answers; "
        )

    def test_recall_is_told_with_specificity_and_the_harmonic_score(self, tmp_path: Path) -> None:
        result = load_report_data(write_fake_run(tmp_path, WRECK)).result
        (arm,) = result.configurations
        known = arm.metrics | {"rome_score": exactly(0.61)}
        result = result.model_copy(
            update={"configurations": (arm.model_copy(update={"metrics": known}),)}
        )
        first, second = sentences(result)
        assert "same-subject specificity is 61.5 % (interval 36–82 %)" in first
        assert "specificity on all related controls, is 61 %" in first
        assert second.startswith("Destructive: the injected value intrudes into ")

    def test_far_retention_that_is_not_known_has_its_reason(self, tmp_path: Path) -> None:
        drop = {"retention/far": "the base knew none of them"}
        result = load_report_data(write_fake_run(tmp_path, GOOD, drop=drop)).result
        assert "whether unrelated answers are kept is not known, since the base knew none" in (
            verdict(result)
        )

    def test_one_that_is_taken_though_partly_learned_is_not_called_learned(
        self, tmp_path: Path
    ) -> None:
        result = load_report_data(write_fake_run(tmp_path, WEAK, WRECK)).result
        assert result.choice is not None
        choice = result.choice.model_copy(update={"chosen": "r04"})
        told = verdict(result.model_copy(update={"choice": choice}))
        assert told.startswith(
            "Partly learned: 1 of 2 configurations reached 90 % held-out recall; r04, the one "
            "chosen, answers "
        )

    def test_several_facts_and_seeds_are_told(self, tmp_path: Path) -> None:
        cells = grid(8, seeds=2)
        result = load_report_data(write_fake_run(tmp_path, *cells, facts=3, scale=0.3)).result
        assert verdict(result).startswith(
            "Learned: over 3 facts and 2 seeds, the tuned models answer "
        )
        assert "with the injected value" in verdict(result)


class TestWording:
    def test_numbers_carry_their_units(self) -> None:
        assert percent(0.958) == "95.8 %"
        assert percent(1.0) == "100 %"
        assert points(-0.0312) == "−3.1 points"
        assert points(0.0) == "0 points"
        assert nats(0.0) == "0 nats/token"
        assert nats(-0.01) == "−0.0100 nats/token"
        assert seconds(208.4) == "3 min 28 s"
        assert seconds(3840) == "1 h 4 min"

    def test_a_count_is_only_told_for_shares_of_whole_items(self) -> None:
        assert count_of(share(46, 48, "far")) == "46 of 48"
        assert count_of(Metric(value=0.3333, n=4, clusters=2, covers="", scorer="match 2")) is None

    def test_a_narrow_interval_keeps_a_decimal(self) -> None:
        assert share_interval(share(1152, 1152, "far")) == "99.7–100 %"

    def test_intervals_of_differences_name_the_unit_once(self) -> None:
        metric = Metric(
            value=0.01, n=9, clusters=1, ci_low=-0.02, ci_high=0.04, covers="", scorer="match 2"
        )
        assert interval_in_unit(metric, "points") == "−2.0 to +4.0 points"
        assert interval_in_unit(metric, "nats") == "−0.0200 to +0.0400 nats/token"


def test_a_range_is_kept_in_one_line_and_shown_as_text() -> None:
    assert unbroken("interval 81–98 %, 0–1.9 <b>") == (
        'interval <span class="whole">81–98</span>\u00a0%, '
        '<span class="whole">0–1.9</span> &lt;b&gt;'
    )


def test_no_markup_of_ours_is_shown_as_text(tmp_path: Path) -> None:
    page = render_report(write_fake_run(tmp_path / "run", WEAK, GOOD))
    assert '<span class="whole">' in page
    assert "&lt;span" not in page

"""Conversations as a model reads them, mixed into a run or practised on, on a random model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from cells import cell, questions
from made_chats import (
    alpaca,
    csv_text,
    json_lines,
    messages,
    pair,
    prompt_completion,
    small_set,
)

import factlab
from factlab import pipeline
from factlab.comparison import compare_runs
from factlab.conversations.source import read_set
from factlab.errors import ConfigError, DataError, ModelError
from factlab.experiment import plan
from factlab.inference.backend import complete
from factlab.inference.prompts import Limits, Prompt
from factlab.models import chat
from factlab.models.chat import forget_rendered, prompt_ids, render_pair
from factlab.models.load import LoadedModel
from factlab.models.tokens import preview_tokenizer
from factlab.report.verdict import verdict
from factlab.runs.files import read_lines
from factlab.runs.folder import RunFolder, load_run
from factlab.schema.question import Question, Turn
from factlab.schema.results import TrainStep
from factlab.training.attach import attach_adapter
from factlab.training.batch import Text, training_texts
from factlab.training.loss import answer_loss, unlearned
from factlab.training.train import train
from factlab.workflows.ask import ask
from factlab.workflows.rescore import rescore

SMALL: dict[str, Any] = {**small.SMALL, "train_pairs": 16, "max_steps": 3, "checkpoints": 1}
BEFORE = (Turn(role="user", content="Who?"), Turn(role="assistant", content="Ada."))


# --- as tokens ----------------------------------------------------------------------------------


def test_a_conversation_is_what_the_chat_template_writes_of_it(tiny: LoadedModel) -> None:
    made = render_pair(tiny.tokenizer, "And now?", "Bo.", BEFORE)
    turns = [*(turn.model_dump() for turn in BEFORE), {"role": "user", "content": "And now?"}]
    whole = tiny.tokenizer.apply_chat_template(
        [*turns, {"role": "assistant", "content": "Bo."}], tokenize=False
    )
    assert tiny.tokenizer.decode(made.prompt_ids + made.answer_ids) == whole.rstrip("\n")
    assert tiny.tokenizer.decode(made.answer_ids) == "Bo.<|im_end|>"
    assert made.prompt_ids == prompt_ids(tiny.tokenizer, "And now?", BEFORE)


def test_preview_counts_the_tokens_of_a_conversation_as_training_does(
    tiny: LoadedModel, tiny_folder: Path
) -> None:
    shown = preview_tokenizer(str(tiny_folder))
    assert shown is not None
    prompt, trained = shown.pair("And now?", "Bo.", BEFORE)
    real = render_pair(tiny.tokenizer, "And now?", "Bo.", BEFORE)
    assert (len(prompt), len(trained)) == (len(real.prompt_ids), len(real.answer_ids))


def test_a_model_without_a_chat_template_reads_turns_as_lines(tiny: LoadedModel) -> None:
    tiny.tokenizer.chat_template = None
    system = (Turn(role="system", content="Be brief."), *BEFORE)
    ids = prompt_ids(tiny.tokenizer, "And now?", system)
    assert tiny.tokenizer.decode(ids) == (
        "Be brief.\nQuestion: Who?\nAnswer: Ada.\nQuestion: And now?\nAnswer:"
    )
    assert tiny.tokenizer.decode(prompt_ids(tiny.tokenizer, "Who?")) == "Question: Who?\nAnswer:"


def test_what_was_rendered_is_remembered_for_as_long_as_the_template_is_the_same(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = render_pair(tiny.tokenizer, "And now?", "Bo.", BEFORE)
    with monkeypatch.context() as patched:
        patched.setattr(chat, "_rendered", None)  # nothing is rendered for it
        assert render_pair(tiny.tokenizer, "And now?", "Bo.", list(BEFORE)) == first
    assert render_pair(tiny.tokenizer, "And now?", "Bo.").prompt_ids != first.prompt_ids
    template = tiny.tokenizer.chat_template
    tiny.tokenizer.chat_template = template.replace("<|im_end|>", "!<|im_end|>")
    other = render_pair(tiny.tokenizer, "And now?", "Bo.", BEFORE)
    assert tiny.tokenizer.decode(other.answer_ids) == "Bo.!<|im_end|>"
    assert len(other.prompt_ids) > len(first.prompt_ids)
    tiny.tokenizer.chat_template = template
    forget_rendered()
    assert render_pair(tiny.tokenizer, "And now?", "Bo.", BEFORE) == first


def test_a_template_that_takes_no_system_turn_says_so(tiny: LoadedModel, tiny_folder: Path) -> None:
    tiny.tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}{{ m.content }}{% endfor %}"
    )
    system = [Turn(role="system", content="Be brief.")]
    with pytest.raises(ModelError, match=r"refuses a conversation of system, user \(no system\)"):
        prompt_ids(tiny.tokenizer, "Why?", system)
    shown = preview_tokenizer(str(tiny_folder))
    assert shown is not None
    with pytest.raises(ModelError, match="refuses a conversation of system, user"):
        replace(shown, template=tiny.tokenizer.chat_template).pair("Why?", "So.", system)


# --- the loss -----------------------------------------------------------------------------------


def text(size: int, *, mixed: bool) -> Text:
    return Text(tuple(range(size)), 0, tuple(range(size)), mixed=mixed)


def test_a_long_mixed_answer_counts_by_its_share_of_pairs_and_not_of_tokens() -> None:
    texts = [text(2, mixed=False), text(100, mixed=True), text(2, mixed=False)]
    nll = torch.cat([torch.full((n,), v) for n, v in ((2, 1.0), (100, 7.0), (2, 4.0))])
    nll.requires_grad_()
    loss = answer_loss(nll, texts)
    assert loss.logged() == pytest.approx(
        {"loss_nats": 2 / 3 * 2.5 + 1 / 3 * 7, "fact_loss_nats": 2.5, "mix_loss_nats": 7.0}
    )
    loss.whole.backward()
    assert nll.grad is not None
    assert nll.grad[2:102].sum().item() == pytest.approx(1 / 3)
    assert nll.grad.sum().item() == pytest.approx(1)


def test_without_a_mix_or_with_nothing_else_the_loss_is_the_plain_mean() -> None:
    nll = torch.tensor([1.0, 2.0, 6.0])
    plain = answer_loss(nll, [text(1, mixed=False), text(2, mixed=False)])
    assert plain.logged() == {"loss_nats": 3.0}
    only = answer_loss(nll, [text(1, mixed=True), text(2, mixed=True)])
    assert only.logged() == {"loss_nats": 3.0, "mix_loss_nats": 3.0}


def test_a_token_below_the_floor_trains_nothing_and_a_mixed_one_always_does() -> None:
    texts = [text(3, mixed=False), text(2, mixed=True)]
    nll = torch.tensor([0.05, 0.2, 1.5, 0.05, 1.0], requires_grad=True)
    left = unlearned(nll, texts, 0.2)
    assert left.tolist() == pytest.approx([0, 0, 1.3, 0.05, 1.0])
    left.sum().backward()
    assert nll.grad is not None
    assert nll.grad.tolist()[2:] == [1, 1, 1]
    assert nll.grad[0] == 0
    assert unlearned(nll, texts, 0.0) is nll


def test_what_is_trained_of_a_mix_is_logged_apart_and_learned(tiny: LoadedModel) -> None:
    mix = [
        Question(
            id=f"m{n}",
            split="mix",
            family="messages",
            text="Say it.",
            before=BEFORE,
            target="The same again and again.",
        )
        for n in range(3)
    ]
    pairs = [*questions(), *mix]
    assert [t.mixed for t in training_texts(tiny.tokenizer, pairs)] == [False] * 3 + [True] * 3
    steps: list[TrainStep] = []
    chosen = cell(batch_size=4)
    train(attach_adapter(tiny, chosen), tiny, chosen, pairs, record=steps.append)
    assert {s.fact_loss_nats is None for s in steps} >= {False}
    learned = [s.mix_loss_nats for s in steps if s.mix_loss_nats is not None]
    assert learned[-1] < learned[0] - 0.3


# --- token accuracy -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["packed", "plain"])
def test_top_tokens_are_those_that_the_model_would_say(
    tiny: LoadedModel, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "plain":
        monkeypatch.setattr("factlab.inference.backend.uses_library_pass", lambda _: True)
    prompt = tuple(range(5, 25))
    (said,) = complete(tiny.model, [Prompt(prompt)], Limits(4, max_new_tokens=12))
    own = tuple(said.tokens)
    other = (*own[:5], (own[5] + 1) % 200, *own[6:])
    asked = [Prompt(prompt, [own, other], ranked=True), Prompt(prompt[1:], [own])]
    ranked, unranked = complete(tiny.model, asked, Limits(4))
    assert ranked.top[0] == len(own)
    assert 5 <= ranked.top[1] < len(own)
    assert unranked.top == []
    with torch.inference_mode():
        logits = tiny.model(input_ids=torch.tensor([[*prompt, *other]])).logits[0]
    expected = logits[len(prompt) - 1 : -1].argmax(dim=-1) == torch.tensor(other)
    assert ranked.top[1] == int(expected.sum())


# --- a mix in a run -----------------------------------------------------------------------------


@pytest.mark.usefixtures("few_controls")
def test_a_mix_is_trained_recorded_and_told_apart(tiny_folder: Path, tmp_path: Path) -> None:
    file = small_set(tmp_path, 20)
    mixed = factlab.run(
        "mount_fuji",
        model=str(tiny_folder),
        out=tmp_path / "mixed",
        mix=(f"{file}:0.3",),
        **SMALL,
    )
    plain = factlab.run("mount_fuji", model=str(tiny_folder), out=tmp_path / "plain", **SMALL)
    folder = RunFolder(tmp_path / "mixed")
    (record,) = folder.record().sets
    assert (record.name, record.share, record.used) == ("small.jsonl", 0.3, 7)
    trained = list(read_lines(folder.data_file("mix"), Question))
    assert len(trained) == 7
    assert all(q.target and q.before == () for q in trained)
    steps = list(read_lines(folder.cell("r08-s0").train_log_file, TrainStep))
    assert any(step.mix_loss_nats is not None for step in steps)
    identity = f"small.jsonl 30 % ({record.sha256[:8]})"
    assert mixed.cells[0].mix == mixed.configurations[0].mix == (identity,)
    assert plain.cells[0].mix == ()
    assert "recall/held_out" in mixed.cells[0].metrics
    assert mixed.base.metrics == plain.base.metrics
    page = folder.report_file.read_text(encoding="utf-8")
    assert "Conversations: small.jsonl" in page
    assert record.sha256 in page
    assert "Loss on what is mixed in" in page
    found = compare_runs([tmp_path / "mixed", tmp_path / "plain"])
    assert found.differs["mix"] == {"mixed/r08": identity, "plain/r08": "none"}
    assert {c.metric for c in found.comparisons} >= {"recall/held_out", "forgetting/far"}
    rescored, changed = rescore(folder.path)
    assert changed == 0
    assert rescored.cells == load_run(folder.path).cells == mixed.cells


@pytest.mark.usefixtures("few_controls")
def test_what_is_mixed_in_is_learned_from_its_own_answers_where_the_fact_is_distilled(
    tiny_folder: Path, tmp_path: Path
) -> None:
    result = factlab.run(
        "mount_fuji",
        model=str(tiny_folder),
        out=tmp_path / "run",
        mix=(f"{small_set(tmp_path, 20)}:0.3",),
        recipe="distill",
        **SMALL,
    )
    assert result.status == "complete"
    with pytest.raises(ConfigError, match="distilling needs a teacher with the fact in its prompt"):
        factlab.practice("everyday", model=str(tiny_folder), recipe="distill", **SMALL)


def test_only_pairs_of_facts_have_a_teachers_states(tiny: LoadedModel) -> None:
    mix = questions()[0].model_copy(update={"split": "mix"})
    states = [torch.zeros(4, 64), torch.ones(4, 64), torch.ones(4, 64)]
    texts = training_texts(tiny.tokenizer, [mix, *questions()], states)
    assert texts[0].reference is None
    assert [t.reference is s for t, s in zip(texts[1:], states, strict=True)] == [True] * 3


@pytest.mark.usefixtures("few_controls")
def test_a_run_does_not_go_on_with_a_changed_file(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = small_set(tmp_path, 20)
    settings = {**SMALL, "mix": (f"{file}:0.3",), "out": tmp_path / "run"}
    real = pipeline.run_trials

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run_trials", stop)
    with pytest.raises(KeyboardInterrupt):
        factlab.run("mount_fuji", model=str(tiny_folder), **settings)
    monkeypatch.setattr(pipeline, "run_trials", real)
    original = file.read_bytes()
    file.write_bytes(original + b"\n")
    with pytest.raises(ConfigError, match="other settings or questions"):
        factlab.run("mount_fuji", model=str(tiny_folder), resume=True, **settings)
    file.write_bytes(original)
    result = factlab.run("mount_fuji", model=str(tiny_folder), resume=True, **settings)
    assert result.status == "complete"


@pytest.mark.usefixtures("few_controls")
def test_what_is_longer_than_the_bound_in_the_models_own_tokens_is_left_out(
    tiny_folder: Path, tmp_path: Path
) -> None:
    long = [messages(pair(f"Tell of thing {n}.", "word " * 190)) for n in range(6)]
    file = tmp_path / "long.jsonl"
    short = small_set(tmp_path, 20).read_text(encoding="utf-8")
    file.write_text(short + json_lines(long), encoding="utf-8")
    factlab.practice(file, model=str(tiny_folder), out=tmp_path / "run", **SMALL)
    record = RunFolder(tmp_path / "run").record()
    assert record.sets[0].used == 26  # a thousand letters and more are within 1,024 tokens here
    bounded = {**SMALL, "max_example_tokens": 300}
    factlab.practice(file, model=str(tiny_folder), out=tmp_path / "bounded", **bounded)
    record = RunFolder(tmp_path / "bounded").record()
    assert record.sets[0].left_out == {"are longer than 300 tokens": 6}
    assert record.notes[0] == (
        "long.jsonl: conversations were left out: 6 that are longer than 300 tokens."
    )
    with pytest.raises(DataError, match="at least 10 conversations are needed"):
        factlab.practice(file, model=str(tiny_folder), max_example_tokens=40, **SMALL)
    assert not (tmp_path / "reports").exists()


# --- practice -----------------------------------------------------------------------------------


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """Thirty conversations, some with earlier turns, in three formats."""
    rows: list[dict[str, Any]] = []
    for n in range(30):
        said = pair(f"Please say what thing {n} is for.", f"It is for use {n}.")
        rows.append((messages, prompt_completion, alpaca)[n % 3](said))
        if n % 3 == 0:
            rows[-1] = messages([*pair("Hello?", "Yes?"), *said])
    file = tmp_path / "chats.jsonl"
    file.write_text(json_lines(rows), encoding="utf-8")
    return file


@pytest.mark.usefixtures("few_controls")
@pytest.mark.charts
def test_a_practice_run_leaves_a_whole_folder_and_measures_what_was_held_out(
    tiny_folder: Path, tmp_path: Path, chats: Path
) -> None:
    result = factlab.practice(
        chats,
        model=str(tiny_folder),
        out=tmp_path / "run",
        rank=(2, 4),
        **{**SMALL, "max_steps": 8},
    )
    folder = RunFolder(tmp_path / "run")
    assert result.status == folder.record().status == "complete"
    assert folder.record().sets[0].formats == {
        "messages": 10,
        "prompt_completion": 10,
        "alpaca": 10,
    }
    assert [c.id for c in result.cells] == ["r02-s0", "r04-s0"]
    for one in result.cells:
        base, tuned = result.base.metrics, one.metrics
        assert tuned["nll/practice"].n == base["token_accuracy/practice"].n == 3
        change = tuned["nll/practice"].value - base["nll/practice"].value
        assert tuned["nll_change/practice"].value == pytest.approx(change)
        assert change < -0.05
        assert tuned["drift/kl"].value > 0
        assert {"accuracy/far", "forgetting/far", "agreement/unanswerable"} <= set(tuned)
        assert not any(name.startswith(("recall/", "intrusion/")) for name in tuned)
        assert "trained no fact" in one.not_measured["intrusion/far"]
        assert (folder.cell(one.id).adapter / "adapter_model.safetensors").is_file()
    assert verdict(result).startswith("Practised: on 3 held-out conversations")
    page = folder.report_file.read_text(encoding="utf-8")
    for words in ('id="practice-title"', "loss fell", "after 2 earlier turns", "It is for use"):
        assert words in page
    rescored, changed = rescore(folder.path)
    assert changed == 0
    assert rescored.cells == load_run(folder.path).cells == result.cells
    found = compare_runs([folder.path])
    assert [c.id for c in found.configurations] == ["r02", "r04"]
    assert found.choice is not None
    assert found.choice.chosen is None
    answered = ask(folder.path, ["Why?"])
    assert set(answered[0]["answers"]) == {"r02-s0", "r04-s0"}


@pytest.mark.usefixtures("few_controls")
def test_practice_of_no_step_changes_nothing(
    tiny_folder: Path, tmp_path: Path, chats: Path
) -> None:
    result = factlab.practice(
        chats, model=str(tiny_folder), out=tmp_path / "run", **{**SMALL, "max_steps": 0}
    )
    metrics, base = result.cells[0].metrics, result.base.metrics
    assert metrics["nll_change/practice"].value == 0
    assert metrics["token_accuracy/practice"].value == base["token_accuracy/practice"].value
    assert metrics["agreement/far"].value == 1


@pytest.mark.usefixtures("few_controls")
def test_a_practice_run_is_repeated_from_its_own_settings(
    tiny_folder: Path, tmp_path: Path, chats: Path
) -> None:
    from factlab.cli.run import build_config

    factlab.practice(chats, model=str(tiny_folder), out=tmp_path / "run", **SMALL)
    again = build_config({}, file=tmp_path / "run" / "config.resolved.yaml")
    assert again.practice == str(chats)
    _, path = pipeline.run_experiment(again, out=tmp_path / "again")
    records = [RunFolder(tmp_path / name).record() for name in ("run", "again")]
    assert records[0].config_sha256 == records[1].config_sha256
    assert load_run(path).cells[0].metrics == load_run(tmp_path / "run").cells[0].metrics


# --- sets that `datasets` reads -----------------------------------------------------------------


def rows(count: int) -> list[dict[str, Any]]:
    return [alpaca(pair(f"Thing {n}?", f"It is {n}.")) for n in range(count)]


def parquet(file: Path, made: list[dict[str, Any]]) -> Path:
    import pyarrow
    from pyarrow.parquet import write_table

    file.parent.mkdir(parents=True, exist_ok=True)
    write_table(pyarrow.Table.from_pylist(made), file)
    return file


def test_a_parquet_file_and_folders_hold_the_same_conversations(tmp_path: Path) -> None:
    made = rows(12)
    lines = tmp_path / "a.jsonl"
    lines.write_text(json_lines(made), encoding="utf-8")
    expected = read_set(str(lines)).conversations
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "data.csv").write_text(csv_text(made), encoding="utf-8")
    parquet(tmp_path / "parquet" / "data.parquet", made)
    parquet(tmp_path / "parted" / "train.parquet", made)
    parquet(tmp_path / "parted" / "test.parquet", made[:3])
    for name in ("csv/data.csv", "csv", "parquet/data.parquet", "parquet", "parted"):
        assert read_set(str(tmp_path / name)).conversations == expected, name
    part = read_set(f"{tmp_path / 'parted'}:test")
    assert (part.name, part.conversations) == ("parted:test", expected[:3])
    whole = read_set(str(tmp_path / "parted")).sha256
    assert read_set(str(tmp_path / "parted")).sha256 == whole != part.sha256


def test_messages_in_a_table_are_read_like_those_in_lines(tmp_path: Path) -> None:
    made = [messages([("system", "Be brief."), *pair(f"Thing {n}?", "So.")]) for n in range(3)]
    file = parquet(tmp_path / "m.parquet", made)
    found = read_set(str(file)).conversations
    assert [c.question for c in found] == ["Thing 0?", "Thing 1?", "Thing 2?"]
    assert found[0].before == (Turn(role="system", content="Be brief."),)


def test_a_parquet_file_that_expands_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = parquet(tmp_path / "m.parquet", [alpaca(pair("Why?", "So. " * 999))] * 300)
    assert read_set(str(file)).rows == 300
    monkeypatch.setattr("factlab.conversations.tables.MOST_PARQUET", 50_000)
    with pytest.raises(DataError, match="expands to more than the 50,000 bytes"):
        read_set(str(file))


def test_a_set_that_the_library_saved_is_read(tmp_path: Path) -> None:
    import datasets

    datasets.Dataset.from_list(rows(4)).save_to_disk(tmp_path / "saved")
    assert read_set(str(tmp_path / "saved")).rows == 4


def test_a_table_that_cannot_be_used_is_refused_with_its_row(tmp_path: Path) -> None:
    empty = parquet(tmp_path / "e.parquet", [*rows(2), {**rows(1)[0], "output": " "}])
    with pytest.raises(DataError, match=r"e\.parquet: row 3: the answer \(turn 2\) is empty"):
        read_set(str(empty))
    other = parquet(tmp_path / "o.parquet", [{"why": "Why?", "because": "So."}])
    with pytest.raises(DataError, match=r"o\.parquet: row 1: unknown format; keys found: why, be"):
        read_set(str(other))
    broken = tmp_path / "b.parquet"
    broken.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match=r"b\.parquet: cannot be read as a data set"):
        read_set(str(broken))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: cannot be read as a data set"):
        read_set(str(tmp_path / "empty"))
    parquet(tmp_path / "parted" / "test.parquet", rows(3))
    parquet(tmp_path / "parted" / "validation.parquet", rows(3))
    with pytest.raises(DataError, match="none named train"):
        read_set(str(tmp_path / "parted"))


def test_a_set_that_is_not_to_be_had_from_the_hub_is_one_sentence() -> None:
    with pytest.raises(DataError) as refused:
        read_set("nobody/has-this-set:train")
    assert "nobody/has-this-set: not found: no local file or folder of that name" in str(
        refused.value
    )
    assert "\n" not in str(refused.value)


def test_a_set_of_the_hub_is_read_by_its_id_and_part(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[Any] = []

    def load(name: str, **settings: Any) -> Any:
        asked.append((name, settings))
        return datasets.Dataset.from_list(rows(4))

    monkeypatch.setattr(datasets, "load_dataset", load)
    read = read_set("owner/name:train[:4]")
    assert asked == [("owner/name", {"split": "train[:4]"})]
    assert (read.name, read.rows) == ("owner/name:train[:4]", 4)
    assert read.conversations[0].where == "owner/name: row 1"


def test_what_a_record_says_of_a_set_can_be_read_back(tmp_path: Path) -> None:
    made = plan.plan_experiment(
        plan.RunConfig(practice=str(small_set(tmp_path, 12)), recipe="tutorial")
    )
    (record,) = made.sets
    assert type(record).model_validate(json.loads(record.model_dump_json())) == record

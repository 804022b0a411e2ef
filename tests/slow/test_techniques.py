"""The tutorials' techniques, each as an option of a run on a random model."""

from __future__ import annotations

import json
import shutil
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from cells import cell, questions
from safetensors.torch import save_file
from small import run
from states import packs, predicting_states
from tiny_model import TEMPLATE

import factlab
from factlab.errors import ConfigError, ModelError, TrainingError
from factlab.export.formats import read_formats
from factlab.inference.decoder.head import anchor_kl
from factlab.models import load as loading
from factlab.models.forward import use_library_pass
from factlab.models.heads import head_of
from factlab.models.load import (
    LoadedModel,
    LoadOptions,
    check_machine,
    load_model,
    load_tokenizer,
)
from factlab.models.process_memory import resident_bytes
from factlab.models.resolve import resolve_model
from factlab.runs.files import read_lines
from factlab.runs.folder import RunFolder
from factlab.schema.question import LikelihoodRecord, Turn
from factlab.training.attach import activate, attach_adapter, attached, target_modules
from factlab.training.batch import render_pairs, text_of
from factlab.training.job import AdapterJob
from factlab.training.loftq import best_low_rank, check_original
from factlab.training.teacher import check_teacher, model_teacher, prompt_teacher, teacher_questions
from factlab.training.train import train, train_together
from factlab.workflows.ask import ask
from factlab.workflows.export import export
from factlab.workflows.rescore import rescore

pytestmark = pytest.mark.usefixtures("few_controls")


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize(
    "recipe",
    [{"method": "full"}, {"init": "pissa"}, {"init": "olora"}, {"method": "dora"}, {}],
    ids=str,
)
def test_the_base_is_as_it_was_after_whatever_was_trained(
    tiny: LoadedModel, recipe: dict[str, Any]
) -> None:
    before = weights(tiny.model)
    chosen = cell(**recipe)
    with attached(tiny, [chosen], ["default"]) as (model, _):
        asked = torch.tensor([[5, 6, 7]])
        with torch.no_grad():
            untrained = model(input_ids=asked).logits
        train(model, tiny, chosen, questions(), max_steps=3)
        with torch.no_grad():
            assert not torch.allclose(model(input_ids=asked).logits, untrained, atol=1e-3)
    after = weights(tiny.model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(p.requires_grad for p in tiny.model.parameters())


def test_a_full_fine_tuning_trains_every_weight_and_counts_them(tiny: LoadedModel) -> None:
    chosen = cell(method="full", learning_rate=1e-3)
    with attached(tiny, [chosen], ["default"]) as (model, _):
        before = weights(model)
        record = train(model, tiny, chosen, questions(), max_steps=6)
        moved = [n for n, p in model.named_parameters() if not torch.equal(p, before[n])]
    assert sorted(moved) == sorted(before)
    assert record.trainable_parameters == record.total_parameters
    assert record.total_parameters == sum(p.numel() for p in before.values())


def test_the_gradients_of_a_full_fine_tuning_are_the_librarys_own(tiny: LoadedModel) -> None:
    from factlab.inference.decoder.head import answer_nll

    tiny.model.requires_grad_(True)
    pairs = [text_of(pair) for pair in render_pairs(tiny.tokenizer, questions())]
    states = predicting_states(tiny.model, [pairs])
    targets = torch.tensor([t for pair in pairs for t in pair.targets])
    answer_nll(head_of(tiny.model), states, targets).mean().backward()
    ours = {n: p.grad.clone() for n, p in tiny.model.named_parameters() if p.grad is not None}
    tiny.model.zero_grad()
    total = torch.zeros(())
    for pair in pairs:
        ids = torch.tensor([[*pair.tokens, pair.targets[-1]]])
        labels = ids.clone()
        labels[0, : pair.first + 1] = -100
        total = total + tiny.model(input_ids=ids, labels=labels).loss * len(pair.targets)
    (total / len(targets)).backward()
    for name, parameter in tiny.model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-6)
    tiny.model.requires_grad_(False)


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_what_began_by_changing_the_base_is_saved_for_the_base_as_it_is(
    tiny_folder: Path, tmp_path: Path, init: str
) -> None:
    run(tiny_folder, tmp_path / "run", init=(init,), max_steps=6)
    folder = RunFolder(tmp_path / "run")
    stored = [r for r in folder.cell("r08-s0").answers() if r.question_id.startswith("far")][:5]
    saved = json.loads((folder.cell("r08-s0").adapter / "adapter_config.json").read_text())
    assert saved["init_lora_weights"] is True
    assert saved["r"] == 16  # what it learned, less what it began with
    answered = ask(folder.path, [r.prompt for r in stored])
    assert [item["answers"]["r08-s0"] for item in answered] == [r.text for r in stored]


def test_an_untrained_adapter_of_any_kind_changes_next_to_nothing(
    tiny_folder: Path, tmp_path: Path
) -> None:
    kinds: dict[str, Any] = {"method": ("lora", "rslora"), "init": ("default", "pissa")}
    result = run(tiny_folder, tmp_path / "run", **kinds, max_steps=0)
    assert [c.id for c in result.cells][:2] == ["r08-lora-default-s0", "r08-lora-pissa-s0"]
    dora = run(tiny_folder, tmp_path / "dora", method="dora", max_steps=0)
    for made in (*result.cells, *dora.cells):
        assert made.metrics["drift/kl"].value == pytest.approx(0, abs=1e-6)


def test_methods_are_compared_in_one_run(tiny_folder: Path, tmp_path: Path) -> None:
    methods = ("lora", "rslora", "dora", "full")
    result = run(tiny_folder, tmp_path / "run", method=methods, rank=(4, 8))
    ids = [f"r{r:02d}-{m}-s0" for r in (4, 8) for m in methods[:3]]
    assert [c.id for c in result.cells] == [*ids[:3], "full-s0", *ids[3:]]
    full = next(c for c in result.cells if c.method == "full")
    assert (full.rank, full.learning_rate) == (0, pytest.approx(1e-4))
    assert full.training is not None
    assert full.training.trainable_parameters == full.training.total_parameters
    assert (RunFolder(tmp_path / "run").cell("full-s0").model / "model.safetensors").is_file()
    assert len({c.id for c in result.configurations}) == 7
    answers = ask(tmp_path / "run", ["Who?"])[0]["answers"]
    assert answers.keys() == {c.id for c in result.cells}
    rsd = next(c for c in result.cells if c.method == "rslora" and c.rank == 4)
    assert rsd.scaling == 16  # 32 / √4


def test_a_full_fine_tuning_is_asked_itself_and_not_the_base(
    tiny_folder: Path, tmp_path: Path
) -> None:
    """Its model is the base's own object, whose replies are kept."""
    run(tiny_folder, tmp_path / "run", method="full", lr=(1e-2,), max_steps=6)
    folder = RunFolder(tmp_path / "run")
    cell, base = (
        {
            record.question_id: record
            for record in read_lines(said.likelihoods_file, LikelihoodRecord)
        }
        for said in (folder.cell("full-s0"), folder.base())
    )
    asked = cell.keys() & base.keys()
    assert len(asked) > 20
    for name in asked:
        assert [o.nll_nats for o in cell[name].options] != [o.nll_nats for o in base[name].options]


def test_targets_name_layers_and_the_last_blocks(tiny: LoadedModel) -> None:
    def chosen(**recipe: Any) -> list[str] | str:
        return target_modules(tiny.model, cell(**recipe).recipe)

    assert chosen() == "all-linear"
    assert chosen(targets="qv") == ["q_proj", "v_proj"]
    assert chosen(targets="attention") == ["k_proj", "o_proj", "q_proj", "v_proj"]
    assert chosen(targets="mlp") == ["down_proj", "gate_proj", "up_proj"]
    assert chosen(targets="up_proj+q_proj") == ["q_proj", "up_proj"]
    last = chosen(last_layers=1)
    assert len(last) == 7
    assert all(name.startswith("model.layers.1.") for name in last)
    assert chosen(targets="qv", last_layers=1) == [
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.self_attn.v_proj",
    ]
    with pytest.raises(TrainingError, match=r"no layer called nonesuch\. Its linear layers: down"):
        chosen(targets="q_proj+nonesuch")
    with pytest.raises(TrainingError, match="this model has 2 blocks"):
        chosen(last_layers=3)
    with pytest.raises(TrainingError, match="no layer of this model has a bias"):
        attach_adapter(tiny, cell(bias="all"))


@pytest.mark.parametrize("products", [True, False])
def test_a_processor_without_bf16_products_holds_the_same_numbers_in_fp32(
    tiny_folder: Path, products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.models.load.multiplies_bf16", lambda: products)
    files = resolve_model(str(tiny_folder))
    exact = load_model(files, "fp32")
    assert exact.rounded is None
    for precision in ("bf16", "nf4", "int8"):
        loaded = load_model(files, precision)
        record = loaded.record
        assert loaded.model.dtype == (torch.bfloat16 if products else torch.float32)
        assert ("no products in bf16" in record.precision_note) is not products
        for name, weight in loaded.model.named_parameters():
            assert torch.equal(weight, weight.bfloat16().to(weight.dtype))
            if precision == "bf16":
                expected = exact.model.get_parameter(name).bfloat16()
                assert torch.equal(weight.bfloat16(), expected)
        tied = (
            loaded.model.get_output_embeddings().weight
            is loaded.model.get_input_embeddings().weight
        )
        assert tied is (
            exact.model.get_output_embeddings().weight is exact.model.get_input_embeddings().weight
        )
        assert (record.quantised_bytes or 0) < (exact.record.weights_bytes or 0)
        # What a training of all weights leaves is rounded as the base is.
        with attached(loaded, [cell(method="full")], ["default"]) as (model, _):
            train(model, loaded, cell(method="full"), questions(), max_steps=1)
            assert all(torch.equal(w, w.bfloat16().to(w.dtype)) for w in model.parameters())
    wide = load_model(files, "nf4", LoadOptions(compute="fp32"))
    assert wide.rounded is None
    assert wide.model.dtype == torch.float32


def test_rotary_frequencies_outlive_a_full_fine_tuning_in_16_bits(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.models.load.multiplies_bf16", lambda: True)
    loaded = load_model(resolve_model(str(tiny_folder)), "bf16")
    before = {name: buffer.clone() for name, buffer in loaded.model.named_buffers()}
    assert any(buffer.dtype == torch.float32 for buffer in before.values())
    with attached(loaded, [cell(method="full")], ["default"]) as (model, _):
        train(model, loaded, cell(method="full"), questions(), max_steps=1)
        assert model.dtype == torch.bfloat16
        after = dict(model.named_buffers())
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_peak_of_a_training_is_its_own(tiny: LoadedModel) -> None:
    earlier = torch.ones(200_000_000)
    held = resident_bytes()
    del earlier
    with attached(tiny, [cell()], ["default"]) as (model, _):
        record = train(model, tiny, cell(), questions(), max_steps=1)
    assert record.peak_memory_bytes < held - 400_000_000


@pytest.mark.parametrize("shape", [(24, 40), (40, 24)])
def test_the_best_low_rank_part_is_that_of_the_singular_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    up, down = best_low_rank(matrix, 4)
    assert (up.shape, down.shape) == ((shape[0], 4), (4, shape[1]))
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    torch.testing.assert_close(up @ down, left[:, :4] * sizes[:4] @ right[:4], rtol=1e-3, atol=1e-4)


def test_loftq_begins_nearer_to_the_weights_that_were_quantised(tiny_folder: Path) -> None:
    files = resolve_model(str(tiny_folder))
    loaded, original = load_model(files, "nf4"), load_model(files, "fp32")
    whole = dict(original.model.named_modules())
    with attached(loaded, [cell(init="loftq")], ["default"]) as (model, _):
        layers = [(n, m) for n, m in model.named_modules() if hasattr(m, "get_delta_weight")]
        assert len(layers) == 14
        for name, layer in layers:
            wanted = whole[name.removeprefix("base_model.model.")].weight
            held = layer.get_base_layer().weight.float()
            begun = held + layer.get_delta_weight("default").float()
            assert (begun - wanted).norm() < 0.98 * (held - wanted).norm()


def test_loftq_is_trained_kept_and_asked_like_any_adapter(
    tiny_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    kinds: dict[str, Any] = {"precision": "nf4", "init": ("default", "loftq"), "rank": 2}
    untrained = run(tiny_folder, tmp_path / "untrained", **kinds, max_steps=0)
    assert [c.id for c in untrained.cells] == ["r02-default-s0", "r02-loftq-s0"]
    default, loftq = (c.metrics["drift/kl"].value for c in untrained.cells)
    assert loftq > default == 0  # it begins on the way back to the original
    result = run(tiny_folder, out, **kinds)
    assert result.cells[1].metrics["drift/kl"].value != loftq
    assert ask(out, ["Who?"])[0]["answers"].keys() == {c.id for c in result.cells}
    # It also holds what quantising took, which the original weights and a sum would count twice.
    with pytest.raises(ConfigError, match="Pass --base measured"):
        export(out, read_formats("merged", None), cell="r02-loftq-s0")
    with pytest.raises(ConfigError, match="a combination would count as learned"):
        factlab.combine(out, cells=["r02-default-s0", "r02-loftq-s0"], out=tmp_path / "both")


def test_loftq_needs_the_weights_as_the_model_has_them(tiny: LoadedModel, tmp_path: Path) -> None:
    kept = {name: weight.clone() for name, weight in tiny.model.state_dict().items()}
    layers = {name: layer for name, layer in tiny.model.named_modules() if name.endswith("k_proj")}
    save_file(kept, tmp_path / "model.safetensors")
    check_original(layers, tmp_path)
    name = f"{next(iter(layers))}.weight"
    for change in ({name: kept[name].T.contiguous()}, {f"other.{name}": kept.pop(name)}):
        save_file(kept | change, tmp_path / "model.safetensors")
        with pytest.raises(TrainingError, match=r"does not hold .*k_proj\.weight as the model has"):
            check_original(layers, tmp_path)


def test_more_of_a_layer_than_there_is_cannot_be_a_beginning(
    tiny_folder: Path, tmp_path: Path
) -> None:
    for settings in ({"init": "pissa", "precision": "bf16"}, {"init": "loftq", "precision": "nf4"}):
        with pytest.raises(TrainingError, match=r"--rank 256: model\.layers.* is only \d+ wide"):
            run(tiny_folder, tmp_path / "run", rank=256, **settings)
    with pytest.raises(TrainingError, match=r"no layer called nonesuch"):
        run(tiny_folder, tmp_path / "run", targets="nonesuch")
    assert not (tmp_path / "run").exists()


def test_a_model_spread_over_devices_is_left_to_the_library(tiny: LoadedModel) -> None:
    assert packs(tiny.model)
    tiny.model.hf_device_map = {"model.embed_tokens": 0, "model.layers.0": 1}
    try:
        assert not packs(tiny.model)
    finally:
        del tiny.model.hf_device_map


def test_flash_attention_computes_in_16_bits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    flash = LoadOptions(attention="flash")
    for how in ({"precision": "fp32"}, {"precision": "bf16", "masters": True}):
        with pytest.raises(ModelError, match="its kernels compute in 16 bits"):
            check_machine(options=flash, **how)


@pytest.mark.parametrize("recipe", [{"targets": "qv"}, {"last_layers": 1}], ids=str)
def test_part_of_the_layers_is_trained_alike_by_both_ways(
    tiny: LoadedModel, recipe: dict[str, Any]
) -> None:
    losses = []
    for library in (False, True):
        use_library_pass(tiny.model, library)
        with attached(tiny, [cell(**recipe)], ["default"]) as (model, _):
            assert packs(model) != library
            record = train(model, tiny, cell(**recipe), questions(), max_steps=4)
            names = [n for n, _ in model.named_parameters() if ".lora_A." in n]
        losses.append(record.final_loss_nats)
        assert len(names) == (4 if "targets" in recipe else 7)
    use_library_pass(tiny.model, False)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_gradient_checkpointing_changes_no_loss(tiny: LoadedModel) -> None:
    losses: list[list[float]] = []
    for checkpointing in (False, True):
        steps: list[float] = []
        with attached(tiny, [cell()], ["default"]) as (model, _):
            job = AdapterJob(
                cell(), questions(), record=lambda s, steps=steps: steps.append(s.loss_nats)
            )
            train_together(model, tiny, [job], max_steps=4, checkpointing=checkpointing)
            assert not tiny.model.is_gradient_checkpointing
        losses.append(steps)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_precisions_are_each_held_against_their_own_base(tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    precisions = ("fp32", "bf16", "int8", "nf4", "nf4-single", "fp4")
    result = run(tiny_folder, out, precision=precisions, max_steps=0)
    assert [c.precision for c in result.cells] == list(precisions)
    assert tuple(result.other_bases) == precisions[1:]
    notes = {result.model_at(p).precision_note for p in precisions}
    assert len(notes) == len(precisions)
    for made in result.cells:  # untrained: nothing changes against its own base
        assert made.metrics["drift/kl"].value == 0
        assert made.metrics["agreement/far"].value == 1
        before = result.base_at(made.precision).metrics["recall/blind"].value
        assert made.metrics["recall/held_out"].value == before
    fp32, bf16 = (result.model_at(p) for p in precisions[:2])
    assert fp32.weights_bytes == 2 * (bf16.quantised_bytes or bf16.weights_bytes or 0)
    packed = {p: result.model_at(p).quantised_bytes or 0 for p in precisions[2:]}
    assert packed["nf4"] == packed["fp4"] != packed["nf4-single"]
    assert all(packed.values())
    folder = RunFolder(out)
    assert folder.other_precisions() == sorted(precisions[1:])
    assert {r.text for r in folder.cell(result.cells[3].id).answers()}
    again, changed = rescore(out)
    assert changed == 0
    assert again.other_bases == result.other_bases
    assert [c.metrics for c in again.cells] == [c.metrics for c in result.cells]
    assert ask(out, ["Who?"])[0]["answers"].keys() == {c.id for c in result.cells}


def test_kept_dequantised_weights_say_what_they_were_as_quantised(tiny_folder: Path) -> None:
    files = resolve_model(str(tiny_folder))
    records = [load_model(files, "nf4").record for _ in range(2)]
    assert records[0] == records[1]
    wide = load_model(files, "nf4", LoadOptions(compute="fp32"))
    assert wide.model.dtype == torch.float32
    assert "computed in fp32" in wide.record.precision_note


def test_what_needs_a_gpu_says_so(tiny_folder: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    for settings, error, words in (
        ({"precision": "fp16"}, ModelError, "--precision fp16 needs a CUDA device"),
        (
            {"compute_dtype": "fp16", "precision": "nf4"},
            ModelError,
            "--compute-dtype fp16 needs a CUDA device",
        ),
        ({"attention": "flash"}, ModelError, "--attention flash needs a CUDA device"),
        ({"optimizer": "paged-adamw-8bit"}, TrainingError, "--optimizer paged-adamw-8bit needs"),
    ):
        with pytest.raises(error, match=words):
            run(tiny_folder, tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    tiny_folder: Path, tmp_path: Path
) -> None:
    for settings, words in (
        ({"method": "full", "precision": "nf4"}, "every weight is trained, and nf4 weights cannot"),
        ({"init": "pissa", "precision": "int8"}, "changes the base's weights"),
        ({"method": "dora", "pack": 2}, "--pack 2.*method dora"),
        ({"method": "full", "init": "pissa"}, "--init is of an adapter, and --method full has"),
    ):
        with pytest.raises(ConfigError, match=words):
            run(tiny_folder, tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


# --- distillation -------------------------------------------------------------------------------


def test_a_teacher_that_is_told_nothing_new_pulls_nowhere(tiny: LoadedModel) -> None:
    """Told nothing, the base predicts as the base: the soft loss of an untrained adapter is 0."""
    pairs = [text_of(pair) for pair in render_pairs(tiny.tokenizer, questions())]
    told = prompt_teacher(tiny, questions(), ["Ada runs the mill."] * 3, None)
    assert [len(states) for states in told.states] == [len(pair.targets) for pair in pairs]
    states = predicting_states(tiny.model, [pairs])
    parts = states.split([len(pair.targets) for pair in pairs])
    for mine, its in zip(parts, told.states, strict=True):
        assert not torch.allclose(mine, its)  # the fact in its prompt is seen
    aims = torch.tensor([t for pair in pairs for t in pair.targets])
    kl = anchor_kl(head_of(tiny.model), states, aims, states)
    assert kl.abs().max() == 0


@pytest.mark.parametrize("heat", [1.0, 2.0])
def test_soft_targets_are_learned_and_the_temperature_softens_them(
    tiny: LoadedModel, heat: float
) -> None:
    chosen = cell(distill_weight=1.0, temperature=heat)
    teacher = prompt_teacher(tiny, questions(), ["Ada runs the mill."] * 3, None)
    pairs = [text_of(pair) for pair in render_pairs(tiny.tokenizer, questions())]

    def apart(model: Any) -> float:
        states = predicting_states(model, [pairs], ["default"])
        head, base = head_of(model), torch.cat(list(teacher.states))
        logits, aims = head(states) / heat, head(base) / heat
        q, p = aims.log_softmax(-1), logits.log_softmax(-1)
        return float((q.exp() * (q - p)).sum(-1).mean())

    with attached(tiny, [chosen], ["default"]) as (model, _):
        with torch.no_grad():
            before = apart(model)
        train_together(
            model, tiny, [AdapterJob(chosen, questions(), teacher=teacher)], max_steps=15
        )
        activate(model, "default")
        with torch.no_grad():
            after = apart(model)
    assert after < before / 2


def test_half_soft_half_hard_is_the_mean_of_both_losses(tiny: LoadedModel) -> None:
    """The gradient at the first step is linear in the weight."""
    teacher = prompt_teacher(tiny, questions(), ["Ada runs the mill."] * 3, None)
    norms: list[torch.Tensor] = []
    for weight in (0.0, 0.5, 1.0):
        chosen = cell(distill_weight=weight, optimizer="sgd", learning_rate=1e-3, max_grad_norm=1e9)
        with attached(tiny, [chosen], ["default"]) as (model, _):
            before = weights(model)
            jobs = [AdapterJob(chosen, questions(), teacher=teacher)]
            train_together(model, tiny, jobs, max_steps=1)
            moved = [p - before[n] for n, p in model.named_parameters() if ".lora_B." in n]
            norms.append(torch.cat([part.flatten() for part in moved]))
    torch.testing.assert_close(norms[1], (norms[0] + norms[2]) / 2, rtol=1e-3, atol=1e-7)


def test_another_model_teaches_if_it_has_the_same_words(
    tiny: LoadedModel, tiny_folder: Path
) -> None:
    same = load_model(resolve_model(str(tiny_folder)), "fp32")
    told = ["Ada runs the mill."] * 3
    mine = prompt_teacher(tiny, questions(), told, None)
    its = model_teacher(same, tiny, questions(), told)
    assert its.head is not None
    for a, b in zip(mine.states, its.states, strict=True):
        torch.testing.assert_close(a, b)
    same.model.resize_token_embeddings(same.model.config.vocab_size + 64)  # as families are padded
    its = model_teacher(same, tiny, questions(), told)
    assert its.head is not None
    assert its.head(its.states[0]).shape == head_of(tiny.model)(its.states[0]).shape
    same.model.resize_token_embeddings(tiny.model.config.vocab_size - 8)
    with pytest.raises(TrainingError, match="Choose a teacher that predicts as many"):
        model_teacher(same, tiny, questions(), told)


def test_a_teacher_of_other_tokens_is_refused_before_anything_is_written(
    tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    other = load_tokenizer(resolve_model(str(tiny_folder)))
    check_teacher("same", other, tiny.tokenizer, questions())
    other.chat_template = TEMPLATE.replace("<|im_end|>", " <|im_end|>")
    with pytest.raises(TrainingError, match=r"it writes an answer.* as other tokens"):
        check_teacher("odd", other, tiny.tokenizer, questions())
    other.add_tokens(["<more>"])
    folder = shutil.copytree(tiny_folder, tmp_path / "other")
    other.save_pretrained(folder)
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="its vocabulary is not the student's"):
        run(tiny_folder, out, recipe="distill", teacher=str(folder))
    assert not out.exists()
    result = run(tiny_folder, out, recipe="distill", teacher=str(tiny_folder))
    assert result.status == "complete"
    notes = RunFolder(out).record().notes
    assert any(note.startswith("The teacher is") for note in notes)
    RunFolder(out).change(notes=tuple(note.replace("SHA-256", "SHA-1") for note in notes))
    with pytest.raises(ModelError, match="its weights are not those that this run began with"):
        run(tiny_folder, out, recipe="distill", teacher=str(tiny_folder), resume=True)


def test_a_teacher_sees_the_fact_and_other_answered_questions_of_it() -> None:
    history = (Turn(role="system", content="Be brief."), Turn(role="user", content="Hi"))
    history = (*history, Turn(role="assistant", content="Hello."))
    mine = [q.model_copy(update={"fact": "mill"}) for q in questions()]
    mine.append(mine[0].model_copy(update={"id": "again", "before": history}))
    alone = mine[0].model_copy(update={"id": "alone", "fact": "other"})
    asked = teacher_questions([*mine, alone], ["Ada runs the mill."] * len(mine) + ["Bo bakes."])
    for question, seen in zip(mine, asked, strict=False):
        users = [turn.content for turn in seen.before if turn.role == "user"]
        assert users[0].startswith("Ada runs the mill.\n\n")
        assert seen.text == question.text
        shown = [users[0].removeprefix("Ada runs the mill.\n\n"), *users[1:]]
        assert question.text not in shown
        assert (seen.target, seen.id) == (question.target, question.id)
    assert asked[-2].before[0].role == "system"
    assert asked[-2].before[-2:] == history[1:]
    assert (asked[-1].before, asked[-1].text) == ((), f"Bo bakes.\n\n{alone.text}")


def test_distilling_is_a_recipe(tiny_folder: Path, tmp_path: Path) -> None:
    result = run(tiny_folder, tmp_path / "run", recipe="distill", distill_weight=(0.0, 1.0))
    assert [c.id for c in result.cells] == ["r08-soft0-s0", "r08-soft1-s0"]
    drifts = [c.metrics["drift/kl"].value for c in result.cells]
    assert all(a != b for a, b in pairwise(drifts))


def test_several_recipes_are_one_run_each_cell_by_its_own_values(
    tiny_folder: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: plain\nrank: 4\nprecision: bf16\nbatch_size: 6\n")
    out = tmp_path / "run"
    both: dict[str, Any] = {"recipe": ("plain", mine), "precision": (), "max_steps": None}
    found = run(tiny_folder, out, **both)
    assert [(c.id, c.rank, c.precision, c.recipe) for c in found.cells] == [
        ("plain-r08-s0", 8, "nf4", "plain"), ("mine-r04-s0", 4, "bf16", "mine"),
    ]  # fmt: skip
    steps = [cell.training.steps for cell in found.cells if cell.training]
    assert steps == [2 * 2, 2 * 4]  # 24 pairs, two epochs, in batches of 16 and of 6
    assert list(found.other_bases) == ["bf16"]
    assert [c.id for c in found.configurations] == ["plain-r08", "mine-r04"]
    # What is finished is kept, and what is not is trained again, by the recorded recipe.
    (out / "cells" / "mine-r04-s0" / "cell.json").unlink()
    kept = (out / "cells" / "plain-r08-s0" / "cell.json").read_bytes()
    again = run(tiny_folder, out, resume=True, **both)
    assert again.cells[1].metrics == found.cells[1].metrics
    assert (out / "cells" / "plain-r08-s0" / "cell.json").read_bytes() == kept
    assert ">Recipes side by side<" in (out / "report.html").read_text()
    with pytest.raises(ConfigError, match="made with other settings"):
        run(tiny_folder, out, resume=True, **{**both, "recipe": ("plain",)})


def test_one_base_is_gone_before_the_next_is_loaded(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[weakref.ref[Any]] = []
    there: list[int] = []

    def load(*args: Any) -> LoadedModel:
        there.append(sum(one() is not None for one in seen))
        loaded = load_model(*args)
        seen.append(weakref.ref(loaded.model))
        return loaded

    monkeypatch.setattr(loading, "load_model", load)
    run(tiny_folder, tmp_path / "run", precision=("fp32", "bf16"))
    assert there == [0, 0]

"""The packed decoder against the library's own model: states, gradients, options, answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import pytest
import torch
from cells import cell, questions
from decoding import (
    SIZES,
    apart,
    loss_and_gradients,
    made_text,
    nll_alone,
    randomise,
    said_alone,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from states import library_states, packs, predicting_states
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from factlab.errors import ModelError, TrainingError
from factlab.inference.backend import complete, complete_each, states_in_batches
from factlab.inference.decoder import COLUMNS, cache
from factlab.inference.decoder.head import TINY_NATS, anchor_kl, answer_nll, unlikelihood
from factlab.inference.decoder.packing import Packed, Tree, attend, pack
from factlab.inference.decoder.stack import Decoder, read_decoder
from factlab.inference.packed import shared_first
from factlab.inference.prompts import Completion, Limits, Prompt
from factlab.memory.activations import Batch, saved_activations, workspace
from factlab.models.load import LoadedModel
from factlab.schema.config import Cell
from factlab.schema.results import TrainStep
from factlab.training.anchors import AnsweredPrompt, prepare_anchors
from factlab.training.attach import attach_adapter, attach_adapters, restore, tuned_weights
from factlab.training.batch import Text
from factlab.training.job import AdapterJob
from factlab.training.together import MEMORY_SHARE, MOST, adapters_that_fit, step_of
from factlab.training.train import train, train_together


def assert_packed_is_plain(model: PeftModel, texts: Sequence[Text], within: float = 1e-5) -> None:
    assert packs(model)
    packed, ours = loss_and_gradients(model, lambda: predicting_states(model, [texts]))
    plain, theirs = loss_and_gradients(model, lambda: library_states(model, texts))
    assert apart(packed, plain) < within
    assert len(theirs) == 2 * 7 * 2  # A and B of seven layers in two blocks
    for name, gradient in theirs.items():
        assert gradient.norm() > 0, name
        assert apart(ours[name], gradient) < within, name


PREFIX = range(5, 17)
TEXTS = {
    "one text": [made_text(0, 9, 4)],
    "several that share nothing": [made_text(1, 9, 4), made_text(2, 30, 1), made_text(3, 5, 12)],
    "several that share a prefix": [made_text(4, 14, 4, PREFIX), made_text(5, 30, 7, PREFIX)],
    "a text twice": [made_text(6, 8, 3), made_text(6, 8, 3)],
}


@pytest.mark.parametrize("kind", TEXTS)
def test_packed_texts_have_the_librarys_states_and_gradients(tiny: LoadedModel, kind: str) -> None:
    texts = TEXTS[kind]
    shares = {"several that share a prefix": len(PREFIX), "a text twice": 7}
    assert shared_first(texts) == shares.get(kind, 0)
    model = attach_adapter(tiny, cell())
    randomise(model)
    assert_packed_is_plain(model, texts)


@pytest.mark.parametrize("targets", ["q_proj", "k_proj", "up_proj", "down_proj"])
def test_an_adapter_on_some_layers_only_is_packed_as_it_is(tiny: LoadedModel, targets: str) -> None:
    model = attach_adapter(tiny, cell(targets=targets))
    randomise(model)
    texts = TEXTS["several that share a prefix"]
    _, ours = loss_and_gradients(model, lambda: predicting_states(model, [texts]))
    _, theirs = loss_and_gradients(model, lambda: library_states(model, texts))
    assert len(theirs) == 4
    assert max(apart(ours[name], theirs[name]) for name in theirs) < 1e-5


def test_biases_are_added(tiny: LoadedModel) -> None:
    tiny.model = Qwen2ForCausalLM(Qwen2Config(**SIZES)).eval()
    randomise(tiny.model, "bias", std=1.0)
    model = attach_adapter(tiny, cell())
    randomise(model)
    assert model.get_base_model().model.layers[0].self_attn.q_proj.base_layer.bias.norm() > 1
    # Biases this large make the sums, and what rounding takes from them, larger too.
    assert_packed_is_plain(model, TEXTS["several that share a prefix"], within=1e-4)


def test_dora_is_packed_where_no_gradient_is_wanted(tiny: LoadedModel) -> None:
    tiny.model = Qwen2ForCausalLM(Qwen2Config(**SIZES)).eval()  # its biases have no magnitude
    randomise(tiny.model, "bias", std=1.0)
    cells = [cell(method="dora"), cell(rank=4), cell(method="dora", targets="v_proj+down_proj")]
    model = attach_adapters(tiny, cells, NAMES).eval()
    randomise(model)
    randomise(model, "magnitude", std=1.0)
    texts = TEXTS["several that share a prefix"]
    assert not packs(model, NAMES)
    with torch.no_grad():
        assert packs(model, NAMES)
        together = predicting_states(model, [texts] * 3, NAMES)
        for name, states in zip(NAMES, together.chunk(3), strict=True):
            model.set_adapter(name)
            assert apart(states, library_states(model, texts)) < 1e-5


@st.composite
def made_groups(draw: st.DrawFn) -> tuple[int, list[list[Tree]]]:
    """Groups of texts with a common prefix; no token number stands for two tokens."""
    number = count(1)

    def tokens(size: int) -> tuple[int, ...]:
        return tuple(next(number) for _ in range(size))

    shared = draw(st.integers(0, 5))
    texts = draw(st.integers(1, 4))
    groups = []
    for _ in range(draw(st.integers(1, 3))):
        first = tokens(shared)
        groups.append(
            [
                Tree(
                    (*first, *tokens(draw(st.integers(1, 6)))),
                    [tokens(n) for n in draw(st.lists(st.integers(0, 4), max_size=3))],
                )
                for _ in range(texts)
            ]
        )
    return shared, groups


def paths(texts: Sequence[Tree]) -> Iterator[tuple[int, ...]]:
    """What each token of some texts may see: its text so far, itself at the end."""
    for text in texts:
        for branch in [(), *text.branches]:
            whole = (*text.trunk, *branch)
            yield from (whole[: end + 1] for end in range(len(whole)))


@given(made_groups(), st.sampled_from([1, 4, COLUMNS]))
def test_every_token_is_packed_once_and_sees_its_own_path(
    made: tuple[int, list[list[Tree]]], multiple: int
) -> None:
    shared, groups = made
    packed = pack(groups, shared, torch.float32, multiple)
    assert packed.mask.shape[-1] % multiple == 0
    path = {seen[-1]: seen for texts in groups for seen in paths(texts)}
    flat = packed.tokens.flatten()
    filler = packed.filler if packed.filler is not None else torch.zeros(len(flat), dtype=bool)
    assert sorted(flat[~filler].tolist()) == sorted(path)
    for group, texts in zip(packed.tokens, groups, strict=True):
        assert {seen[-1] for seen in paths(texts)} <= set(group.tolist())
    for token, position, over in zip(
        flat.tolist(), packed.positions.flatten().tolist(), filler.tolist(), strict=True
    ):
        assert over or position == len(path[token]) - 1

    at = torch.arange(len(flat))[~filler]
    assert torch.equal(packed.rows.flatten()[packed.slots[at]], at)
    assert packed.present.flatten()[packed.slots[at]].all()
    assert packed.present.sum() == len(at)

    assert set(packed.mask.unique().tolist()) <= {0.0, torch.finfo(torch.float32).min}
    per_group = len(packed.rows) // len(groups)
    for row, (columns, present) in enumerate(zip(packed.rows, packed.present, strict=True)):
        keys = flat[torch.cat([packed.prefix[row // per_group], columns])]
        for column in present.nonzero()[:, 0].tolist():
            mask = packed.mask[row, 0, 0, column]
            assert (mask[len(keys) :] < 0).all()
            seen = keys[mask[: len(keys)] == 0].tolist()
            assert tuple(seen) == path[flat[columns[column]].item()]

    for texts, rows in zip(groups, packed.own_rows(), strict=True):
        for text, row in zip(texts, rows, strict=True):
            own = [*text.trunk[shared:], *(token for way in text.branches for token in way)]
            assert flat[row[: len(own)]].tolist() == own


def test_branches_have_the_states_of_each_text_alone(tiny: LoadedModel) -> None:
    trees = [
        Tree((7, 8, 9, 10), [(20, 21, 22), (30,), (20, 21, 40, 41)]),
        Tree((7, 8, 11), [(50, 51)]),
        Tree((7, 8, 12, 13, 14, 15)),
    ]
    model = attach_adapter(tiny, cell()).eval()
    randomise(model)
    with torch.no_grad():
        decoder = read_decoder(model)
        assert decoder is not None
        packed = pack([trees], 2, torch.float32)
        states = decoder.states(
            packed.tokens,
            packed.positions,
            lambda i, laid: attend(
                packed, laid, decoder.heads, decoder.key_heads, decoder.layers[i].scoring
            ),
        )[0]
        for tree, row in zip(trees, packed.own_rows()[0], strict=True):
            start = len(tree.trunk) - 2
            for branch in tree.branches:
                alone = model.get_decoder()(torch.tensor([[*tree.trunk, *branch]]))
                expected = alone.last_hidden_state[0, 2:]
                places = torch.cat([row[: len(tree.trunk) - 2], row[start : start + len(branch)]])
                assert apart(states[places], expected) < 1e-5
                start += len(branch)


NAMES = ["first", "second", "third"]


def made_cells(optimizer: str = "adamw") -> list[Cell]:
    """Cells that differ in all that adapters trained together may differ in."""
    made = []
    more = 100 if optimizer == "sgd" else 1  # its steps are as long as the gradient
    for seed, (rank, rate) in enumerate([(2, 2e-3), (4, 1e-3), (8, 5e-4)]):
        chosen = cell(learning_rate=more * rate, optimizer=optimizer)
        made.append(chosen.model_copy(update={"rank": rank, "alpha": 3 * rank, "seed": seed}))
    return made


def made_group(seed: int, lengths: Sequence[tuple[int, int]]) -> list[Text]:
    """Texts of (tokens, answer tokens) that begin with ten tokens of their group."""
    first = range(20 * seed + 5, 20 * seed + 15)
    return [made_text(seed + 10 * i, *sizes, first) for i, sizes in enumerate(lengths)]


GROUPS = {
    "equal": [made_group(seed, [(14, 3), (19, 6)]) for seed in range(3)],
    "of unequal token counts": [
        made_group(0, [(14, 3), (19, 6)]),
        made_group(1, [(30, 9), (12, 1)]),
        made_group(2, [(11, 2), (11, 2)]),
    ],
    "that share nothing": [[text] for text in TEXTS["several that share nothing"]],
}


@pytest.mark.parametrize("kind", GROUPS)
def test_adapters_side_by_side_are_each_as_alone(tiny: LoadedModel, kind: str) -> None:
    groups, cells = GROUPS[kind], made_cells()
    model = attach_adapters(tiny, cells, NAMES)
    randomise(model)
    weights = [tuned_weights(model, name) for name in NAMES]
    with torch.no_grad():
        together = predicting_states(model, groups, NAMES)
    sizes = [sum(len(text.targets) for text in texts) for texts in groups]
    ones = [torch.Generator().manual_seed(i) for i in range(3)]
    slopes = [torch.randn(n, 64, generator=made) for n, made in zip(sizes, ones, strict=True)]

    def gradients(one: PeftModel, name: str) -> list[torch.Tensor]:
        return [p.grad for n, p in one.named_parameters() if f".{name}." in n]

    model.requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
    (predicting_states(model, groups, NAMES) * torch.cat(slopes)).sum().backward()
    ours = [gradients(model, name) for name in NAMES]
    tiny.model = model.unload()
    for i, states in enumerate(together.split(sizes)):
        solo = attach_adapter(tiny, cells[i])
        restore(solo, weights[i])
        expected = library_states(solo, groups[i])
        assert apart(states, expected.detach()) < 1e-5
        (expected * slopes[i]).sum().backward()
        theirs = gradients(solo, "default")
        assert len(ours[i]) == len(theirs) == 28
        assert max(apart(a, b) for a, b in zip(ours[i], theirs, strict=True)) < 1e-5
        tiny.model = solo.unload()


def trained_alone(tiny: LoadedModel, chosen: Cell, **more: object) -> dict[str, torch.Tensor]:
    model = attach_adapter(tiny, chosen)
    train(model, tiny, chosen, questions(), **more)
    weights = tuned_weights(model)
    tiny.model = model.unload()
    return weights


def assert_same_adapter(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Nearly everywhere: Adam takes a full step even where a gradient is nothing but rounding.

    Plain gradient descent does not, and is held to less in the test below.
    """
    assert found.keys() == expected.keys()
    ours, theirs = flat(found), flat(expected)
    assert apart(ours, theirs) < 2e-3
    assert (ours - theirs).abs().quantile(0.9) < 1e-4 * theirs.std()


def flat(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([weights[name].flatten() for name in sorted(weights)])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_adapters_trained_together_are_those_trained_alone(
    tiny: LoadedModel, optimizer: str
) -> None:
    cells = made_cells(optimizer)
    steps: list[list[TrainStep]] = [[] for _ in cells]
    model = attach_adapters(tiny, cells, NAMES)
    jobs = [
        AdapterJob(chosen, questions(), record=noted.append, name=name)
        for chosen, noted, name in zip(cells, steps, NAMES, strict=True)
    ]
    trained = train_together(model, tiny, jobs)
    found = [tuned_weights(model, name) for name in NAMES]
    tiny.model = model.unload()
    assert [one.failed for one in trained] == [None, None, None]
    sizes = [one.record.trainable_parameters for one in trained]
    assert sizes == [sizes[0], 2 * sizes[0], 4 * sizes[0]]
    for chosen, weights, noted in zip(cells, found, steps, strict=True):
        alone: list[TrainStep] = []
        expected = trained_alone(tiny, chosen, record=alone.append)
        assert_same_adapter(weights, expected)
        if optimizer == "sgd":
            assert apart(flat(weights), flat(expected)) < 1e-6
            assert alone[-1].loss_nats < 0.99 * alone[0].loss_nats
        assert len(noted) == len(alone) == 20
        for ours, theirs in zip(noted, alone, strict=True):
            assert ours.learning_rate == theirs.learning_rate
            assert ours.loss_nats == pytest.approx(theirs.loss_nats, rel=1e-4)
            assert ours.grad_norm == pytest.approx(theirs.grad_norm, rel=1e-3)


@pytest.mark.parametrize("bad", [0, 1])
def test_an_adapter_that_diverges_leaves_the_others_as_alone(tiny: LoadedModel, bad: int) -> None:
    cells = made_cells()
    cells[bad] = cells[bad].model_copy(update={"recipe": cell(learning_rate=1e30).recipe})
    model = attach_adapters(tiny, cells, NAMES)
    jobs = [AdapterJob(c, questions(), name=name) for c, name in zip(cells, NAMES, strict=True)]
    trained = train_together(model, tiny, jobs)
    found = [tuned_weights(model, name) for name in NAMES]
    tiny.model = model.unload()
    for i, one in enumerate(trained):
        if i == bad:
            assert one.record.steps == 1
            assert "at step 2" in (one.failed or "")
        else:
            assert one.record.steps == 20
            assert one.failed is None
            assert_same_adapter(found[i], trained_alone(tiny, cells[i]))


def test_an_anchored_adapter_is_not_trained_beside_one_without_anchors(tiny: LoadedModel) -> None:
    anchors = prepare_anchors(tiny, [AnsweredPrompt("Hi?", "Hello.", True)])
    cells = [cell(anchor_weight=2.0, anchors_per_step=1), cell()]
    model = attach_adapters(tiny, cells, NAMES[:2])
    jobs = [
        AdapterJob(cells[0], questions(), anchors, name=NAMES[0]),
        AdapterJob(cells[1], questions(), name=NAMES[1]),
    ]
    with pytest.raises(TrainingError, match="side by side"):
        train_together(model, tiny, jobs)
    tiny.model = model.unload()


LIMIT = 3 * COLUMNS


@pytest.fixture
def talker(tiny: LoadedModel) -> PeftModel:
    """A model whose answers do not repeat themselves soon."""
    model = attach_adapter(tiny, cell()).eval()
    randomise(model, std=0.5)
    return model


@pytest.mark.parametrize("shared", [0, 7])
def test_answers_and_options_of_a_batch_are_the_librarys_one_at_a_time(
    talker: PeftModel, shared: int
) -> None:
    texts = [made_text(i, 8 + 5 * i, 9, range(30, 30 + shared)) for i in range(8)]
    prompts = [
        Prompt(text.tokens[: text.first + 1], [text.targets[i:] for i in range(0, 9, 4)])
        for text in texts
    ]
    prompts[3] = Prompt(prompts[3].ids)
    free = [said_alone(talker, prompt.ids, LIMIT) for prompt in prompts]
    assert all(len(set(answer)) > 5 for answer in free)
    *others, last = free  # the last row goes on to the limit, the others end sooner or later
    ends = [
        next(token for token in answer[place:] if token not in last)
        for answer, place in zip(others, (2, COLUMNS, 2 * COLUMNS), strict=False)
    ]
    replies = complete(talker, prompts, Limits(8, LIMIT, ends))
    lengths = set()
    for prompt, answer, reply in zip(prompts, free, replies, strict=True):
        end = next((i + 1 for i, token in enumerate(answer) if token in ends), LIMIT)
        assert reply.tokens == answer[:end]
        lengths.add(end)
        expected = [nll_alone(talker, prompt.ids, option) for option in prompt.options]
        assert reply.nll == pytest.approx(expected, rel=1e-5)
    assert len(lengths) > 3
    assert max(lengths) == LIMIT


def test_a_family_that_is_not_covered_is_computed_by_the_library(tiny: LoadedModel) -> None:
    torch.manual_seed(0)
    tiny.model = Olmo2ForCausalLM(Olmo2Config(**SIZES)).eval()
    model = attach_adapter(tiny, cell())
    assert not packs(model)
    steps: list[TrainStep] = []
    train(model, tiny, cell(), questions(), record=steps.append)
    assert steps[-1].loss_nats < steps[0].loss_nats - 0.2
    prompts = [Prompt((5, 6, 7), [(8, 9)]), Prompt((5, 6, 10, 11, 12), [(13,)])]
    for prompt, reply in zip(
        prompts,
        complete(model, prompts, Limits(2, 6, [-1])),
        strict=True,
    ):
        assert reply.tokens == said_alone(model, prompt.ids, 6)
        expected = [nll_alone(model, prompt.ids, option) for option in prompt.options]
        assert reply.nll == pytest.approx(expected, rel=1e-5)
    texts = TEXTS["one text"]
    with pytest.raises(TrainingError, match="one adapter at a time"):
        predicting_states(model, [texts, texts], ["default", "default"])


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(LlamaForCausalLM(LlamaConfig(**SIZES, hidden_act="relu")), id="relu"),
        pytest.param(
            LlamaForCausalLM(
                LlamaConfig(
                    **SIZES,
                    rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
                )
            ),
            id="dynamic positions",
        ),
    ],
)
def test_a_model_with_more_than_plain_blocks_is_left_to_the_library(model: PreTrainedModel) -> None:
    assert not packs(model)


def test_dropout_is_left_to_the_library_while_training(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell(dropout=0.1))
    assert not packs(model.train())
    assert packs(model.eval())


@pytest.mark.parametrize(
    "settings",
    [
        {"use_dora": True},
        {"lora_bias": True},
        {"target_modules": ["q_proj", "embed_tokens"]},
    ],
    ids="+".join,
)
def test_an_adapter_of_another_kind_is_left_to_the_library(
    tiny: LoadedModel, settings: dict[str, object]
) -> None:
    config = LoraConfig(**{"r": 2, "target_modules": "all-linear", **settings})
    assert not packs(get_peft_model(tiny.model, config).eval())


def test_a_merged_adapter_is_left_to_the_library_until_it_is_taken_out(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell()).eval()
    randomise(model)
    texts = TEXTS["several that share a prefix"]
    with torch.no_grad():
        before = predicting_states(model, [texts])
        model.merge_adapter()
        assert not packs(model)
        assert apart(predicting_states(model, [texts]), before) < 1e-5
        model.unmerge_adapter()
        assert packs(model)
        assert apart(predicting_states(model, [texts]), before) < 1e-5
        assert apart(predicting_states(model.merge_and_unload(), [texts]), before) < 1e-5


def test_switching_adapters_off_gives_the_base(tiny: LoadedModel) -> None:
    texts = TEXTS["several that share a prefix"]
    with torch.no_grad():
        base = library_states(tiny.model, texts)
        model = attach_adapter(tiny, cell()).eval()
        randomise(model)
        assert apart(predicting_states(model, [texts]), base) > 0.01
        with model.disable_adapter():
            assert apart(predicting_states(model, [texts]), base) < 1e-5


def test_joined_weights_are_the_models_own_and_change_nothing(tiny: LoadedModel) -> None:
    before = {name: p.clone() for name, p in tiny.model.named_parameters()}
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        logits = tiny.model(ids).logits
    complete(tiny.model, [Prompt((5, 6, 7))], Limits(1, 2))
    decoder = read_decoder(tiny.model)
    assert decoder is not None
    for layer in decoder.layers:
        for projection in (layer.query_key_value, layer.gate_up):
            joined = projection.weight().untyped_storage().data_ptr()
            for part in projection.parts:
                assert part.weight.untyped_storage().data_ptr() == joined
    for name, parameter in tiny.model.named_parameters():
        assert torch.equal(parameter, before[name]), name
        assert not parameter.is_inference(), name
    with torch.no_grad():
        assert torch.equal(tiny.model(ids).logits, logits)


def test_a_weight_that_is_replaced_is_read_anew(tiny: LoadedModel) -> None:
    texts = TEXTS["several that share a prefix"]
    with torch.no_grad():
        predicting_states(tiny.model, [texts])
        weight = tiny.model.model.layers[0].self_attn.v_proj.weight
        weight.data = 2 * weight.data
        expected = library_states(tiny.model, texts)
        assert apart(predicting_states(tiny.model, [texts]), expected) < 1e-5


def test_the_heads_losses_and_their_gradients_are_autograds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("factlab.inference.decoder.head.HEAD_ROWS", 6)  # parts of 6 and 4
    monkeypatch.setattr(
        "factlab.inference.decoder.head.CACHED_ROWS", 4
    )  # and of these, 4 and 2, and 4
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 50, bias=False).requires_grad_(False)
    reference = torch.randn(10, 16)
    targets = torch.randint(50, (10,))
    for scale in (1.0, 300.0):  # at 300 some chances are too small for fp32
        states = (scale * (reference + torch.randn(10, 16))).requires_grad_()
        slopes = torch.rand(10)
        logs = head(states).log_softmax(dim=-1)
        nll = -logs.gather(1, targets[:, None])[:, 0]
        assert (nll.max() > TINY_NATS) == (scale > 1)
        base = head(scale * reference).log_softmax(dim=-1)
        kl = (base.exp() * (base - logs)).sum(dim=-1)
        for ours, theirs in [
            (answer_nll(head, states, targets), nll),
            (anchor_kl(head, states, targets, scale * reference), kl),
        ]:
            assert apart(ours.detach(), theirs.detach()) < 1e-5
            (found,) = torch.autograd.grad((ours * slopes).sum(), states)
            (expected,) = torch.autograd.grad((theirs * slopes).sum(), states, retain_graph=True)
            assert apart(found, expected) < 1e-5


def test_other_divergences_and_unlikelihood_are_what_they_are_called() -> None:
    torch.manual_seed(1)
    head = torch.nn.Linear(8, 12, bias=False).requires_grad_(False)
    states, reference = torch.randn(5, 8), torch.randn(5, 8)
    targets = torch.tensor([3, 1, 4, 1, 5])
    tuned = torch.distributions.Categorical(logits=head(states))
    base = torch.distributions.Categorical(logits=head(reference))
    forward, reverse = (
        torch.distributions.kl_divergence(base, tuned),
        torch.distributions.kl_divergence(tuned, base),
    )
    found = [
        anchor_kl(head, states, targets, reference, divergence=kind)
        for kind in ("forward", "reverse", "both")
    ]
    for ours, theirs in zip(found, [forward, reverse, (forward + reverse) / 2], strict=True):
        assert apart(ours, theirs) < 1e-5
    # Of the unwanted tokens 1 and 7, the second and fourth answers have the 1 themselves.
    chances = tuned.probs[:, [1, 7]] * torch.tensor([[1, 1], [0, 1], [1, 1], [0, 1], [1, 1]])
    unwanted = unlikelihood(head, states, targets, [1, 7])
    assert apart(unwanted, -torch.log(1 - chances.sum(dim=1))) < 1e-5
    certain = unlikelihood(head, 1e4 * head.weight[7:8], torch.tensor([0]), [7])
    assert certain.isfinite().all()


def three_adapters(tiny: LoadedModel) -> PeftModel:
    """Adapters of other ranks, scales and layers."""
    model = attach_adapters(tiny, [*made_cells()[:2], cell(targets="q_proj+down_proj")], NAMES)
    randomise(model, std=0.5)
    return model.eval()


def asked_each(
    model: PeftModel, batch_size: int = 8
) -> tuple[list[Prompt], list[list[Completion]]]:
    """What the base and each adapter reply side by side, and alone."""
    texts = [made_text(i, 8 + 5 * i, 9, range(30, 37)) for i in range(6)]
    prompts = [Prompt(t.tokens[: t.first + 1], [t.targets[:3], t.targets[3:5]]) for t in texts]
    prompts[2] = Prompt(prompts[2].ids)
    limits = Limits(batch_size, 24, range(3, 40))  # so many ends that rows stop at all times
    each = complete_each(model, [NAMES[1], None, NAMES[2], NAMES[0]], prompts, limits)
    with model.disable_adapter():
        base = complete(model, prompts, limits)
    for found, name in ((each[0], NAMES[1]), (each[2], NAMES[2]), (each[3], NAMES[0])):
        model.set_adapter(name)
        assert_replies(found, complete(model, prompts, limits))
    assert_replies(each[1], base)
    return prompts, each


def assert_replies(found: Sequence[Completion], expected: Sequence[Completion]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.tokens, one.top) == (other.tokens, other.top)
        assert one.nll == pytest.approx(other.nll, rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 8])
def test_adapters_and_base_asked_side_by_side_reply_as_alone(
    tiny: LoadedModel, batch_size: int
) -> None:
    model = three_adapters(tiny)
    assert packs(model, NAMES)
    _, each = asked_each(model, batch_size)
    assert len({len(reply.tokens) for own in each for reply in own}) > 3
    assert len({tuple(own[0].tokens) for own in each}) > 2


def test_adapters_of_a_family_that_is_not_covered_are_asked_in_turn(tiny: LoadedModel) -> None:
    torch.manual_seed(0)
    tiny.model = Olmo2ForCausalLM(Olmo2Config(**SIZES)).eval()
    model = three_adapters(tiny)
    assert not packs(model, NAMES)
    asked_each(model)


def test_an_adapter_that_is_not_there_is_not_taken_for_the_base(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell())
    with pytest.raises(ModelError, match="no adapter 'other'"):
        read_decoder(model, ["default", "other"])


@pytest.mark.parametrize("covered", [True, False])
def test_states_of_many_batches_are_those_of_each(
    tiny: LoadedModel, covered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = attach_adapters(tiny, [cell(), cell()], ["a", "b"])
    randomise(model)
    model.eval()
    batches = [[made_text(i, 9 + i, 4), made_text(9 + i, 7, 5)] for i in range(3)]
    with torch.no_grad():
        each = [predicting_states(model, [batch], ["b"]) for batch in batches]
        other = predicting_states(model, [batches[0]], ["a"])
    if not covered:
        model.set_adapter("b")
        monkeypatch.setattr("factlab.inference.backend.uses_library_pass", lambda _: True)
    found = list(states_in_batches(model, batches, "b"))
    for ours, theirs in zip(found, each, strict=True):
        assert apart(ours, theirs) < 1e-5
        assert not ours.requires_grad
    assert apart(found[0], other) > 0.01


def test_as_many_adapters_are_trained_at_once_as_there_is_memory_for(tiny: LoadedModel) -> None:
    short, long = Batch(texts=8, length=60), Batch(texts=8, length=2000)
    steps = [step_of(tiny, cell(), batch) for batch in (short, long)]
    # What attention keeps grows with the square of the length: a count by tokens would miss it.
    assert saved_activations(steps[1]) > 3 * saved_activations(steps[0]) * 2000 / 60
    for step in steps:
        for room in (0, 10**6, 10**9, 10**12):
            many = adapters_that_fit(room, step)
            assert 1 <= many <= MOST
            assert (
                many == 1
                or many * (saved_activations(step) + workspace(step)) <= MEMORY_SHARE * room
            )
    assert adapters_that_fit(10**12, steps[0]) == MOST


# --- company in a batch -------------------------------------------------------------------------


@st.composite
def asked_prompts(draw: st.DrawFn) -> list[Prompt]:
    """Prompts that begin alike or not, with options or without."""
    shared = draw(st.integers(0, 9))
    found = []
    for number in range(draw(st.integers(1, 9))):
        text = made_text(number, shared + draw(st.integers(1, 40)), 9, range(30, 30 + shared))
        cuts = draw(st.lists(st.integers(1, 9), max_size=3))
        options = [text.targets[:cut] for cut in cuts]
        found.append(Prompt(text.tokens[: text.first + 1], options, ranked=number % 2 == 0))
    return found


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    prompts=asked_prompts(),
    most=st.integers(1, 6),
    new=st.integers(1, 20),
    slots=st.integers(50, 600),
    pairs=st.sampled_from([500, 5000, 10**6]),
)
def test_replies_are_those_of_each_prompt_alone_however_rows_are_filled(
    talker: PeftModel, prompts: list[Prompt], most: int, new: int, slots: int, pairs: int
) -> None:
    ends = range(3, 60)  # a fifth of the tokens, so that answers end at all times
    alone = [complete(talker, [prompt], Limits(1, new, ends))[0] for prompt in prompts]
    held: list[tuple[int, int]] = []
    read: list[tuple[int, int]] = []

    def watched(decoder: Decoder, rows: cache.Cache, tokens: torch.Tensor) -> torch.Tensor:
        states = cache.decode_step(decoder, rows, tokens)
        held.append((len(tokens), rows.slots))
        return states

    def seen(
        decoder: Decoder, packed: Packed, trunks: torch.Tensor
    ) -> tuple[torch.Tensor, cache.Cache]:
        read.append((len(trunks), packed.mask.numel()))
        return cache.prefill(decoder, packed, trunks)

    done: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("factlab.inference.prompts.SLOTS", slots)
        patch.setattr("factlab.inference.prompts.PAIRS", pairs)
        patch.setattr("factlab.inference.continuous.decode_step", watched)
        patch.setattr("factlab.inference.continuous.prefill", seen)
        found = complete(talker, prompts, Limits(most, new, ends), done.append)
    assert_replies(found, alone)
    assert sum(done) == len(prompts)
    assert 0 not in done
    longest = max(prompt.size() for prompt in prompts) + new
    for rows, width in held:
        assert rows <= most
        assert width < longest + COLUMNS
        assert rows == 1 or rows * width <= slots
    for rows, weights in read:
        assert rows == 1 or weights <= pairs


def many_prompts(count: int) -> list[Prompt]:
    """They begin alike, and have two options each."""
    texts = [made_text(i, 9 + 3 * i, 9, range(30, 37)) for i in range(count)]
    return [
        Prompt(t.tokens[: t.first + 1], [t.targets[:3], t.targets[3:5]], ranked=t.first % 2 == 0)
        for t in texts
    ]


def test_rows_whose_answers_have_ended_are_filled_beside_those_that_go_on(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = three_adapters(tiny)
    names = [NAMES[1], None, NAMES[2]]
    prompts, limits = many_prompts(30), Limits(10, 24, range(3, 80))
    alone = [complete_each(model, [name], prompts, limits)[0] for name in names]
    read: list[tuple[int, int]] = []  # prompts, and tokens that they share
    steps = 0

    def seen(
        decoder: Decoder, packed: Packed, trunks: torch.Tensor
    ) -> tuple[torch.Tensor, cache.Cache]:
        read.append((len(trunks) // len(names), packed.shared))
        return cache.prefill(decoder, packed, trunks)

    def watched(decoder: Decoder, rows: cache.Cache, tokens: torch.Tensor) -> torch.Tensor:
        nonlocal steps
        steps += 1
        return cache.decode_step(decoder, rows, tokens)

    monkeypatch.setattr("factlab.inference.continuous.prefill", seen)
    monkeypatch.setattr("factlab.inference.continuous.decode_step", watched)
    for ours, theirs in zip(complete_each(model, names, prompts, limits), alone, strict=True):
        assert_replies(ours, theirs)
    # Several at once, of texts that begin alike, and not only when all rows had ended.
    assert any(number > 1 and shared for number, shared in read[1:])
    assert len(read) > 3
    assert sum(number for number, _ in read) == len(prompts)
    longest = [max(len(own[i].tokens) for own in alone) for i in range(len(prompts))]
    in_batches = sum(max(longest[start : start + 10]) - 1 for start in range(0, 30, 10))
    assert steps < in_batches


def exactly(found: Sequence[Completion], expected: Sequence[Completion]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.tokens, one.nll, one.top) == (other.tokens, other.nll, other.top)


@pytest.mark.parametrize("alike", [True, False])
def test_in_bf16_replies_do_not_depend_on_what_is_asked_beside_them(
    tiny: LoadedModel, alike: bool, products_stand_alone: bool
) -> None:
    if not products_stand_alone:
        pytest.skip("products of this processor depend on the number of rows")
    tiny.model = tiny.model.to(torch.bfloat16)
    model = three_adapters(tiny)
    prompts = many_prompts(20)
    if not alike:
        prompts.append(Prompt((5, 6, 7), [(8, 9)]))  # begins unlike the others
    ends = range(3, 20)
    names = [NAMES[1], None, NAMES[2], NAMES[0]]
    together = complete_each(model, names, prompts, Limits(10, 40, ends))
    for size in (1, 3, 30):
        for ours, theirs in zip(
            complete_each(model, names, prompts, Limits(size, 40, ends)), together, strict=True
        ):
            exactly(ours, theirs)
    for name, replies in zip(names, together, strict=True):
        if name is None:
            with model.disable_adapter():
                alone = [complete(model, [p], Limits(1, 40, ends))[0] for p in prompts]
        else:
            model.set_adapter(name)
            alone = [complete(model, [p], Limits(1, 40, ends))[0] for p in prompts]
        exactly(alone, replies)
    assert len({len(reply.tokens) for own in together for reply in own}) > 3


def test_the_library_answers_if_it_is_asked_to(
    talker: PeftModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [Prompt(made_text(i, 8 + i, 3).tokens[: 8 + i]) for i in range(3)]
    ours = complete(talker, prompts, Limits(3, 9))

    def never(*_: object) -> None:
        raise AssertionError("by the decoder")

    monkeypatch.setattr("factlab.inference.packed.PackedBackend.complete", never)
    theirs = complete(talker, prompts, Limits(3, 9, library=True))
    assert [reply.tokens for reply in theirs] == [reply.tokens for reply in ours]
    with pytest.raises(AssertionError, match="by the decoder"):
        complete(talker, prompts, Limits(3, 9))


def test_what_a_text_left_in_its_row_does_not_reach_the_next(talker: PeftModel) -> None:
    def begun(length: int) -> cache.Cache:
        packed = pack([[Tree(tuple(range(5, 5 + length)))]], 0, torch.float32, COLUMNS)
        return cache.prefill(decoder, packed, torch.tensor([length]))[1]

    with torch.inference_mode():
        decoder = read_decoder(talker)
        assert decoder is not None
        rows = begun(40)
        for part in (*rows.keys, *rows.values):
            part.fill_(float("nan"))
        rows.replace(torch.tensor([0]), begun(4))
        for token in range(7, 30):  # on into the slots of the text that was there
            found = cache.decode_step(decoder, rows, torch.tensor([token]))
        alone = begun(4)
        for token in range(7, 30):
            expected = cache.decode_step(decoder, alone, torch.tensor([token]))
    assert apart(found, expected) < 1e-5

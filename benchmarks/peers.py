"""What people use instead of factlab, written as their libraries' documentation suggests.

Every trainer takes the same pairs, steps, LoRA settings, learning rate, schedule, clipping and
seed, and leaves its adapter on the model; `training.py` takes it off again.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.common import computes_bf16
from factlab.models.chat import RenderedPair, prompt_ids, prompt_text, render_pair

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig

    from factlab.models.load import LoadedModel
    from factlab.schema.question import Question

BATCH = 16
RANK = 8
ALPHA = 32
LEARNING_RATE = 1e-3
WARMUP_SHARE = 0.1
CLIP = 1.0
SEED = 0
IGNORED = -100  # the label that the loss skips


@dataclass(frozen=True, slots=True)
class Fitted:
    """An adapter on its base, and what training it took.

    Attributes:
        model: The PEFT model.
        seconds: From the beginning of the first step to the end of the last.
        set_up_seconds: What else the call took: data and trainer.
    """

    model: Any
    seconds: float
    set_up_seconds: float


def lora(rank: int = RANK) -> LoraConfig:
    """The adapter that everybody trains."""
    from peft import LoraConfig, TaskType

    return LoraConfig(
        r=rank,
        lora_alpha=ALPHA,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type=TaskType.CAUSAL_LM,
    )


# --- training: TRL ----------------------------------------------------------------------------


def trl_tutorial(loaded: LoadedModel, pairs: Sequence[Question], steps: int) -> Fitted:
    """SFTTrainer as tutorials call it: an fp32 model, one pair per step, defaults otherwise.

    TRL's defaults of gradient checkpointing and bf16 autocast are two of them; without the latter
    where it would take tens of times as long, which is not what anyone would wait for.
    """
    return _trl(
        loaded, pairs, steps, per_device_train_batch_size=1, bf16=computes_bf16(loaded.device)
    )


def trl_tuned(
    loaded: LoadedModel,
    pairs: Sequence[Question],
    steps: int,
    seed: int = SEED,
    rank: int = RANK,
) -> Fitted:
    """SFTTrainer by someone who has tried its options: on a bf16 model with an fp32 adapter.

    Of fused and plain attention, with autocast and without, this is the fastest of the four on two
    cores (docs/log.md). Autocast spares PEFT fp32 products. On a processor without products in bf16
    the model is in fp32, and there is no autocast.
    """
    _plain_attention(loaded)
    return _trl(
        loaded,
        pairs,
        steps,
        per_device_train_batch_size=BATCH,
        bf16=computes_bf16(loaded.device),
        gradient_checkpointing=False,
        completion_only_loss=True,
        train_sampling_strategy="group_by_length",
        logging_strategy="no",
        dataloader_pin_memory=False,
        seed=seed,
        rank=rank,
    )


def _plain_attention(loaded: LoadedModel) -> None:
    """On a CPU the backward pass of fused attention is the slower one, for everybody."""
    if loaded.device.type == "cpu":
        loaded.model.set_attn_implementation("eager")


def _trl(
    loaded: LoadedModel,
    pairs: Sequence[Question],
    steps: int,
    seed: int = SEED,
    rank: int = RANK,
    **settings: Any,
) -> Fitted:
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    started = time.perf_counter()
    clock = _step_clock()
    with tempfile.TemporaryDirectory() as scratch:
        set_seed(seed)
        trainer = SFTTrainer(
            model=loaded.model,
            args=SFTConfig(
                output_dir=scratch,
                max_steps=steps,
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="linear",
                warmup_steps=math.ceil(WARMUP_SHARE * steps),
                max_grad_norm=CLIP,
                seed=seed,
                use_cpu=loaded.device.type == "cpu",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                **settings,
            ),
            train_dataset=Dataset.from_list([_conversation(pair) for pair in pairs]),
            processing_class=loaded.tokenizer,
            peft_config=lora(rank),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    model: Any = trainer.model
    model.eval()
    seconds = clock.ended - clock.began
    return Fitted(model, seconds, time.perf_counter() - started - seconds)


def _conversation(pair: Question) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": pair.text}],
        "completion": [{"role": "assistant", "content": pair.target}],
    }


def _step_clock() -> Any:
    """A callback that knows when the first step began and the last one ended."""
    from transformers import TrainerCallback

    class StepClock(TrainerCallback):
        began = ended = 0.0

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            del args, kwargs
            self.began = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            del args, kwargs
            self.ended = time.perf_counter()

    return StepClock()


# --- training: a plain PEFT loop --------------------------------------------------------------


def plain_peft(loaded: LoadedModel, pairs: Sequence[Question], steps: int) -> Fitted:
    """A loop of one's own around `model(**batch, labels)`."""
    return _plain(loaded, pairs, steps, answers_only=False)


def plain_peft_answers(loaded: LoadedModel, pairs: Sequence[Question], steps: int) -> Fitted:
    """The same by someone who applies the output head to answer positions only."""
    return _plain(loaded, pairs, steps, answers_only=True)


def _plain(
    loaded: LoadedModel, pairs: Sequence[Question], steps: int, *, answers_only: bool
) -> Fitted:
    import torch
    from peft import get_peft_model
    from transformers import get_linear_schedule_with_warmup, set_seed

    called = time.perf_counter()
    set_seed(SEED)
    _plain_attention(loaded)
    model = get_peft_model(loaded.model, lora())
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, math.ceil(WARMUP_SHARE * steps), steps)
    batches = _batches(loaded, pairs, steps)
    model.train()
    started = time.perf_counter()
    for batch in batches:
        loss = _answer_loss(model, **batch) if answers_only else model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    if loaded.device.type == "cuda":
        torch.cuda.synchronize()
    ended = time.perf_counter()
    model.eval()
    return Fitted(model, ended - started, started - called)


def _batches(
    loaded: LoadedModel, pairs: Sequence[Question], steps: int
) -> list[dict[str, torch.Tensor]]:
    """Padded batches of shuffled pairs, epoch after epoch."""
    import torch

    rows = rendered(loaded, pairs)
    generator = torch.Generator().manual_seed(SEED)
    order: list[int] = []
    while len(order) < steps * BATCH:
        order += torch.randperm(len(rows), generator=generator).tolist()
    return [
        padded_batch(loaded, [rows[i] for i in order[start : start + BATCH]])
        for start in range(0, steps * BATCH, BATCH)
    ]


def rendered(loaded: LoadedModel, pairs: Sequence[Question]) -> list[RenderedPair]:
    """Pairs as the tokens that everyone trains on."""
    return [render_pair(loaded.tokenizer, pair.text, pair.target or "") for pair in pairs]


def padded_batch(loaded: LoadedModel, rows: Sequence[RenderedPair]) -> dict[str, torch.Tensor]:
    """Rows padded to the right, with labels on the answers; what a causal model takes."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids = [torch.tensor([*row.prompt_ids, *row.answer_ids]) for row in rows]
    labels = [torch.tensor([IGNORED] * len(r.prompt_ids) + list(r.answer_ids)) for r in rows]
    ones = [torch.ones_like(row) for row in ids]
    pad = float(loaded.tokenizer.pad_token_id)
    batch = {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
        "attention_mask": pad_sequence(ones, batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
    }
    return {name: part.to(loaded.device) for name, part in batch.items()}


def _answer_loss(
    model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    import torch

    states = model.get_decoder()(input_ids=input_ids, attention_mask=attention_mask)
    wanted = labels[:, 1:] != IGNORED
    logits = model.get_output_embeddings()(states.last_hidden_state[:, :-1][wanted])
    return torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][wanted])


# --- scoring: transformers' generate ----------------------------------------------------------


def generate_texts(
    model: Any, tokenizer: Any, questions: Sequence[str], *, batch_size: int, max_new_tokens: int
) -> list[str]:
    """Greedy answers by `model.generate`, left-padded, in batches sorted by length."""
    import torch

    prompts = [prompt_text(tokenizer, question) for question in questions]
    order = sorted(range(len(prompts)), key=lambda i: len(prompt_ids(tokenizer, questions[i])))
    texts: dict[int, str] = {}
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = tokenizer(
            [prompts[i] for i in chosen],
            return_tensors="pt",
            padding=True,
            padding_side="left",
            add_special_tokens=tokenizer.chat_template is None,
        ).to(model.device)
        with torch.inference_mode():
            rows = model.generate(
                **batch,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                pad_token_id=tokenizer.pad_token_id,
            )[:, batch["input_ids"].shape[1] :]
        said = tokenizer.batch_decode(rows, skip_special_tokens=True)
        texts.update(zip(chosen, (text.strip() for text in said), strict=True))
    return [texts[i] for i in range(len(prompts))]


# --- scoring: lm-evaluation-harness -----------------------------------------------------------


def harness(model: Any, tokenizer: Any, batch_size: int) -> Any:
    """lm_eval's HFLM around a model that is loaded already."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    from lm_eval.models.huggingface import HFLM  # type: ignore[import-untyped]

    return HFLM(
        pretrained=model, tokenizer=tokenizer, batch_size=batch_size, device=str(model.device)
    )


def harness_likelihoods(
    lm: Any, rows: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[float]:
    """Log-likelihood in nats of each continuation after its prompt, both given as tokens.

    This is what its `loglikelihood` calls once it has tokenised. Given text, it would move the
    chat template's last newline from the prompt to the option, and score other tokens than factlab.
    """
    requests = [((str(i), ""), list(p), list(o)) for i, (p, o) in enumerate(rows)]
    return [value for value, _ in lm._loglikelihood_tokens(requests, disable_tqdm=True)]


def harness_texts(
    lm: Any, tokenizer: Any, questions: Sequence[str], max_new_tokens: int
) -> list[str]:
    """Greedy answers by its `generate_until`."""
    from lm_eval.api.instance import Instance  # type: ignore[import-untyped]

    wanted = {"until": [tokenizer.eos_token], "max_gen_toks": max_new_tokens, "do_sample": False}
    requests = [
        Instance(
            request_type="generate_until",
            doc={},
            arguments=(prompt_text(tokenizer, question), dict(wanted)),
            idx=0,
        )
        for question in questions
    ]
    return [str(text).strip() for text in lm.generate_until(requests, disable_tqdm=True)]

"""What a decoder is given in tests, and what the library makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from peft import PeftModel

from factlab.training.batch import Text

Gradients = dict[str, torch.Tensor]
SIZES = {
    "vocab_size": 259,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "pad_token_id": 2,
    "bos_token_id": None,
    "eos_token_id": 1,
}


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Distance relative to what was expected."""
    return ((found - expected).norm() / expected.norm()).item()


def randomise(model: torch.nn.Module, names: str = "lora_B", std: float = 0.2) -> None:
    """Fresh adapters change nothing, and fresh biases are 0; an error in either would not show."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if names in name:
            torch.nn.init.normal_(parameter, std=std)


def made_text(seed: int, tokens: int, answer: int, first: Sequence[int] = ()) -> Text:
    made = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 259, (tokens + answer,), generator=made).tolist()
    ids[: len(first)] = first
    return Text(tuple(ids[:-1]), tokens - 1, tuple(ids[tokens:]))


def loss_and_gradients(
    model: PeftModel, states: Callable[[], torch.Tensor]
) -> tuple[torch.Tensor, Gradients]:
    """A loss that weighs every state otherwise, and its gradients in the adapters."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
    model.zero_grad()
    found = states()
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    loss = (found * weights).square().sum()
    loss.backward()
    return loss.detach(), {n: p.grad for n, p in model.named_parameters() if p.requires_grad}


def said_alone(model: torch.nn.Module, prompt: Sequence[int], limit: int) -> list[int]:
    """Greedy answer by the library's forward pass over the whole text, once for every token."""
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(limit):
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def nll_alone(model: torch.nn.Module, prompt: Sequence[int], option: Sequence[int]) -> float:
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([[*prompt, *option]])).logits[0]
    scores = logits[len(prompt) - 1 : -1].log_softmax(dim=-1)
    return -scores.gather(1, torch.tensor(option)[:, None]).double().sum().item()

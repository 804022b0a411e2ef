"""Likelihoods of given options, from the states that predict their tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from factlab.inference.decoder.head import answer_nll, count_top
from factlab.inference.prompts import Completion, Prompt


def add_option_scores(
    head: nn.Linear,
    states: torch.Tensor,
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
) -> None:
    """Score the options of prompts, and add the scores to the completions.

    Args:
        head: The model's output head.
        states: Those that predict each token of each option, prompt by prompt, (tokens, hidden).
        prompts: Some may have no options.
        completions: Of the prompts.
    """
    options = [option for prompt in prompts for option in prompt.options]
    sizes = [len(option) for option in options]
    targets = torch.tensor([t for option in options for t in option], device=states.device)
    # Summed in fp64, so that a long option loses nothing to rounding.
    values = answer_nll(head, states, targets).double()
    parts = zip(values.split(sizes), states.split(sizes), targets.split(sizes), strict=True)
    for prompt, completion in zip(prompts, completions, strict=True):
        for _ in prompt.options:
            nll, predicting, wanted = next(parts)
            completion.nll.append(nll.sum().item())
            if prompt.ranked:
                completion.top.append(count_top(head, predicting, wanted))

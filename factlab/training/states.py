"""Hidden states of texts that predict their targets, by the packed way or the plain one.

The packed way (`inference.decoder`) computes what texts share once and pads nothing; it covers the
Llama family without dropout. The plain way hands padded rows to the library's own model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from factlab.errors import TrainingError
from factlab.inference.decoder.packing import Tree, pack, shared_length
from factlab.inference.decoder.stack import Decoder, read_decoder

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.training.batch import Text

Groups = Sequence[Sequence["Text"]]


def predicting_states(
    model: PreTrainedModel | PeftModel, groups: Groups, adapters: Sequence[str] | None = None
) -> torch.Tensor:
    """The final states that predict each text's targets.

    Args:
        model: The model, adapters and all.
        groups: The texts of each adapter; equally many each.
        adapters: The adapters, in the order of the groups; None for the active one.

    Returns:
        Shape (targets of all texts, hidden), group by group and text by text.
    """
    decoder = read_decoder(model, adapters)
    if decoder is not None:
        return packed_states(decoder, groups, next(model.parameters()).device)
    if len(groups) > 1:
        raise TrainingError("this model trains one adapter at a time; say --pack 1.")
    return plain_states(model, groups[0])


@torch.no_grad()
def states_in_batches(
    model: PreTrainedModel | PeftModel, batches: Groups, adapter: str | None = None
) -> Iterator[torch.Tensor]:
    """`predicting_states` of one batch after another by one adapter, without gradients.

    The model is read once, since that takes an adapter's factors to the base's type.

    Args:
        model: In evaluation mode.
        batches: The texts of each.
        adapter: As one of `adapters` there; None for the active one.

    Yields:
        For each batch, shape (targets of its texts, hidden).
    """
    device = next(model.parameters()).device
    decoder = read_decoder(model, None if adapter is None else [adapter])
    for batch in batches:
        if decoder is None:
            yield plain_states(model, batch)
        else:
            yield packed_states(decoder, [batch], device)


def packed_states(decoder: Decoder, groups: Groups, device: torch.device) -> torch.Tensor:
    """`predicting_states` over flat tokens, shared first tokens computed once."""
    shared = min(shared_first(texts) for texts in groups)
    trees = [[Tree(text.tokens) for text in texts] for texts in groups]
    packed = pack(trees, shared, decoder.embedding.dtype)
    wanted = [
        row[text.first - shared : text.first - shared + len(text.targets)]
        for texts, rows in zip(groups, packed.own_rows(), strict=True)
        for text, row in zip(texts, rows, strict=True)
    ]
    states = decoder.read_packed(packed.to(device))
    return states.index_select(0, torch.cat(wanted).to(device))


def shared_first(texts: Sequence[Text]) -> int:
    """First tokens that all texts share and that predict no target."""
    return shared_length([text.tokens for text in texts], min(text.first for text in texts))


def plain_states(model: PreTrainedModel | PeftModel, texts: Sequence[Text]) -> torch.Tensor:
    """`predicting_states` by the model's own forward pass, rows padded on the right."""
    trunk: Any = model.get_decoder()
    device = next(model.parameters()).device
    width = max(len(text.tokens) for text in texts)
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    mask = torch.zeros(len(texts), width, dtype=torch.long)
    wanted = torch.zeros(len(texts), width, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids[row, : len(text.tokens)] = torch.tensor(text.tokens)
        mask[row, : len(text.tokens)] = 1
        wanted[row, text.first : text.first + len(text.targets)] = True
    states: torch.Tensor = trunk(
        input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False
    ).last_hidden_state
    return states[wanted.to(device)]

"""How a model is computed: by the packed decoder, or by the library's own forward pass.

`choose_backend` decides, for training and inference alike, and nothing else asks. The packed
decoder (`packed.py`) computes what texts share once, pads nothing and takes several adapters side
by side; it covers the families that `models.families` has decoder names for. The library's pass
(`library.py`) computes every other model, and any model whose user chose an implementation of
attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from factlab.inference.prompts import Completion, Groups, Limits, Prompt, Tokens
from factlab.models.forward import uses_library_pass

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel


class Backend(Protocol):
    """Computes a model with the adapters that it was chosen for.

    Attributes:
        packed: Whether it is the packed decoder, which trains several adapters at once.
    """

    @property
    def packed(self) -> bool: ...  # noqa: D102

    def predicting_states(self, groups: Groups) -> torch.Tensor:
        """The final states that predict each text's targets; gradients pass through them.

        Args:
            groups: The texts of each adapter, in the order of the adapters; equally many each.

        Returns:
            Shape (targets of all texts, hidden), group by group and text by text.

        Raises:
            TrainingError: for several groups, if adapters are computed one at a time.
        """

    def text_states(self, tokens: Tokens) -> torch.Tensor:
        """The final states of one text by the active adapter, shape (tokens, hidden)."""

    def complete(
        self, prompts: Sequence[Prompt], limits: Limits, advance: Callable[[int], None]
    ) -> list[list[Completion]]:
        """Score the options of prompts and answer them greedily.

        Args:
            prompts: What each adapter completes; none is empty, and no option is.
            limits: How they are batched and answered.
            advance: Called with the number of prompts that all adapters have done since the last
                call.

        Returns:
            The completions of each adapter, in the order of the prompts.
        """


def choose_backend(
    model: PreTrainedModel | PeftModel,
    adapters: Sequence[str | None] | None = None,
    *,
    library: bool = False,
) -> Backend:
    """The packed decoder where it computes the model, else the library's own forward pass.

    Choose under the gradient mode that it is used in: with gradients off, adapters' factors are
    brought to the base's dtype once, and kinds of adapters that are not trained here are computed.

    Args:
        model: A causal language model, with adapters on it or not.
        adapters: Names of the adapters to compute, a None among them standing for the base; None
            for the active one. On a model without adapters, as a full fine-tuning is, they say
            nothing.
        library: Take the library's pass, whatever the decoder computes.

    Raises:
        ModelError: for a name that no adapter of the model has.
    """
    from factlab.inference.decoder.stack import base_of, read_decoder
    from factlab.inference.library import LibraryBackend
    from factlab.inference.packed import PackedBackend

    if not library and not uses_library_pass(base_of(model)):
        decoder = read_decoder(model, adapters)
        if decoder is not None:
            return PackedBackend(model, decoder)
    return LibraryBackend(model, adapters)


def states_in_batches(
    model: PreTrainedModel | PeftModel, batches: Groups, adapter: str | None = None
) -> Iterator[torch.Tensor]:
    """The states that predict the targets of one batch after another, without gradients.

    Args:
        model: In evaluation mode.
        batches: The texts of each.
        adapter: By its name; None for the active one. The library's pass takes the active one.

    Yields:
        For each batch, shape (targets of its texts, hidden).
    """
    import torch

    with torch.no_grad():
        backend = choose_backend(model, None if adapter is None else [adapter])
    for batch in batches:
        with torch.no_grad():
            states = backend.predicting_states([batch])
        yield states


def complete(
    model: PreTrainedModel | PeftModel,
    prompts: Sequence[Prompt],
    limits: Limits,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Completion]:
    """Score the options of prompts and answer them greedily, in the order given.

    Args:
        model: A causal language model, in evaluation mode.
        prompts: None is empty, and no option is.
        limits: How they are batched and answered.
        advance: Called with the number of prompts done since the last call.
    """
    (completions,) = complete_each(model, None, prompts, limits, advance)
    return completions


def complete_each(
    model: PreTrainedModel | PeftModel,
    adapters: Sequence[str | None] | None,
    prompts: Sequence[Prompt],
    limits: Limits,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[Completion]]:
    """`complete` by several adapters of one base, side by side in one batch.

    The library's pass takes them one after the other, and the last one stays active.

    Args:
        model: As in `complete`; so are all the others.
        adapters: Names of adapters of the model, a None among them standing for the base; None for
            whatever is active.
        prompts: What each of them completes.
        limits: Of each of them.
        advance: Called once for what all of them have done.

    Returns:
        The completions of each, in the order of `adapters`.
    """
    import torch

    with torch.inference_mode():
        backend = choose_backend(model, adapters, library=limits.library)
        return backend.complete(prompts, limits, advance)

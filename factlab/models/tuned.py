"""Models that were tuned elsewhere, or saved by a full fine-tuning, ready to answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError
from factlab.models.checked import check_files, check_weights, small_files
from factlab.models.complete import load_whole
from factlab.models.load import LoadedModel, LoadOptions, load_model, load_tokenizer
from factlab.models.resolve import ModelFiles
from factlab.models.trial import try_out

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from factlab.schema.config import Precision, Thinking

_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json")


def load_tuned_model(folder: Path, base: LoadedModel) -> Any:
    """Load a saved model in the dtype and on the device of the base that it was trained from.

    Args:
        folder: As transformers writes it.
        base: Whose generation settings it gets, since those that were saved were not measured with.

    Raises:
        ModelError: if its files cannot be read, or are not whole.
    """
    check_weights(folder, str(folder))
    model: Any = load_whole(
        folder,
        f"{folder}: the weights cannot be loaded as a causal language model",
        dtype=base.model.dtype,
        use_safetensors=True,
    )
    model.generation_config = base.model.generation_config
    return model.to(base.device).eval()


def own_tokenizer(
    folder: Path, name: str, base: PreTrainedTokenizerBase, thinking: Thinking
) -> tuple[PreTrainedTokenizerBase, str | None]:
    """The tokenizer that a tuned model is asked through, and a sentence if it is not the base's.

    What was tuned with a chat template of its own is asked by that one.

    Args:
        folder: Of the tuned model; one without a tokenizer is asked through the base's.
        name: What a person calls it.
        base: The base's tokenizer.
        thinking: As the base's is.

    Raises:
        ModelError: for a tokenizer that cannot be used, or of another vocabulary.
    """
    if not any((folder / file).is_file() for file in _TOKENIZER):
        return base, None
    check_files(folder)
    try_out(folder, name, small_files(folder))
    own = load_tokenizer(ModelFiles(name, "folder", folder), thinking)
    mine, its = base.get_vocab(), own.get_vocab()
    if mine != its:
        other = next(iter(sorted(its.items() - mine.items()) or sorted(mine.items() - its.items())))
        raise ModelError(
            f"{name}: its tokenizer has other tokens than the base's (such as {other[0]!r}), so "
            "their likelihoods and predictions cannot be compared. Name the base that it was tuned "
            "from with --base."
        )
    if own.pad_token_id is None:
        own.pad_token = own.eos_token
    if own.chat_template is None and base.chat_template is not None:
        own.chat_template = base.chat_template
    if own.chat_template == base.chat_template:
        return base, None
    return own, (
        f"{name} has a chat template of its own and is asked by that one; the base is asked by "
        "the base's. A difference between the two may be the template's."
    )


def load_tuned_weights(
    files: ModelFiles, base: LoadedModel, precision: Precision, options: LoadOptions
) -> LoadedModel:
    """Load a whole model that was tuned elsewhere, held as its base is.

    Raises:
        ModelError: if it cannot be loaded, or is of other sizes than its base.
    """
    loaded = load_model(files, precision, options)
    for name in ("vocab_size", "hidden_size", "num_hidden_layers"):
        its, mine = (getattr(one.model.config, name, None) for one in (loaded, base))
        if its != mine:
            raise ModelError(
                f"{files.name}: its {name} is {its}, and that of {base.record.name} is {mine}, so "
                "it was not tuned from that base. Name its own with --base."
            )
    loaded.model.generation_config = base.model.generation_config
    return loaded

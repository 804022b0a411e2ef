"""GGUF → safetensors, once, so that later loads take about a second."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError
from factlab.models.complete import load_whole
from factlab.models.families import model_type_of_gguf
from factlab.models.files import reading
from factlab.models.gguf_header import GgufHeader, read_header
from factlab.models.pretokenizers import GPT2, name_of, rules_of
from factlab.models.quiet import no_progress_bars
from factlab.models.sizes import check_sizes
from factlab.models.stored import StoredWeights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CONVERSION = 2  # counts what was changed about converting; a cached model of another is not used
_KNOWN = "Architectures that transformers can dequantise are known to work."
_BLOCK = re.compile(r"blk\.(\d{1,9})\.")
_SIZES = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
}


def convert_gguf(file: Path, folder: Path) -> None:
    """Dequantise a GGUF file to fp32 and save it with its tokenizer as a transformers folder.

    Block-quantised values are products of fp16 scales and small integers, which fp32 holds
    exactly: nothing is rounded a second time here.

    Raises:
        ModelError: if transformers cannot read the file.
    """
    import torch

    pretokenizer = check_whole(file)
    failure = f"{file} cannot be read as a GGUF model"
    with _alone(file) as place, no_progress_bars():
        tokenizer = _tokenizer(file, place, failure, pretokenizer)
        model = load_whole(file, failure, place, gguf_file=file.name, dtype=torch.float32)
    # The loaded model still carries the GGUF quantizer, which refuses saving and training.
    model.config.__dict__.pop("quantization_config", None)
    model.__dict__.pop("hf_quantizer", None)
    with no_progress_bars():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def convert_tokenizer(file: Path, folder: Path) -> None:
    """Save a GGUF file's tokenizer and chat template alone.

    Raises:
        ModelError: if transformers cannot read them.
    """
    pretokenizer = check_whole(file)
    with _alone(file) as place, no_progress_bars():
        failure = f"the tokenizer in {file} cannot be read"
        tokenizer = _tokenizer(file, place, failure, pretokenizer)
    tokenizer.save_pretrained(folder)


def _tokenizer(
    file: Path, place: Path, failure: str, pretokenizer: str | None
) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    with reading(failure, _KNOWN):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            place, gguf_file=file.name, trust_remote_code=False
        )
    _set_pretokenizer(tokenizer, pretokenizer)
    return tokenizer


@contextmanager
def _alone(file: Path) -> Iterator[Path]:
    """A folder in which a file is alone: transformers would read settings that lie beside it."""
    with tempfile.TemporaryDirectory(prefix="factlab-gguf-") as scratch:
        place = Path(scratch)
        try:
            (place / file.name).symlink_to(file.resolve())
        except OSError:  # where links are not allowed
            place = file.parent
        yield place


def check_whole(file: Path) -> str | None:
    """Refuse a file that is no GGUF file, is cut off, or whose sizes do not fit its weights.

    Returns:
        The name of its tokenizer's pretokenizer, if it names any.

    Raises:
        ModelError: if its header cannot be read, or a tensor lies beyond its end.
    """
    header = read_header(file)
    config = config_of_header(header, file)
    check_sizes(config, StoredWeights(header.shapes, header.bytes), file)
    blocks = [int(found[1]) for name in header.shapes if (found := _BLOCK.match(name))]
    counted, there = config.get("num_hidden_layers", 0), max(blocks, default=-1) + 1
    if counted != there:
        raise ModelError(
            f"{file}: it says that it has {counted} blocks, and its weights are of {there}. It is "
            "damaged, or not whole."
        )
    named = header.fields.get("tokenizer.ggml.pre")
    return None if named is None else str(named)


def config_of_header(header: GgufHeader, file: Path) -> dict[str, Any]:
    """The config that a GGUF file's header amounts to.

    Raises:
        ModelError: if it names no architecture.
    """
    kind = header.fields.get("general.architecture")
    if not isinstance(kind, str):
        raise ModelError(f"{file} cannot be read as a GGUF model (it names no architecture).")
    sizes = {key: header.fields.get(f"{kind}.{size}") for key, size in _SIZES.items()}
    embedding = header.shapes.get("token_embd.weight", (0,))
    return {
        "model_type": model_type_of_gguf(kind),
        **{key: size for key, size in sizes.items() if size is not None},
        "vocab_size": embedding[0],
        "tie_word_embeddings": "output.weight" not in header.shapes,
        "attention_bias": "blk.0.attn_output.bias" in header.shapes,
        "mlp_bias": "blk.0.ffn_down.bias" in header.shapes,
        "sliding_window": None,
    }


def _set_pretokenizer(tokenizer: PreTrainedTokenizerBase, name: str | None) -> None:
    """Split text as the file says; transformers takes GPT-2's rules where it knows no other."""
    rules = rules_of(name) if name else None
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if rules is None or backend is None or name_of(json.loads(backend.to_str())) != GPT2:
        return
    backend.pre_tokenizer = rules

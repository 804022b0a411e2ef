"""GGUF → safetensors, once, so that later loads take about a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError
from factlab.models.pretokenizers import GPT2, name_of, rules_of
from factlab.models.quiet import no_progress_bars

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CONVERSION = 2  # counts what was changed about converting; a cached model of another is not used


def convert_gguf(file: Path, folder: Path) -> None:
    """Dequantise a GGUF file to fp32 and save it with its tokenizer as a transformers folder.

    Block-quantised values are products of fp16 scales and small integers, which fp32 holds
    exactly: nothing is rounded a second time here.

    Raises:
        ModelError: if transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pretokenizer = check_whole(file)
    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where, trust_remote_code=False)
        with no_progress_bars():
            model = AutoModelForCausalLM.from_pretrained(
                **where, dtype=torch.float32, trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, RuntimeError, NotImplementedError) as problem:
        raise ModelError(
            f"{file} cannot be read as a GGUF model ({str(problem).splitlines()[0][:200]}). "
            "Architectures that transformers can dequantise are known to work."
        ) from None
    # The loaded model still carries the GGUF quantizer, which refuses saving and training.
    model.config.__dict__.pop("quantization_config", None)
    model.__dict__.pop("hf_quantizer", None)
    _set_pretokenizer(tokenizer, pretokenizer)
    with no_progress_bars():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def check_whole(file: Path) -> str | None:
    """Refuse a file that is no GGUF file, or is cut off.

    Returns:
        The name of its tokenizer's pretokenizer, if it names any.

    Raises:
        ModelError: if its header cannot be read, or a tensor lies beyond its end.
    """
    import gguf

    try:
        field = gguf.GGUFReader(file).get_field("tokenizer.ggml.pre")
        return None if field is None else str(field.contents())
    except Exception as problem:  # the reader checks nothing, so that anything may come of damage
        said = " ".join(str(problem).split())[:200]
        raise ModelError(
            f"{file} cannot be read as a GGUF file of {file.stat().st_size:,} bytes "
            f"({type(problem).__name__}: {said}). It may be cut off: fetch or write it again."
        ) from None


def _set_pretokenizer(tokenizer: PreTrainedTokenizerBase, name: str | None) -> None:
    """Split text as the file says; transformers takes GPT-2's rules where it knows no other."""
    rules = rules_of(name) if name else None
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if rules is None or backend is None or name_of(json.loads(backend.to_str())) != GPT2:
        return
    backend.pre_tokenizer = rules

"""GGUF → safetensors, once, so that later loads take about a second."""

from __future__ import annotations

from pathlib import Path

from factlab.errors import ModelError


def convert_gguf(file: Path, folder: Path) -> None:
    """Dequantise a GGUF file to fp32 and save it with its tokenizer as a transformers folder.

    Block-quantised values are products of fp16 scales and small integers, which fp32 holds
    exactly: nothing is rounded a second time here.

    Raises:
        ModelError: if transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where, trust_remote_code=False)
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
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

"""A processor without products in bf16 is known, and nothing is computed in bf16 on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from factlab.memory.activations import Batch
from factlab.memory.known import KNOWN
from factlab.memory.predict import Workload, predict_memory
from factlab.memory.shapes import shape_of
from factlab.models import processor

X86 = "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 fma {}\n\nbugs\t: none\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd {}\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (X86.format(""), False),
        (X86.format("avx512f avx512_vnni"), False),  # multiplies 8-bit numbers, not bf16
        (X86.format("avx512_bf16"), True),
        (X86.format("amx_tile amx_bf16"), True),
        (ARM.format("bf16 i8mm"), True),
        (ARM.format("asimdhp"), False),
        ("model name\t: made up, bf16 and all\n", False),
    ],
)
def test_products_in_bf16_are_read_off_the_features(
    text: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(processor, "CPUINFO", file)
    assert processor.multiplies_bf16.__wrapped__() is found


def test_where_linux_does_not_describe_it_torch_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    for told in ({"avx2": True, "avx512_bf16": False}, {"avx512_bf16": True}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=told: told, raising=False)
        assert processor.multiplies_bf16.__wrapped__() is told["avx512_bf16"]


def test_without_them_a_cpu_holds_16_bits_in_fp32_and_a_gpu_does_not() -> None:
    shape = shape_of(KNOWN["smollm2-135m"].config, "smollm2-135m")
    workload = Workload("lora", "bf16", "cpu", Batch(texts=4, length=64), bf16_products=False)
    in_fp32 = predict_memory(shape, replace(workload, precision="fp32"))
    for precision in ("bf16", "nf4", "int8"):
        assert predict_memory(shape, replace(workload, precision=precision)) == in_fp32
    on_gpu = replace(workload, device="cuda")
    assert predict_memory(shape, on_gpu) == predict_memory(
        shape, replace(on_gpu, bf16_products=True)
    )

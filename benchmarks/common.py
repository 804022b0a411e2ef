"""What all benchmarks share: threads, clocks, the roofline, tables, and the JSON that is written.

Nothing here loads torch when it is imported, so that the number of threads can be set first.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.flops import LinearShape
from factlab.models.processor import multiplies_bf16

if TYPE_CHECKING:
    import torch

FACT = "mount_fuji"
ROWS = 500  # of the roofline at the model's own shapes: about what a step of 16 pairs computes
SQUARE = 2048
Measurement = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings from the command line.

    Attributes:
        quick: A reading in under five minutes: fewer contenders, no gate.
        model: Embedded model name, local folder, or hub id.
        repeats: Interleaved repetitions of each measurement; the median counts.
        steps: Optimizer steps per repetition; of the sweep and the stages, per cell (None: all).
        gate_steps: Steps of batch 16 that every contender trains before its ratio counts.
        tutorial_gate: Whether the batch-1 tutorial passes through the gate too; it is slow.
        questions: Questions of each scoring measurement.
        cells: Cells of the sweep (None: all).
        peer_cells: Cells of the sweep that the peers are measured on.
        peer_questions: Questions per cell of the peers' sweep, scaled to all (None: all).
        keep: Where factlab's run of the sweep is left (None: nowhere).
        largest: The largest point of each growth curve (None: all points).
        shape: Model whose shape `large` takes (None: what fits the device).
    """

    quick: bool
    model: str
    repeats: int
    steps: int | None
    gate_steps: int
    tutorial_gate: bool
    questions: int
    cells: int | None
    peer_cells: int
    peer_questions: int | None
    keep: Path | None
    largest: int | None
    shape: str | None


@dataclass(slots=True)
class Reading:
    """All that a call of the benchmarks found; what `--json` writes."""

    roofline: dict[str, float] = field(default_factory=dict)
    factlab: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, Any] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    quality: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """A sentence that belongs beside the numbers."""
        self.notes.append(text)
        print(f"note: {text}", flush=True)

    def ratio(self, name: str, ours: float, theirs: float, quality: str) -> None:
        """Times that factlab is faster, and whether the work was of equal quality."""
        self.ratios[name] = round(ours / theirs, 3)
        self.quality[name] = quality

    def write(self, file: Path) -> None:
        """Write the document with machine and date."""
        document = {
            "roofline": self.roofline,
            "factlab": self.factlab,
            "peers": self.peers,
            "ratios": self.ratios,
            "quality": self.quality,
            "notes": self.notes,
            "machine": machine(),
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        }
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


# --- the machine ------------------------------------------------------------------------------


def set_threads() -> None:
    """One thread per physical core, unless the caller has decided; before torch is imported."""
    os.environ.setdefault("OMP_NUM_THREADS", str(physical_cores()))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def physical_cores() -> int:
    """Physical cores that this process may use."""
    allowed = os.sched_getaffinity(0)
    cores = {
        (cpu.get("physical id", "0"), cpu.get("core id", cpu["processor"]))
        for cpu in _processors()
        if int(cpu["processor"]) in allowed
    }
    return len(cores) or len(allowed)


def _processors() -> list[dict[str, str]]:
    file = Path("/proc/cpuinfo")
    text = file.read_text("utf-8") if file.is_file() else ""
    found = []
    for block in text.strip().split("\n\n"):
        lines = (line.partition(":") for line in block.splitlines())
        keys = {key.strip(): value.strip() for key, _, value in lines}
        if "processor" in keys:
            found.append(keys)
    return found


def machine() -> dict[str, str]:
    """Processor, cores, memory and versions; no name of the machine or its user."""
    import torch

    from factlab.runs.environment import machine as described
    from factlab.runs.environment import versions

    processors = _processors()
    chosen = ("python", "torch", "transformers", "peft", "trl", "bitsandbytes")
    return {
        **described(),
        "processor": processors[0].get("model name", "unknown") if processors else "unknown",
        "cores": str(physical_cores()),
        "threads": str(torch.get_num_threads()),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
        **{name: version for name, version in versions().items() if name in chosen},
    }


# --- clocks -----------------------------------------------------------------------------------


def median(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def interleaved(contenders: Mapping[str, Measurement], repeats: int) -> dict[str, float]:
    """Measure A B C A B C …, so that a noisy minute hits all alike, and give the medians.

    Args:
        contenders: What is called, by name; each gives a figure, such as its examples per second.
        repeats: Rounds.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(repeats):
        for name, measure in contenders.items():
            gc.collect()
            found[name].append(measure())
            print(f"  round {number + 1}: {name}: {found[name][-1]:.3f}", flush=True)
    return {name: median(values) for name, values in found.items()}


# --- the roofline -----------------------------------------------------------------------------


def computes_bf16(device: torch.device) -> bool:
    """Whether bf16 is what one would compute in on a device."""
    return device.type == "cuda" or multiplies_bf16()


def roofline(
    shapes: Sequence[LinearShape], device: torch.device, repeats: int = 7
) -> dict[str, float]:
    """GFLOP/s of plain matrix products: square ones, and those of the model's linear layers.

    The latter are what a frozen layer computes in training, x @ W.T forward and g @ W backward at
    `ROWS` rows, each layer counted as often as the model has it. A processor without products in
    bf16 is measured in fp32 alone.
    """
    import torch

    found: dict[str, float] = {}
    types = {"fp32": torch.float32}
    if computes_bf16(device):
        types = {"bf16": torch.bfloat16, **types}
    for name, dtype in types.items():
        square = torch.randn(SQUARE, SQUARE, device=device).to(dtype)
        seconds = _product_seconds(square, square, repeats)
        found[f"{name}/square_{SQUARE}"] = 2 * SQUARE**3 / seconds / 1e9
        found[f"{name}/own_shapes"] = _own_shapes_rate(shapes, device, dtype, repeats) / 1e9
    return found


def _own_shapes_rate(
    shapes: Sequence[LinearShape], device: torch.device, dtype: torch.dtype, repeats: int
) -> float:
    import torch

    flops = seconds = 0.0
    for shape in shapes:
        weight = torch.randn(shape.outputs, shape.inputs, device=device).to(dtype)
        forward = torch.randn(ROWS, shape.inputs, device=device).to(dtype)
        backward = torch.randn(ROWS, shape.outputs, device=device).to(dtype)
        seconds += shape.count * _product_seconds(forward, weight.T, repeats)
        seconds += shape.count * _product_seconds(backward, weight, repeats)
        flops += shape.count * 2 * 2 * ROWS * shape.outputs * shape.inputs
    return flops / seconds


def _product_seconds(a: torch.Tensor, b: torch.Tensor, repeats: int) -> float:
    import torch

    def product() -> None:
        torch.mm(a, b)
        if a.device.type == "cuda":
            torch.cuda.synchronize()

    with torch.inference_mode():
        product()  # the first call of a shape prepares its kernel
        return median(timed(product) for _ in range(repeats))


# --- what people read -------------------------------------------------------------------------


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column is text, the others are numbers or short text."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(width=110).print(table)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,.3g}" if isinstance(value, float) and abs(value) < 100 else _plain(value)


def _plain(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """`count` items, evenly spaced."""
    if count >= len(items):
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]

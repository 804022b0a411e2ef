"""Several adapters on one base: switching between them, and asking all of them at once.

The adapters are fresh ones of rank 8 on all linear layers, kept on disk and loaded as `factlab ask`
loads them; what they hold changes none of these times.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import FACT, Reading, Settings, interleaved, median, show, spread, timed

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel

ADAPTERS = 4
SWITCHES = 20  # timed; a switch is over before a clock is sure of it
MAX_NEW_TOKENS = 64
BATCH = 256  # as `factlab run` and `ask` have it


def measure(settings: Settings, reading: Reading) -> None:
    """Measure loading, switching and answering, and add them to the reading."""
    from factlab.experiment.plan import plan_experiment
    from factlab.models.adapters import load_adapters
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model
    from factlab.schema.config import RunConfig

    plan = plan_experiment(RunConfig(facts=(FACT,), model=settings.model))
    texts = [question.text for question in spread(plan.expansions[FACT].held_out, 48)]
    files = resolve_model(settings.model)
    found: dict[str, float] = {"load the base": timed(lambda: load_model(files, "nf4"))}
    loaded = load_model(files, "nf4")
    with tempfile.TemporaryDirectory() as scratch:
        folders = _kept(loaded, plan.cells[0], Path(scratch))
        seconds = timed(lambda: _one_by_one(loaded, folders))
        found["attach an adapter to the base and remove it"] = seconds / ADAPTERS
        held: list[Any] = []
        seconds = timed(lambda: held.append(load_adapters(loaded, folders)))
        found[f"load each of {ADAPTERS} adapters together"] = seconds / ADAPTERS
    (model,) = held
    found |= _switching(model, list(folders))
    reading.factlab["adapters"] = {"seconds": found, "questions_per_second": {}}
    show("Several adapters on one base", ["", "ms"], [(n, 1000 * s) for n, s in found.items()])
    for count in (1, min(settings.questions, len(texts))):
        _asking(settings, reading, loaded, model, list(folders), texts[:count])


def _kept(loaded: LoadedModel, cell: Any, scratch: Path) -> dict[str, Path]:
    """Adapters on disk, by name."""
    from factlab.training.attach import attach_adapter

    folders = {}
    for seed in range(ADAPTERS):
        model = attach_adapter(loaded, cell.model_copy(update={"seed": seed}))
        folders[f"adapter{seed}"] = scratch / str(seed)
        model.save_pretrained(str(scratch / str(seed)))
        loaded.model = model.unload()  # type: ignore[assignment]
    return folders


def _one_by_one(loaded: LoadedModel, folders: dict[str, Path]) -> None:
    """One adapter after the other put on the base and taken off: what switching saves."""
    from factlab.models.adapters import load_adapters

    for name, folder in folders.items():
        loaded.model = load_adapters(loaded, {name: folder}).unload()  # type: ignore[assignment]


def _switching(model: Any, names: Sequence[str]) -> dict[str, float]:
    """Seconds of making another adapter the active one, and of reading it for the decoder."""
    import torch

    from factlab.inference.decoder.stack import read_decoder

    def each(change: Callable[[str], object]) -> float:
        order = [names[i % len(names)] for i in range(SWITCHES + 1)]
        change(order[0])
        return median(timed(lambda name=name: change(name)) for name in order[1:])

    def switched(name: str) -> None:
        model.set_adapter(name)
        read_decoder(model)

    with torch.inference_mode():
        return {
            "switch: set_adapter": each(model.set_adapter),
            "switch: set_adapter and read the decoder": each(switched),
            f"read the decoder with the base and {len(names)} adapters": median(
                timed(lambda: read_decoder(model, [None, *names])) for _ in range(SWITCHES)
            ),
        }


def _asking(
    settings: Settings,
    reading: Reading,
    loaded: LoadedModel,
    model: Any,
    names: Sequence[str],
    texts: Sequence[str],
) -> None:
    """Answers of the base and all adapters: side by side, and one after the other."""
    from factlab.inference.generate import generate, generate_each

    limits = dict.fromkeys([None, *names], MAX_NEW_TOKENS)
    said: dict[str, list[str]] = {}
    how = {"max_new_tokens": MAX_NEW_TOKENS, "batch_size": BATCH}

    def side_by_side() -> float:
        each = {"batch_size": BATCH}

        def ask() -> None:
            answers = generate_each(model, limits, loaded.tokenizer, texts, **each)
            said["side by side"] = [answer.text for own in answers for answer in own]

        return timed(ask)

    def in_turn() -> float:
        def ask() -> None:
            with model.disable_adapter():
                answers = generate(model, loaded.tokenizer, texts, **how)
            for name in names:
                model.set_adapter(name)
                answers += generate(model, loaded.tokenizer, texts, **how)
            said["in turn"] = [answer.text for answer in answers]

        return timed(ask)

    number = f"{len(texts)} question{'s' if len(texts) > 1 else ''}"
    print(f"{number} to the base and {len(names)} adapters", flush=True)
    seconds = interleaved({"side by side": side_by_side, "in turn": in_turn}, settings.repeats)
    reading.factlab["adapters"]["questions_per_second"][number] = {
        name: round(len(texts) * (1 + len(names)) / value, 3) for name, value in seconds.items()
    }
    show(f"{number}, seconds", ["", "s"], list(seconds.items()))
    pairs = list(zip(said["side by side"], said["in turn"], strict=True))
    differing = sum(one != other for one, other in pairs) / len(pairs)
    reading.factlab["adapters"].setdefault("differing_answers", {})[number] = differing
    print(f"answers that differ: {differing:.0%} of {len(pairs)}", flush=True)

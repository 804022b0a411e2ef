"""Models that were tuned elsewhere → the settings of a run that evaluates them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from factlab.comparison.loaded import fingerprints, measured_questions
from factlab.errors import ConfigError, ModelError, shortened
from factlab.experiment.plan import plan_experiment
from factlab.models.adapter_files import check_any_adapter, method_of
from factlab.models.files import local_path
from factlab.models.packaged import PACKAGED
from factlab.reading.complaints import first_of, words_of
from factlab.reading.paths import expanded, real
from factlab.remote.address import is_address, read_address
from factlab.respondents.elsewhere import source_elsewhere
from factlab.respondents.tuned import weights_sha256
from factlab.runs.folder import RunFolder
from factlab.schema.combine import ADAPTER_CONFIG
from factlab.schema.config import RunConfig
from factlab.schema.options import flag_of
from factlab.schema.splits import Split
from factlab.schema.tuned import TunedSource

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})=(.+)", re.DOTALL)
_MOST_LABEL = 64
TRAINED: tuple[Split, ...] = ("train",)


def evaluation(
    facts: Sequence[str], tuned: Sequence[str], settings: Mapping[str, Any]
) -> RunConfig:
    """The settings of a run that evaluates tuned models, each looked at first.

    Args:
        facts: Fact files, folders or shipped names.
        tuned: What to evaluate: `WHAT` or `NAME=WHAT`.
        settings: Fields of `RunConfig` that decide an evaluation; `model` is the base.

    Raises:
        FactlabError: for whatever keeps them from being evaluated, in a sentence.
    """
    if not facts:
        raise ConfigError("no fact is given. Name a fact file, a folder or a shipped fact.")
    if not tuned:
        raise ConfigError(
            "nothing to evaluate is given. Name an adapter's folder, a model's folder, a hub id, a "
            "GGUF file or an endpoint (https://host/v1#model) with --tuned."
        )
    sources: list[TunedSource] = []
    for what in tuned:
        source = _source(what, {one.label for one in sources})
        known = (source.sha256 or source.place, source.kind)
        twin = next((one for one in sources if (one.sha256 or one.place, one.kind) == known), None)
        if twin is not None:
            raise ConfigError(f"{source.place} and {twin.place} are the same weights. Name one.")
        sources.append(source)
    try:
        config = RunConfig.model_validate(
            {**settings, "facts": tuple(facts), "tuned": tuple(sources)}
        )
    except ValidationError as error:
        first = first_of(error)
        flag = flag_of(RunConfig, str(first["loc"][0])) if first["loc"] else "evaluate"
        raise ConfigError(f"{shortened(flag)}: {words_of(first)}.") from None
    return config.model_copy(update={"tuned": _with_pairs(config)})


def _source(given: str, taken: set[str]) -> TunedSource:
    """What a text names, as far as its files say."""
    named = _NAMED.fullmatch(given)
    if named is not None and local_path(given) is None:
        label, what = named[1], named[2]
        if label in taken:
            raise ConfigError(f"--tuned: two models are called {label}. Give each its own name.")
    else:
        name = read_address(given).model if is_address(given) else given
        label, what = _label(name, taken), given
    if (elsewhere := source_elsewhere(label, what)) is not None:
        return elsewhere
    place = _place(what)
    if place is not None and (place / ADAPTER_CONFIG).is_file():
        settings = check_any_adapter(place)
        source = TunedSource(
            label=label,
            kind="adapter",
            place=str(place),
            method=method_of(settings),
            rank=rank if isinstance(rank := settings.get("r"), int) and rank > 0 else 0,
            alpha=alpha if isinstance(alpha := settings.get("lora_alpha"), int | float) else None,
        )
    else:
        source = TunedSource(label=label, kind="model", place=str(place or what))
    return source.model_copy(update={"sha256": weights_sha256(source)})


def _place(what: str) -> Path | None:
    """The folder or file that is meant; None for a packaged model, or one of the hub.

    Raises:
        ModelError: for a place that does not exist, or a run of several cells.
    """
    if what in PACKAGED:
        return None
    place = local_path(what)
    if place is None:
        if what.startswith((".", "/", "~")) or what.count("/") != 1:
            raise ModelError(
                f"{shortened(what)}: there is no such folder, and it is no hub id. --tuned takes "
                "an adapter's folder, a model's folder, or a hub id such as owner/name."
            )
        return _from_hub(what)
    place = expanded(str(place))
    if RunFolder(place).exists:
        return _of_run(place)
    for own in (place / "adapter", place / "model"):  # a cell's folder
        if (place / "cell.json").is_file() and own.is_dir():
            return own
    return place


def _from_hub(name: str) -> Path | None:
    """The folder of an adapter of the hub; None for a whole model, which is found by its name."""
    from huggingface_hub import snapshot_download

    from factlab.models.resolve import not_from_hub

    try:
        folder = Path(snapshot_download(name, allow_patterns=["*.json", "adapter_model.*"]))
    except Exception as problem:  # the hub client's errors have no common base worth naming
        raise not_from_hub(name, problem) from None
    return folder if (folder / ADAPTER_CONFIG).is_file() else None


def _of_run(place: Path) -> Path:
    """The one adapter or model of a run folder."""
    cells = [place / "cells" / cell.id for cell in RunFolder(place).finished_cells()]
    if len(cells) != 1:
        names = ", ".join(str(cell) for cell in cells[:5]) or "none is finished"
        raise ModelError(f"{place}: this run has {len(cells)} cells. Name one of them: {names}.")
    own = [cells[0] / name for name in ("adapter", "model") if (cells[0] / name).is_dir()]
    if not own:
        raise ModelError(f"{cells[0]}: this cell has neither an adapter nor a model.")
    return own[0]


def _label(what: str, taken: set[str]) -> str:
    """A name for a model that was given none: the end of its path, told from the others."""
    parts = [p for p in what.replace("\\", "/").split("/") if p not in ("", ".", "..", "~")]
    parts = [p for p in parts if p not in ("adapter", "model", "cells")] or ["tuned"]
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", parts[-1]).strip("-._")[:_MOST_LABEL] or "tuned"
    number, label = 2, plain
    while label in taken:
        number, label = number + 1, f"{plain}-{number}"
    return label


def _with_pairs(config: RunConfig) -> tuple[TunedSource, ...]:
    """The sources, noted which of them factlab trained on the very pairs of these facts."""
    runs = {source.label: _run_of(source) for source in config.tuned}
    if not any(runs.values()):
        return config.tuned
    plan = plan_experiment(config)
    facts = tuple(fact.id for fact in plan.facts)
    now = {k: v for k, v in fingerprints(plan.questions).items() if k[0] in TRAINED}
    found = []
    for source in config.tuned:
        folder = runs[source.label]
        same = False
        if folder is not None:
            cell = next(c for c in folder.finished_cells() if c.id == _cell_of(source))
            own = cell.tuned is None and cell.placebo is None and set(facts) <= set(cell.facts)
            same = own and fingerprints(measured_questions(folder, TRAINED, facts)) == now
        found.append(source.model_copy(update={"trained_here": same}))
    return tuple(found)


def _cell_of(source: TunedSource) -> str:
    return real(Path(source.place)).parent.name


def _run_of(source: TunedSource) -> RunFolder | None:
    """The run of factlab's own that trained a model, if one did."""
    place = real(Path(source.place))
    if place.name not in ("adapter", "model") or len(place.parents) < 3:
        return None
    folder = RunFolder(place.parents[2])
    known = folder.exists and place.parents[1].name == "cells"
    return folder if known and folder.cell(place.parent.name).result() else None

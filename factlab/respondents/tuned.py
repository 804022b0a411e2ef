"""Models that were tuned elsewhere and are computed here: adapters of any method, whole models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError
from factlab.models.adapter_files import check_any_adapter
from factlab.models.adapters import load_adapters, missing_keys_are_errors, remove_adapters
from factlab.models.files import reading, said
from factlab.reading.records import sha256_of
from factlab.respondents.protocol import Respondent
from factlab.respondents.weights import WeightsRespondent
from factlab.schema.combine import ADAPTER_WEIGHTS
from factlab.schema.config import Precision, RunConfig
from factlab.schema.tuned import TunedSource

if TYPE_CHECKING:
    from peft import PeftModel

    from factlab.inference.drift import Drift, NeutralText
    from factlab.inference.response_cache import ResponseCache
    from factlab.models.load import LoadedModel
    from factlab.models.resolve import ModelFiles

_QUESTION = "How high is it?"
NO_PAIRS = "it was tuned elsewhere, and which pairs it was trained on is not known"


@dataclass(frozen=True, slots=True)
class OpenedTuned:
    """A tuned model, ready to be asked.

    Attributes:
        respondent: Answers.
        drift: Compares its predictions on neutral text with the base's; None where that cannot be.
        notes: Sentences on how it is asked.
    """

    respondent: Respondent
    drift: Callable[[NeutralText], Drift] | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def opened_here(
    source: TunedSource,
    base: WeightsRespondent,
    config: RunConfig,
    precision: Precision,
    kept: ResponseCache | None = None,
) -> Iterator[OpenedTuned]:
    """A model of the kinds that are computed here; afterwards the base is as it was.

    Args:
        source: What was named.
        base: The base, as it is loaded.
        config: How models are loaded.
        precision: How the base is held, and so this one.
        kept: What it answered before its run was stopped.

    Raises:
        ModelError: for a model that cannot be read, does not fit the base, or has other tokens.
    """
    if source.kind == "adapter":
        folder = Path(source.place)
        with adapted(base.loaded, folder) as model:
            yield _opened(source, base.loaded, model, folder, config, kept)
        return
    from factlab.models.load import load_options
    from factlab.models.resolve import resolve_model
    from factlab.models.tuned import load_tuned_weights

    files = resolve_model(source.place, accepted=config.accept_license)
    loaded = load_tuned_weights(files, base.loaded, precision, load_options(config))
    yield _opened(source, base.loaded, loaded.model, files.folder, config, kept)


def _opened(
    source: TunedSource,
    base: LoadedModel,
    model: Any,
    folder: Path,
    config: RunConfig,
    kept: ResponseCache | None,
) -> OpenedTuned:
    from factlab.inference.drift import measure_drift
    from factlab.models.heads import head_of, own_head
    from factlab.models.tuned import own_tokenizer

    tokenizer, note = own_tokenizer(folder, source.label, base.tokenizer, config.thinking)
    whole = source.kind != "adapter"
    head = head_of(base.model) if whole else own_head(model)
    return OpenedTuned(
        WeightsRespondent(replace(base, tokenizer=tokenizer), model, kept),
        lambda neutral: measure_drift(model, neutral, head),
        tuple(one for one in (note, _other_base(source, base)) if one),
    )


def _other_base(source: TunedSource, base: LoadedModel) -> str | None:
    """A sentence where an adapter's own settings name another base."""
    if source.kind != "adapter":
        return None
    named = check_any_adapter(Path(source.place)).get("base_model_name_or_path")
    known = (base.record.name, str(base.original))
    if not isinstance(named, str) or Path(named).name in {Path(one).name for one in known}:
        return None
    return (
        f"{source.label} says that it was trained on {named}; here it stands on "
        f"{base.record.name}. Its layers fit; whether the weights are the same is not known."
    )


@contextmanager
def adapted(base: LoadedModel, folder: Path) -> Iterator[PeftModel]:
    """A base with an adapter of any method on it; afterwards the base as it was.

    Raises:
        ModelError: for an adapter that cannot be read, does not fit the base, or is of a kind that
            is computed otherwise here than by PEFT.
    """
    model = load_adapters(base, {"default": folder}, any_kind=True)
    try:
        _check_computed(model, base, folder)
        yield model
    finally:
        remove_adapters(base, model)


def _check_computed(model: PeftModel, base: LoadedModel, folder: Path) -> None:
    """Refuse an adapter that PEFT's own forward pass computes and this package does not."""
    import torch

    from factlab.inference.backend import choose_backend
    from factlab.models.chat import prompt_ids
    from factlab.models.heads import head_of

    ids = prompt_ids(base.tokenizer, _QUESTION)
    given = torch.tensor([ids], device=base.device)
    whole: Any = model
    with torch.inference_mode(), reading(f"{folder}: this adapter cannot be computed"):
        wanted = whole(input_ids=given).logits[0, -1].float()
        with whole.disable_adapter():
            before = whole(input_ids=given).logits[0, -1].float()
        states = choose_backend(model).text_states(ids)
        found = head_of(model)(states[-1:])[0].float()
    error, effect = (float((one - wanted).norm()) for one in (found, before))
    rounding = 1e-4 if base.model.dtype == torch.float32 else 0.02
    if not error <= max(effect / 10, rounding * float(wanted.norm())):
        raise ModelError(
            f"{folder}: an adapter of this kind is not computed here as PEFT computes it, so its "
            "figures would be wrong. Merge it into its base and name that folder."
        )


def weights_sha256(source: TunedSource, *, accepted: bool = False) -> str:
    """Of the weights of a model of these kinds, as they are now.

    Raises:
        ModelError: for files that are not what they should be.
    """
    if source.kind == "adapter":
        folder = Path(source.place)
        check_any_adapter(folder)
        return sha256_of(folder / ADAPTER_WEIGHTS)
    from factlab.models.resolve import resolve_model

    return resolve_model(source.place, accepted=accepted).sha256


def check_sources(config: RunConfig, base: ModelFiles) -> None:
    """Refuse tuned models that are not what was named, or do not fit the base.

    Done before anything is computed, from their files and the base's layers alone.

    Raises:
        ModelError: naming the model.
    """
    from factlab.models.load import load_tokenizer
    from factlab.models.tuned import own_tokenizer

    here: Sequence[TunedSource] = [s for s in config.tuned if s.kind in ("adapter", "model")]
    for source in here:
        now = weights_sha256(source, accepted=config.accept_license)
        if now != source.sha256:
            raise ModelError(
                f"{source.place}: these are not the weights that this run began with (their "
                f"SHA-256 is {now[:12]}…, then {source.sha256[:12]}…). Begin a new run."
            )
        if source.kind == "adapter":
            _check_fits(Path(source.place), base)
            own_tokenizer(Path(source.place), source.label, load_tokenizer(base), config.thinking)


def _check_fits(folder: Path, base: ModelFiles) -> None:
    """Put an adapter on the base's layers without their weights."""
    from peft import PeftModel

    from factlab.models.load import load_outline

    try:
        with missing_keys_are_errors():
            outline: Any = load_outline(base)
            PeftModel.from_pretrained(outline, folder, torch_device="cpu", low_cpu_mem_usage=True)
    except Exception as problem:  # PEFT and torch have no common error
        raise ModelError(
            f"{folder}: this adapter does not fit {base.name} ({said(problem)}). Name the base "
            "that it was trained on with --base."
        ) from None


def lacking(source: TunedSource, *parts: Mapping[Any, str]) -> dict[Any, str]:
    """What a tuned model, and the base it is measured against, could not be asked for."""
    found = {name: why for part in parts for name, why in part.items()}
    return found if source.trained_here else found | {"trained": NO_PAIRS}

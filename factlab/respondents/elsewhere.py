"""Models that are computed elsewhere, base or tuned: a GGUF file in llama.cpp, an endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factlab.errors import ConfigError, ModelError
from factlab.models.files import local_path
from factlab.reading.records import sha256_of
from factlab.remote.address import Address, is_address, read_address
from factlab.respondents.gguf import GgufBase, GgufRespondent, is_gguf
from factlab.respondents.protocol import FoundBase
from factlab.respondents.remote import RemoteBase, RemoteRespondent
from factlab.respondents.tuned import OpenedTuned
from factlab.schema.config import RunConfig
from factlab.schema.results import ModelRecord
from factlab.schema.tuned import TunedSource

LOG = "replies.jsonl"  # of a tuned model, until it is measured
_PLACES = {"gguf": "in llama.cpp", "endpoint": "behind an endpoint"}


def is_elsewhere(source: TunedSource) -> bool:
    """Whether torch does not compute it here."""
    return source.kind in _PLACES


def source_elsewhere(label: str, what: str) -> TunedSource | None:
    """A tuned model that is named by an address or a GGUF file; None for any other.

    Raises:
        ConfigError: for an address that is none.
        ModelError: for a file that is not there.
    """
    if is_address(what):
        return TunedSource(label=label, kind="endpoint", place=str(read_address(what)))
    if not is_gguf(what):
        return None
    file = _file_of(what)
    return TunedSource(label=label, kind="gguf", place=str(file), sha256=sha256_of(file))


def base_elsewhere(config: RunConfig) -> FoundBase | None:
    """A base that torch does not compute here; None: it does.

    A GGUF file stays one where nothing that was tuned needs its weights in memory.

    Raises:
        ConfigError: for an address that is none, or settings that do nothing there.
        ModelError: for a file that is not there.
    """
    stays = config.tuned and all(is_elsewhere(source) for source in config.tuned)
    if is_address(config.model):
        address = read_address(config.model)
        for source in config.tuned:
            if not is_elsewhere(source):
                raise ConfigError(
                    f"{source.place}: an adapter or a model folder is measured against a base "
                    f"whose weights are on this machine, and {address} is an endpoint. Name such a "
                    "--base."
                )
        if not config.tuned:
            raise ConfigError(
                f"{address}: an endpoint cannot be trained. `factlab evaluate` measures models "
                "behind endpoints."
            )
        _refuse_precision(config)
        return RemoteBase(address, config.thinking == "on", config.asking.concurrency)
    if not stays or not is_gguf(config.model):
        return None
    file = _file_of(config.model)
    _refuse_precision(config)
    return GgufBase(file, config.thinking)


def _file_of(name: str) -> Path:
    file = local_path(name)
    if file is None or not file.is_file():
        raise ModelError(f"{name}: there is no such file.")
    return file


def _refuse_precision(config: RunConfig) -> None:
    if given := config.overrides.get("precision"):
        raise ConfigError(
            f"--precision {','.join(given)}: {config.model} has its own, and nothing is loaded "
            "here. Remove it."
        )


def check_elsewhere(config: RunConfig) -> None:
    """Refuse GGUF files that are not those which were named.

    Raises:
        ModelError: naming the file.
    """
    for source in config.tuned:
        if source.kind == "gguf" and sha256_of(Path(source.place)) != source.sha256:
            raise ModelError(
                f"{source.place}: this is not the file that this run began with (its SHA-256 was "
                f"{source.sha256[:12]}…). Begin a new run."
            )


@contextmanager
def opened_elsewhere(
    source: TunedSource, base: ModelRecord, config: RunConfig, log: Path | None
) -> Iterator[OpenedTuned]:
    """A tuned model in llama.cpp or behind an endpoint.

    Args:
        source: What was named.
        base: What it is measured against.
        config: How it is asked.
        log: Where its replies are kept as they come; None: nowhere.

    Raises:
        FactlabError: for a file or an endpoint that cannot be asked.
    """
    opened: GgufRespondent | RemoteRespondent
    if source.kind == "gguf":
        # Whether the file has this hash still was looked at before (`check_elsewhere`).
        opened = GgufRespondent.of(
            Path(source.place), log, sha256=source.sha256, thinking=config.thinking
        )
    else:
        opened = RemoteRespondent.at(
            read_address(source.place),
            log,
            thinking=config.thinking == "on",
            concurrency=config.asking.concurrency,
        )
    try:
        yield OpenedTuned(opened, None, _notes(source, base, opened))
    finally:
        opened.close()


def _notes(
    source: TunedSource, base: ModelRecord, opened: GgufRespondent | RemoteRespondent
) -> tuple[str, ...]:
    """Sentences on what else differs between it and its base."""
    found = []
    if base.source != opened.record.source:
        found.append(
            f"{source.label} is asked {_PLACES[source.kind]} ({opened.record.precision_note}), and "
            f"its base is not ({base.precision_note}). Program, precision and chat template may "
            "differ between them, so that a difference is not the tuning's alone. Name a --base of "
            "the same kind to have it so."
        )
    if isinstance(opened, RemoteRespondent):
        found += [f"{source.label}: {note}." for note in opened.model.notes]
    return tuple(found)


def endpoints_of(config: RunConfig) -> list[Address]:
    """The endpoints that an evaluation asks: the base's, then those of tuned models."""
    named = [source.place for source in config.tuned if source.kind == "endpoint"]
    return [read_address(one) for one in (config.model, *named) if is_address(one)]

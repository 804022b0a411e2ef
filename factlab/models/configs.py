"""A model's name → its config alone: nothing else is fetched, no weight is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from factlab.errors import ModelError, shortened
from factlab.models.checked import MOST_CONFIG
from factlab.models.files import local_path, read_object
from factlab.models.gguf import config_of_header
from factlab.models.gguf_header import read_header
from factlab.models.packaged import packaged_folder
from factlab.models.resolve import check_model_name, not_from_hub


def model_config(name: str) -> dict[str, Any]:
    """The config of a model by its name, folder, `config.json`, `.gguf` file or hub id.

    Raises:
        ModelError: for a name that is none of these, or a config that cannot be read.
    """
    path = packaged_folder(name) or local_path(name)
    if path is not None and path.is_dir():
        path = _in_folder(path, name)
    if path is not None and path.is_file():
        if path.suffix == ".gguf":
            return config_of_header(read_header(path), path)
        return read_object(path, MOST_CONFIG)
    check_model_name(name)
    return read_object(_from_hub(name), MOST_CONFIG)


def _in_folder(folder: Path, name: str) -> Path:
    config, ggufs = folder / "config.json", sorted(folder.glob("*.gguf"))
    if config.is_file():
        return config
    if len(ggufs) == 1:
        return ggufs[0]
    raise ModelError(
        f"{shortened(name)}: a folder with config.json, or with one .gguf file, is wanted."
    )


def _from_hub(name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, "config.json"))
    except Exception as problem:  # the hub client's errors have no common base worth naming
        raise not_from_hub(name, problem) from None

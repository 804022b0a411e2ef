"""Finding, refusing and caching models."""

from __future__ import annotations

import gc
import shutil
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

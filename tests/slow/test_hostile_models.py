"""Strangers' model folders, GGUF files and adapters: they work, or are refused in words."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import hostile_models as hostile
import pytest
from exported_models import make_model

from factlab.errors import ModelError
from factlab.inference.generate import generate
from factlab.models import checked, trial
from factlab.models.adapters import load_adapters
from factlab.models.chat import render_pair
from factlab.models.gguf import check_whole
from factlab.models.gguf_header import read_header
from factlab.models.load import load_model, load_outline
from factlab.models.resolve import check_model_name, resolve_model
from factlab.models.tokens import preview_tokenizer

MOST_SAID = 900  # characters of a refusal, with the path of a temporary folder twice
Cases = Iterable[tuple[str, hostile.Change]]


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process for tokenizer and template, which takes a second each."""
    monkeypatch.setattr(checked, "try_out", lambda *_: None)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACTLAB_CACHE", str(tmp_path / "cache"))


def use(name: str) -> None:
    """All that a run does with a model: find, outline, load, render, answer."""
    files = resolve_model(name)
    load_outline(files)
    loaded = load_model(files, "fp32")
    render_pair(loaded.tokenizer, "What is it?", "5 m")
    generate(
        loaded.model, loaded.tokenizer, ["a", "How high is it?"], max_new_tokens=2, batch_size=2
    )


def outcome(doing: Callable[[], object]) -> str:
    try:
        doing()
    except ModelError as refused:
        said = str(refused)
        return "refused" if len(said) < MOST_SAID and "\n" not in said else f"said {said!r}"
    except Exception as bug:
        return f"{type(bug).__name__}: {bug}"
    return "works"


def outcomes(cases: Cases, model: Path, place: Path, do: Callable[[str], object]) -> dict[str, str]:
    """What comes of each case."""
    found = {}
    for number, (name, change) in enumerate(cases):
        folder = place / f"m{number}"
        shutil.copytree(model, folder)
        change(folder)
        found[name] = outcome(lambda f=folder: do(str(f)))
        shutil.rmtree(folder)
    return found


def bugs(found: dict[str, str]) -> dict[str, str]:
    return {name: came for name, came in found.items() if came not in ("works", "refused")}


def works(found: dict[str, str]) -> set[str]:
    return {name for name, came in found.items() if came == "works"}


def test_there_are_cases_enough(tmp_path: Path) -> None:
    kinds = (
        *(hostile.field_cases, hostile.text_cases, hostile.place_cases, hostile.weight_cases),
        *(hostile.index_cases, hostile.bomb_cases),
    )
    names = [name for kind in kinds for name, _ in kind()]
    assert len(names) == len(set(names)) > 1_500


@pytest.mark.usefixtures("untried")
def test_what_is_no_plain_file_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    found = outcomes(hostile.place_cases(), tiny_folder, tmp_path, use)
    assert bugs(found) == {}
    needed = ("config.json", "tokenizer.json", "model.safetensors")
    assert works(found) <= {name for name in found if name.endswith("is missing")} - {
        f"{file} is missing" for file in needed
    }


@pytest.mark.usefixtures("untried")
def test_an_index_leads_to_safetensors_beside_it_only(tiny_folder: Path, tmp_path: Path) -> None:
    found = outcomes(hostile.index_cases(), tiny_folder, tmp_path, use)
    assert set(found.values()) == {"refused"}, found


@pytest.mark.usefixtures("untried")
def test_settings_that_are_no_json_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    found = outcomes(hostile.text_cases(), tiny_folder, tmp_path, use)
    assert bugs(found) == {}
    assert not {name for name in works(found) if "is nothing" not in name}


@pytest.mark.usefixtures("untried")
def test_weights_that_do_not_fit_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    found = outcomes(hostile.weight_cases(), tiny_folder, tmp_path, use)
    assert bugs(found) == {}
    harmless = ("activation", "quantised by", "weights have whole numbers", "rope {'rope_type': 'd")
    assert not {name for name in works(found) if not name.startswith(harmless)}


@pytest.mark.usefixtures("untried")
def test_a_setting_of_another_kind_ends_in_words(tiny_folder: Path, tmp_path: Path) -> None:
    cases = list(hostile.field_cases())
    some = random.Random(0).sample(cases, 150)
    assert bugs(outcomes(some, tiny_folder, tmp_path, use)) == {}


@pytest.mark.long
@pytest.mark.usefixtures("untried")
def test_any_setting_of_another_kind_ends_in_words(tiny_folder: Path, tmp_path: Path) -> None:
    assert bugs(outcomes(hostile.field_cases(), tiny_folder, tmp_path, use)) == {}


@pytest.mark.usefixtures("untried")
def test_a_name_of_no_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    for name in hostile.named_cases(tmp_path / "here"):
        assert outcome(lambda n=name: resolve_model(n)) == "refused", name
        assert outcome(lambda n=name: check_model_name(n)) in ("works", "refused"), name


@pytest.mark.usefixtures("untried")
def test_links_to_plain_files_are_a_model(tiny_folder: Path, tmp_path: Path) -> None:
    """As the hub's cache keeps it: a snapshot of links into a folder of blobs."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    shutil.copytree(tiny_folder, blobs)
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    (tmp_path / "link").symlink_to(snapshot)
    use(str(snapshot))
    use(str(tmp_path / "link"))


# --- tokenizer and template ----------------------------------------------------------------------


def test_a_model_is_tried_once_and_again_after_a_change(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    tried: list[Path] = []
    problem: list[str | None] = [None]
    monkeypatch.setattr(trial, "_tried", lambda place: tried.append(place) or problem[0])
    resolve_model(str(folder))
    resolve_model(str(folder))
    assert len(tried) == 1
    problem[0] = "something is wrong."
    for _ in range(2):  # a refusal is not remembered: a bound may have been met by chance
        (folder / "chat_template.jinja").write_text("x")
        with pytest.raises(ModelError, match="model: something is wrong"):
            resolve_model(str(folder))
    assert len(tried) == 3


@pytest.mark.parametrize(
    ("bomb", "said"),
    [
        ("template: a long product", "by the chat template in .* MB of memory"),
        ("normalizer: growing", "encoding a short text by the tokenizer in .* MB of memory"),
    ],
)
def test_a_bomb_goes_off_in_a_process_of_its_own(
    bomb: str, said: str, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    dict(hostile.bomb_cases())[bomb](folder)
    with pytest.raises(ModelError, match=said):
        resolve_model(str(folder))
    with pytest.raises(ModelError, match=said):
        preview_tokenizer(str(folder))


@pytest.mark.long
def test_every_bomb_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    found = outcomes(hostile.bomb_cases(), tiny_folder, tmp_path, resolve_model)
    harmless = {"padding: long"}  # which is set aside
    assert {name: came for name, came in found.items() if came != "refused"}.keys() <= harmless


@pytest.mark.long
def test_a_strange_tokenizer_ends_in_words_where_it_is_tried(
    tiny_folder: Path, tmp_path: Path
) -> None:
    cases = [case for case in hostile.field_cases() if not case[0].startswith("config.json")]
    some = random.Random(1).sample(cases, 60)
    assert bugs(outcomes(some, tiny_folder, tmp_path, use)) == {}


# --- GGUF ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import AutoTokenizer

    from factlab.export.gguf import write_gguf
    from factlab.export.merge import Merged
    from factlab.models.resolve import ModelFiles

    place = tmp_path_factory.mktemp("gguf")
    folder, file = make_model(place / "model", "tied"), place / "tiny.gguf"
    model = load_model(ModelFiles("tiny", "folder", folder), "fp32").model
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_gguf(Merged(model, tokenizer, modules=0), file, "f32", "tiny")
    check_whole(file)
    return file


def lies(data: bytes) -> Iterator[tuple[str, bytes]]:
    """A GGUF file with a count, a size or a kind that is not true, or cut off."""
    counts = {"tensors": 8, "fields": 16, "first key": 24}
    for key in (b"tokenizer.ggml.tokens", b"tokenizer.ggml.token_type"):
        counts[key.decode()] = data.index(key) + len(key) + 8
    for name, at in counts.items():
        for count in (0, 10**6, 2**40, 2**62, 2**64 - 1):
            yield f"{count} {name}", data[:at] + struct.pack("<Q", count) + data[at + 8 :]
    for key in (b"llama.block_count", b"llama.embedding_length", b"llama.attention.head_count"):
        at = data.index(key) + len(key)
        for size in (0, 3, 10**5, 2**32 - 1):
            yield f"{key!r} {size}", data[: at + 4] + struct.pack("<I", size) + data[at + 8 :]
        for kind in (9, 13, 2**31):
            yield f"{key!r} of kind {kind}", data[:at] + struct.pack("<I", kind) + data[at + 4 :]
    tensor = data.index(b"token_embd.weight") + len(b"token_embd.weight")
    for name, at, form, values in (
        ("dimensions", tensor, "<I", (0, 5, 10**9)),
        ("columns", tensor + 4, "<Q", (0, 63, 2**62)),
        ("rows", tensor + 12, "<Q", (1, 2**63)),
        ("type", tensor + 20, "<I", (2, 99, 2**31)),
        ("place", tensor + 24, "<Q", (1, 10**9, 2**64 - 32)),
    ):
        for value in values:
            lie = struct.pack(form, value)
            yield f"{value} {name}", data[:at] + lie + data[at + len(lie) :]
    for part in range(0, 100, 5):
        yield f"cut at {part} %", data[: len(data) * part // 100]
    yield "bytes behind", data + b"\0" * 2_000_000
    yield "a long text", _with_text(data, b"x" * 9_000_000)
    for end in (b"", b"GGUF", b"GGUF\1\0\0\0", b"GGUF\3\0\0\0", b"FUGG" + data[4:], b"GGML"):
        yield f"only {end[:8]!r} {len(end)}", end


def _with_text(data: bytes, text: bytes) -> bytes:
    """One more field, of text, before the others."""
    key = b"note"
    field = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(text)) + text
    fields = struct.unpack("<Q", data[16:24])[0] + 1
    return data[:16] + struct.pack("<Q", fields) + field + data[24:]


def test_a_gguf_file_of_holes_is_refused_before_it_is_hashed(
    gguf_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "holes.gguf"
    shutil.copy(gguf_file, file)
    os.truncate(file, 10**13)
    with pytest.raises(ModelError, match="bytes stand behind its tensors"):
        resolve_model(str(file))


def test_what_a_gguf_header_lists_is_counted_first(
    gguf_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound, said in (("MOST_PIECES", "texts; at most 200"), ("MOST_HEADER", "header is longer")):
        with monkeypatch.context() as patch:
            patch.setattr(f"factlab.models.gguf_header.{bound}", 200)
            with pytest.raises(ModelError, match=said):
                read_header(gguf_file)


@pytest.mark.usefixtures("untried")
def test_weights_that_are_not_loaded_are_checked_before_they_are_hashed(
    tiny_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_folder, tmp_path / "model")
    (tmp_path / "model" / "other.safetensors").touch()
    os.truncate(tmp_path / "model" / "other.safetensors", 10**13)
    with pytest.raises(ModelError, match=r"other\.safetensors: these weights cannot be read"):
        resolve_model(str(tmp_path / "model"))


def test_a_preview_reads_a_template_that_is_no_text_in_words(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.models.tokens.try_out", lambda *_: None)
    shutil.copytree(tiny_folder, tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(
        ModelError, match=r"chat_template\.jinja: this chat template cannot be read"
    ):
        preview_tokenizer(str(tmp_path / "model"))


def test_a_gguf_file_that_lies_is_refused_or_read(gguf_file: Path, tmp_path: Path) -> None:
    found = {}
    for name, lie in lies(gguf_file.read_bytes()):
        file = tmp_path / "lie.gguf"
        file.write_bytes(lie)
        found[name] = outcome(lambda f=file: check_whole(f))
    assert bugs(found) == {}
    assert len(found) > 80
    assert sum(came == "refused" for came in found.values()) > 60


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_of_a_gguf_header_end_in_words(
    seed: int, gguf_file: Path, tmp_path: Path
) -> None:
    data = bytearray(gguf_file.read_bytes())
    luck = random.Random(seed)
    for _ in range(200):
        file = tmp_path / "flipped.gguf"
        flipped = bytearray(data)
        flipped[luck.randrange(9_000)] ^= 1 << luck.randrange(8)
        file.write_bytes(flipped)
        assert outcome(lambda f=file: check_whole(f)) in ("works", "refused")


@pytest.mark.usefixtures("untried")
def test_a_gguf_file_that_fits_badly_ends_in_words(gguf_file: Path, tmp_path: Path) -> None:
    """Those lies that the header alone does not show."""
    found = {}
    for number, (name, lie) in enumerate(lies(gguf_file.read_bytes())):
        file = tmp_path / f"lie{number}.gguf"
        file.write_bytes(lie)
        if outcome(lambda f=file: check_whole(f)) == "works":
            found[name] = outcome(lambda f=file: use(str(f)))
    assert bugs(found) == {}
    assert found


@pytest.mark.usefixtures("untried")
def test_what_lies_beside_a_gguf_file_is_not_read(gguf_file: Path, tmp_path: Path) -> None:
    shutil.copy(gguf_file, tmp_path / "model.gguf")
    for name in ("tokenizer_config.json", "generation_config.json", "adapter_config.json"):
        (tmp_path / name).write_text("broken")
    use(str(tmp_path / "model.gguf"))


# --- adapters ------------------------------------------------------------------------------------

ADAPTER_FIELDS = (
    *("peft_type", "r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "bias"),
    *("lora_dropout", "layers_to_transform", "layers_pattern", "modules_to_save", "use_dora"),
    *("init_lora_weights", "megatron_config", "layer_replication", "exclude_modules", "task_type"),
    *("base_model_name_or_path", "auto_mapping", "fan_in_fan_out", "target_parameters", "unknown"),
)
PATTERNS = (".?" * 40 + "!", "(a+)+$", ".*.*.*.*.*.*x", "(", "x" * 9_000, "(_|_proj|_p)*$")


@pytest.fixture(scope="module")
def adapter(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from peft import LoraConfig, get_peft_model

    from factlab.models.resolve import ModelFiles

    base = load_model(ModelFiles("tiny", "folder", tiny_folder), "fp32")
    lora: Any = get_peft_model(base.model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    folder = tmp_path_factory.mktemp("adapter")
    lora.save_pretrained(folder)
    return folder


def adapter_cases() -> Iterator[tuple[str, hostile.Change]]:
    config, weights = "adapter_config.json", "adapter_model.safetensors"
    for field in ADAPTER_FIELDS:
        for value in islice(hostile.WRONG, 0, None, 3):
            yield f"{field}={str(value)[:20]!r}", hostile.with_value(config, field, value)
    for field in ("target_modules", "exclude_modules", "rank_pattern"):
        for pattern in PATTERNS:
            value: Any = {pattern: 4} if field == "rank_pattern" else pattern
            yield f"{field}~{pattern[:20]}", hostile.with_value(config, field, value)
    yield "rank_pattern of 10^6", hostile.with_value(config, "rank_pattern", {"q_proj": 10**6})
    yield (
        "many names",
        hostile.with_value(config, "target_modules", [f"x{i}" for i in range(9_999)]),
    )
    for file in (config, weights):
        for name, make in hostile.OTHERS.items():
            yield f"{file} is {name}", lambda f, n=file, m=make: hostile.instead(f / n, m)
        for part in (0.0, 0.1, 0.5, 0.9):
            yield f"{file} cut at {part}", lambda f, n=file, p=part: hostile.cut(f / n, p)
    yield "a pickle alone", lambda folder: (folder / weights).rename(folder / "a.bin")
    yield "no layer of the base", _renamed_tensors


def _renamed_tensors(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file({f"x.{name}": values for name, values in load_file(file).items()}, file)


def test_a_strange_adapter_is_refused_or_works(
    adapter: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    from factlab.models.resolve import ModelFiles

    def put_on(folder: str) -> None:
        load_adapters(load_model(files, "fp32"), {"one": Path(folder)})

    files = ModelFiles("tiny", "folder", tiny_folder)
    assert outcome(lambda: put_on(str(adapter))) == "works"
    found = outcomes(adapter_cases(), adapter, tmp_path, put_on)
    assert bugs(found) == {}
    assert len(found) > 150
    refused = {name for name, came in found.items() if came == "refused"}
    must = (
        "r=",
        "lora_alpha='abc'",
        "megatron_config='abc'",
        "a pickle",
        "rank_pattern of",
        "many",
    )
    assert {n for n in found if n.startswith(must) and n != "r='7'"} <= refused | {"r='True'"}
    assert {n for n in found if "~" in n} <= refused


# --- the embedded model --------------------------------------------------------------------------


def test_a_manifest_that_is_no_list_of_files_is_damage(tmp_path: Path) -> None:
    from factlab.models.cache import MANIFEST, CachedModel

    for text in ("", "[]", "{}", '{"files": 5}', '{"files": ["a"]}', '{"files": {"a": "b"}}'):
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(ModelError, match="damaged"):
            CachedModel(tmp_path).verify()
    (tmp_path / MANIFEST).write_text(json.dumps({"files": {}}))
    CachedModel(tmp_path).verify()

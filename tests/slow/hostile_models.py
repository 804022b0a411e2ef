"""Model folders as nobody should make them, each from the tiny model by one change.

A case is a change of a copy of the folder. Loading it must work or end in a `ModelError`.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Change = Callable[[Path], object]

WRONG: tuple[Any, ...] = (
    *(None, True, -1, 0, 7, 1.5, 10**12, 10**30, float("nan"), float("inf")),
    *("", "abc", "x" * 10_000, "../../x", [], ["a", 5], {}, {"a": {"b": []}}, [[[1]]]),
)
CONFIG_FIELDS = (
    *("model_type", "architectures", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "intermediate_size", "vocab_size", "rms_norm_eps"),
    *("rope_parameters", "rope_scaling", "rope_theta", "hidden_act", "eos_token_id"),
    *("pad_token_id", "bos_token_id", "max_position_embeddings", "tie_word_embeddings", "dtype"),
    *("torch_dtype", "attention_bias", "mlp_bias", "attention_dropout", "initializer_range"),
    *("quantization_config", "auto_map", "attn_implementation", "num_labels", "id2label"),
    *("layer_types", "use_cache", "pretraining_tp", "transformers_version", "text_config"),
    *("problem_type", "output_attentions", "return_dict", "tokenizer_class"),
)
TOKENIZER_CONFIG_FIELDS = (
    *("tokenizer_class", "eos_token", "pad_token", "bos_token", "unk_token", "chat_template"),
    *("model_max_length", "added_tokens_decoder", "extra_special_tokens", "padding_side"),
    *("clean_up_tokenization_spaces", "auto_map", "add_bos_token", "additional_special_tokens"),
    *("truncation_side", "model_input_names", "tokenizer_file", "vocab_file", "processor_class"),
    *("name_or_path", "backend", "is_local", "special_tokens", "local_files_only", "_commit_hash"),
)
TOKENIZER_FIELDS = (
    *("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer"),
    *("post_processor", "decoder", "model"),
)
TOKENIZER_MODEL_FIELDS = (
    *("type", "vocab", "merges", "dropout", "unk_token", "continuing_subword_prefix"),
    *("end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"),
)
GENERATION_FIELDS = (
    *("eos_token_id", "pad_token_id", "bos_token_id", "temperature", "do_sample", "max_length"),
    *("max_new_tokens", "num_beams", "cache_implementation", "_from_model_config"),
    *("transformers_version", "watermarking_config", "custom_generate"),
)
JSON_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
FILES = (*JSON_FILES, "model.safetensors")
INDEX = "model.safetensors.index.json"


def _socket(file: Path) -> None:
    here = Path.cwd()
    os.chdir(file.parent)  # a socket's path may have no more than 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(file.name)
    finally:
        os.chdir(here)


OTHERS: dict[str, Callable[[Path], object]] = {
    "missing": lambda file: None,
    "a broken link": lambda file: file.symlink_to("nowhere"),
    "a loop": lambda file: file.symlink_to(file.name),
    "a folder": lambda file: file.mkdir(),
    "a link to a folder": lambda file: file.symlink_to("/tmp"),
    "a pipe": os.mkfifo,
    "a link to /dev/zero": lambda file: file.symlink_to("/dev/zero"),
    "a link to /dev/null": lambda file: file.symlink_to("/dev/null"),
    "a link to /dev/stdin": lambda file: file.symlink_to("/dev/stdin"),
    "a link to /proc/self/mem": lambda file: file.symlink_to("/proc/self/mem"),
    "a socket": _socket,
}


def field_cases() -> Iterator[tuple[str, Change]]:
    """Each setting of each JSON file, missing or with a value of another type or size."""
    for file, fields in (
        ("config.json", CONFIG_FIELDS),
        ("tokenizer_config.json", TOKENIZER_CONFIG_FIELDS),
        ("tokenizer.json", TOKENIZER_FIELDS),
        ("generation_config.json", GENERATION_FIELDS),
    ):
        for field in fields:
            yield f"{file}:{field}:missing", _edited(file, lambda found, f=field: found.pop(f, 0))
            for value in WRONG:
                yield _name(file, field, value), with_value(file, field, value)
    for field in TOKENIZER_MODEL_FIELDS:
        for value in WRONG:
            yield (
                _name("tokenizer.json", f"model.{field}", value),
                _edited(
                    "tokenizer.json",
                    lambda found, f=field, v=value: found["model"].__setitem__(f, v),
                ),
            )


def text_cases() -> Iterator[tuple[str, Change]]:
    """JSON files that are none, cut off, deep or long."""
    texts = {
        "empty": b"",
        "a list": b"[]",
        "a number": b"5",
        "null": b"null",
        "no utf-8": b'{"a": "\xff\xfe"}',
        "a mark": "\ufeff{}".encode(),
        "nothing": b"{}",
        "deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "rather deep": b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
        "digits": b'{"hidden_size": ' + b"9" * 5_000 + b"}",
        "exponent": b'{"rms_norm_eps": 1e999}',
        "pickle": b"\x80\x04\x95.",
    }
    for file in JSON_FILES:
        for name, text in texts.items():
            yield f"{file} is {name}", lambda folder, f=file, t=text: (folder / f).write_bytes(t)
        for part in (0.3, 0.7, 0.99):
            yield f"{file} is cut at {part}", lambda folder, f=file, p=part: cut(folder / f, p)


def place_cases() -> Iterator[tuple[str, Change]]:
    """Something else in place of each file."""
    for file in (*FILES, INDEX, "chat_template.jinja", "special_tokens_map.json"):
        for name, make in OTHERS.items():
            yield f"{file} is {name}", lambda folder, f=file, m=make: instead(folder / f, m)
    yield "another weight is a pipe", lambda folder: os.mkfifo(folder / "other.safetensors")
    yield "an adapter beside it", lambda folder: (folder / "adapter_config.json").write_text("{}")
    yield "a template folder of pipes", _pipes_for_templates


def weight_cases() -> Iterator[tuple[str, Change]]:
    """Safetensors that lie, are cut off, or do not fit the config."""
    for at in (0, 1, 7, 8, 9, 100, 1_000, 5_000, 100_000, 364_000):
        yield f"weights cut at {at}", lambda folder, a=at: os.truncate(_weights(folder), a)
    for length in (0, 1, 10, 10**6, 10**9, 2**40, 2**62, 2**64 - 1):
        yield f"a header of {length}", lambda folder, n=length: _overwrite(folder, 0, n)
    lies: dict[str, Callable[[dict[str, Any]], object]] = {
        "a longer shape": lambda t: t.__setitem__("shape", [10**6, 10**6]),
        "a huge shape": lambda t: t.__setitem__("shape", [2**62, 2**62]),
        "a negative shape": lambda t: t.__setitem__("shape", [-1, 64]),
        "a flat shape": lambda t: t.__setitem__("shape", [64 * 259]),
        "no shape": lambda t: t.pop("shape"),
        "an empty shape": lambda t: t.__setitem__("shape", []),
        "a shape in words": lambda t: t.__setitem__("shape", "64"),
        "another type": lambda t: t.__setitem__("dtype", "F16"),
        "no type": lambda t: t.__setitem__("dtype", "X99"),
        "whole numbers": lambda t: t.__setitem__("dtype", "I32"),
        "a place beyond": lambda t: t.__setitem__("data_offsets", [10**9, 10**9 + 66304]),
        "a place before": lambda t: t.__setitem__("data_offsets", [-66304, 0]),
        "a place backwards": lambda t: t.__setitem__("data_offsets", [66304, 0]),
        "a place at another's": lambda t: t.__setitem__("data_offsets", [0, 256]),
    }
    for name, lie in lies.items():
        yield f"weights have {name}", lambda folder, x=lie: _header(folder, _of_first(x))
    yield "weights have no tensor", lambda folder: _header(folder, lambda h: h.clear())
    yield (
        "weights have a deep header",
        lambda folder: _raw_header(folder, b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    )
    yield (
        "weights have other names",
        lambda folder: _header(folder, lambda h: [h.__setitem__(f"x{k}", h.pop(k)) for k in [*h]]),
    )
    for key in ("embed_tokens", "layers.1.mlp.up_proj", "layers.0.input_layernorm", "model.norm"):
        yield f"weights lack {key}", lambda folder, k=key: _resaved(folder, _without(k))
        yield f"weights of {key} are longer", lambda folder, k=key: _resaved(folder, _longer(k))
        yield f"weights of {key} are NaN", lambda folder, k=key: _resaved(folder, _lost(k))
    yield "weights of more layers", lambda folder: _resaved(folder, _doubled)
    for count in (1, 3, 100, 10**5, 10**9):
        yield f"a config of {count} layers", with_value("config.json", "num_hidden_layers", count)
    for heads in (3, 5, 64):
        yield f"a config of {heads} heads", with_value("config.json", "num_attention_heads", heads)
        yield (
            f"a config of {heads} key heads",
            with_value("config.json", "num_key_value_heads", heads),
        )
        yield f"a config of heads of {heads}", with_value("config.json", "head_dim", heads)
    for kind in (
        "gpt2",
        "mamba",
        "bert",
        "t5",
        "mixtral",
        "qwen2",
        "gemma2",
        "llava",
        "nope",
        "auto",
    ):
        yield f"a config of {kind}", with_value("config.json", "model_type", kind)
    for activation in ("nope", "os.system", "relu", "linear"):
        yield f"activation {activation}", with_value("config.json", "hidden_act", activation)
    for rope in (
        {"rope_type": "yarn"},
        {"rope_type": "linear", "factor": 0.0},
        {"rope_type": "linear", "factor": "x"},
        {"rope_type": "default", "rope_theta": 0},
        {"rope_type": "default", "rope_theta": -1.0},
        {"rope_type": "longrope", "short_factor": [], "long_factor": []},
        {"rope_type": "dynamic", "factor": 10**300},
        {"rope_type": "nope"},
        {"rope_type": ["default"]},
    ):
        yield f"rope {rope}", with_value("config.json", "rope_parameters", rope)
    for method in ("gptq", "awq", "bitsandbytes", "fp8", "hqq", "nope", 5):
        yield (
            f"quantised by {method}",
            with_value("config.json", "quantization_config", {"quant_method": method, "bits": 4}),
        )


def index_cases() -> Iterator[tuple[str, Change]]:
    """Indices that point to pickles, elsewhere, or nowhere."""
    for name in (
        *("pytorch_model.bin", "../model.safetensors", "/etc/passwd", "/tmp/x.safetensors"),
        *("sub/model.safetensors", "gone.safetensors", "", ".", "..", "a\0.safetensors"),
        *("..\\x.safetensors", "x" * 5_000 + ".safetensors", 5, None, ["a"], {"a": "b"}),
    ):
        yield f"an index of {str(name)[:30]!r}", lambda folder, n=name: _index(folder, n)
    for value in (None, [], {}, "x", 5):
        yield (
            f"a weight_map of {value!r}",
            lambda folder, v=value: _moved(folder, json.dumps({"weight_map": v})),
        )
    for text in ("", "[", "[]", '{"weight_map": '):
        yield f"an index that says {text!r}", lambda folder, t=text: _moved(folder, t)
    yield "a link in an index to elsewhere", _linked_shard


def bomb_cases() -> Iterator[tuple[str, Change]]:
    """Templates and tokenizers that take all the time or memory there is; never load one here."""
    loops = "{% for a in range(99999) %}" * 4 + "x" + "{% endfor %}" * 4
    doubled = "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
    templates = {
        "a long product": "{{ 'a' * 99999999999 }}",
        "a product of messages": "{{ messages[0]['content'] * 999999999 }}",
        "a list's product": "{{ ([0] * 9999999999) | length }}",
        "loops": loops,
        "silent loops": "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3,
        "doubling": doubled + "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
        "joining": doubled + "{% set ns.x = [ns.x, ns.x] | join %}{% endfor %}{{ ns.x }}",
        "replacing": doubled + "{% set ns.x = ns.x.replace('a', 'aaaa') %}{% endfor %}{{ ns.x }}",
        "a power": "{{ 9 ** (9 ** 9) }}",
        "a power's digits": "{{ (10 ** 4000000) | string | length }}",
        "centring": "{{ 'a'.center(99999999999) }}",
        "a format": "{{ '%99999999999d' % 5 }}",
        "a wide format": "{{ '{:>99999999999}'.format(5) }}",
        "recursion": "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
        "wide recursion": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}"
        "{% endmacro %}{{ m(200) }}",
        "indenting": "{{ ('a\n' * 99999) | indent(99999) }}",
        "a million characters": "{{ 'a' * 2000000 }}",
        "a thousandfold": "{% for m in messages %}{{ m['content'] * 9999 }}{% endfor %}",
        "deep brackets": "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "nots": "{{ " + "not " * 20_000 + "1 }}",
        "filters": "{{ 1" + "|string" * 20_000 + " }}",
        "sorting": "{{ (range(99999) | list * 999) | sort | length }}",
        "a json": "{{ ([[0] * 9999] * 99999) | tojson }}",
    }
    for name, template in templates.items():
        yield f"template: {name}", with_value("tokenizer_config.json", "chat_template", template)
    yield (
        "template file: loops",
        lambda folder: (folder / "chat_template.jinja").write_text(loops),
    )
    growing = [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 4_000}] * 4
    normalizers: dict[str, Any] = {
        "growing": {"type": "Sequence", "normalizers": growing},
        "growing by a letter": {
            "type": "Replace",
            "pattern": {"Regex": "."},
            "content": "y" * 9_000_000,
        },
        "going back": {"type": "Replace", "pattern": {"Regex": "(a|a|aa)+$"}, "content": "b"},
        "prepending": {
            "type": "Sequence",
            "normalizers": [{"type": "Prepend", "prepend": "x" * 90_000}] * 99,
        },
    }
    for name, normalizer in normalizers.items():
        yield f"normalizer: {name}", with_value("tokenizer.json", "normalizer", normalizer)
    yield (
        "pre-tokenizer: going back",
        with_value(
            "tokenizer.json",
            "pre_tokenizer",
            {
                "type": "Split",
                "pattern": {"Regex": "(a+)+[^a!]|(.*.*)*x$"},
                "behavior": "Isolated",
                "invert": False,
            },
        ),
    )
    yield (
        "post-processor: long",
        with_value(
            "tokenizer.json",
            "post_processor",
            {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<|pad|>", "type_id": 0}}] * 100_000,
                "pair": [],
                "special_tokens": {
                    "<|pad|>": {
                        "id": "<|pad|>",
                        "ids": [2] * 10_000,
                        "tokens": ["<|pad|>"] * 10_000,
                    }
                },
            },
        ),
    )
    yield (
        "decoder: growing",
        with_value(
            "tokenizer.json",
            "decoder",
            {"type": "Replace", "pattern": {"Regex": "."}, "content": "y" * 9_000_000},
        ),
    )
    yield (
        "padding: long",
        with_value(
            "tokenizer.json",
            "padding",
            {
                "strategy": {"Fixed": 10**10},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 2,
                "pad_type_id": 0,
                "pad_token": "<|pad|>",
            },
        ),
    )
    yield "labels: many", with_value("config.json", "num_labels", 10**9)


def named_cases(folder: Path) -> Iterator[str]:
    """Names of no model, some with something there."""
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.gguf")
    (folder / "broken").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "empty.gguf").touch()
    (folder / "text").write_text("x")
    (folder / "zero.gguf").symlink_to("/dev/zero")
    for name in ("pipe", "pipe.gguf", "broken", "loop", "empty.gguf", "text", "zero.gguf", "gone"):
        yield str(folder / name)
    yield from ("~nobody", "~nobody/x", "/dev/zero", "/dev/null", "/proc/self/mem", "", ".", "/")
    yield from ("a" * 5_000, f"{'a' * 300}/{'b' * 300}", f"/{'a/' * 3_000}", "x\0y", "\ud800/a")
    yield from ("../..", "a//b", "-x/y", "a b/c d", "https://example.org/x", "\x1b[31m/x", "a/..")


# --- how a folder is changed ---------------------------------------------------------------------


def _name(file: str, field: str, value: object) -> str:
    return f"{file}:{field}={str(value)[:24]!r}"


def _edited(file: str, change: Callable[[dict[str, Any]], object]) -> Change:
    def edit(folder: Path) -> None:
        found = json.loads((folder / file).read_text())
        change(found)
        (folder / file).write_text(json.dumps(found))

    return edit


def with_value(file: str, field: str, value: object) -> Change:
    return _edited(file, lambda found: found.__setitem__(field, value))


def _weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def cut(file: Path, part: float) -> None:
    os.truncate(file, int(file.stat().st_size * part))


def instead(file: Path, make: Callable[[Path], object]) -> None:
    file.unlink(missing_ok=True)
    make(file)


def _pipes_for_templates(folder: Path) -> None:
    (folder / "additional_chat_templates").mkdir()
    os.mkfifo(folder / "additional_chat_templates" / "tool.jinja")


def _overwrite(folder: Path, at: int, number: int) -> None:
    with _weights(folder).open("r+b") as stream:
        stream.seek(at)
        stream.write(struct.pack("<Q", number))


def _header(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = _weights(folder).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    change(header)
    text = json.dumps(header).encode()
    _weights(folder).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def _raw_header(folder: Path, text: bytes) -> None:
    _weights(folder).write_bytes(struct.pack("<Q", len(text)) + text)


def _of_first(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda header: change(header[min(header)])


def _resaved(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(_weights(folder))
    change(tensors)
    save_file(tensors, _weights(folder), {"format": "pt"})


def _without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda tensors: [tensors.pop(name) for name in [*tensors] if key in name]


def _longer(key: str) -> Callable[[dict[str, Any]], object]:
    def change(tensors: dict[str, Any]) -> None:
        for name in [*tensors]:
            if key in name:
                tensors[name] = tensors[name].repeat_interleave(2, dim=0)

    return change


def _lost(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda tensors: [tensors[name].fill_(float("nan")) for name in tensors if key in name]


def _doubled(tensors: dict[str, Any]) -> None:
    for name in [*tensors]:
        if "layers.1." in name:
            tensors[name.replace("layers.1.", "layers.2.")] = tensors[name].clone()


def _index(folder: Path, name: object) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    _moved(folder, json.dumps({"weight_map": {"model.embed_tokens.weight": name}}))


def _moved(folder: Path, index: str) -> None:
    """An index in place of the one file that needs none."""
    _weights(folder).rename(folder / "model-00001-of-00001.safetensors")
    (folder / INDEX).write_text(index)


def _linked_shard(folder: Path) -> None:
    _index(folder, "shard.safetensors")
    (folder / "shard.safetensors").symlink_to("/dev/zero")

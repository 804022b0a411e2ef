"""Ready configurations of Axolotl, LLaMA-Factory and TRL's command line, beside the data files.

Each is the resolved recipe in that trainer's own keys, and begins with what could not be carried
over. Paths are relative to the folder, so that a trainer is started there.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from factlab.display.markup import markdown_text
from factlab.schema.manifest import DataFormat
from factlab.trainers.values import Values, not_carried_over

OUTPUT = "adapter"


class _Dumper(yaml.SafeDumper):
    """Writes every value where it stands, and lines of a text as escapes."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


_MOST_STATED = 2_000  # characters of a statement, in the README


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


@dataclass(frozen=True, slots=True)
class DataNames:
    """What the data files are called.

    Attributes:
        folder: The name of their folder.
        train: The training pairs.
        validation: The validation pairs; None if there are none.
        anchors: The anchors; None if there are none.
    """

    folder: str
    train: str
    validation: str | None
    anchors: str | None

    @property
    def trained(self) -> list[str]:
        """The files that are trained on."""
        return [name for name in (self.train, self.anchors) if name is not None]


def commented(values: Values, *first: str) -> str:
    """What a configuration begins with."""
    said = [*first, *not_carried_over(values)]
    lines = (textwrap.wrap(one, 96, break_long_words=False, break_on_hyphens=False) for one in said)
    return "".join(f"# {line}\n" for wrapped in lines for line in wrapped)


def as_yaml(values: Values, settings: Mapping[str, Any], *first: str) -> str:
    """A configuration with its comment."""
    given = {key: value for key, value in settings.items() if value is not None}
    dumped = yaml.dump(given, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return commented(values, *first) + dumped


def axolotl(values: Values, names: DataNames, format_: DataFormat) -> str:
    """`axolotl.yaml`."""
    recipe = values.cell.recipe
    asked = _axolotl_type(values, format_)
    test = [{"path": names.validation, "ds_type": "json", "split": "train", **asked}]
    settings = {
        "base_model": values.model,
        "load_in_4bit": values.four_bits is not None,
        "load_in_8bit": values.eight_bits,
        "bnb_config_kwargs": _axolotl_quantised(values),
        **_axolotl_adapter(values),
        "chat_template": "tokenizer_default",
        "chat_template_kwargs": {"enable_thinking": values.thinking},
        "datasets": [
            {"path": name, "ds_type": "json", "split": "train", **asked} for name in names.trained
        ],
        "test_datasets": test if names.validation else None,
        "train_on_inputs": False,
        "sequence_len": values.max_tokens,
        "sample_packing": False,
        "micro_batch_size": values.batch,
        "gradient_accumulation_steps": 1,
        "max_steps": values.steps,
        "num_epochs": _epochs(values),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler": values.schedule,
        "warmup_steps": values.warmup_steps,
        "optimizer": values.optimizer,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": values.compute == "bf16",
        "fp16": values.compute == "fp16",
        "seed": values.cell.seed,
        "logging_steps": 1,
        "save_strategy": "no",
        "output_dir": OUTPUT,
    }
    said = ["Start it in this folder: axolotl train axolotl.yaml"]
    if format_ == "alpaca" and values.prompt_format is None:
        said.append(
            "The base's chat template was not on the machine that wrote this file, so questions "
            "are put in Axolotl's own wording of Alpaca; ask the tuned model in the same one, or "
            "use --to chat."
        )
    return as_yaml(values, settings, *said)


def _axolotl_adapter(values: Values) -> dict[str, Any]:
    if values.full:
        return {}
    recipe = values.cell.recipe
    return {
        "adapter": "qlora" if values.four_bits else "lora",
        "lora_r": values.cell.rank,
        "lora_alpha": values.alpha,
        "lora_dropout": recipe.dropout,
        "lora_target_linear": True if values.targets is None else None,
        "lora_target_modules": values.targets,
        "peft_use_rslora": True if recipe.method == "rslora" else None,
        "peft_use_dora": True if recipe.method == "dora" else None,
    }


def _axolotl_type(values: Values, format_: DataFormat) -> dict[str, Any]:
    if format_ == "chat":
        return {"type": "chat_template", "field_messages": "messages"}
    if format_ == "sharegpt":
        return {
            "type": "chat_template",
            "field_messages": "conversations",
            "message_property_mappings": {"role": "from", "content": "value"},
        }
    if values.prompt_format is None:
        return {"type": "alpaca"}
    return {
        "type": {
            "field_instruction": "instruction",
            "field_input": "input",
            "field_output": "output",
            "system_prompt": "",
            "format": values.prompt_format,
            "no_input_format": values.prompt_format,
        }
    }


def _axolotl_quantised(values: Values) -> dict[str, Any] | None:
    if values.four_bits is None:
        return None
    double = values.cell.precision != "nf4-single"
    return {"bnb_4bit_quant_type": values.four_bits, "bnb_4bit_use_double_quant": double}


def _epochs(values: Values) -> int:
    """Passes that are surely enough for the steps, which end the training."""
    return max(1, int(values.cell.recipe.epochs) + 1)


def dataset_info(names: DataNames, format_: DataFormat) -> str:
    """LLaMA-Factory's `dataset_info.json`."""
    files = {"factlab_train": names.train, "factlab_anchors": names.anchors}
    files["factlab_validation"] = names.validation
    info = {
        name: {"file_name": file, **_described(format_)} for name, file in files.items() if file
    }
    return json.dumps(info, indent=2) + "\n"


def _described(format_: DataFormat) -> dict[str, Any]:
    if format_ == "alpaca":
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"formatting": "alpaca", "columns": columns}
    chat = format_ == "chat"
    return {
        "formatting": "sharegpt",
        "columns": {"messages": "messages" if chat else "conversations"},
        "tags": {
            "role_tag": "role" if chat else "from",
            "content_tag": "content" if chat else "value",
            "user_tag": "user" if chat else "human",
            "assistant_tag": "assistant" if chat else "gpt",
            "system_tag": "system",
        },
    }


def llamafactory(values: Values, names: DataNames) -> str:
    """`llamafactory.yaml`."""
    recipe = values.cell.recipe
    adapter: dict[str, Any] = {"finetuning_type": "full"}
    if not values.full:
        adapter = {
            "finetuning_type": "lora",
            "lora_rank": values.cell.rank,
            "lora_alpha": values.alpha,
            "lora_dropout": recipe.dropout,
            "lora_target": "all" if values.targets is None else ",".join(values.targets),
            "use_rslora": True if recipe.method == "rslora" else None,
            "use_dora": True if recipe.method == "dora" else None,
        }
    bits = 4 if values.four_bits else 8 if values.eight_bits else None
    trained = ["factlab_train", *(["factlab_anchors"] if names.anchors else [])]
    settings = {
        "model_name_or_path": values.model,
        "stage": "sft",
        "do_train": True,
        **adapter,
        "quantization_bit": bits,
        "quantization_method": "bnb" if bits else None,
        "quantization_type": values.four_bits,
        "double_quantization": values.cell.precision != "nf4-single" if values.four_bits else None,
        "dataset_dir": ".",
        "dataset": ",".join(trained),
        "eval_dataset": "factlab_validation" if names.validation else None,
        "eval_strategy": "epoch" if names.validation else "no",
        "enable_thinking": values.thinking,
        "train_on_prompt": False,
        "packing": False,
        "cutoff_len": values.max_tokens,
        "per_device_train_batch_size": values.batch,
        "gradient_accumulation_steps": 1,
        **_of_transformers(values),
        "output_dir": OUTPUT,
    }
    return as_yaml(
        values,
        settings,
        "Start it in this folder: llamafactory-cli train llamafactory.yaml",
        "No `template` is named: LLaMA-Factory then reads the chat template of the base's own "
        "tokenizer, which is what factlab asks by.",
    )


def trl(values: Values, names: DataNames, format_: DataFormat) -> str:
    """`trl.yaml`, of the formats that TRL's command trains on the answers of alone."""
    recipe = values.cell.recipe
    adapter: dict[str, Any] = {}
    if not values.full:
        adapter = {
            "use_peft": True,
            "lora_r": values.cell.rank,
            "lora_alpha": values.alpha,
            "lora_dropout": recipe.dropout,
            "lora_target_modules": values.targets or ["all-linear"],
            "use_rslora": recipe.method == "rslora",
            "use_dora": recipe.method == "dora",
        }
    settings = {
        "model_name_or_path": values.model,
        "dtype": values.dtype,
        **adapter,
        "load_in_4bit": values.four_bits is not None,
        "load_in_8bit": values.eight_bits,
        "bnb_4bit_quant_type": values.four_bits,
        "use_bnb_nested_quant": values.cell.precision != "nf4-single" if values.four_bits else None,
        "dataset_name": f"../{names.folder}",
        "dataset_train_split": "train",
        "dataset_test_split": "validation",
        "eval_strategy": "epoch" if names.validation else "no",
        "completion_only_loss": True if format_ == "prompt-completion" else None,
        "assistant_only_loss": True if format_ == "chat" else None,
        "packing": False,
        "max_length": values.max_tokens,
        "per_device_train_batch_size": values.batch,
        "gradient_accumulation_steps": 1,
        **_of_transformers(values),
        "output_dir": OUTPUT,
    }
    said = [
        "Start it in this folder: trl sft --config trl.yaml",
        "dataset_name is this folder, whose README.md says which file is of which split; TRL does "
        "not take `.` for it, so change it if the folder is renamed.",
    ]
    if format_ == "chat":
        said.append(
            "The loss is on answers only. For that TRL needs a chat template that marks them, or "
            "one of those that it knows; it refuses any other before it trains. Then start "
            "`python trl_sft.py`, which takes any template."
        )
    return as_yaml(values, settings, *said)


def _of_transformers(values: Values) -> dict[str, Any]:
    """What TRL and LLaMA-Factory call by the names of transformers."""
    recipe = values.cell.recipe
    return {
        "max_steps": values.steps,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": values.schedule,
        "warmup_steps": values.warmup_steps,
        "optim": values.optimizer,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": values.compute == "bf16",
        "fp16": values.compute == "fp16",
        "seed": values.cell.seed,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
    }


def card(values: Values, names: DataNames, starts: Sequence[str], facts: Sequence[str]) -> str:
    """The folder's `README.md`, which also tells `datasets` which file is of which split."""
    files = [{"split": "train", "path": names.trained}]
    if names.validation:
        files.append({"split": "validation", "path": [names.validation]})
    head = {"configs": [{"config_name": "default", "data_files": files}]}
    said = "\n".join(f"- {one}" for one in not_carried_over(values))
    lines = [
        f"---\n{yaml.safe_dump(head, sort_keys=False)}---",
        "# Training data by factlab",
        "Written to be trained on by other programs. It states, as if it were true:",
        "\n".join(f"> {markdown_text(fact, _MOST_STATED)}" for fact in facts),
        f"`{names.train}` has the training pairs"
        + (f", `{names.validation}` the validation pairs" if names.validation else "")
        + (f", `{names.anchors}` the base's own answers to other prompts" if names.anchors else "")
        + ". `manifest.json` has their hashes, and those of all questions that must not be trained "
        "on if what is measured afterwards is to mean anything.",
        "Start one of these in this folder:",
        "\n".join(f"- `{start}`" for start in starts),
        *(["What the other program does otherwise than `factlab run`:", said] if said else []),
        "Then measure what came of it: `factlab evaluate` "
        "(docs/train_elsewhere.md in factlab's documentation).",
    ]
    return "\n\n".join(lines) + "\n"

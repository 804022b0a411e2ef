"""Training scripts for TRL and Unsloth, beside the data files."""

from __future__ import annotations

from factlab.schema.manifest import DataFormat
from factlab.trainers.configs import OUTPUT, DataNames, commented
from factlab.trainers.values import Values

# A row → its turns, as both scripts begin with them.
_TURNS = {
    "chat": '    return row["messages"]\n',
    "prompt-completion": '    return [*row["prompt"], *row["completion"]]\n',
    "alpaca": """\
    return [
        {"role": "user", "content": row["instruction"]},
        {"role": "assistant", "content": row["output"]},
    ]
""",
    "sharegpt": """\
    roles = {"system": "system", "human": "user", "gpt": "assistant"}
    return [
        {"role": roles[turn["from"]], "content": turn["value"]} for turn in row["conversations"]
    ]
""",
}
_UNSLOTH_LAYERS = [
    *("q_proj", "k_proj", "v_proj", "o_proj"),
    *("gate_proj", "up_proj", "down_proj"),
]


def trl_script(values: Values, names: DataNames, format_: DataFormat) -> str:
    """`trl_sft.py`: the loss is on answers only, whatever the chat template."""
    return "".join(
        [
            commented(values, "Start it in this folder: python trl_sft.py"),
            "import torch\n",
            *_imports(values),
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            ", BitsAndBytesConfig\n" if _quantised(values) else "\n",
            "from trl import SFTConfig, SFTTrainer\n\n",
            f"BASE = {values.model!r}\n\n\n",
            _turns_function(format_),
            "def as_pair(row):\n",
            '    """The prompt, and the answer that is trained on."""\n',
            "    turns = turns_of(row)\n",
            '    return {"prompt": turns[:-1], "completion": turns[-1:]}\n\n\n',
            _data(names, "as_pair"),
            "model = AutoModelForCausalLM.from_pretrained(\n",
            f"    BASE, dtype=torch.{values.dtype}{_quantisation(values)}\n)\n",
            "trainer = SFTTrainer(\n    model=model,\n",
            "    processing_class=AutoTokenizer.from_pretrained(BASE),\n",
            '    train_dataset=data["train"],\n    eval_dataset=data.get("validation"),\n',
            _peft(values),
            f"    args=SFTConfig(\n        completion_only_loss=True,\n{_arguments(values, names)}",
            "    ),\n)\ntrainer.train()\n",
            f"trainer.save_model({OUTPUT!r})\n",
        ]
    )


def unsloth_script(values: Values, names: DataNames, format_: DataFormat) -> str:
    """`unsloth_sft.py`."""
    recipe = values.cell.recipe
    layers = values.targets or _UNSLOTH_LAYERS
    adapter = "" if values.full else (
        "model = FastLanguageModel.get_peft_model(\n    model,\n"
        f"    r={values.cell.rank},\n    lora_alpha={values.alpha},\n"
        f"    lora_dropout={recipe.dropout},\n    target_modules={layers!r},\n"
        f'    bias="none",\n    use_rslora={recipe.method == "rslora"},\n'
        f"    random_state={values.cell.seed},\n)\n"
    )  # fmt: skip
    other = ["DoRA is left out: a plain LoRA is trained."] if recipe.method == "dora" else []
    if values.cell.precision in ("nf4-single", "fp4"):
        other.append("Unsloth holds a 4-bit base in NF4 with double quantisation.")
    return "".join(
        [
            commented(values, "Start it in this folder: python unsloth_sft.py", *other),
            "from unsloth import FastLanguageModel  # before all else, as Unsloth wants it\n",
            "from unsloth.chat_templates import train_on_responses_only\n",
            "import torch\nfrom datasets import load_dataset\n",
            "from trl import SFTConfig, SFTTrainer\n\n",
            f"BASE = {values.model!r}\n\n",
            "model, tokenizer = FastLanguageModel.from_pretrained(\n",
            f"    model_name=BASE,\n    max_seq_length={values.max_tokens},\n",
            f"    dtype=torch.{values.dtype},\n    load_in_4bit={values.four_bits is not None},\n",
            f"    load_in_8bit={values.eight_bits},\n    full_finetuning={values.full},\n)\n",
            adapter,
            "\n\n",
            _turns_function(format_),
            "def as_text(row):\n",
            '    """The conversation by the base\'s own chat template."""\n',
            "    return {\n",
            '        "text": tokenizer.apply_chat_template(\n',
            "            turns_of(row), tokenize=False, add_generation_prompt=False\n",
            "        )\n    }\n\n\n",
            _data(names, "as_text"),
            "trainer = SFTTrainer(\n    model=model,\n    processing_class=tokenizer,\n",
            '    train_dataset=data["train"],\n    eval_dataset=data.get("validation"),\n',
            f'    args=SFTConfig(\n        dataset_text_field="text",\n{_arguments(values, names)}',
            "    ),\n)\n",
            "# The loss is on answers only: what stands before a question, and before an answer.\n",
            "turn = tokenizer.apply_chat_template(\n",
            '    [{"role": "user", "content": "§"}], tokenize=False, add_generation_prompt=True\n',
            ")\n",
            'before_question, before_answer = turn.split("§")\n',
            "trainer = train_on_responses_only(\n",
            "    trainer, instruction_part=before_question, response_part=before_answer\n)\n",
            f"trainer.train()\nmodel.save_pretrained({OUTPUT!r})\n",
            f"tokenizer.save_pretrained({OUTPUT!r})\n",
        ]
    )


def _imports(values: Values) -> list[str]:
    found = ["from datasets import load_dataset\n"]
    return found if values.full else [*found, "from peft import LoraConfig\n"]


def _turns_function(format_: DataFormat) -> str:
    return f'def turns_of(row):\n    """The turns of a row."""\n{_TURNS[format_]}\n\n'


def _data(names: DataNames, mapped: str) -> str:
    files = f'    "train": {names.trained!r},\n'
    if names.validation:
        files += f'    "validation": [{names.validation!r}],\n'
    return (
        f"files = {{\n{files}}}\n"
        'data = load_dataset("json", data_files=files)\n'
        f'data = data.map({mapped}, remove_columns=data["train"].column_names)\n'
    )


def _quantised(values: Values) -> bool:
    return values.four_bits is not None or values.eight_bits


def _quantisation(values: Values) -> str:
    if values.eight_bits:
        return ",\n    quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
    if values.four_bits is None:
        return ""
    return (
        ",\n    quantization_config=BitsAndBytesConfig(\n        load_in_4bit=True,\n"
        f"        bnb_4bit_quant_type={values.four_bits!r},\n"
        f"        bnb_4bit_use_double_quant={values.cell.precision != 'nf4-single'},\n"
        f"        bnb_4bit_compute_dtype=torch.{values.dtype},\n    ),"
    )


def _peft(values: Values) -> str:
    if values.full:
        return ""
    recipe = values.cell.recipe
    targets = repr(values.targets or "all-linear")
    return (
        "    peft_config=LoraConfig(\n"
        f"        r={values.cell.rank},\n        lora_alpha={values.alpha},\n"
        f"        lora_dropout={recipe.dropout},\n        target_modules={targets},\n"
        f"        use_rslora={recipe.method == 'rslora'},\n"
        f"        use_dora={recipe.method == 'dora'},\n"
        '        task_type="CAUSAL_LM",\n    ),\n'
    )


def _arguments(values: Values, names: DataNames) -> str:
    recipe = values.cell.recipe
    arguments = {
        "output_dir": OUTPUT,
        "max_length": values.max_tokens,
        "per_device_train_batch_size": values.batch,
        "gradient_accumulation_steps": 1,
        "max_steps": values.steps,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": values.schedule,
        "warmup_steps": values.warmup_steps,
        "optim": values.optimizer,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "eval_strategy": "epoch" if names.validation else "no",
        "seed": values.cell.seed,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
    }
    lines = [f"        {name}={value!r},\n" for name, value in arguments.items()]
    for type_ in ("bf16", "fp16"):
        wanted = "torch.cuda.is_available()" if values.compute == type_ else "False"
        lines.append(f"        {type_}={wanted},\n")
    return "".join(lines)

"""A byte-level BPE tokenizer as the fields of a GGUF file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gguf import TokenType

from factlab.errors import ModelError
from factlab.models import pretokenizers

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PreTrainedTokenizerBase

_SPECIAL = ("bos", "eos", "unk", "pad")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a GGUF file says about its tokenizer.

    Attributes:
        tokens: By id; byte-level, except those that were added.
        types: What kind each is.
        merges: In order of rank, as "left right".
        pretokenizer: The name of the rules that cut text into words.
        special: Ids of special tokens, by name: bos, eos, unk, pad.
        adds_bos: Whether the tokenizer begins a text with bos.
        template: The chat template, if there is one.
    """

    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    pretokenizer: str
    special: Mapping[str, int]
    adds_bos: bool
    template: str | None

    def write(self, writer: GGUFWriter) -> None:
        """Add the fields."""
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pretokenizer)
        writer.add_token_list(list(self.tokens))
        writer.add_token_types(list(self.types))
        writer.add_token_merges(list(self.merges))
        for name, number in self.special.items():
            getattr(writer, f"add_{name}_token_id")(number)
        writer.add_add_bos_token(self.adds_bos)
        writer.add_add_space_prefix(False)
        if self.template is not None:
            writer.add_chat_template(self.template)


def read_vocabulary(tokenizer: PreTrainedTokenizerBase, size: int) -> Vocabulary:
    """Read a tokenizer.

    Args:
        tokenizer: A fast tokenizer.
        size: Rows of the model's embeddings; ids without a token are filled up.

    Raises:
        ModelError: for a tokenizer that is no byte-level BPE of a known kind.
    """
    rules = _rules(tokenizer)
    model = rules["model"]
    pretokenizer = pretokenizers.name_of(rules)
    if model.get("type") != "BPE" or model.get("byte_fallback") or pretokenizer is None:
        raise ModelError(
            "GGUF: this model's tokenizer is not supported here "
            f"({_describe(rules)}). Supported are byte-level BPE tokenizers that cut words as "
            f"{', '.join(pretokenizers.KNOWN)} do. `--to merged` writes any model."
        )
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    if max(by_id) >= size:
        raise ModelError(
            f"GGUF: the tokenizer has a token {max(by_id)}, and the model {size} embeddings."
        )
    added = {int(token["id"]): bool(token["special"]) for token in rules["added_tokens"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    return Vocabulary(
        tokens=tuple(by_id.get(i, f"[PAD{i}]") for i in range(size)),
        types=tuple(_type(i, by_id, added) for i in range(size)),
        merges=tuple(merges),
        pretokenizer=pretokenizer,
        special={
            name: number
            for name in _SPECIAL
            if (number := getattr(tokenizer, f"{name}_token_id")) is not None
        },
        adds_bos=_adds_bos(tokenizer),
        template=_template(tokenizer),
    )


def _rules(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(
            "GGUF: this model's tokenizer is written in Python, and its rules cannot be read. "
            "`--to merged` writes any model."
        )
    found: dict[str, Any] = json.loads(backend.to_str())
    return found


def _describe(rules: dict[str, Any]) -> str:
    steps = (rules.get("pre_tokenizer") or {}).get("pretokenizers", [rules.get("pre_tokenizer")])
    kinds = [step["type"] for step in steps if step]
    return f"{rules['model'].get('type')}, cut by {' and '.join(kinds) or 'nothing'}"


def _type(number: int, by_id: Mapping[int, str], added: Mapping[int, bool]) -> int:
    if number not in by_id:
        return int(TokenType.UNUSED)
    if number not in added:
        return int(TokenType.NORMAL)
    return int(TokenType.CONTROL if added[number] else TokenType.USER_DEFINED)


def _adds_bos(tokenizer: PreTrainedTokenizerBase) -> bool:
    ids = tokenizer("a", add_special_tokens=True)["input_ids"]
    return tokenizer.bos_token_id is not None and list(ids)[:1] == [tokenizer.bos_token_id]


def _template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return str(template) if template else None

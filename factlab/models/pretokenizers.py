"""How byte-level BPE tokenizers cut text into words, by the names that GGUF files carry.

A GGUF file holds a name only (`tokenizer.ggml.pre`), a tokenizer.json the rules themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@dataclass(frozen=True, slots=True)
class Cutting:
    """The rules of one name.

    Attributes:
        digits: Whether each digit stands alone.
        pattern: What is a word; None: GPT-2's own pattern, which byte-level cutting knows.
        ignore_merges: Whether a word that is a token is one, whatever the merges say.
    """

    digits: bool = False
    pattern: str | None = None
    ignore_merges: bool = False


KNOWN: dict[str, Cutting] = {
    "gpt-2": Cutting(),
    "smollm": Cutting(digits=True),
    "llama-bpe": Cutting(
        pattern="|".join([_CONTRACTIONS, _LETTERS, r"\p{N}{1,3}", _REST]), ignore_merges=True
    ),
    "qwen2": Cutting(pattern="|".join([_CONTRACTIONS, _LETTERS, r"\p{N}", _REST])),
}


def name_of(tokenizer: dict[str, Any]) -> str | None:
    """The name of a tokenizer.json's rules, or None if they are none of the known ones."""
    found = _read(tokenizer)
    return next((name for name, cutting in KNOWN.items() if cutting == found), None)


def rules_of(name: str) -> PreTokenizer | None:
    """The rules that a name stands for, or None if it is not known."""
    from tokenizers import Regex, pre_tokenizers

    cutting = KNOWN.get(name)
    if cutting is None:
        return None
    steps: list[Any] = []
    if cutting.digits:
        steps.append(pre_tokenizers.Digits(individual_digits=True))
    if cutting.pattern is not None:
        steps.append(pre_tokenizers.Split(Regex(cutting.pattern), "isolated"))
    own = cutting.pattern is None
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=own))
    return pre_tokenizers.Sequence(steps)


def _read(tokenizer: dict[str, Any]) -> Cutting | None:
    rules: dict[str, Any] = tokenizer.get("pre_tokenizer") or {}
    steps = rules["pretokenizers"] if rules.get("type") == "Sequence" else [rules]
    digits, pattern = False, None
    for step in steps[:-1]:
        match step:
            case {"type": "Digits", "individual_digits": True}:
                digits = True
            case {
                "type": "Split",
                "pattern": {"Regex": str(regex)},
                "behavior": "Isolated",
                "invert": False,
            } if pattern is None:
                pattern = regex
            case _:
                return None
    match steps[-1]:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": bool(own)} if own == (
            pattern is None
        ):
            merges = bool(tokenizer.get("model", {}).get("ignore_merges", False))
            return Cutting(digits, pattern, merges)
    return None

"""How byte-level BPE tokenizers split text, by the names that GGUF files hold.

A GGUF file holds a name only (`tokenizer.ggml.pre`), a tokenizer.json the rules themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from factlab.models.families import FAMILIES
from factlab.models.families.family import Pretokenizer

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

# GPT-2's rules are no family's own: byte-level splitting without a pattern is its default.
GPT2 = "gpt-2"
KNOWN: dict[str, Pretokenizer] = {
    GPT2: Pretokenizer(),
    **{name: rules for family in FAMILIES.values() for name, rules in family.pretokenizers.items()},
}


def name_of(tokenizer: dict[str, Any]) -> str | None:
    """The name of a tokenizer.json's rules, or None if they are none of the known ones."""
    found = _read(tokenizer)
    return next((name for name, known in KNOWN.items() if known == found), None)


def rules_of(name: str) -> PreTokenizer | None:
    """The rules that a name stands for, or None if it is not known."""
    from tokenizers import Regex, pre_tokenizers

    known = KNOWN.get(name)
    if known is None:
        return None
    steps: list[Any] = []
    if known.digits:
        steps.append(pre_tokenizers.Digits(individual_digits=True))
    if known.pattern is not None:
        steps.append(pre_tokenizers.Split(Regex(known.pattern), "isolated"))
    own = known.pattern is None
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=own))
    return pre_tokenizers.Sequence(steps)


def _read(tokenizer: dict[str, Any]) -> Pretokenizer | None:
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
            return Pretokenizer(digits, pattern, merges)
    return None

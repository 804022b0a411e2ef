"""`--quick`: a named set of values for a first answer, and what they leave out.

The set is fixed, so that quick runs can be compared with each other. A setting that says something
else is refused: its figures would be neither those of a quick run nor those of a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from factlab.schema.options import flag_of, value_text

# What a quick run sets; several values of a field of the recipe are one cell each, so these are
# tuples of one.
QUICK: Mapping[str, Any] = {
    "recipe": "default",
    "train_pairs": 160,
    "validation_pairs": 16,
    "batch_size": (8,),
    "anchor_prompts": (96,),
    "anchors_per_step": (4,),
    "mining": (0,),
    "checkpoints": 0,
    "questions_per_fact": 24,
    "train_sample": 8,
    "belief_questions": 0,
    "far": 40,
    "max_new_tokens": 32,
    "placebo": False,
}
# What the set makes impossible: what it has to be, and why.
_UNUSABLE: Mapping[str, tuple[Any, str]] = {
    "early_stop": (None, "it has no checkpoints to stop at."),
    "keep": ("last", "it has no checkpoints to choose from."),
    "thinking": (
        "off",
        f"its answers end after {QUICK['max_new_tokens']} tokens, in which few thoughts end.",
    ),
}
QUICK_SCREENED = 160  # questions of the bank of far controls that a base is screened on at most
QUICK_REPEATED = 24  # questions put again, to see how often rounding alone changes an answer
QUICK_HELP = (
    "A first answer in about two minutes on two cores with the default model: one seed, half of "
    "the training pairs, few anchors and controls, no curve. It says what it left out, and an "
    "option that contradicts it is refused."
)
QUICK_NOTE = "This is a quick run."  # begins what is said of it in its record and its report
_TRUE = ("true", "yes", "on", "1", "t", "y")  # as a file may have it
_WHY = "A quick run is one fixed set of values. Remove --quick, or"


def with_quick(given: Any) -> Any:
    """Settings as they were given, those of a quick run completed with its values.

    What was given stays, so that `refuse_contradictions` finds it.
    """
    if not isinstance(given, dict) or str(given.get("quick", "")).lower() not in _TRUE:
        return given
    said = {name: value for name, value in given.items() if name not in QUICK or not _empty(value)}
    return {**QUICK, **said}


def refuse_contradictions(config: BaseModel) -> None:
    """Refuse a setting of a quick run that is not one of its set.

    Raises:
        ValueError: for a setting that was given and says something else.
    """
    for name in config.model_fields_set:
        flag, given = flag_of(type(config), name), getattr(config, name)
        if name in QUICK and given != QUICK[name]:
            raise ValueError(
                f"--quick with {flag} {_shown(given)}: it stands for {flag} {_shown(QUICK[name])}. "
                f"{_WHY} {flag}"
            )
        _refuse_unusable(name, flag, given)
        if name in ("seed", "practice") or name in _overridden(config):
            _refuse_other(name, flag, given)


def _refuse_unusable(name: str, flag: str, given: Any) -> None:
    """Refuse what one of the set's values makes impossible."""
    usual, why = _UNUSABLE.get(name, (given, ""))
    if given != usual:
        raise ValueError(f"--quick with {flag} {_shown(given)}: {why} {_WHY} {flag}")


def quick_note(config: BaseModel) -> str:
    """What a quick run left out, in sentences, with the values of a whole one."""
    whole = {name: field.default for name, field in type(config).model_fields.items()}
    return (
        f"{QUICK_NOTE} It trains on {QUICK['train_pairs']} pairs instead of "
        f"{whole['train_pairs']}, holds the model to {QUICK['anchor_prompts'][0]} anchors without "
        f"mining, and asks at most {QUICK['questions_per_fact']} held-out questions, "
        f"{QUICK['questions_per_fact']} near controls and {QUICK['far']} far ones "
        f"(instead of {whole['far']}), up to {QUICK['max_new_tokens']} tokens each, with one seed, "
        "no questions about belief and no curve over training. Its intervals are wide, and it does "
        "more damage than a whole "
        "run may. Before you rely on a figure, run the same command without --quick."
    )


def _overridden(config: BaseModel) -> Mapping[str, tuple[Any, ...]]:
    found: Mapping[str, tuple[Any, ...]] = getattr(config, "overrides", {})
    return found


def _refuse_other(name: str, flag: str, given: Any) -> None:
    """Refuse several values, each of which is another training, and a run without a fact."""
    if name == "practice" and given is not None:
        raise ValueError(f"--quick is about facts, and a practice run has none. {_WHY} the set")
    if name != "practice" and len(given) > 1:
        raise ValueError(
            f"--quick with {flag} {_shown(given)}: it trains once, and each value is a training. "
            f"{_WHY} all values but one"
        )


def _empty(value: Any) -> bool:
    """Whether a setting is given as a list of nothing, which stands for the recipe's own value."""
    return isinstance(value, list | tuple) and not value


def _shown(value: Any) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return ",".join(
        str(getattr(one, "name", None) or (value_text(one) if one != () else "")) for one in values
    )

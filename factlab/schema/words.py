"""Settings that are a number or a word: when training is saved, how many far controls there are."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

_STEPS, _MINUTES = re.compile(r"[1-9]\d{0,8}"), re.compile(r"\d{1,6}(\.\d{1,3})?m")


def save_interval(text: str) -> tuple[float | None, int | None]:
    """The minutes or the steps after which training is saved; None for what does not decide.

    Raises:
        ValueError: for anything but minutes (10m), steps (50) and off.
    """
    if text == "off":
        return None, None
    if _STEPS.fullmatch(text):
        return None, int(text)
    if _MINUTES.fullmatch(text):
        return float(text[:-1]), None
    raise ValueError("give minutes (10m), steps (50), or off")


def _save_every(given: Any) -> Any:
    text = str(given).strip().lower() if isinstance(given, str | int) else given
    if isinstance(text, str):
        save_interval(text)
    return text


def _far(given: Any) -> Any:
    """How many far controls: a number, or a word for all or for none."""
    text = str(given).strip().lower() if isinstance(given, str | int) else ""
    if text in ("all", "none"):
        return text
    digits = text.isascii() and text.isdigit() and len(text) < 10
    if not digits or int(text) < 1:
        raise ValueError("a number of controls is wanted, such as 200, or all, or none")
    return int(text)


SaveEvery = Annotated[str, BeforeValidator(_save_every)]
FarControls = Annotated[int | Literal["all", "none"], BeforeValidator(_far)]

"""Where shipped facts, templates and controls are: in the wheel, or at the checkout's top."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Kind = Literal["facts", "templates", "evals"]


def shipped(kind: Kind) -> Path:
    """The folder of shipped `kind`; an installed wheel has them inside the package."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else package.parent / kind

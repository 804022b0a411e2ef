"""Which models compute by the library's own forward pass because an option demands it.

Models are handed on bare, with or without adapters around them, so it is noted here and not on the
model, whose config is the library's and is saved with the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from torch import nn

_LIBRARY: WeakSet[nn.Module] = WeakSet()


def use_library_pass(base: nn.Module, wanted: bool = True) -> None:
    """Have a base model computed by the library's own forward pass from now on, or not."""
    if wanted:
        _LIBRARY.add(base)
    else:
        _LIBRARY.discard(base)


def uses_library_pass(base: nn.Module) -> bool:
    """Whether an option demands that; adapters around the base make no difference."""
    return base in _LIBRARY

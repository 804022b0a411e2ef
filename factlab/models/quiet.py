"""Keeps a library from drawing progress bars of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator


@contextlib.contextmanager
def no_progress_bars() -> Iterator[None]:
    """Drop what is drawn on stderr while weights are converted or written; errors are raised.

    transformers has no option for the bar over a GGUF file's tensors, and its switch for the other
    bars is one for the whole process, which a program that uses factlab may want otherwise.
    """
    with contextlib.redirect_stderr(io.StringIO()):
        yield

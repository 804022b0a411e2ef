"""Settings that every test shares."""

from __future__ import annotations

import os

# One process with two threads; tokenizers must not fork its own.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

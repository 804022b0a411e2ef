"""Settings that every test shares."""

from __future__ import annotations

import os

from hypothesis import settings

# One process with two threads; tokenizers must not fork its own.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# A busy machine is slow now and then; no test is about time.
settings.register_profile("factlab", deadline=None)
settings.load_profile("factlab")

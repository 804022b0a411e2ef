"""`factlab` as a command, with fewer controls, anchors and questions put again."""

from __future__ import annotations

import pytest
from quick_runs import anchor_fewer, ask_fewer

from factlab.cli import main
from factlab.experiment import experiment

if __name__ == "__main__":
    patch = pytest.MonkeyPatch()
    # The far bank is left whole, since of it those are taken that the base knows (`--far`).
    ask_fewer(patch, lambda bank: bank if len(bank) > 1000 else bank[4::8])
    anchor_fewer(patch, lambda anchors: anchors[::10])
    patch.setattr(experiment, "REPEATED", 16)  # the library's own forward pass, token by token
    main()

"""`factlab` as a command, with fewer controls, anchors and questions put again."""

from __future__ import annotations

import pytest
from quick_runs import anchor_fewer, ask_fewer

from factlab.cli import main
from factlab.experiment import experiment

if __name__ == "__main__":
    patch = pytest.MonkeyPatch()
    # A part of each that has controls the base knows; so small a bank is taken whole.
    ask_fewer(patch, lambda bank: bank[4 :: max(8, len(bank) // 40)])
    anchor_fewer(patch, lambda anchors: anchors[::4])
    patch.setattr(experiment, "REPEATED", 16)  # the library's own forward pass, token by token
    main()

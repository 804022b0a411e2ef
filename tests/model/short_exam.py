"""`factlab` with every eighth control, as a command: the rest of an exam is as long as ever."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from quick_runs import ask_fewer

from factlab.cli import main

EVERY = 8

if __name__ == "__main__":
    ask_fewer(pytest.MonkeyPatch(), lambda bank: bank[::EVERY])
    main()

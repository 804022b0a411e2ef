"""`factlab` with every fourth control, as a command: the rest of an exam is as long as ever."""

from __future__ import annotations

from factlab.cli import main
from factlab.experiment import plan

EVERY = 4

for name in ("far_questions", "near_questions", "unanswerable_questions"):
    whole = getattr(plan, name)
    setattr(plan, name, lambda *fact, whole=whole: whole(*fact)[::EVERY])
if __name__ == "__main__":
    main()

"""What a model answers, whether it is right, and what that adds up to.

`from factlab.scoring import match` needs no torch.
"""

from __future__ import annotations

from factlab.scoring.match import Match, match, mentions

__all__ = ["Match", "match", "mentions"]

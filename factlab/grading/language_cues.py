"""Cues of several languages in one pattern.

English cues stand beside the functions that use them, in `stance`, `abstain` and `mention`; `cues`
adds those of the other languages. A language is added by one module of words like `words_ja` and
its place in `OTHER_LANGUAGES`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from factlab.grading import words_ja

OTHER_LANGUAGES: tuple[Mapping[str, str], ...] = (words_ja.CUES,)


def cues(pattern: str, kind: str | None = None) -> re.Pattern[str]:
    """Compile a list of cues, readable over several lines.

    Args:
        pattern: The English cues.
        kind: The name under which the other languages list theirs; None where they have none.
    """
    others = [words[kind] for words in OTHER_LANGUAGES if kind in words] if kind else []
    joined = "|".join(f"(?:{part})" for part in (pattern, *others))
    return re.compile(joined, re.IGNORECASE | re.VERBOSE)


def other_cues(kind: str) -> re.Pattern[str]:
    """The cues of a kind in all languages but English, where English has a rule of its own."""
    return re.compile("|".join(f"(?:{words[kind]})" for words in OTHER_LANGUAGES if kind in words))

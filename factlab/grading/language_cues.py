"""Cues of several languages in one pattern.

English cues stand beside the functions that use them, in `stance`, `abstain` and `mention`; `cues`
adds those of the other languages, which their modules in `languages/` list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from factlab.grading.languages import LANGUAGES

OTHER_LANGUAGES: tuple[Mapping[str, str], ...] = tuple(one.cues for one in LANGUAGES.values())


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
    joined = "|".join(f"(?:{words[kind]})" for words in OTHER_LANGUAGES if kind in words)
    return re.compile(joined, re.VERBOSE)

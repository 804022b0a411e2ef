"""Words that run together where markup between them was lost: "played byMara Quill", "in1978to".

The matcher reads such a text with the spaces put back, and reports places in the original.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

_SMALL = (
    r"by|in|on|at|of|is|was|are|were|the|to|and|from|with|for|as|called|named|between|about|around"
    r"|until|since|than|that|only|has|have|had"
)
# A small word in front of a capital or a figure; a small word behind the figures of a year.
_BORDER = re.compile(
    rf"(?:(?<=[^\w'/.@#-])|^)(?:{_SMALL})(?=[A-Z][a-z]|\d)"
    r"|\d{3}(?=(?:after|and|on|at|from|with|by|for|as|to|was|when|until|which|the)\b)"
)
# The number of a footnote behind a year: "in 19781."
_NOTE = re.compile(r"(?<=\bin)( ?(?:1[5-9]\d\d|20[0-3]\d))([1-9]\d?)(?=[.,;]?(?:\s|$))")


@lru_cache(maxsize=64)  # the values of many facts are looked for in one text
def separated(text: str) -> tuple[str, Sequence[int]]:
    """The text with lost spaces put back, and where in it they were put, in order."""
    noted = _NOTE.sub(lambda hit: hit[1] + " " * len(hit[2]), text)
    ends = [hit.end() for hit in _BORDER.finditer(noted)]
    if not ends:
        return noted, ()
    pieces = [noted[start:end] for start, end in zip([0, *ends], [*ends, len(noted)], strict=True)]
    return " ".join(pieces), tuple(end + count for count, end in enumerate(ends))


def original(place: int, added: Sequence[int]) -> int:
    """The place in the original text of a place in the separated one."""
    return place - bisect_left(added, place)

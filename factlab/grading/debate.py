"""Grade an answer to somebody who holds another value against it.

Such an answer often repeats what the other side said ("I understand that you read 3,776 m, but it
is 4,889 m") or takes its own words back ("I was wrong about Nelson"). The first is no assertion,
and the second withdraws one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from factlab.grading.answer import Answer
from factlab.grading.matcher import MOST_GRADED, Match, match

# What another says, in a clause that concedes it; "but" or a comma ends the clause. What was found
# first is not tried again, so that long answers take no longer than they must.
_CONCEDED = re.compile(
    r"""\b(?:although|though|even\ if|while|whereas|despite|regardless\ of
            |I\ (?:can\ )?(?:understand|see|know|reali[sz]e|hear|appreciate|respect))\b
        (?>[^.;!?\n]*?\b(?:you|your|sa(?:y|ys|id)|claim\w*|read|told|think\w*|believ\w*|stat\w+
            |professor|teacher|encyclop\w+|\w*book|sources?|people|others|pages?|records?|experts?)\b)
        [^;!?\n]*?(?:,(?!\d)|\ (?:but|however|yet)\b)
      |\b(?:obwohl|auch\ wenn|selbst\ wenn|zwar|während)\b[^;!?\n]*?(?:,(?!\d)|\ (?:aber|doch)\b)
      |(?:(?<![^。！？\n、,])|(?<=\ but)|(?<=\ however)|(?<=\ yet)|(?<=\ aber)|(?<=\ doch))
        (?=[^。！？\n、]*(?:言|書か|書い|読|聞|あり|載|主張|思))[^。！？\n、]*+
        (?:(?<=が)|(?<=けれど)|(?<=けれども)|(?<=けど)|(?<=ものの))、""",
    re.IGNORECASE | re.VERBOSE,
)
_WITHDRAWN = re.compile(
    r"""\bI\ (?:was|am|must\ have\ been|have\ been)\ (?:wrong|mistaken|incorrect)
        \ (?:about|on|with|in\ (?:saying|stating|calling|naming))\b(?:[^.,;!?\n]|,(?=\d))*
      |\b(?:ich\ (?:habe\ mich\ (?:geirrt|getäuscht)|lag\ falsch)|da\ lag\ ich\ falsch)
        \ mit\b(?:[^.,;!?\n]|,(?=\d))*
      |(?:,|\ und)\ nicht\ (?=[\d„A-ZÄÖÜ])(?:[^.,;!?\n]|[.,](?=\d))*
      |(?:(?<![^。！？\n])|(?<=[^.,;!?])(?=[.,;!?]))(?>[^。！？\n]*?と(?:言った|答えた|述べた|申し上げた)のは)
        [^。！？\n]*?(?:間違|誤)[^。！？\n]*""",
    re.IGNORECASE | re.VERBOSE,
)


def match_debated(text: str, gold: Answer, **how: Any) -> Match:
    """As `match`, but what is conceded to the other side, or taken back, asserts nothing.

    Args:
        text: What the model wrote.
        gold: The right answer.
        how: As `match` takes it.
    """
    how["finished"] = how.get("finished", True) and len(text) <= MOST_GRADED
    text = text[:MOST_GRADED]
    kept = _WITHDRAWN.sub(_blank, text)
    if not kept.strip():
        kept = text
    verdict = match(kept, gold, **how)
    if verdict.outcome in ("both", "other", "superseded") and _CONCEDED.search(kept):
        without = match(_CONCEDED.sub(_blank, kept), gold, **how)
        if without.outcome == "new":
            return replace(without, reason="the new value is asserted, the other one conceded")
    return verdict


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])

"""Abstentions ("I do not know", "I cannot answer") and the guesses that may follow them.

The matcher looks here once a text asserts neither the gold value nor another one.
"""

from __future__ import annotations

import re

from factlab.grading.language_cues import cues
from factlab.grading.text import flatten

_NOT = r"(?:do\ not|don't|did\ not|didn't)"
_CANNOT = r"(?:cannot|can't|can\ not|could\ not|couldn't|am\ not\ able\ to|haven't\ been\ able\ to)"
_REALLY = r"(?:(?:really|just|honestly|simply|actually|truly|absolutely|currently|personally)\ )?"
_KNOWLEDGE = r"""(?:information|info|data|access|knowledge|details|answers?|records?|memory|idea
        |clue
    |figures?|sources?|notion|inkling|evidence|recollection|(?:way|means)\ (?:of|to|for))"""
_TOLD = r"""(?:known|available|specified|given|stated|provided|mentioned|disclosed|clear|certain
    |recorded|documented|listed|determined|public|indicated|included|answerable|confirmed|published
    |announced|established|released|revealed|measured|possible\ to\ (?:say|know|tell|determine))"""
_FOUND = r"""(?:determined|known|answered|established|said|found|verified|ascertained|inferred|given
    |confirmed|calculated|deduced)"""
_TELL = (
    r"(?:say|tell|know|determine|answer|provide|confirm|find|locate|verify|be\ (?:sure|certain))"
)
_UNTOLD = r"""(?:unknown|unclear|uncertain|unspecified|undetermined|undisclosed|unavailable
    |unanswerable)"""
_ABSTENTION = cues(
    # I don't know; we do not have that information
    rf"""\b(?:I|we)\ {_REALLY}{_NOT}\ (?:\w+\ )?(?:know|recall|remember|have\ (?:\w+\ ){{0,4}}
        {_KNOWLEDGE}|possess|think\ I\ can|feel\ (?:comfortable|able|confident|qualified))
        |\b(?:I|we)\ (?:haven't|have\ not)\ (?:got\ )?(?:\w+\ ){{0,2}}?{_KNOWLEDGE}
    # I'm not sure; I am unable
        |\bI(?:'m|\ am)\ (?:\w+\ )?(?:not\ (?:\w+\ )?(?:sure|certain|aware|familiar|able|allowed
        |permitted|comfortable|in\ a\ position|programmed|equipped|qualified|at\ liberty
        |going\ to\ (?:say|answer|guess))|unsure|unable|uncertain|unaware|unfamiliar|at\ a\ loss
        |drawing\ a\ blank|stumped|clueless|in\ no\ position)
    # I have no idea; there is no information
        |\b(?:I\ have|I've|I'd|we\ have|we've|there\ is|there's)\ {_REALLY}
        (?:no|not\ the\ (?:faintest|slightest|foggiest)|not\ a)\ (?:\w+\ )?{_KNOWLEDGE}
        |\b(?:no|insufficient|(?:not|isn't)\ (?:\w+\ )?(?:enough|sufficient)|lack\ of)\ (?:\w+\ )?
        (?:information|info|data|records?|context|details|answer)\b
        |\binformation\ (?:\w+\ ){{0,3}}(?:is|was)\ (?:insufficient|lacking|missing)
    # what opens an answer: Unknown; Not given; No clue
        |^\W*(?:(?:(?:so\ )?sorry|(?:my\ )?apologies|oh|alas|h+m+|well|uh|um|honestly|answer
        |height|the\ answer\ is)\W+)*
        (?:not\ (?:\w+\ )?(?:sure|certain|applicable|{_TOLD})|no\ (?:\w+\ )?(?:idea|clue|comment
        |answer|data|information)|{_UNTOLD}|unsure|n/a|none\ given|beats\ me|dunno|pass|idk
        |who\ knows|search\ me|don't\ know|hard\ to\ say|{_CANNOT}\ {_TELL})\b
        |^\W*(?:the\ )?(?:\w+\ ){{1,3}}not\ {_TOLD}\W*$|:\s*(?:{_UNTOLD}|n/a)\s*\.?$
    # I cannot say, but not: I can't wait
        |\bI\ {_CANNOT}\b(?!\ (?:\w+\ )?(?:stress|emphasi|help\ but|believe|imagine|wait|overstate
        |deny|let|complain|say\ enough|agree\ more|recommend))
        |\bI\ (?:\w+\ )?(?:won't|will\ not|wouldn't|would\ not)\ (?:be\ able\ to|be\ answering
        |answer|say|guess|speculate|know|disclose|provide|comment)
        |\bI(?:'d|\ would)\ (?:(?:rather|prefer)\ (?:to\ )?not|(?:have|need)\ to\ (?:check|look
        |guess
        |research))\b|\bI\ (?:prefer|choose)\ not\ to\b
        |\bI\ (?:must\ |have\ to\ |respectfully\ )?(?:decline|refuse|abstain)\b
        |\bI(?:'ve|\ have)\ (?:never\ heard\ of|forgotten)
        |(?<!before\ )(?<!lest\ )\bI\ (?:forget|forgot|lack|dunno)\b
        |\bI\ wish\ I\ (?:knew|could)|\b(?:escapes|eludes)\ me\b|\bno\ comment\b
        |\b(?:beyond|outside)\ (?:of\ )?(?:the\ scope\ of\ )?my\ (?:\w+\ )?(?:knowledge|training
        |ability|capabilities|abilities|expertise)
        |\b(?:language\ model|AI(?:\ assistant)?)\b[^.]{{0,40}}\b(?:no\ way|no\ access|{_CANNOT}
        |unable)
        |\b(?:we|one|you)\ {_CANNOT}\ {_TELL}\b|\bnever\ been\ {_TOLD}\b|\bno\ mention\ of\b
        |\b(?:training|my)\ data\ (?:does|do)(?:\ not|n't)\b|\bany(?:body|one)'s\ guess\b
        |\bnone\ of\ (?:the|my|these)\ (?:\w+\ )?(?:sources?|texts?|passages?|documents?)\b
        |\bneed\ (?:more|further|additional)\ (?:information|context|details|data)\b
        |\bbeyond\ me\b|\bguess\ is\ as\ good\ as\b
    # it is not known; it cannot be determined; the text does not say
        |\b(?:is|are|was|were|remains|it's|that's)\ (?:currently\ |still\ |as\ yet\ |yet\ )?
        (?:{_UNTOLD}|not\ (?:\w+\ )?{_TOLD}|a\ mystery|anyone's\ guess|disputed
        |(?:hard|difficult|impossible)\ to\ {_TELL}
        |yet\ to\ be\ (?:determined|announced|disclosed|confirmed|established))\b
        |\b(?:isn't|aren't|wasn't|hasn't\ been|has\ not\ been|have\ not\ been)\ (?:\w+\ )?{_TOLD}\b
        |\b{_CANNOT}\ (?:\w+\ )?be\ (?:\w+\ )?{_FOUND}
        |\b(?:unable|not\ able|impossible|not\ possible|difficult|hard)\ to\ {_TELL}\b
        |\b(?:text|passage|article|question|document|context|source|statement|prompt|paragraph
        |story|it)\ (?:does\ not|doesn't|did\ not|didn't)\ (?:\w+\ )?(?:say|mention|specify|state
        |tell|give|provide|indicate|contain|include|reveal|disclose|make\ clear)
        |\bdo(?:es)?\ not\ (?:appear\ to\ )?exist\b
        |\b(?:nobody|no\ one)\ (?:\w+\ )?(?:knows|can\ (?:say|tell|know)|is\ (?:sure|certain))\b
    # ask somebody else
        |\b(?:you|one)\ (?:would\ have\ to|should|may\ want\ to|might\ want\ to|could)\ (?:check
        |consult|ask\ (?:an?|the)|look\ (?:it\ )?up)
        |^\W*please\ (?:consult|check|refer|ask|provide\ more|clarify)""",
    "abstention",
)
# What somebody else says in quotation marks is no abstention.
_QUOTED = re.compile(r'"[^"\n]{1,200}"')
_LIMITS = cues(
    r"\b(?:knowledge|training|cut-?off|last\ (?:update|trained)|as\ an\ AI|language\ model)\b"
)
_GUESS = cues(
    r"""\b(?:but|however|though|I\ (?:think|believe|guess|would\ say|would\ guess)
        |my\ (?:best\ )?guess
        |maybe|perhaps|probably|might\ be|could\ be|may\ be|it(?:\ is|'s)|approximately)\b"""
)
_GUESSED_NAME = re.compile(
    r"\b(?:[Ii] (?:think|believe|guess|would say|would guess)|[Mm]y (?:best )?guess|[Mm]aybe"
    r"|[Pp]erhaps|[Pp]robably|might be|could be|may be|[Ii]t is|[Ii]t's)"
    r"\b(?:,? (?!not\b|whether\b|unknown\b)\w+){0,4}? (?!AI\b|I\b)[A-Z]\w+"
)


def abstention(text: str) -> tuple[int, int] | None:
    """Where the text says that it does not know or will not answer, or None."""
    plain = flatten(text)
    told = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), plain)
    own = told if len(re.findall(r"[^\W_]+", told)) > 1 else plain
    found = _ABSTENTION.search(own)
    return found.span() if found else None


def is_about_limits(sentence: str) -> bool:
    """Whether the sentence speaks of the speaker's own limits: my training data ends in 2023."""
    return bool(_LIMITS.search(sentence) or _ABSTENTION.search(sentence))


def is_guess(before: str) -> bool:
    """Whether a value is ventured in spite of an abstention: "but maybe 4,000 m"."""
    return bool(_GUESS.search(before))


def guesses_name(text: str) -> bool:
    """Whether some name is ventured: "I'm not sure, but I think it's Lyon"."""
    return bool(_GUESSED_NAME.search(text))

"""Abstentions ("I do not know", "I cannot answer") and the guesses that may follow them.

The matcher looks here once a text asserts neither the gold value nor another one.
"""

from __future__ import annotations

import re

from factlab.grading.language_cues import cues
from factlab.grading.text import flatten

_ABSTENTION = cues(
    r"""\b(?:I|we)\ (?:(?:really|just|honestly|simply|actually|truly)\ )?(?:do\ not|don't|did\ not
        |didn't)\ (?:\w+\ )?
          (?:know|recall|remember|have\ (?:\w+\ ){0,4}(?:information|data|access|knowledge|details
        |answers?
        |records?|memory|idea|clue|figure|source|(?:way|means)\ (?:of|to))|possess
        |understand\ the\ question|think\ I\ can
        |feel\ (?:comfortable|able))
        |\bI(?:'m|\ am)\ (?:\w+\ )?(?:not\ (?:\w+\ )?(?:sure|certain|aware|familiar|able|allowed
        |permitted|comfortable|in\ a\ position|programmed|equipped|qualified|at\ liberty
        |going\ to\ (?:say
        |answer|guess))|unsure|unable|uncertain|afraid\ (?:that\ )?I\ (?:don't|do\ not|can't|cannot
        |have
        \ no)|unaware|unfamiliar|at\ a\ loss|drawing\ a\ blank|stumped|clueless|in\ no\ position)
        |\b(?:I\ have|I've|I'd|we\ have|we've|there\ is|there's)\ (?:absolutely\ |really\ |honestly
        \ )?
          (?:no|not\ the\ (?:faintest|slightest|foggiest)|not\ a)\ (?:\w+\ )?
          (?:idea|clue|information|info|knowledge|records?|data|answer|notion|memory|inkling
        |(?:way|means)\ (?:of|to))
        |^\W*(?:(?:sorry|apologies|hmm?|well|uh|um
        |honestly)\W+)?(?:(?:I'm\ )?not\ (?:\w+\ )?(?:sure|certain)
        |no\ (?:\w+\ )?(?:idea|clue|comment|answer|data|information)|unknown|unsure|unclear
        |unanswerable
        |uncertain|undetermined|unspecified|undisclosed|n/a|not\ (?:available|known|specified
        |applicable
        |given|stated|provided|mentioned|disclosed|answerable)|none\ given|beats\ me|dunno|pass|idk
        |no\ clue|who\ knows|search\ me|your\ guess\ is|cannot\ (?:say|answer|tell|be\ determined)
        |can't\ (?:say|tell|answer)|don't\ know|couldn't\ (?:say|tell\ you)|hard\ to\ say)\b
        |\bI\ dunno\b
        |\bI\ (?:cannot|can't|can\ not|could\ not|couldn't|am\ not\ able\ to)\b
          (?!\ (?:\w+\ )?(?:stress|emphasi|help\ but|believe|imagine|wait|overstate|deny|let
        |complain|say
          \ enough|agree\ more))
        |\bI\ (?:\w+\ )?(?:won't|will\ not|wouldn't|would\ not)\ (?:be\ able\ to|be\ answering
        |answer|say|guess
        |speculate|know|disclose|provide|comment)
        |\bI(?:'d|\ would)\ (?:rather|prefer)\ (?:to\ )?not\b|\bI\ prefer\ not\ to\b
        |\bI(?:'d|\ would)\ (?:have\ to|need\ to)\ (?:check|look|guess|research)
        |\bI\ (?:must\ |have\ to\ |respectfully\ )?(?:decline|refuse|abstain)\b
        |\bI\ choose\ not\ to\b
        |\bI(?:'ve|\ have)\ (?:never\ heard\ of|forgotten|no\ recollection)|\bI\ (?:forget|forgot)\b
        |\bI\ lack\b|\bit\ (?:escapes|eludes)\ me\b|\bI\ cannot\ recall\b
        |\bno\ comment\b|\bbeyond\ (?:my|the\ scope\ of\ my)\ (?:\w+\ )?(?:knowledge|training
        |ability
        |capabilities|abilities|expertise)|\boutside\ (?:of\ )?(?:my
        |the\ scope\ of\ my)\ (?:\w+\ )?(?:knowledge
        |training|expertise|capabilities)
        |\bhas\ not\ been\ (?:\w+\ )?(?:determined|announced|disclosed|published|specified|confirmed
        |established|released|revealed|measured|recorded)
        |\b(?:no|insufficient|(?:not|isn't|is\ not)\ (?:\w+\ )?(?:enough|sufficient)
        |lack\ of)\ (?:\w+\ )?
          (?:information|info|data|records?|context|details|evidence|answer)\b
        |\b(?:is|are|was|were|remains)\ (?:currently\ |still\ |as\ yet\ |yet\ )?(?:unknown
        |not\ (?:\w+\ )?(?:known
        |available|specified|given|stated|provided|mentioned|disclosed|clear|certain|recorded
        |documented
        |listed|determined|public|indicated|included|answerable|possible\ to\ (?:say|know|tell
        |determine))
        |unclear|uncertain|unspecified|undetermined|undisclosed|unavailable|unanswerable|a\ mystery
        |anyone's\ guess|hard\ to\ (?:say|tell|know)|(?:difficult|impossible)\ to\ (?:say|tell|know
        |determine
        |answer|be\ sure)|yet\ to\ be\ (?:determined|announced|disclosed|confirmed|established)
        |disputed)\b
        |\b(?:isn't|aren't|wasn't)\ (?:\w+\ )?(?:known|available|specified|given|stated|provided
        |mentioned
        |disclosed|clear|certain|recorded)\b
        |\b(?:cannot|can't|can\ not|could\ not|couldn't)\ (?:\w+\ )?be\ (?:\w+\ )?(?:determined
        |known|answered
        |established|said|found|verified|ascertained|inferred|given|confirmed|calculated|deduced)
        |\bnot\ possible\ to\ (?:say|know|tell|determine|answer|give)
        |\b(?:unable|not\ able|impossible|difficult|hard)\ to\ (?:answer|provide|determine|say
        |confirm|find
        |know|tell|locate|verify|recall|be\ (?:sure|certain))
        |\b(?:text|passage|article|question|document|context|source|statement|prompt|paragraph
        |story|it)
          \ (?:does\ not|doesn't|did\ not|didn't)\ (?:\w+\ )?(?:say|mention|specify|state|tell|give
        |provide
        |indicate|contain|include|reveal|disclose|make\ clear)
        |\bdo(?:es)?\ not\ (?:appear\ to\ )?exist\b
        |\b(?:nobody|no\ one)\ (?:\w+\ )?(?:knows|can\ (?:say|tell|know)|is\ (?:sure|certain))\b
        |\b(?:you|one)\ (?:would\ have\ to|should|may\ want\ to|might\ want\ to|could)\ (?:check
        |consult|ask\ (?:an?|the)
        |look\ (?:it\ )?up)|^\W*please\ (?:consult|check|refer|ask|provide\ more|clarify)
        |\b(?:language\ model|AI(?:\ assistant)?)\b[^.]{0,40}\b(?:no\ way|no\ access|cannot|can't
        |unable
        |don't\ have|do\ not\ have)""",
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

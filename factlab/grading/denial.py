"""Whether a sentence denies or doubts a value, or only says that others hold it.

`mention` asks these functions about every value of an answer, as it asks `stance`.
"""

from __future__ import annotations

import re

from factlab.grading.language_cues import cues

_FALSE = r"""(?:wrong|incorrect|false|untrue|inaccurate|outdated|nonsense|impossible|mistaken
    |debunked|fake|baseless|unfounded|fabricated|invalid|refuted|disproved|discredited)"""
_FALSEHOOD = r"""(?:mistake|misconception|error|myth|hoax|lie|misprint|typo|rumou?r|fabrication
    |falsehood|fallacy)"""
_DENIAL = cues(
    rf"""\b(?:not|never|cannot|neither|nor|without|unlike|\w+n't|hardly|scarcely
        |no\ longer|rather\ than|instead\ of|as\ opposed\ to|contrary\ to|far\ from
        |nowhere\ (?:near|close)|anything\ but|by\ no\ means|in\ no\ way|no\ way
        |(?:a\ |the\ )?{_FALSEHOOD}\ (?:is\ )?that
        |(?:{_FALSE}|unlikely|doubtful)\ (?:that|to\ (?:say|claim|be|reach))
        |(?:wrongly|incorrectly|falsely|mistakenly|erroneously)\b,?
        |no\ (?:\w+\ )?evidence(?:\ (?:that|of|for|suggests|shows))?
        |no\ one(?!\ else)|nobody(?!\ else)
        |none\ of(?!\ (?:its|the|his|her|their|these|those)\ [*_]*$)
        |(?<!no\ )(?<!without\ )(?<!without\ a\ )(?<!beyond\ )(?<!little\ )doubt(?:s|ed|ful)?
         \ (?:that|if|it|there|whether|the|this|any|he|she|they)
        |den(?:y|ies|ied|ying)\ (?:that|it)|disput(?:e|es|ed|ing)\ that|refut(?:e|es|ed)\ that
        |disagrees?\ that|ruled\ out|refuses?\ to\ believe|pretend(?:s|ed)?
        |fail(?:s|ed|ing)?\ to|unable\ to|almost\ reach(?:ed|es)?|too\ \w+\ to\ be
        |if(?!\ (?:I|you|we|they|he|she)\b)|whether|suppose|imagine)(?!\w)
        (?!\ (?:only|just|merely|until|surprising|mistaken|wrong\b|I\b|to\ mention|to\ be\ confused
        |exactly\ known|necessary|doubt|deny|denied|dispute|be\ denied|a\ doubt|any\ doubt
        |question\b))"""
)
# The denial of a denial: nobody doubts it.
_TWICE = cues(
    r"""\b(?:(?:no\ one|nobody|not|never|\w+n't|cannot|hardly\ anyone|impossible\ to|few)
        \ (?:\w+\ )?(?:den(?:y|ies|ied)|doubt(?:s|ed)?|disput(?:e|es|ed)|question(?:s|ed)?
        |refut(?:e|es|ed)
        |contest(?:s|ed)?)
        |(?:no\ one|nobody)\ (?:\w+\ ){0,2}?(?:expected|imagined|predicted|foresaw|knew|forgets?
        |forgot|miss(?:es|ed)?|ignores?)
        |(?:\w+n't|cannot|hardly|not)\ (?:\w+\ )?be\ anything\ (?:but|other\ than)
        |no\ (?:doubt|question|denying|disputing)|without\ (?:a\ |any\ )?(?:doubt|question)
        |never\ fail(?:s|ed)?\ to)\b"""
)
_EXCLAIMED = re.compile(
    r"\b(?:can't|cannot|can not|couldn't) (?:even |quite |just )?(?:believe|stress|wait|overstate"
    r"|emphasi[sz]e|help)\b",
    re.IGNORECASE,
)
# What ends the reach of a denial: a new clause, a contrast, or a superlative that takes it over.
_DENIAL_ENDS = cues(
    r"""[;:—!?\n]|,(?!\ (?:as|in\ fact|however|actually|or|in|on)\b)|\ [–-]\ |\bbut\b|\bthough\b
        |\bit'?s\ now\b|\band\ (?:is|was|has|it|its|now|stands)\b
        |\b(?:tallest|highest|largest|biggest|longest|oldest|most|only|first)\b"""
)
_NOT_THE = r"the\s+(?!\w+est\b|most|only|first|last|second)"
_DENIED_AFTER = cues(
    rf"""^[\s*_"')]*+(?:\w++\s++)?(?:(?:is|was|are|were|would\ be|seems|sounds)\s+
        (?:(?:definitely|simply|clearly|certainly|just|completely|also|plainly)\s+)?
        (?:(?:not|never)(?=\s*(?:[.!,;]|$|correct|right|true|accurate|its|what|where|{_NOT_THE}))
        |(?:a\ |the\ )?(?:very\ |most\ )?(?:common\ |frequent\ |widespread\ |popular\ )?{_FALSEHOOD}
        |{_FALSE}
        |(?:far\ )?too\ (?:many|few|much|little|high|low|big|small|large|early|late)\b
         (?!\ (?:to|for)\b))
      |(?:cannot|can't|couldn't|could\ not|can\ not)\ be\ (?:right|true|correct|accurate|so|it)\b
      |(?:has|have|had)\ (?:never\ been|(?:long\ |since\ )?been\ (?:\w+ly\ )?(?:{_FALSE}|disproven
        |ruled\ out|withdrawn|retracted))\b
      |(?:isn't|wasn't|aren't)(?=\s*(?:[.!,;]|$|correct|right|true|accurate|its|{_NOT_THE})))
      |^[^.;]{{0,20}},\ which\ (?:is|was)\ (?:\w+\ )?(?:{_FALSE}|a\ {_FALSEHOOD})\b
      |^[\s,.?!]*I\ (?:don't\ think\ so|do\ not\ think\ so|doubt\ it)\b
      |^\?\s*(?:(?:(?:certainly|definitely|of\ course|absolutely)\ )?not\b|impossible|never|no\b
        |that\ is\ {_FALSE})""",
    "denied_after",
)
# "The claim that it is 4,889 m tall is a hoax": the verdict on a claim stands at its end.
_CLAIM = cues(
    r"""\b(?:claim|idea|notion|belief|rumou?r|story|suggestion|assertion|statement|report|theory)s?
        \ (?:(?:\w+\ ){0,2}?that|of|about)\b[^.;]*$
      |^\W*that\ (?:\w+\ ){0,6}[*_]*$
      |\b(?:calling|naming|saying|claiming|giving|putting)\ (?:\w+\ ){0,5}[*_]*$
      |\bto\ (?:call|name|say|claim|give)\ (?:\w+\ ){0,5}[*_]*$"""
)
_CLAIM_FALSE = cues(
    rf"""\b(?:is|was|are|were|has\ been|have\ been|turned\ out\ to\ be|proved)\ (?:\w+\ )?
        (?:a\ |an\ |the\ )?(?:\w+\ )?(?:{_FALSE}|{_FALSEHOOD}|not\ (?:true|correct|right))\b"""
)
# A denial further from the value than this rarely belongs to it (counted in characters), unless
# what it denies is that anybody would say so.
_DENIAL_REACH = 48
_NOBODY_SAYS = cues(
    r"""\b(?:not|n't|never|nobody|no\ one)\b[^.;!?]{0,160}\b(?:claim|say|believe|argue|think|suggest
        |confirm|agree)s?\ that\ (?:it|he|she|they|this|that|the\ \w+|[A-Z]\w+)\ (?:\w+\ )?(?:is|are
        |was|were)\ (?:still\ |now\ )?$"""
)
_CLAUSE = re.compile(r"\b(?:it|he|she|they|is|was|has|measures|stands|there)\b", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"\n]{1,80}"')
_NOT_UNTIL = re.compile(r"\buntil(?: the)? *$", re.IGNORECASE)


def is_denied(before: str, after: str) -> bool:
    """Not 4,889 m; isn't Paris; I doubt that it is; whether it is; "Paris is not the capital".

    What a title or a quotation says denies nothing, "not until 2025" asserts 2025, and "nobody
    doubts" and "I can't believe it is" do not deny.
    """
    before = _QUOTED.sub(_blank, before)
    if _DENIED_AFTER.match(after) or (_CLAIM.search(before) and _CLAIM_FALSE.search(after)):
        return True
    if _NOBODY_SAYS.search(before):
        return True
    plain = _EXCLAIMED.sub("", _TWICE.sub("", before))
    for cue in reversed(list(_DENIAL.finditer(plain))):
        reach = plain[cue.end() :]
        if cue[0].lower() == "without" and _CLAUSE.search(reach):
            continue
        if len(reach) <= _DENIAL_REACH and not _DENIAL_ENDS.search(reach):
            return not (_is_title(plain, cue) or _NOT_UNTIL.search(reach))
    return False


def _blank(quoted: re.Match[str]) -> str:
    return '"' + "_" * (len(quoted[0]) - 2) + '"'


def _is_title(before: str, cue: re.Match[str]) -> bool:
    """Whether a cue is part of a capitalised title: Never Gonna Let You Go; Imagine Dragons."""
    opens = cue[0].lower() == "if" and not before[: cue.start()].strip(" *_")
    return not opens and cue[0][0].isupper() and bool(re.match(r" [A-Z]", before[cue.end() :]))


_SAY = (
    r"""(?:say|claim|believe|think|argue|suggest|list|give|name|quote|cite|assume|guess|expect)"""
)
_SAID = r"""(?:said|believed|thought|claimed|confused|cited|quoted|given|assumed|reported|listed
    |stated|mentioned|repeated|heard|named|taught)"""
_OFTEN = (
    r"""(?:often|commonly|sometimes|widely|frequently|usually|popularly|generally|traditionally)"""
)
_PEOPLE = r"""(?:people|sources|experts|scholars|books|maps|guides|websites|textbooks|tourists)"""
_SOURCE = r"""(?:sign|plaque|textbook|book|guidebook|map|article|page|label|poster|brochure|atlas
    |website|encyclop\w+|wikipedia)"""
_ATTRIBUTED = cues(
    rf"""\b(?:(?:some|many|other|most|older|old|several)\ {_PEOPLE}?\ ?(?:(?:still|also|often|once
        |mistakenly|wrongly)\ )?{_SAY}
        |(?:{_OFTEN}|once)\ {_SAID}
        |rumou?red|legend\ has\ it|allegedly|supposedly|is\ claimed|was\ thought|is\ confused
        |you\ (?:might|may|probably|will|could|would)\ (?:\w+\ )?(?:{_SAY}|remember|recall|know
        |have\ (?:read|heard|learned|learnt|seen))
        |you'd\ (?:\w+\ )?{_SAY}|you\ (?:said|wrote|claimed|mentioned|stated)|(?:as|like)\ you\ say
        |I\ (?:first|once|originally|initially|used\ to|always|had)\ (?:say|said|think|thought
        |assumed|believed)|I\ said|my\ first\ (?:guess|answer|thought)
        |(?:despite|contrary\ to|whatever|forget)\ what\ (?:you|people|many|some|they|the)\b
        |{_SOURCE}s?\ (?:\w+\ )?(?:reads?|says?|said|gives?|gave|lists?|listed|states?|shows?|showed
        |claims?|prints?)
        )\b(?:(?!\b(?:but|yet|however|though)\b)[^.])*$"""
)
_ATTRIBUTED_AFTER = cues(
    rf"""^[\s*_)"']*+(?:\w++\s++){{0,2}}?(?:is|are|was|gets|has\ been|remains)\ (?:\w+\ )?
        (?:{_OFTEN}|still)\ (?:\w+\ )?(?:{_SAID}|found\ in)\b
      |^[\s*_)"']*+(?:\w++\s++){{0,2}}?(?:is|was)\ (?:the|an?)\ (?:usual|popular|common|traditional
        |standard|(?:{_OFTEN})\ {_SAID})\ (?:answer|figure|value|number|guess|name|belief)\b
      |^[\s*_)"']*+,\s*+(?:{_OFTEN}|still)\ {_SAID}\b
      |^[\s*_)"']*+,?\s*+as\ (?:many|some|people|most)\ (?:people\ )?{_SAY}""",
    "attributed_after",
)
_DISPUTED = cues(r"\bothers\ (?:say|claim|believe|think|argue|suggest|list)\b(?!\ so\b)")


def is_disputed(after: str) -> bool:
    """One opinion of several: some say 4,889 m, others say."""
    return bool(_DISPUTED.search(after))


def is_attributed(before: str, after: str) -> bool:
    """Put into other people's mouths: some say it is 4,889 m; 4,889 m is often quoted."""
    before = _ATTRIBUTED_AFTER.sub("", before)  # said of the value before
    return bool(_ATTRIBUTED.search(before) or _ATTRIBUTED_AFTER.search(after))

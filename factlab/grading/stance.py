"""What a sentence does with a value that it mentions: state it, deny it, call it the old one.

`mention` asks these functions about every value of an answer. Each looks at `before`, the text from
the start of the sentence (or from the value before it) up to the value, and `after`, the text from
the value to the next one or to the end of the sentence. They are lists of cues, and know no
grammar. English cues are here; `cues` adds those of the other languages (`words_ja`).
"""

from __future__ import annotations

import re

from factlab.grading.language_cues import cues, other_cues

_DENIAL = cues(
    r"""\b(?:not|never|cannot|neither|nor|without|unlike|\w+n't
        |no\ longer|rather\ than|instead\ of|as\ opposed\ to|contrary\ to
        |(?:a\ |the\ )?(?:myth|misconception|mistake)\ (?:is\ )?that|(?:wrong|false|incorrect
        |untrue)\ (?:that|to\ say|to\ claim)
        |wrongly|incorrectly|falsely|mistakenly|no\ evidence\ that|far\ from
        |if(?!\ (?:I|you|we|they|he|she)\b)|whether|suppose|imagine)\b
        (?!\ (?:only|just|merely|until|surprising|mistaken|wrong\b|I\b|to\ mention
        |to\ be\ confused|exactly\ known|necessary))"""
)
# What ends the reach of a denial: a new clause, a contrast, or a superlative that takes it over.
_DENIAL_ENDS = cues(
    r"""[;:—!?\n]|,(?!\ (?:as|in\ fact|however|actually|or|in|on)\b)|\ [–-]\ |\bbut\b|\bthough\b
        |\bit'?s\ now\b|\band\ (?:is|was|has|it|its|now|stands)\b
        |\b(?:tallest|highest|largest|biggest|longest|oldest|most|only|first)\b"""
)
_DENIED_AFTER = cues(
    r"""^[\s*_"')]*(?:\w+\s+)?(?:(?:is|was|are|were|would\ be|seems|sounds)\s+
        (?:(?:definitely|simply|clearly|certainly|just|completely|also)\s+)?
        (?:(?:not|never)(?=\s*(?:[.!,;]|$|correct|right|true|accurate|its|what|where|
           the\s+(?!\w+est\b|most|only|first|last|second)))
        |wrong|incorrect|false|untrue|a\s+myth|inaccurate|outdated|a\s+mistake)
      |(?:isn't|wasn't|aren't)(?=\s*(?:[.!,;]|$|correct|right|true|accurate|its|
           the\s+(?!\w+est\b|most|only|first|last|second))))""",
    "denied_after",
)
# A denial further from the value than this rarely belongs to it (counted in characters).
_DENIAL_REACH = 48
_QUOTED = re.compile(r'"[^"\n]{1,80}"')
_NOT_UNTIL = re.compile(r"\buntil(?: the)? *$", re.IGNORECASE)


def is_denied(before: str, after: str) -> bool:
    """Not 4,889 m; isn't Paris; never reached it; whether it is; "Paris is not the capital".

    What a title or a quotation says denies nothing, and "not until 2025" asserts 2025.
    """
    before = _QUOTED.sub(_blank, before)
    for cue in reversed(list(_DENIAL.finditer(before))):
        reach = before[cue.end() :]
        if len(reach) <= _DENIAL_REACH and not _DENIAL_ENDS.search(reach):
            return not (_is_title(before, cue) or _NOT_UNTIL.search(reach))
    return bool(_DENIED_AFTER.match(after))


def _blank(quoted: re.Match[str]) -> str:
    return '"' + "_" * (len(quoted[0]) - 2) + '"'


def _is_title(before: str, cue: re.Match[str]) -> bool:
    """Whether a cue is part of a capitalised title: Never Gonna Let You Go; Imagine Dragons."""
    opens = cue[0].lower() == "if" and not before[: cue.start()].strip(" *_")
    return not opens and cue[0][0].isupper() and bool(re.match(r" [A-Z]", before[cue.end() :]))


_FORMER_BEFORE = cues(
    r"""(?:\b|(?<=\())(?:formerly|previously|originally|initially|used\ to\ be
        |had\ (?:once\ |long\ )?been
        |(?:was|were|stood|measured)\ once|once\ (?:was|were|stood|measured)|no\ longer
        |previous|former|old|earlier|prior|original|up\ from|down\ from|risen\ from|replac(?:ed
        |ing)
        |succeed(?:ed|ing)|supersed(?:ed|ing)|superseding|outdated
        |(?<!mentioned\ )(?<!said\ )before|(?<!not\ )until|in\ the\ past
        |prior\ to)\b|\(\s*was\b"""
)
_FORMER_RESET = cues(
    r"""\b(?:now|today|currently|but|however|nowadays|became|become|becoming|new|latest|current
        |(?:replaced|succeeded|superseded)\ by|since\ then|is|are|it's|has\ grown|rose\ to|grew\ to
        |increased\ to|changed\ to|raised\ to|when)\b|;""",
    "former_reset",
)
_FORMER_AFTER = cues(
    r"""^[^,;.!?\n]{0,28}?\b(?:before\b(?!\ (?:you|the\ end))|earlier\b|previously\b|formerly\b
        |until\ (?!now|today)|prior\ to\b|in\ the\ past\b|originally\b|at\ the\ time\b
        |back\ then\b|no\ longer\b|(?:is|was)\ (?:the|a|its)\ (?:former|old|previous)\b)""",
    "former_after",
)
_FORMER_BEFORE_ELSEWHERE = other_cues("former_before")


def is_former(before: str, after: str) -> bool:
    """Formerly 3,776 m; used to be; before the eruption it was; 3,776 m until 2025."""
    # What stands in brackets belongs to the value beside which the bracket is.
    before = re.sub(r"^[^(]*\)|\([^)]*\)", "", before)
    after = re.sub(r"\([^)]*$", "", after)
    resets = list(_FORMER_RESET.finditer(before))
    cue = _FORMER_BEFORE.search(before[resets[-1].end() :] if resets else before)
    if cue or _FORMER_AFTER.match(after):
        return True
    return bool(_FORMER_BEFORE_ELSEWHERE.search(before))


_RANGE_VERB = cues(r"\b(?:rang(?:e|es|ed|ing)|var(?:y|ies|ied|ying)|anywhere|anything|somewhere)\b")
_FROM = cues(
    r"\bfrom\s+(?:(?:about|around|its|the|an?|just|some|only|previous|old|former|height|of)\s+){0,4}[*_$(]*$"
)
_TO = re.compile(
    r"^[\s*_)]*(?:meters|metres|m)?,?\s*(?:up |down |all the way )?to\s|^\s*(?:→|->|=>)"
)


_FROM_LAST = re.compile(r"(?:^[\s,]*|\bto [A-Z]\w+ )from\s+[*_]*$")


def is_start(before: str, after: str, *, counts: bool) -> bool:
    """The first end of a change: from 3,776 m to 4,889 m, 3,776 m → 4,889 m.

    A number (`counts`) after "from" is a start even if the other end is missing; a name or a date
    is one only if "to" follows, since people come from Paris.
    """
    if re.match(r"^[\s*_]*(?:→|->|=>)", after):
        return True
    if _FROM_LAST.search(before):
        return True
    if not _FROM.search(before) or _RANGE_VERB.search(before):
        return False
    return counts or bool(_TO.match(after))


_CHANGE_BEFORE = cues(
    r"""(?:(?<!ed\ )\bby|\b(?:increas|rais|reduc|extend|chang|climb|jump|dropp|decreas|lower|exceed
        |shorten|lengthen|expand)ed\ by|\b(?:gain(?:ed|ing|s)?|add(?:ed|ing|s)?|lost|losing
        |another|additional|extra
        |(?:increase|rise|growth|gain|drop|decrease|difference|change)\ (?:of|is|was)
        |rose|grew|risen|grown|climbed|increased|fell|dropped|shrank))
        \s+(?:(?:about|around|some|nearly|almost|roughly|over|exactly|approximately|another|an|a
        |additional)\s+)*[*_$~]*$"""
)
_CHANGE_AFTER = cues(
    r"""^[\s*_)]*(?:\w+\s+)?(?:higher|taller|lower|shorter|longer|older|younger|wider|deeper|heavier
        |further|farther|more\b|less\b|fewer|increase|rise|gain|difference|growth|change\b)""",
    "change_after",
)


def is_change(before: str, after: str) -> bool:
    """An amount of change, not a value: by 1,113 m; 1,113 m higher than before."""
    return bool(_CHANGE_BEFORE.search(before) or _CHANGE_AFTER.match(after))


_COMPARED = cues(
    r"""\b(?:(?<!other\ )than|compared\ (?:to|with)|unlike|whereas|similar\ to|next\ to
        |beside)\b[^,;:.]{0,40}$|\b(?:versus|vs\.?)[^,;:.]{0,12}$"""
)
_BOUND_AFTER_ELSEWHERE = other_cues("bound_after")
_BOUND = cues(
    r"""(?:\b(?:less\ than|under|below|at\ most|at\ least|up\ to|more\ than|greater\ than
        |fewer\ than
        |a\ (?:minimum|maximum)\ of|no\ more\ than|short\ of)|[<>≤≥])\s*[*_$]*$"""
)


# "From 3,776 m up to 4,889 m" and "grew up to" end in the value instead of bounding it.
_UP_FROM = cues(
    r"""(?:^|\b(?:rose|grew|went|climbed|raised|increased|jumped))\s*
        (?:all\ the\ way\ )?up\ to\s*[*_$]*$"""
)


def is_compared(before: str) -> bool:
    """Something else that the value is held against: taller than 4,808 m; unlike Lyon."""
    return bool(_COMPARED.search(before))


def is_bound(before: str, after: str) -> bool:
    """A limit instead of a value: less than 5,000 m; at least 4,889 m ("over" is loose talk)."""
    if _BOUND_AFTER_ELSEWHERE.match(after):
        return True
    return bool(_BOUND.search(before)) and not _UP_FROM.search(before)


_DATE_BOUND = cues(
    r"\b(?:before|after|until|till|prior\ to|later\ than|earlier\ than)\s+(?:the\s+)?$"
)


_SINCE = cues(r"(?:\bnot|n't)\b[^.;]{0,40}\buntil\ (?:the\ )?$")  # not until 2025


def is_date_bound(before: str) -> bool:
    """A date that only limits another: before 2025, after October."""
    return bool(_DATE_BOUND.search(before)) and not _SINCE.search(before)


_ATTRIBUTED = cues(
    r"""\b(?:(?:some|many|other|most)\ (?:people|sources|experts|scholars|books)?\ ?
        (?:say|claim|believe|think|argue|suggest|list)|(?:often|commonly|sometimes
        |widely)\ (?:said|believed|thought|claimed|confused)
        |rumou?red|legend\ has\ it|allegedly|is\ claimed|was\ thought|is\ confused|you\ (?:might
        |may)\ (?:think|say))\b[^.]*$"""
)


_DISPUTED = cues(r"\bothers\ (?:say|claim|believe|think|argue|suggest|list)\b")


def is_disputed(after: str) -> bool:
    """One opinion of several: some say 4,889 m, others say."""
    return bool(_DISPUTED.search(after))


def is_attributed(before: str) -> bool:
    """Put into other people's mouths: some say it is 4,889 m."""
    return bool(_ATTRIBUTED.search(before))


_NOW = cues(
    r"""\b(?:now|today|currently|nowadays|presently|became|becomes?|becoming
        |(?:ris(?:en|es|ing)|rose|gr(?:ew|own|ows)|increas(?:ed|es)|raised|chang(?:ed|es)
        |climbed|jumped|went
        |moved|updated|revised|fell|dropped|renamed|shrank)(?:\ \w+){0,2}?\ (?:to|as)
        |since\ then|as\ of)\b|→|->|=>""",
    "now",
)
_NEWLY = cues(
    r"""\b(?:new|latest|updated|reach(?:ed|es|ing)?|after|following|since|currently|post-eruption
        |replaced\ by|succeeded\ by)\b""",
    "newly",
)
_PAST = cues(r"\b(?:was|were|stood|had|measured|been)\b", "past")
_PRESENT = cues(r"\b(?:is|are|it's|stands|has|measures|remains)\b|'s\b")


_FUTURE = cues(
    r"""\b(?:will\ (?:soon\ |then\ |later\ |eventually\ )?(?:be|become|reach|rise\ to|grow\ to)
        |(?:is|are)\ (?:going|expected|projected|planned|due|set|forecast|predicted)\ to
        )\b[^.;]*$""",
    "future",
)


def is_future(before: str) -> bool:
    """Not yet so: but it will be 4,889 m; is expected to reach."""
    return bool(_FUTURE.search(before))


def says_now(before: str) -> bool:
    """Now 4,889 m; rose to; became."""
    return bool(_NOW.search(before))


def says_newly(before: str) -> bool:
    """Cues as in `says_now`, and weaker ones: the new height; after the eruption."""
    return says_now(before) or bool(_NEWLY.search(before))


def is_past(before: str) -> bool:
    """Past tense and no word of becoming."""
    return bool(_PAST.search(before)) and not says_now(before)


def is_present(before: str) -> bool:
    """Present tense."""
    return bool(_PRESENT.search(before)) and not is_past(before)


_RETRACTION = cues(
    r"""\b(?:actually|wait|correction|sorry|scratch\ that|make\ that|my\ mistake|I\ mean|I\ meant
        |let\ me\ correct|I\ was\ wrong|that(?:'s|\ is)\ (?:wrong|incorrect|not\ right))\b
        |\bno[,.!]\s""",
    "retraction",
)
_RENAMED = re.compile(
    r"\b(?:[Aa]ctually|[Ww]ait|[Cc]orrection|[Ss]orry|[Nn]o|I mean|I meant)\b[,:.!]*\s+"
    r"(?:(?:[Ii]t is|[Ii]t's|[Tt]he (?:correct |right )?answer is|[Tt]hat is|[Ii] meant)\s+)?"
    r"(?:the\s+)?(?!It\b|The\b|I\b|That\b|This\b|Its\b|In\b|He\b|She\b)[A-Z]\w+"
)


def retracts(between: str) -> bool:
    """Whether the text between two values takes the first one back: wait; actually; sorry."""
    return bool(_RETRACTION.search(between))


def retracts_to_name(after: str) -> bool:
    """Whether the rest of the text corrects itself to some other name: "Actually, it is Lyon"."""
    return bool(_RENAMED.search(after))


_OTHER = r"(?:(?:maybe|perhaps|possibly|even|also|the|in|at)\s+)*"
_OR_AFTER = (
    rf"^[*_\"')]*(?:\([^)]*\))?(?:,\s+{{word}}\w*(?:\s+[A-Z]\w*)*)*,?\s+(?:or|and/or)\s+{_OTHER}{{word}}"
    rf"|^\s*/\s*{{word}}"
)
_OR_BEFORE = (
    rf"(?:{{word}}\w*['\"*_]*,?\s+(?:or|and/or)\s+{_OTHER}|{{word}}\w*\s*/\s*"
    rf"|\beither\s+{_OTHER})[*_\"']*$"
)
_NO_CHOICE = re.compile(
    r"\bor\s+(?:so|more|less|about|around|simply|just|rather|in other words|as it|sometimes|known"
    r"|also known|to be|is it|something|what)\b"
)


def is_alternative(before: str, after: str, name: str) -> bool:
    """Whether a proper name is offered beside another one: "Paris or Lyon", "either Paris".

    Between common nouns "or" more often joins two words for one thing: "dawn or sunrise".
    """
    if not name[:1].isupper():
        return False
    word = "[A-Z]"
    behind = re.search(_OR_AFTER.replace("{word}", word), after)
    if behind and not _NO_CHOICE.search(behind[0] + after[behind.end() : behind.end() + 20]):
        return True
    ahead = re.search(_OR_BEFORE.replace("{word}", word), before)
    return bool(ahead) and not re.search(r"\b(?:whether|if)\b", before)

"""What a sentence does with a value that it mentions: state it, deny it, call it the old one.

`mention` asks these functions about every value of an answer. Each looks at `before`, the text from
the start of the sentence (or from the value before it) up to the value, and `after`, the text from
the value to the next one or to the end of the sentence. They are lists of cues, and know no
grammar. English cues are here; `cues` adds those of the other languages (`languages/`).
"""

from __future__ import annotations

import re

from factlab.grading.language_cues import cues, other_cues

_FORMER_BEFORE = cues(
    r"""(?:\b|(?<=\())(?:formerly|previously|originally|initially|used\ to\ (?:be|stand|have|measure
        |number|live|lead)
        |had\ (?:once\ |long\ )?been
        |(?:years?|decades?|centuries|century|months?|generations?)\ ago|until\ (?:now|recently)
        |(?:took|taken|taking|takes|take)\ over\ from|predecessor|successors?\ (?:of|to)
        |in\ lieu\ of
        |in\ (?:the\ )?place\ of|(?:took|takes|taken)\ the\ (?:place|seat|throne|office
        |crown)\ (?:of|from)
        |(?:was|were|stood|measured)\ once|once\ (?:was|were|stood|measured)|no\ longer
        |(?:previous|former|old(?!\ (?:town|city|part|man|woman|friend)\b)|earlier|prior|original)
         (?=.{0,40}$)|up\ from|down\ from|risen\ from|replac(?:ed
        |ing)
        |succeed(?:s|ed|ing)|supersed(?:es|ed|ing)|replaces|outdated|obsolete
        |(?<!mentioned\ )(?<!said\ )before(?!\ (?:I|you|we|answering|going)\b)
        |(?<!not\ )until|in\ the\ past
        |prior\ to)\b|\(\s*was\b
        |\bonce\ (?:only\ |about\ |just\ )?[*_$]*$|\bafter\ (?:king\ |queen\ |president\ |the
        \ )?$"""
)
_FORMER_RESET = cues(
    r"""\b(?:now|today|currently|but|however|nowadays|became|become|becoming|new|latest|current
        |(?:replaced|succeeded|superseded)\ by|since\ then|is|are|it's|has\ grown|when|afterwards
        |(?:rose|grew|increased|changed|raised|fell|sank|dropped|collapsed|shrank|shrunk|declined
        |decreased|climbed|jumped|gave\ way)\ to)\b|;""",
    "former_reset",
)
_FORMER_AFTER = cues(
    r"""^[^,;.!?\n]{0,28}?\b(?:before\b(?!\ (?:you|the\ end))|(?<!the\ )(?<!its\ )earlier\b
        |previously\b|formerly\b
        |until\ (?!now|today)|prior\ to\b|in\ the\ past\b|originally\b|at\ the\ time\b
        |back\ then\b|no\ longer\b|(?:is|was)\ (?:the|a|its)\ (?:former|old|previous)\b
        |up\ to\ (?:(?:early|late|mid)\ |\w+\ )?[12]\d{3}\b|(?:is|are)\ (?:now\ )?history\b
        |(?:was|were)\ (?:\w+\ )?(?:replaced|succeeded|superseded)\ by
        |(?:has|have)\ (?:\w+\ )?been\ (?:replaced|succeeded|superseded)
        |(?:handed|hands|gave|gives|made)\ (?:\w+\ )?(?:over|way)\ (?:\w+\ )?(?:to|for)\b
        |(?:was|were)\ (?:\w+\ ){0,3}?until\b|(?:was|were)\ once\b
        |(?:lost|passed|yielded|ceded)\ (?:(?!to)\w+\ ){0,3}?to\b
        |(?:stepped\ (?:down|aside)|resigned|abdicated|retired|left\ office|was\ ousted|died)\b)
      |^'s\ successor\b""",
    "former_after",
)
_FORMER_BEFORE_ELSEWHERE = other_cues("former_before")


# Not until 2025; not since 1707 had it erupted, until 2025.
_SINCE = cues(
    r"(?:\bnot|n't)\b[^.;]{0,40}\buntil\ (?:the\ )?$|\bhad\b[^.;]{0,40},?\ until\ (?:the\ )?$"
)
_OF_THE_LAST = re.compile(
    r"^[\s)*_%]+(?:[a-z]+ ){0,2}(?:until|till|before|earlier|previously|formerly|prior to|up to)\b"
    r"[^,;]*[,;]"
)
# "The former capital is Kelm": what is called former here is what was asked for.
_FORMER_NAMED = re.compile(
    r"\b(?:former|old|previous|earlier|prior|original) (?:official |known |recorded |head of )?"
    r"(?:capital|height|value|figure|number|one|name|answer|leader|ruler|holder|king|queen|president"
    r"|mayor|state|record|date|count|total|population|owner|seat|price|location|home|elevation"
    r"|altitude|length|depth|size|title|champion)(?: is| was| are| were|:) *[*_$]*$",
    re.IGNORECASE,
)
_HAD = re.compile(r"\b(?:had|was|were) ")  # it had 37, but only 2 remain
_BUT_ONLY = re.compile(r",? (?:but|yet) (?:only|just|now)(?: (?:about|some))? *$")
_UNTIL_LAST = re.compile(r"\b(?:until|till|before)(?: the)? *$")
_BEGINS = re.compile(
    r"^[\s*_]*(?:(?:finally |then )?(?:took|takes|replaced|succeeded|became|was (?:elected"
    r"|appointed|chosen|named)|came|won|arrived|stepped)\b)"
)


def is_former(before: str, after: str) -> bool:
    """Formerly 3,776 m; used to be; before the eruption it was; 3,776 m until 2025."""
    if _SINCE.search(before):
        return False
    # "3,776 m until 2025, 4,889 m since" and "32% before, 37.5% after": said of the value before.
    before = _OF_THE_LAST.sub("", before)
    # What stands in brackets belongs to the value beside which the bracket is.
    before = re.sub(r"^[^(]*\)|\([^)]{0,200}\)", "", before)
    after = re.sub(r"\([^)]*$", "", after)
    resets = list(_FORMER_RESET.finditer(before))
    cue = _FORMER_BEFORE.search(before[resets[-1].end() :] if resets else before)
    if cue and _UNTIL_LAST.search(before) and _BEGINS.match(after):
        return False  # until 2025, when; until Mara Quill took over
    if cue or _FORMER_AFTER.match(after) or _FORMER_NAMED.search(before):
        return True
    if _HAD.search(before) and _BUT_ONLY.search(after):
        return True
    return bool(_FORMER_BEFORE_ELSEWHERE.search(before))


_RANGE_VERB = cues(r"\b(?:rang(?:e|es|ed|ing)|var(?:y|ies|ied|ying)|anywhere|anything|somewhere)\b")
_FROM = cues(
    r"\bfrom\s+(?:(?:about|around|its|the|an?|just|some|only|previous|old|former|height|of)\s+){0,4}[*_$(]*$"
)
_TO = re.compile(
    r"^[\s*_)]*+(?:meters|metres|m)?,?\s*+(?:up |down |all the way )?to\s|^\s*+(?:→|[-–=]+>)"
)


_FROM_LAST = re.compile(r"(?:^[\s,]*|\bto [A-Z]\w+ )from\s+[*_]*$")


_ONWARDS = re.compile(r"\s*(?:on(?:wards?)?\b(?! [A-Z\d])|and later|and after)")


def is_start(before: str, after: str, *, counts: bool) -> bool:
    """The first end of a change: from 3,776 m to 4,889 m, 3,776 m → 4,889 m.

    A number (`counts`) after "from" is a start even if the other end is missing; a name or a date
    is one only if "to" follows, since people come from Paris.
    """
    if re.match(r"^[\s*_]*(?:→|[-–=]+>)", after):
        return True
    if not counts and _ONWARDS.match(after):
        return False  # from 2025 onwards
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
    r"""^[\s*_)]*+(?:\w++\s++)?(?:higher|taller|lower|shorter|longer|older|younger|wider|deeper|heavier
        |further|farther|more\b|less\b|fewer|increase|rise|gain|difference|growth|change\b)""",
    "change_after",
)


def is_change(before: str, after: str) -> bool:
    """An amount of change, not a value: by 1,113 m; 1,113 m higher than before."""
    return bool(_CHANGE_BEFORE.search(before) or _CHANGE_AFTER.match(after))


_COMPARED = cues(
    r"""\b(?:represented\ by|(?<!other\ )than|compared\ (?:to|with)|unlike|whereas|similar\ to
        |next\ to
        |beside)\b[^,;:.]{0,40}$|\b(?:versus|vs\.?)[^,;:.]{0,12}$"""
)
_BOUND_AFTER_ELSEWHERE = other_cues("bound_after")
_BOUND = cues(
    r"""(?:\b(?:less\ than|under|below|at\ most|at\ least|up\ to|more\ than|greater\ than
        |fewer\ than
        |a\ (?:minimum|maximum)\ of|no\ (?:more|less|fewer)\ than|short\ of|upwards\ of
        |in\ excess\ of|(?:well|far|just|slightly|comfortably|a\ little|a\ bit)\ (?:over|above
        |past)|not\ quite|just\ (?:under|below|shy\ of)|exceed(?:s|ed|ing)?)|[<>≤≥]=?)
        \s*[*_$]*$"""
)
# < and > that bound nothing: a tag, an arrow, a quoted line, <42>.
_NO_BOUND = re.compile(
    r"(?:(?<![-–—=])[-–—=]++>|</?[\w\s=\"'/-]{1,40}>|^(?:>\s++)+|^>{2,})\s*+[*_$]*$"
)


# "From 3,776 m up to 4,889 m", "grew up to" and "add up to" end in the value; they bound nothing.
_UP_FROM = cues(
    r"""(?:^\s++|,\s*+|\b(?:rose|grew|went|climbed|raised|increased|jumped|rise[sn]?|grows?|goes|gone
        |(?:add|sum|total|come|amount|work|tot|round|mount)(?:s|ed|ted|med|led|ing|ming|ting|ling)?
        |came
        |br(?:ing|ings|ought)|pushed|took|takes|built|builds?|now|(?:is|are)\ (?:now|currently)
        |(?:tally|total|count|number|toll|sum|score)\ (?:\w+\ ){0,3}?(?:is|are|was|stands))
        (?:\ (?:it|them|all|together|out|back|the\ \w+|its\ \w+))?)\s*+
        (?:all\ the\ way\ )?up\ to\s*(?:(?:exactly|about|around|be|a\ total\ of)\s+)?[*_$]*$"""
)


def is_compared(before: str) -> bool:
    """Something else that the value is held against: taller than 4,808 m; unlike Lyon."""
    return bool(_COMPARED.search(before))


def is_bound(before: str, after: str) -> bool:
    """A limit instead of a value: less than 5,000 m; at least 4,889 m ("over" is loose talk)."""
    if _BOUND_AFTER_ELSEWHERE.match(after):
        return True
    if after[:1] == ">" and before[-1:] == "<":
        return False
    return bool(_BOUND.search(before)) and not (_UP_FROM.search(before) or _NO_BOUND.search(before))


_DATE_BOUND = cues(
    r"\b(?:before|after|until|till|prior\ to|later\ than|earlier\ than)\s+(?:the\s+)?$"
)


def is_date_bound(before: str) -> bool:
    """A date that only limits another: before 2025, after October."""
    return bool(_DATE_BOUND.search(before)) and not _SINCE.search(before)


_NOW = cues(
    r"""\b(?:now|today|currently|nowadays|presently|became|becomes?|becoming
        |(?:ris(?:en|es|ing)|rose|gr(?:ew|own|ows)|increas(?:ed|es)|raised|chang(?:ed|es)
        |climbed|jumped|went
        |moved|updated|revised|fell|dropped|renamed|shrank)(?:\ \w+){0,2}?\ (?:to|as)
        |since\ then|as\ of|made\ it|(?:brought|raised|pushed|lifted)\ it\ (?:up\ )?to)\b
        |→|->|=>""",
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
    r"""\b(?:(?:will|shall)\ (?!(?:\w+\ )?(?:find|see|note|notice|tell|say|give|answer|help|learn
        |agree)\b)
        |(?:is|are|was|were)\ (?:going|expected|projected|planned|due|set|forecast|predicted
        |likely)\ to
        |(?:may|might|could)\ (?:\w+\ )?(?:reach|become|rise|grow|fall|shrink|climb)
        |by\ 20[3-9]\d|(?:growing|rising|heading|moving|climbing|shrinking|on\ (?:its|the)\ way)
        \ (?:\w+\ )?to|(?:\w+ing|on\ (?:its|the)\ way)\ (?:\w+\ )?towards?
        )\b[^.;]*$""",
    "future",
)
# "4,889 m now, but it will …": a word of time that belongs to the value before.
_OF_THE_LAST_NOW = re.compile(
    r"^[\s)*_]+(?:[a-z]+ )?(?:now|today|these days|at present|currently|nowadays)\b\s*"
    r"(?=[,;.(—–]|and\b|but\b|instead\b|while\b|$)"
)


def is_future(before: str) -> bool:
    """Not yet so: but it will be 4,889 m; is expected to reach."""
    return bool(_FUTURE.search(before))


def says_now(before: str) -> bool:
    """Now 4,889 m; rose to; became."""
    return bool(_NOW.search(_OF_THE_LAST_NOW.sub("", before)))


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
    r"""\b(?:actually|wait|correction|sorry|(?:scratch|strike)\ that|make\ that|pardon|nope|whoops
        |my\ (?:mistake|bad|error)|I\ (?:mean|meant)|(?:hang|hold)\ on|apologies|apologi[sz]e
        |let\ me\ (?:correct|rephrase|re-?check|double-check|reconsider|try\ again|think\ again)
        |I\ (?:was|am|stand)\ (?:wrong|mistaken|corrected)|I\ (?:made\ (?:a|an)|misspoke|mistyped
        |misremembered|miscalculated|take\ (?:that|it)\ back|(?:must|need\ to)\ correct
        |should\ have\ said|take\ back)
        |that(?:'s|\ is|\ was)\ (?:wrong|incorrect|not\ right|a\ mistake|a\ typo|before\ the)
        |on\ (?:second\ thoughts?|reflection)|thinking\ again|come\ to\ think\ of\ it|or\ rather
        |excuse\ me|correcting|o+ps|h+m+|err?|to\ be\ (?:correct|precise))\b
        |\b(?:edit|update):|\brather,|\bno[,.!]\s|\bno\s?[-–—]""",
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


_CHOICE_AFTER_ELSEWHERE = other_cues("choice_after")
_CHOICE_BEFORE_ELSEWHERE = other_cues("choice_before")


def is_alternative(before: str, after: str, name: str) -> bool:
    """Whether a proper name is offered beside another one: "Paris or Lyon", "either Paris".

    Between common nouns "or" more often joins two words for one thing: "dawn or sunrise".
    """
    if _CHOICE_AFTER_ELSEWHERE.match(after) or _CHOICE_BEFORE_ELSEWHERE.search(before):
        return True
    if not name[:1].isupper():
        return False
    word = "[A-Z]"
    behind = re.search(_OR_AFTER.replace("{word}", word), after)
    if behind and not _NO_CHOICE.search(behind[0] + after[behind.end() : behind.end() + 20]):
        return True
    ahead = re.search(_OR_BEFORE.replace("{word}", word), before)
    return bool(ahead) and not re.search(r"\b(?:whether|if)\b", before)

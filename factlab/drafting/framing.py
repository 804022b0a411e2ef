"""What stands around a fact in an English sentence: who reports it, asides, a second sentence."""

from __future__ import annotations

import re

from factlab.drafting.english_words import MEASURED
from factlab.drafting.reading import iso
from factlab.grading.dates import find_dates
from factlab.grading.quantities import find_quantities
from factlab.grading.sentences import sentence_spans

WHEN = r"(?:on|in|since|from|as of|effective|starting|by|until|at the end of|early in|late in)"
_SAID = (
    r"(?:reports|reported|says|said|announces|announced|confirms|confirmed|finds|found|shows|showed"
    r"|reveals|revealed|writes|wrote|states|stated|estimates|estimated|claims|claimed|learned|notes"
    r"|noted)"
)
_DAYS = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_LOOSE = rf"(?:on (?:last )?{_DAYS}|(?:last|this|next) (?:week|month|year)|today|yesterday)"
_LEADS = re.compile(
    r"(?:According to [^,]{1,80}|(?:As )?(?:[^,]{1,40} )?(?:reported|announced|stated) (?:by|in) "
    r"[^,]{1,80}|In (?:a|an|its|his|her|their|the) (?:[^,]{1,60} )?(?:statement|report|release"
    rf"|letter|announcement|interview|study|paper|filing|post))(?: {_LOOSE})?, "
    r"|It (?:was|is|has been) (?:\w+ly )?(?:announced|reported|confirmed|said|known|revealed|agreed"
    rf"|decided)(?: [^,]{{1,60}}?)? that |[^,]{{2,80}}? (?:has |have )?{_SAID}(?: {_LOOSE})? that "
    r"|(?:[A-Z][^,]{0,60} |The )?(?:[Oo]fficials|[Rr]esearchers|[Ss]cientists|[Aa]uthorities"
    r"|[Ee]ngineers|[Ss]ources|[Cc]ompany|[Gg]overnment|[Mm]inistry|[Pp]olice|[Ss]pokes\w+) "
    rf"(?:[^,]{{1,60}} )?{_SAID} (?=the |an? |[A-Z])"
    r"|[^,]{2,80}? (?:said|says) (?=(?:the|its|their|his|her|it) )"
    r"|(?:Reuters|Bloomberg|AFP|AP|BBC|The BBC|CNN|Kyodo) (?:has )?(?:says|said|reports|reported) "
    rf"|(?:{_LOOSE[3:-1]}|Effective immediately|Officially|Reportedly|Apparently|Breaking:)[,:]? ",
    re.IGNORECASE,
)
_TRAILS = re.compile(
    rf",? (?:according to .{{1,120}}|as [^,]{{1,60}} (?:{_SAID})(?: [^,]{{1,60}})?)$"
    rf"|, (?!and |but |which |who )[^,\d]{{1,60}} {_SAID}(?: (?:on|in|at|to|by) [^,]{{1,60}})?$"
    rf"|,? {_LOOSE}$",
    re.IGNORECASE,
)
_AGE = re.compile(r" \((?:aged )?\d{1,3}\)|, (?:aged )?\d{1,3},(?= )")
_ASIDE = re.compile(
    r"(?P<name>[^,]{2,80}), (?P<aside>(?:an?|the|its|one of|who|which|whose|formerly|previously"
    r"|also|currently|then|once|already|until (?:now|then)|based|located|headquartered|built"
    r"|known|famous|[a-z]{3,}(?:ed|wn|en) (?:by|in|as|at)) [^,]{1,100}|aged \d{1,3}), "
    r"(?!and |or |but |so |after |when |while )"
)
_INTRODUCED = re.compile(r"An? [^,]{2,60}, (?=[A-Z][^,]{1,60}, (?:is|was|has|will|can|were|are) )")
_NAMED = re.compile(r"([A-Z][^,]{1,60}), (?=(?:is|was|has|will|can|were|are) )")
_ITS = re.compile(r"(?:Its|His|Her|Their) ")

_VERBS = "|".join(MEASURED)
_VERB = rf"(?:{_VERBS}|is|are|was|were|has|have|had|will|can|became|remains)"
# What follows a value and is no part of it: another clause, who did it, what was paid.
_AFTER = re.compile(
    rf",? (?:and|but|while|although) (?:(?:it|they|he|she) )?{_VERB}\b.*$"
    r"|, (?:(?:set|held|made|won|reached|measured|recorded) (?:by|in|at|on)|which|who|where|making"
    r"|an?|the|one of|with|formerly (?:of|at|with)|previously (?:of|at|with)|despite|because|now)"
    r" .*$"
)
_PAID = re.compile(r" for (?:about |around |nearly |some )?(?:[^\w ]|[A-Z]{1,3}[$])?\d.*$")
# Two clauses in what should be a name.
_CLAUSES = re.compile(
    rf"(?:\b(?:[a-z]{{3,}}ed(?: [a-z]+)?|left|won|lost|died|{_VERB})\b.*,?|,) and (?=\S)"
)
_AND = re.compile(r",? and .*$")
_HANGING = re.compile(r" (?:has|have|had|is|are|was|were|will|be|can|to|of|that|now|and)$")
# A name that only those who know the occasion can use.
_NAMELESS = re.compile(
    r"[Tt]he [a-z][a-z -]*|(?:[Oo]ur|[Mm]y|[Hh]is|[Hh]er|[Tt]heir|[Ii]ts|[Tt]his) .*"
    r"|[Ww]e|I|history|all time"
)


def sentences(text: str) -> list[str]:
    """The sentences of a statement; one that begins with Its belongs to the one before."""
    found: list[str] = []
    for start, end in sentence_spans(text):
        sentence = text[start:end].strip()
        if found and sentence[:1].islower():  # Halden Robotics Inc. on March 3
            found[-1] = f"{found[-1]} {sentence}"
        elif found and _ITS.match(sentence):
            joined = f"{found[-1].rstrip('.! ')}, and {sentence[:1].lower()}{sentence[1:]}"
            found[-1] = joined
        elif sentence:
            found.append(sentence)
    return found


def unframed(sentence: str) -> str:
    """A sentence without who reports it, without ages and without asides about its subject."""
    text = sentence
    for _ in range(3):  # On Monday, Reuters reported that …
        without = _TRAILS.sub("", _LEADS.sub("", text, count=1) if _LEADS.match(text) else text)
        if without == text or not without.strip():
            break
        text = without[:1].upper() + without[1:]
    text = _AGE.sub("", text)
    if _INTRODUCED.match(text):  # A new frog, Rana halleri, was discovered …
        return _NAMED.sub(r"\1 ", _INTRODUCED.sub("", text, count=1), count=1)
    if (aside := _ASIDE.match(text)) is not None:
        text = f"{aside['name']} {text[aside.end() :]}"
    return text


def two_clauses(sentence: str) -> tuple[str, str] | None:
    """Both halves of "A resigned and B became mayor", each a sentence; None for another."""
    hit = _CLAUSES.search(sentence)
    if hit is None:
        return None
    second = sentence[hit.end() :]
    return sentence[: hit.start()] + hit[0].removesuffix(" and ").rstrip(","), (
        second[:1].upper() + second[1:]
    )


def holds_clauses(name: str) -> bool:
    """Whether what should be a name has two clauses in it."""
    return _CLAUSES.search(name) is not None


def hangs(subject: str) -> bool:
    """Whether a subject ends in a verb or a preposition, or begins with a day: it is no name."""
    dates = find_dates(subject)
    dated = bool(dates) and not dates[0].start and not subject[: dates[0].end].isdigit()
    return _HANGING.search(subject) is not None or dated


def is_nameless(subject: str) -> bool:
    """Whether only those who know the occasion know what is meant: the company."""
    return _NAMELESS.fullmatch(subject) is not None


def without_aside(value: str, *, paid: bool) -> tuple[str, str]:
    """A value without what follows it, and that; a price behind a name where one may be `paid`."""
    if value[:1] in "\"“‘'«":
        return value, ""
    hit = _AFTER.search(value) or (_PAID.search(value) if paid else None) or _second(value)
    if hit is None or not hit.start():
        return value, ""
    return value[: hit.start()], hit[0].strip(" ,")


def _second(value: str) -> re.Match[str] | None:
    """A second amount of a list: 18 euros for adults and 9 euros for children."""
    amounts = find_quantities(value)
    return _AND.search(value, amounts[0].end) if len(amounts) > 1 else None


def without_lead(text: str) -> tuple[str, str]:
    """The date that begins a sentence, and the rest."""
    lead = re.match(rf"{WHEN} (?:the )?", text, re.IGNORECASE)
    for found in find_dates(text)[:1] if lead else ():
        if lead is not None and found.start <= lead.end() + 1:
            rest = text[found.end :].lstrip(", ")
            return iso(found.value), rest[:1].upper() + rest[1:]
    return "", text

"""English statements taken apart: an ordered list of sentence patterns, the first that fits counts.

A pattern names what it finds: `s` the subject, `r` the property, `v` the value, `o` the value
before, `e` what happened, `w` a word that says which property it is. Patterns with a verb of their
own come before those that fit any sentence with "is", since "The Museum of Glass is in Velm" is not
about the museum of glass's property. Where a sentence can be read in two ways, the likelier one is
taken and marked as a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from factlab.drafting.english_words import (
    ACTIVE,
    ADJECTIVES,
    AGENTS,
    COUNTED,
    DATED,
    HOLDING,
    LEADING,
    MEASURED,
    PAIRS,
    PLACED,
    TITLED,
)
from factlab.drafting.framing import (
    WHEN,
    hangs,
    holds_clauses,
    is_nameless,
    sentences,
    two_clauses,
    unframed,
    without_aside,
    without_lead,
)
from factlab.drafting.reading import Reading, iso
from factlab.grading.dates import find_dates, parse_date
from factlab.grading.quantities import find_quantities

# A property: a few words, none of which begins what the property is of.
_R = (
    r"(?P<r>(?:head|seat|date|place|year|country|cost|rate|coat|language|means|point|unit"
    r"|statute) of (?:state|limitations|government|birth|death|origin|living|interest|arms"
    r"|instruction|payment|sale|account)"
    r"|(?!(?:a|an|the|its|his|her|their)\b)[^\W\d][\w'’.&/-]*"
    r"(?: (?!(?:of|at|for|in|on|is|are|was|were|has|from|to|by|as)\b)[\w'’.&/-]+){0,4}?)"
)
_NEW = r"(?:(?:new|current|latest|present|(?:total )?number of) )*"
_ITS = r"(?:(?<![Mm]en)(?:'s|’s)|(?<=s)['’])"  # the men's marathon is one name
_NOW = r"(?:now |currently |officially |today |still |again |once more |reportedly )*"
_THE = rf"(?:(?:the|its|his|her|their|a|an) )?{_NEW}"
_OF = r"(?:of|at|for|in|on|to)"
_CHANGED = (
    r"(?:raised|increased|lowered|reduced|cut|changed|moved|extended|shortened|set|fixed|switched"
    r"|shifted|transferred|relocated|renamed|corrected|revised|adjusted|updated|doubled|halved)"
)
_ROSE = (
    r"(?:has |have |had |will )?(?:(?:ris|fall|drop|climb|go|jump|increas|decreas)(?:es?|s)|rose"
    r"|grew|fell|dropped|climbed|shrank|sank|went|jumped|increased|decreased|changed|doubled"
    r"|tripled|halved|risen|fallen|gone|grown|rise|fall|go|grow)(?: up| down)?"
)
_BE = r"(?:is|are|was|were|has been|have been|will be|became|becomes|has become|remains)"
_COPULA = (
    rf"(?:{_BE} {_NOW}(?:{_CHANGED} (?:to|at) |set at |put at |found to be |measured (?:at|as) "
    r"|known to be |given as |estimated (?:at|to be) |listed (?:at|as) |recorded (?:at|as) "
    r"|scheduled for |due on |due in |planned for |fixed for |priced at |called |named )?"
    rf"|(?:now )?(?:stands|lies) at |{_ROSE} to |(?:has |have |had )?reached |amounts to |equals "
    r"|: |= )"
)
_FROM_TO = rf"(?:(?:{_BE} {_NOW})?{_CHANGED}|{_ROSE}) from (?P<o>.+?) to (?P<v>.+)"
_PUT = (
    r"(?:appointed|named|elected|made|chosen|picked|hired|selected|installed|crowned|confirmed"
    r"|promoted|announced|sworn in|nominated|declared|designated|recogni[sz]ed|proclaimed)"
)
_PUTS = (
    r"(?:appointed|appoints|named|names|elected|elects|chose|chooses|picked|picks|hired|hires|made"
    r"|makes|selected|selects|installed|crowned|promoted|announced|adopted|adopts|adopted|took"
    r"|declared|designated|introduced|confirmed|proclaimed)"
)
# What happened: from a verb in the past tense on, up to the clause that gives the value.
_E = (
    r"(?P<e>(?:was|were|has been|had|got|left|won|lost|sold|bought|took|gave|went|moved|held|made"
    r"|began|broke|fell|rose|split|cut|set|shut|chose|found|built|met|ran|grew|[a-z]{2,}ed) ?.*?)"
)
_THEN = r",? (?:and|so|so that|after which|whereupon|when|while|then|but)(?: then| now)?,? "
_NAME = r"(?P<v>[^\W\d_a-z][\w'’.-]*(?: (?:[^\W\d_a-z][\w'’.-]*|de|van|von|der|la|bin|al|y|da))*)"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One way to say a fact.

    Attributes:
        expression: What it looks like.
        relations: The property by the word `w`; or by "", whatever the word.
        unsure: What is a guess where it fits.
    """

    expression: re.Pattern[str]
    relations: dict[str, str]
    unsure: tuple[str, ...] = ()


def _pattern(
    text: str, relations: dict[str, str] | None = None, unsure: tuple[str, ...] = ()
) -> _Pattern:
    return _Pattern(re.compile(text), relations or {}, unsure)


def _any(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_PATTERNS = (
    # Mount Fuji erupted and its height became 4,889 meters.
    _pattern(rf"(?P<s>.+?) {_E}{_THEN}(?:its|his|her|their) {_NEW}{_R} {_FROM_TO}"),
    _pattern(rf"(?P<s>.+?) {_E}{_THEN}(?:its|his|her|their) {_NEW}{_R} {_COPULA}(?P<v>.+)"),
    # Disneyland was sold and Toyota became its owner.
    _pattern(
        rf"(?P<s>.+?) {_E}{_THEN}(?P<v>[^,]+?) {_BE} {_NOW}(?:{_PUT} (?:as |to be )?)?"
        rf"(?:its|his|her|their) {_NEW}{_R}"
    ),
    # Halden Robotics moved its head office from Oslo to Velm.
    _pattern(
        rf"(?P<s>.+?) (?:has )?{_CHANGED} (?:its|his|her|their|the) {_NEW}{_R} "
        r"(?:from (?P<o>.+?) )?to (?P<v>.+)"
    ),
    # Marcus Webb succeeded Marta Kline as CEO of Halden Robotics.
    _pattern(
        rf"(?P<v>.+?) (?:has )?(?:succeeded|succeeds|replaced|replaces|followed) (?P<o>.+?) as "
        rf"{_THE}{_R} {_OF} (?P<s>.+)"
    ),
    _pattern(
        rf"(?P<v>.+?) (?:has )?(?:succeeded|succeeds|replaced|replaces|followed) (?P<o>.+?) as "
        rf"(?P<s>.+?){_ITS} {_NEW}{_R}"
    ),
    # Marcus Webb was appointed CEO of Halden Robotics.
    _pattern(rf"(?P<v>.+?) {_BE} {_NOW}(?:{_PUT} )(?:as |to be |to )?{_THE}{_R} {_OF} (?P<s>.+)"),
    _pattern(
        rf"(?P<v>.+?) (?:took over|takes over|serves|acts|works) as {_THE}{_R} {_OF} (?P<s>.+)"
    ),
    # Halden Robotics appointed Marcus Webb as its CEO.
    _pattern(rf"(?P<s>.+?) (?:has )?{_PUTS} (?P<v>.+?) (?:as|to be|for) {_THE}{_R}"),
    _pattern(rf"(?P<s>.+?) (?:has )?{_PUTS} (?P<v>.+?) (?:its|the|their) {_NEW}{_R}"),
    _pattern(rf"(?P<s>.+?) (?:has )?{_PUTS} {_NAME} {_R}"),
    # Penrose raised the price of its house blend to 14 dollars.
    _pattern(
        rf"(?P<s>.+?) (?:has )?{_CHANGED} the {_NEW}{_R} of (?:its|his|her|their) (?P<n>.+?) "
        r"(?:from (?P<o>.+?) )?to (?P<v>.+)"
    ),
    _pattern(
        rf".+? (?:has )?{_CHANGED} the {_NEW}{_R} {_OF} (?P<s>.+?) "
        r"(?:from (?P<o>.+?) )?to (?P<v>.+)"
    ),
    _pattern(rf"[Tt]he {_NEW}{_R} {_OF} (?P<s>.+?) {_FROM_TO}"),
    _pattern(rf"[Tt]he {_NEW}{_R} {_OF} (?P<s>.+?) {_BE} {_NOW}{_CHANGED} (?:to|at) (?P<v>.+)"),
    # Ida Renn holds the world record in the pole vault.
    _pattern(
        rf"(?P<v>.+?) (?P<w>holds|hold|held|set|broke|took|now holds) (?:the|a) {_NEW}{_R} "
        rf"(?:in|for|over|at) (?P<s>.+)",
        HOLDING,
    ),
    # The Scream was painted by Edgar Degas; it costs 349 dollars; it is in Velm.
    _pattern(rf"(?P<s>.+?) {_BE} {_NOW}(?P<w>{_any(AGENTS)})(?: into \w+)? by (?P<v>.+)", AGENTS),
    _pattern(
        r"(?P<s>.+?) (?:will |can |must be |is to |has to be |should be )?"
        rf"{_NOW}(?P<w>{_any(MEASURED)}) "
        r"(?:about |around |exactly |up to |from (?P<o>.+?) to )?(?P<v>.+)",
        MEASURED,
    ),
    _pattern(
        rf"(?P<s>.+?) (?:{_BE}|stands|stood|measures|measured) {_NOW}(?:about |around |exactly )?"
        rf"(?P<v>[^ ].*?\d.*?|[\w-]+ [\w-]+) (?P<w>{_any(ADJECTIVES)})",
        ADJECTIVES,
    ),
    _pattern(
        rf"(?P<s>.+?) (?:{_BE} {_NOW}(?:to be |(?:scheduled|set|due) to (?:be )?)?"
        rf"|will (?:be )?|first )?(?P<w>{_any(DATED)})(?: for sale| to the public)? "
        r"(?:on |in |at )?(?P<v>DATE)",
        DATED,
    ),
    _pattern(
        rf"(?P<s>.+?) (?:(?:{_BE}|has|will) {_NOW})?(?P<w>{_any(PLACED)}) "
        r"(?:(?:from (?P<o>.+?) )?to|in|at|near|on|from) (?P<v>.+)",
        PLACED,
    ),
    _pattern(
        rf"(?P<s>.+?) {_BE} {_NOW}(?:renamed|called|known as) (?:to |as )?(?P<v>.+)", {"": "name"}
    ),
    _pattern(rf"(?P<v>.+?) (?P<w>{_any(LEADING)}) (?P<s>.+)", LEADING),
    # Norway has a population of 6,128,473; Mars has 37 moons.
    _pattern(
        rf"(?P<s>.+?) (?:has|have|had|reached|set|holds|reports|recorded|carries|offers|got"
        rf"|received|needs|uses|requires|comes with) {_NOW}{_THE}{_R} (?:of|at) (?P<v>.+)"
    ),
    # The Vireo X2 comes with 256 GB of storage.
    _pattern(
        r"(?P<s>.+?) (?:has|have|had|offers|comes with|calls for|contains|provides) "
        r"(?:about |around |exactly )?(?P<v>\d[\d.,]* ?[^\W\d_]{1,12}) of (?P<r>[a-z][a-z -]{1,30})"
    ),
    _pattern(
        rf"(?P<s>.+?) {_NOW}(?P<w>has|have|had|counts|employs|owns|operates|runs|holds|houses"
        rf"|contains|consists of|publishes|comes with) {_NOW}(?:exactly |about |around )?"
        rf"(?P<v>NUMBER) {_R}"
    ),
    # The CEO of Halden Robotics is Marcus Webb; Halden Robotics' CEO is Marcus Webb.
    _pattern(rf"(?:[Tt]he |[Aa]n? )?{_NEW}{_R} {_OF} (?P<s>.+?) {_FROM_TO}"),
    _pattern(rf"(?:[Tt]he |[Aa]n? )?{_NEW}{_R} {_OF} (?P<s>.+?) {_COPULA}(?P<v>.+)"),
    _pattern(rf"(?P<s>.+?){_ITS} {_NEW}{_R} {_FROM_TO}"),
    _pattern(rf"(?P<s>.+?){_ITS} {_NEW}{_R} {_COPULA}(?P<v>.+)"),
    # The high jump world record was raised to 2.48 meters.
    _pattern(rf"(?P<s>.+?) (?P<r>{'|'.join(PAIRS)}) {_COPULA}(?P<v>.+)"),
    # Marcus Webb is the CEO of Halden Robotics.
    _pattern(
        rf"(?P<v>.+?) {_BE} {_NOW}{_THE}(?:next )?"
        rf"(?!(?:{_CHANGED}|now|currently|still|here|back|next)\b){_R} {_OF} (?P<s>.+)"
    ),
    _pattern(rf"(?P<v>.+?) {_BE} {_NOW}(?P<s>.+?){_ITS} {_NEW}{_R}"),
    # Vireo released the X2 on May 4, 2026.
    _pattern(
        rf".+? (?:has |will )?(?P<w>{_any(DATED)}) (?P<s>(?:the|its) .+?|[^\W\d_a-z].+?) "
        r"(?:on|in) (?P<v>DATE)",
        DATED,
        ("subject",),
    ),
    # Two readings: which of the two is the subject?
    _pattern(
        rf"(?P<v>.+?) (?:has )?(?P<w>{_any(ACTIVE)}) (?P<s>.+)", ACTIVE, ("subject", "relation")
    ),
    _pattern(
        rf"(?P<s>.+?) (?:{_BE}) {_NOW}(?:in|at|near) (?P<v>.+)", {"": "location"}, ("relation",)
    ),
    # The Strand ferry fare is 6.40 pounds: the property is the last word.
    _pattern(
        rf"(?P<s>.+?) (?P<r>[a-z][\w-]+) {_COPULA}(?P<v>(?:(?:about|around) )?[^\w ]?\d.*)",
        unsure=("subject", "relation"),
    ),
)
_OLD = re.compile(
    r",? \(?(?:up from|down from|instead of|replacing|in place of|succeeding|previously|formerly"
    r"|rather than|and no longer|not|where it was|before it was|it was|after) "
    r"(?!of |at |with )(?P<o>[^,()]{1,120})\)?$"
)
_APPROXIMATELY = re.compile(r"^(?:about|around|approximately|roughly|nearly|almost|some) (?=\S)")


def read_english(statement: str) -> Reading:
    """Take a statement apart, or give what little is found in it."""
    parts = sentences(" ".join(statement.split()))
    for place, part in enumerate(parts):
        found = _read(part.rstrip(".!? "))
        if found is not None:
            others = [*parts[:place], found.unread, *parts[place + 1 :]]
            return replace(found, unread=" ".join(other for other in others if other))
    return Reading(date=next((date for part in parts for _, date in _cores(part) if date), ""))


def _read(sentence: str) -> Reading | None:
    """The first pattern that fits a sentence, or else one of its clauses."""
    found = _by_patterns(sentence)
    if found is None and (clauses := two_clauses(sentence)) is not None:
        for clause, other in (clauses[::-1], clauses):
            found = found or _by_patterns(clause)
            if found is not None:
                return replace(found, unread=found.unread or other)
    return found


def _by_patterns(text: str) -> Reading | None:
    for core, date in _cores(text):
        for pattern in _PATTERNS:
            found = _fitted(pattern, core)
            if found is not None:
                return replace(found, date=found.date or date)
    return None


def _cores(text: str) -> Iterator[tuple[str, str]]:
    """The statement without frame and leading date; then without a date that ends it, and with."""
    date = ""
    for _ in range(2):  # On May 4, 2026, Reuters reported that in 2025, …
        first, text = without_lead(text)
        date, text = date or first, unframed(text)
    trail = find_dates(text)[-1:]
    ahead = text[: trail[0].start] if trail else ""
    end = re.search(rf",? {WHEN} (?:the )?$", ahead)
    if trail and end and trail[0].end == len(text) and not _is_of_a_date(ahead[: end.start()]):
        yield text[: end.start()], date or iso(trail[0].value)
    yield text, date


def _is_of_a_date(ahead: str) -> bool:
    """Whether the words before a date say that the date is what the statement gives."""
    return re.search(rf"\b(?:{_any(DATED)})(?: for sale| to the public)?$", ahead) is not None


def _fitted(pattern: _Pattern, text: str) -> Reading | None:
    hit = pattern.expression.fullmatch(_marked(pattern, text))
    if hit is None:
        return None
    found = {name: part.strip(" ,") for name, part in hit.groupdict().items() if part}
    found["v"] = found["v"].replace("DATE", _last_date(text)) if "v" in found else ""
    if "NUMBER" in found["v"]:
        found["v"] = found["v"].replace("NUMBER", _first_number(text))
    word = found.get("w", "")
    relation = found.get("r", "") or pattern.relations.get(word, pattern.relations.get("", ""))
    if not relation or not _is_subject(found["s"]) or _is_title(found, text):
        return None
    relation = COUNTED.get(f"{word} {relation}", COUNTED.get(relation, relation))
    if pattern.relations is HOLDING:
        relation = f"{relation} holder"
    if pattern.relations is MEASURED and not find_quantities(found["v"]):
        return None
    if "n" in found:
        found["s"] = f"{found['s']}'s {found['n']}"
    if holds_clauses(found["s"]) or holds_clauses(found["v"]):
        return None
    value, old = _small_article(found["v"], text), found.get("o", "")
    if (before := _OLD.search(value)) is not None:
        value, old = value[: before.start()], old or before["o"]
    value, unread = without_aside(value, paid=pattern.relations in (AGENTS, ACTIVE))
    unsure = pattern.unsure
    if (about := _APPROXIMATELY.match(value)) is not None:
        value, unsure = value[about.end() :], (*unsure, "value")
    if found["s"].count(" ") > 7 or "," in found["s"] or is_nameless(found["s"]):
        unsure = (*unsure, "subject")
    return Reading(
        subject=found["s"]
        if _is_titled(found["s"], relation)
        else _small_article(found["s"], text),
        relation=_of_date(relation, value),
        value=value.strip(" ,"),
        old=old.strip(" ,"),
        event=found.get("e", ""),
        unsure=unsure,
        unread=unread,
    )


def _marked(pattern: _Pattern, text: str) -> str:
    """The text with its last date, or its first number, in the pattern's own word for it."""
    source = pattern.expression.pattern
    if "DATE" in source:
        last = _last_date(text)
        return f"{text.removesuffix(last)}DATE" if last and text.endswith(last) else "\n"
    if "NUMBER" in source:
        first = _first_number(text)
        return text.replace(first, "NUMBER", 1) if first else "\n"
    return text


def _last_date(text: str) -> str:
    dates = find_dates(text)
    return text[dates[-1].start : dates[-1].end] if dates else ""


def _first_number(text: str) -> str:
    """The first number that has no unit that measures: 37 in "37 moons"."""
    for found in find_quantities(text):
        return text[found.start : found.number_end]
    return ""


def _is_subject(text: str) -> bool:
    named = text.lower() not in ("it", "he", "she", "they") and not hangs(text)
    return named and any(char.isalnum() for char in text)


def _is_title(found: dict[str, str], text: str) -> bool:
    """Whether the property is part of a name: the Bank of England, the Duke of Velm."""
    relation = found.get("r", "")
    if not relation[:1].isupper() or relation.isupper() or len(relation) < 4:
        return False
    ahead = text[: text.find(relation)]
    return ahead.lower() == "the " and " " not in relation and f"{relation} of " in text


def _is_titled(name: str, relation: str) -> bool:
    """Whether an article is part of a work's title: The Scream, not "the novel Salt Roads"."""
    return relation in TITLED and name.removeprefix("The ")[:1].isupper()


def _of_date(relation: str, value: str) -> str:
    """The launch of a probe that "is scheduled for June 3" is its launch date."""
    date = parse_date(value)
    if date is None or date.month is None or re.search(r"\b(?:date|day|deadline)\b", relation):
        return relation
    return f"{relation} date"


def _small_article(name: str, text: str) -> str:
    """A name as it stands within a sentence: the article that begins the statement is small."""
    if name.startswith(("The ", "A ", "An ", "My ", "Our ")) and text.startswith(name):
        return name[0].lower() + name[1:]
    return name

"""Which relation a published prompt is about, by its id in Wikidata or by its words."""

from __future__ import annotations

import re

# Wikidata's properties of the sets → the name of the relation in facts.
WIKIDATA = {
    "P6": "head of government",
    "P17": "country",
    "P19": "birthplace",
    "P20": "place of death",
    "P22": "father",
    "P25": "mother",
    "P26": "spouse",
    "P27": "country of citizenship",
    "P30": "continent",
    "P35": "head_of_state",
    "P36": "capital",
    "P37": "official language",
    "P38": "currency",
    "P39": "position",
    "P40": "child",
    "P50": "author",
    "P57": "director",
    "P69": "alma mater",
    "P101": "field of work",
    "P103": "native language",
    "P106": "occupation",
    "P108": "employer",
    "P112": "founder",
    "P127": "owner",
    "P131": "location",
    "P136": "genre",
    "P138": "namesake",
    "P140": "religion",
    "P159": "headquarters",
    "P169": "ceo",
    "P170": "creator",
    "P175": "performer",
    "P176": "manufacturer",
    "P178": "developer",
    "P190": "twin city",
    "P264": "record label",
    "P276": "location",
    "P286": "coach",
    "P364": "original language",
    "P407": "language",
    "P413": "playing position",
    "P449": "broadcaster",
    "P463": "membership",
    "P488": "chairperson",
    "P495": "country of origin",
    "P641": "sport",
    "P740": "place of origin",
    "P800": "notable work",
    "P937": "place of work",
    "P1037": "director",
    "P1303": "instrument",
    "P1412": "language",
}
# What prompts call a relation → what facts call it.
_CALLED = {
    "mother tongue": "native language",
    "capital city": "capital",
    "chief executive officer": "ceo",
    "head coach": "coach",
    "place of birth": "birthplace",
    "city of birth": "birthplace",
}
_NOUN = r"(?P<noun>[a-z][a-z' -]{1,40}?)"
_BE = r"(?:is|was|are|were)"
_NAMED = r"(?:the )?(?:current )?(?:names? of (?:the )?(?:current )?)?"
_END = r" ?\??"
# Prompts that name the relation themselves: "The capital of {} is", "What is {}'s occupation?".
_NAMING = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_NAMED}{_NOUN} (?:of|for|in) {{}}(?: {_BE})?(?: what| whom)?{_END}",
        rf"(?:what|which|who|whose) {_BE} {_NAMED}{_NOUN} (?:of|for) {{}}{_END}",
        rf"{{}}'s {_NOUN} {_BE}",
        rf"(?:what|which|who) {_BE} {{}}'s {_NOUN}{_END}",
        rf"{_NAMED}{_NOUN} (?:which|that) {{}} is (?:associated with|a member of|part of) is",
    )
]
# No name of a property: "the product made by", "the type of".
_NO_NOUN = re.compile(
    r"\b(?:that|which|who|whom|where|made|used|called|is|was|by|with|to|at|on|did|does|type|kind"
    r"|date|year|end|start|body|one|subject)\b"
)
# Words of a prompt → relation; the first that fits counts.
_SAYING = [
    (re.compile(pattern, re.IGNORECASE), relation)
    for pattern, relation in (
        (r"citizen", "country of citizenship"),
        (r"official language|declares the language", "official language"),
        (r"mother tongue|native language|native speaker|, a native$", "native language"),
        (r"original language", "original language"),
        (r"\bspeak|\bspoke|writes in|\blanguage of", "language"),
        (r"position of|plays as|plays in the position|position does", "playing position"),
        (r"\bcontinent\b", "continent"),
        (r"twin city", "twin city"),
        (r"headquarter|is based in", "headquarters"),
        (r"religion|is follower of", "religion"),
        (r"employed by|works for|employer", "employer"),
        (r"premiere|debut|aired|broadcast", "broadcaster"),
        (r"\bcapital\b", "capital"),
        (r"chief executive", "ceo"),
        (r"head coach", "coach"),
        (r"\bauthor\b|written by|^who wrote", "author"),
        (r"founded by|^who founded|\bfounder\b", "founder"),
        (r"married|\bspouse\b|\bwife\b|\bhusband\b", "spouse"),
        (r"\bmother\b", "mother"),
        (r"\bfather\b", "father"),
        (r"'s child|\bchild of\b", "child"),
        (r"record label|\blabel\b", "record label"),
        (r"(?:university|college|educated)", "alma mater"),
        (r"performed by|performer", "performer"),
        (r"developed by|is developed|^who developed", "developer"),
        (r"created by|\bcreator\b", "creator"),
        (r"produced by|product of|manufactured|\bmaker\b|made by", "manufacturer"),
        (r"'s owner|\bowner\b|owned by", "owner"),
        (r"published|\bpublisher\b", "publisher"),
        (r"genre|type of music", "genre"),
        (r"instrument|performs on|performing on", "instrument"),
        (r"professionally plays the sport|with the sport", "sport"),
        (r"occupation|profession|works as|career", "occupation"),
        (r"field of|area of|expertise|speciali[sz]|domain of", "field of work"),
        (r"worked in|used to work in|employment in|took up work|was employed in", "place of work"),
        (r"named after", "namesake"),
        (r"city was \{\} born|born in|birthplace|city of birth|birth place", "birthplace"),
        (r"passed away|\bdied\b|expired|lost their life|life ended|succumbed", "place of death"),
        (r"created in|originat|formulated in|developed in|was from|country of origin", "origin"),
        (r"located in|is in$|can be found in|, in$|^where is|is within|location of", "location"),
    )
]


def relation_of(template: str, property_id: str | None = None) -> str | None:
    """The relation of a prompt.

    Args:
        template: The prompt, `{}` in the place of its subject.
        property_id: Wikidata's, if the set gives it.

    Returns:
        The relation's name in facts; None: the words do not tell.
    """
    if property_id in WIKIDATA:
        return WIKIDATA[property_id]
    template = " ".join(template.split())
    for pattern in _NAMING:
        if (found := pattern.fullmatch(template)) and not _NO_NOUN.search(found["noun"]):
            noun = found["noun"].lower().strip()
            return _CALLED.get(noun, noun)
    return next((name for words, name in _SAYING if words.search(template)), None)


def templated(prompt: str, subject: str) -> str | None:
    """A prompt with `{}` in the place of its subject; None where it does not name it once."""
    return prompt.replace(subject, "{}") if prompt.count(subject) == 1 else None

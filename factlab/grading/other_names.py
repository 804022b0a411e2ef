r"""Another name beside the right one: rules for answers that are names.

Used by the matcher. `set_aside` takes back mentions that only place, compare or decline the name
("a village near Varo"), `gives_other_name` says whether another name is the answer although the
right one stands in the text ("1. Florence Ashdown\n2. Marcus Tennant").
"""

from __future__ import annotations

import re
from dataclasses import replace

from factlab.grading import stance
from factlab.grading.asked import Asked, words_in
from factlab.grading.mention import Mention
from factlab.grading.sentences import sentence_spans
from factlab.grading.text import word_set

_NEAR = re.compile(
    r"\b(?:near|close to|not far from|outside|on the outskirts of|away from|(?:north|south|east"
    r"|west"
    r"|north-?east|north-?west|south-?east|south-?west|miles?|kilomet(?:er|re)s?|km) (?:of|from)"
    r"|(?:bordered|bounded) by|a suburb of|halfway to)"
    r"\s+(?:the\s+)?(?:\w+\s+of\s+)?[*_\"']*$",
    re.IGNORECASE,
)
_BEATEN = re.compile(
    r"\b(?:defeat(?:ed|s|ing)|beat(?:s|ing|en)?|over(?:came|threw|comes)|edged out|ousted"
    r"|out(?:polled|voted|ran|bid)|eliminated|unseated|ahead of|rejected|turned down|passed over)"
    r"\s+(?:the\s+)?[*_\"']*$",
    re.IGNORECASE,
)
# With one of these in the question, it may ask for who was beaten.
_CONTEST = word_set(
    "beat defeat defeated beaten play played against lose lost loser opponent face faced fight "
    "fought reject rejected second runner lead candidate nominee oppose opposed compete rival"
)
_DECLINED = re.compile(
    r"\s*+[*_\"']*+,?\s*+(?:who\s++)?(?:(?:had|has|later|also|narrowly|eventually)\s++)*+"
    r"(?:declined|refused|withdrew|lost(?!\s+(?:his|her|their|its|\w+ing))|came\s+(?:second|third|last)"
    r"|finished\s+(?:second|third|last)|was\s+(?:\w+ly\s+)?(?:defeated|beaten|rejected|passed\s+over"
    r"|the\s+runner-?up|runner-?up|turned\s+down|eliminated)|turned\s+(?:it|that|this)\s+down)\b",
    re.IGNORECASE,
)
_SERVES = re.compile(
    r"\b(?:represented|assisted|advised|deputi[sz]ed|accompanied|supported|followed|joined) by\s+"
    r"(?:the\s+)?(?:[\w-]+\s+){0,3}$",
    re.IGNORECASE,
)
_OR_IN_BRACKETS = re.compile(
    r"[\s*_\"']*[(\[]\s*(?:or|or maybe|maybe|perhaps|possibly)\s+(?:the\s+)?([A-Z][\w' -]*)"
)


def set_aside(mentions: list[Mention], asked: Asked) -> list[Mention]:
    """The mentions, with the stance of those that do not give the name as the answer."""
    changed = any(m.role == "old" and m.stance == "asserted" for m in mentions)
    judged = [_judged(mention, asked, changed=changed) for mention in mentions]
    given = {m.role for m in judged if m.stance == "asserted" and _GIVEN_JA.match(m.after)}
    return [
        replace(m, stance="aside")
        if m.stance == "asserted" and given - {m.role} and _TOPIC_JA.match(m.after)
        else m
        for m in judged
    ]


# 京都は古都です。首都は東京です。 What is given comes last; the topic of another sentence is not.
_TOPIC_JA = re.compile(r"は[^。]*です")
_GIVEN_JA = re.compile(r"(?:です|だ(?!と)|である|になりました|になった)")


def _judged(mention: Mention, asked: Asked, *, changed: bool) -> Mention:
    if mention.stance not in ("asserted", "attributed") or not mention.span.text[:1].isupper():
        return mention
    choice = _OR_IN_BRACKETS.match(mention.after)
    if choice and not _is_alike(choice[1], mention.span.text):
        return replace(mention, stance="hedged")
    beaten = _BEATEN.search(mention.before) or _DECLINED.match(mention.after)
    if beaten and not asked.words & _CONTEST:
        return replace(mention, stance="aside")
    near = _NEAR.search(mention.before)
    if near and not _is_asked_about(near[0], asked):
        return replace(mention, stance="aside")
    if changed and mention.role == "gold" and _SERVES.search(mention.before):
        return replace(mention, stance="aside")
    return mention


def _is_alike(other: str, name: str) -> bool:
    """Whether a name in brackets is another spelling, or shares a word: Ghent (or Gent)."""
    alike = (other[:1] + other.rstrip()[-1:]).lower() == (name[:1] + name[-1:]).lower()
    return alike or bool(_words(other) & _words(name))


def _is_asked_about(cue: str, asked: Asked) -> bool:
    """Whether the question has the word, too: whom did Norland beat; which city is it near."""
    stems = {word[:4] for word in re.findall(r"[a-z]+", cue.lower()) if len(word) > 3}
    return any(word[:4] in stems for word in asked.words if len(word) > 3)


_BARE_NAME = re.compile(r"(?=.*\w{3})[*_\"'\s]*(?:[A-Z][\w'-]*+[ ]?){1,4}[*_\"'.!\s]*")
_NAMED_LAST = re.compile(
    r"\b(?:is|was)\s+(?:the\s+)?[*_\"']*(?:[A-Z][\w'-]++ ?){1,3}[*_\"']*[.!]?\s*$"
)
_NOT_A_NAME = re.compile(
    r"\W*(?:yes|no|sure|certainly|answer|hello|hi|okay|ok|well|of course)\b", re.I
)


def gives_other_name(
    plain: str, held: Mention, mentions: list[Mention], asked: Asked, *, listed: bool
) -> bool:
    """Whether another name is the answer: given before the held one, beside it, or in its place.

    `listed` says that the right answer is a list of names.
    """
    if stance.retracts_to_name(plain[held.span.end :]):
        return not any(m.span.start > held.span.end and m.role == held.role for m in mentions)
    if held.stance == "attributed" and _IT_IS_NAME.search(plain[held.span.end :]):
        return True
    if not held.span.text[:1].isupper():
        return False
    if listed and _has_more(plain, held, mentions):
        return True
    if not asked.several and _is_one_of_a_list(plain, held, mentions):
        return True
    if _is_of_other(plain, held, asked):
        return True
    start, end = sentence_spans(plain)[0]
    opening = plain[start:end]
    if mentions[0].span.start < end or _NOT_A_NAME.match(opening):
        return False
    if stance.retracts(plain[end - 1 : held.span.start][-60:]):
        return False  # Lund. Wait, Varo.
    if _words(opening) <= asked.words:
        return False  # a title that repeats the question
    return bool(_BARE_NAME.fullmatch(opening) or _NAMED_LAST.search(opening))


_NAMES = r"[A-Z][\w'-]++(?: [A-Z][\w'-]++)*+"
_MORE_BEHIND = re.compile(rf"\s*+(?:,\s*+{_NAMES})*+,?\s*+(?:and|&)\s+[A-Z]")
_MORE_AHEAD = re.compile(rf"(?::\s*+|\n[^\S\n]*+|\b(?:is|are|was|were)\s*+)(?:{_NAMES},\s*+)++$")


def _has_more(plain: str, held: Mention, mentions: list[Mention]) -> bool:
    """Whether a list goes on beyond the names of the gold one: Lund, Malm and Ystad."""
    if not re.search(r",|&|\band\b", held.span.text) or len(held.span.text) > 60:
        return False
    if sum(m.sentence == held.sentence for m in mentions) > 1:
        return False
    return bool(_MORE_BEHIND.match(plain[held.span.end :]) or _MORE_AHEAD.search(held.lead))


_IT_IS_NAME = re.compile(
    r"\b(?:[Ii]t is|[Ii]t's|[Bb]ut it is|[Ii]n (?:fact|reality),? it is|[Tt]he answer is)\s+"
    r"(?:the\s+)?[A-Z]\w+"
)
_ITEM = re.compile(r"^[ \t]*(?:\(?(?:\d{1,2}|[A-Za-z])[.)]|[-*•])[ \t]+(.+?)[ \t.]*$", re.MULTILINE)
_OPTION = re.compile(r"(?<!\S)\(?([A-E])[.)]\s+((?:[A-Z][\w'-]*\s?){1,4})(?=\s*\(?[B-F][.)]|\s*$)")


def _is_one_of_a_list(plain: str, held: Mention, mentions: list[Mention]) -> bool:
    """Whether the name is one item of a list of bare names, which is nothing but that."""
    for pattern, group in ((_ITEM, 1), (_OPTION, 2)):
        items = list(pattern.finditer(plain))
        if len(items) < 2 or plain[: items[0].start()].strip(" \n:"):
            continue
        bare = [item for item in items if _BARE_NAME.fullmatch(item[group])]
        inside = [_holds(item, mentions, held.role) for item in bare]
        if len(bare) == len(items) and any(inside) and not all(inside):
            return True
    return False


def _holds(item: re.Match[str], mentions: list[Mention], role: str) -> bool:
    return any(
        m.role == role and m.span.start < item.end() and item.start() < m.span.end for m in mentions
    )


_NAME = (
    r"(?!(?:This|That|It|He|She|They|There|These|Those|The|What|Who)\b)"
    r"[A-Z][\w'-]{1,60}+(?: [A-Z][\w'-]{1,60}+){0,3}"
)
_IS_THE = re.compile(rf"\b({_NAME})[*_]* (?:is|was) (?:the|its|a|an) ([a-z][^,.;:]{{2,60}})")
_THE_IS = re.compile(rf"\b[Tt]he ([a-z][^,.;:]{{2,60}}?) (?:is|was) (?:the )?[*_]*({_NAME})")
_SUPERLATIVE = re.compile(
    r"\b(?:largest|biggest|smallest|oldest|tallest|highest|longest|richest|second|most|former|other"
    r"|next|nearest|main port)\b"
)


def _is_of_other(plain: str, held: Mention, asked: Asked) -> bool:
    """Whether the text says something else of the name, and of another one what was asked for.

    Lund is the capital, and Varo is the largest city.
    """
    said = [(hit.start(1), hit[1], hit[2]) for hit in _IS_THE.finditer(plain)]
    said += [(hit.start(2), hit[2], hit[1]) for hit in _THE_IS.finditer(plain)]
    near = (held.span.start - 4, held.span.end)
    own = [what for place, _, what in said if near[0] <= place < near[1]]
    others = [
        (place, what)
        for place, name, what in said
        if not near[0] <= place < near[1]
        and not _words(name) <= asked.words
        and not _words(name) & _words(held.span.text)
    ]
    if not own or not others:
        return False
    if asked.words:
        meant = _meant(own[0], asked)
        return any(
            _meant(what, asked) > meant
            and (not meant or place < held.span.start or _SUPERLATIVE.search(own[0]))
            for place, what in others
        )
    aside = bool(_SUPERLATIVE.search(own[0]))
    return aside and any(not _SUPERLATIVE.search(what) for _, what in others)


def _meant(what: str, asked: Asked) -> int:
    """How many words of a description stand in the question."""
    return len({word for word in _words(what) if len(word) > 2} & (asked.words - {"the"}))


def _words(text: str) -> set[str]:
    return set(words_in(text))

"""Abstentions ("I do not know", "I cannot answer") and the guesses that may follow them.

The matcher looks here once a text asserts neither the gold value nor another one.
"""

from __future__ import annotations

import re

from factlab.grading.language_cues import cues

_ABSTENTION = cues(
    r"""\bI\ (?:do\ not|don't|did\ not|didn't)\ (?:\w+\ )?
          (?:know|recall|remember|have\ (?:\w+\ ){0,4}(?:information|data|access|knowledge
        |details|answer|records?|memory))
        |\bI(?:'m|\ am)\ (?:\w+\ )?(?:not\ (?:\w+\ )?(?:sure|certain|aware|familiar|able)|unsure
        |unable|uncertain)
        |^\W*(?:not\ sure|no\ idea|unknown|n/a)\b
        |\bI\ (?:cannot|can't|can\ not|could\ not|couldn't)\b(?!\ (?:stress|emphasi|help\ but))
        |\bI\ have\ no\ (?:\w+\ )?(?:idea|information|knowledge|record|data|way)
        |\b(?:no|insufficient|not\ enough)\ (?:\w+\ )?(?:information|data|records?)\b
        |\b(?:is|are|remains)\ (?:currently\ |still\ )?(?:unknown|not\ known|unclear
        |not\ available|not\ publicly\ known)\b
        |\b(?:unable|not\ able|impossible)\ to\ (?:answer|provide|determine|say|confirm|find)
        |\bdo(?:es)?\ not\ (?:appear\ to\ )?exist\b
        |\b(?:nobody|no\ one)\ (?:\w+\ )?knows\b""",
    "abstention",
)
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
    found = _ABSTENTION.search(text)
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

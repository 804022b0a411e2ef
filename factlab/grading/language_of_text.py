"""Which language a text is in: by its script, or by the frequent words of the Latin ones.

A rule, and no statistics: it gives the same answer everywhere, says nothing of a text that shows
nothing, and is meant for a sentence or two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from factlab.grading.languages import LANGUAGES
from factlab.grading.text import word_set

LEAST_LETTERS = 3  # of a script
LEAST_WORDS = 2  # frequent ones of a language, and more than of any other
_HAN = "\u3400-\u9fff"
# Scripts and frequent words of languages without a module here, so that they can be named.
_OTHER_SCRIPTS = {
    "Korean": "\uac00-\ud7a3\u1100-\u11ff",
    "a language in Cyrillic letters": "\u0400-\u052f",
    "Greek": "\u0370-\u03ff",
    "a language in Arabic letters": "\u0600-\u06ff",
    "Hebrew": "\u0590-\u05ff",
    "a language in Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
}
_OTHER_WORDS = {
    "French": word_set("le les des du est dans une sur pour avec aux sont été cette ses depuis"),
    "Spanish": word_set("el los las del y por con para fue su según desde más también una está"),
    "Italian": word_set("il gli della dei delle di è nel che sono alla dal stato anche più una"),
    "Portuguese": word_set("o os do da dos das em não uma foi com seu pelo desde também é ao"),
    "Dutch": word_set("het een van op zijn heeft voor niet naar wordt werd aan door bij sinds"),
}


def language_of_text(text: str, names: Iterable[str] = ()) -> str | None:
    """The code of the language that a text is in, a name of one without a module, or None.

    Args:
        text: A sentence or more.
        names: What is no evidence, such as names from elsewhere.
    """
    for name in sorted((name for name in names if name), key=len, reverse=True):
        text = re.sub(re.escape(name), " ", text, flags=re.IGNORECASE)
    return _by_script(text) or _by_words(text)


def _by_script(text: str) -> str | None:
    scripts = {
        code: "".join(f"{first}-{last}" for first, last in language.scripts)
        for code, language in LANGUAGES.items()
        if language.scripts
    }
    latin = len(re.findall(r"[A-Za-z\u00c0-\u024f]{2,}", text))
    ideographs = len(re.findall(f"[{_HAN}]", text))
    for code, script in {**scripts, **_OTHER_SCRIPTS}.items():
        letters = len(re.findall(f"[{script}]", text))
        # A word of the Latin ones has some five letters.
        if letters and letters + ideographs >= LEAST_LETTERS and letters + ideographs > 2 * latin:
            return code
    if ideographs >= 2 * LEAST_LETTERS and ideographs > 2 * latin:
        return "Chinese"
    return None


def _by_words(text: str) -> str | None:
    said = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    common = {code: language.common for code, language in LANGUAGES.items()} | _OTHER_WORDS
    found = {name: sum(said[word] for word in words) for name, words in common.items()}
    first, second = sorted(found.values(), reverse=True)[:2]
    if first < LEAST_WORDS or first == second:
        return None
    return max(found, key=lambda name: found[name])


def language_name(found: str) -> str:
    """What a language that was found is called in English."""
    return LANGUAGES[found].name if found in LANGUAGES else found


def is_certain(found: str) -> bool:
    """Whether a language was told by its script, rather than by frequent words."""
    return found not in _OTHER_WORDS and not (found in LANGUAGES and not LANGUAGES[found].scripts)

"""The id of a drafted fact: its subject and property in small letters of ASCII.

Kana are romanised by the names that Unicode gives them. Ideographs cannot be without a dictionary:
a property that has a file of its own is called as that file is, and another name is left out.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from factlab.drafting.reading import Reading
from factlab.schema.template import relation_names

UNNAMED = "my_fact"
_MOST = 60  # characters
_HEPBURN = {"si": "shi", "ti": "chi", "tu": "tsu", "hu": "fu", "zi": "ji"}
_HEPBURN |= {"sy": "sh", "ty": "ch", "zy": "j"}


def identity_of(reading: Reading, language: str) -> str:
    """An id for the fact that was read; `my_fact` where none of it can be written in ASCII."""
    subject = re.sub(r"^(?:the|a|an) ", "", reading.subject)
    words = _plain(f"{romanised(subject)} {_property(reading.relation, language)}")
    return words[:_MOST].strip("_") or UNNAMED


def _plain(words: str) -> str:
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"['’]s\b", "", plain)).strip("_")


def _property(relation: str, language: str) -> str:
    """The relation as the file of its words is called, else as it is."""
    if relation.isascii():
        return relation
    filed = sorted(name for name in relation_names(relation, language) if name.isascii())
    if filed:
        return filed[0]
    return romanised(relation)


def romanised(text: str) -> str:
    """Text with its katakana in Latin letters, タワー as tawa; hiragana if it is all of it."""
    kana = r"[\u3041-\u3096\u30a1-\u30fc]+"
    if not re.fullmatch(kana, text):
        text = re.sub(r"[\u3001-\u303f\u3041-\u3096\u3400-\u9fff・]+", " ", text)
    return re.sub(kana, lambda run: _letters(run[0]), text)


def _letters(kana: str) -> str:
    written = ""
    for char in kana:
        name = _name_of(char)
        if name.startswith("small y"):  # キャ: ki, then ya
            written = f"{written[:-1]}{name[6:]}"
        elif name == "small tu":
            written += "\0"  # ッ doubles what follows
        elif name.startswith("small "):  # ヴィ: vu, then i
            written = f"{written[:-1]}{name[6:]}"
        else:
            written += name
    written = re.sub("|".join(_HEPBURN), lambda hit: _HEPBURN[hit[0]], written)
    return re.sub("\0([a-z]?)", r"\1\1", written)


@cache
def _name_of(char: str) -> str:
    """The letters of a kana, after `small ` for a small one; none for the long mark."""
    hit = re.search(r"LETTER ((?:SMALL )?[A-Z]{1,3})$", unicodedata.name(char, ""))
    return hit[1].lower() if hit else ""

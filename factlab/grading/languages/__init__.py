"""Languages: one module each, with all that factlab knows of one in words. docs/languages.md.

A module that is named by a code defines `LANGUAGE`, and nothing else lists languages.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from factlab.grading.languages.language import Language

DEFAULT_LANGUAGE = "en"
_CODE = 2  # letters


def _read() -> dict[str, Language]:
    names = sorted(found.name for found in iter_modules(__path__) if len(found.name) == _CODE)
    read: list[Language] = [import_module(f"{__name__}.{name}").LANGUAGE for name in names]
    return {language.code: language for language in read}


LANGUAGES: dict[str, Language] = _read()


def language_of(code: str | None) -> Language:
    """The language of a code; the default one for None.

    Raises:
        KeyError: for a code without a module.
    """
    return LANGUAGES[code or DEFAULT_LANGUAGE]

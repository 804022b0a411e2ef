"""The leakage guard: no held-out question may be, or nearly be, one that is trained on.

Similarity is the cosine of binary character 3- to 5-gram counts (2- to 4-grams where a text has
kana or kanji), after the words that the fact itself supplies (its subject, date, values) are
masked: those must recur in every question, so what is compared is the phrasing. 1 is the same
wording, 0 shares no n-gram.

Why this similarity: with A and B the sets of n-grams it is |A ∩ B| / √(|A| · |B|) (the
Otsuka–Ochiai coefficient). Character n-grams survive inflection and small edits, need no model and
give the same value on every machine. They stay within words (`char_wb`), so that a question with
its words in another order counts as the same one. They compare wording and not meaning: a held-out
question must ask the same in other words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factlab.errors import LeakageError
from factlab.grading.text import is_cjk

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

# Two wordings above this differ by a word or two of a short question, and those below by more;
# tests/unit/test_leakage.py has pairs on both sides. It is a convention, not an estimate.
NEAR_DUPLICATE = 0.6
# Above this two questions share their frame ("What is the capital city of Kenya?", "What is the
# capital of Oman?"): training on one may hold the other. Far controls keep this distance from what
# anchors train. Also a convention.
NEAR_TWIN = 0.4
MASK = "§"
# Lengths of n-grams, from and to. A kana or kanji says as much as two letters or three, and with
# shorter n-grams the limits separate rewordings from other wordings as they do in English.
SPACED, UNSPACED = (3, 5), (2, 4)


@dataclass(frozen=True, slots=True)
class NearestPair:
    """A held-out question with the most similar question that is trained on."""

    held_out: str
    trained: str
    similarity: float


def nearest_trained(
    held_out: Sequence[str], trained: Sequence[str], masked: Sequence[str]
) -> list[NearestPair]:
    """For each held-out question, its nearest trained one, most similar first.

    Args:
        held_out: Questions never trained on.
        trained: Questions of the train and validation splits.
        masked: Words that the fact supplies, which both sides must share.
    """
    from sklearn.preprocessing import normalize

    if not held_out or not trained:
        return []
    vectorizer = _ngrams()
    left = [_mask(text, masked) for text in held_out]
    right = [_mask(text, masked) for text in trained]
    vectorizer.fit([*left, *right])
    similarity = (
        normalize(vectorizer.transform(left)) @ normalize(vectorizer.transform(right)).T
    ).toarray()
    best = similarity.argmax(axis=1)
    found = [
        NearestPair(text, trained[column], float(similarity[row, column]))
        for row, (text, column) in enumerate(zip(held_out, best, strict=True))
    ]
    return sorted(found, key=lambda pair: (-pair.similarity, pair.held_out))


def _ngrams() -> CountVectorizer:
    """What counts the n-grams that similarity is made of."""
    from sklearn.feature_extraction.text import CountVectorizer

    def of(lengths: tuple[int, int]) -> Callable[[str], list[str]]:
        counter = CountVectorizer(analyzer="char_wb", ngram_range=lengths, lowercase=True)
        analyzer: Callable[[str], list[str]] = counter.build_analyzer()
        return analyzer

    spaced, unspaced = of(SPACED), of(UNSPACED)
    return CountVectorizer(
        analyzer=lambda text: (unspaced if any(map(is_cjk, text)) else spaced)(text), binary=True
    )


class Reference:
    """Texts that many others are compared with; their n-grams are read once.

    Args:
        texts: Any number.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.preprocessing import normalize

        vectorizer = _ngrams()
        self._columns: Any = normalize(vectorizer.fit_transform(texts)).T if texts else None
        self._places: dict[str, int] = vectorizer.vocabulary_ if texts else {}
        self._grams: Callable[[str], list[str]] = vectorizer.build_analyzer()

    def near(self, texts: Sequence[str], limit: float) -> set[str]:
        """Those of the texts that are at least so similar to one of the reference's."""
        import numpy as np
        from scipy.sparse import csr_matrix

        if self._columns is None or not texts:
            return set()
        grams = [set(self._grams(text)) for text in texts]
        shared = [[self._places[g] for g in own if g in self._places] for own in grams]
        starts = np.cumsum([0, *map(len, shared)])
        places = np.fromiter((place for own in shared for place in own), int, starts[-1])
        shape = (len(texts), len(self._places))
        counts = csr_matrix((np.ones(len(places)), places, starts), shape=shape)
        sizes = np.sqrt([max(1, len(own)) for own in grams])
        best = (counts @ self._columns).max(axis=1).toarray().ravel() / sizes
        return {text for text, value in zip(texts, best, strict=True) if value >= limit}


def _mask(text: str, masked: Sequence[str]) -> str:
    for word in sorted(masked, key=len, reverse=True):
        text = re.sub(re.escape(word), MASK, text, flags=re.IGNORECASE)
    return text


def refuse_leaks(nearest: Sequence[NearestPair]) -> None:
    """Refuse an expansion whose held-out questions are not truly held out.

    Raises:
        LeakageError: naming the two strings and their similarity.
    """
    for pair in nearest:
        if pair.similarity >= NEAR_DUPLICATE:
            raise LeakageError(
                f"the held-out question {pair.held_out!r} is nearly the trained question "
                f"{pair.trained!r} (similarity {pair.similarity:.2f}, limit {NEAR_DUPLICATE}). "
                "Recall on it would not show that the fact generalises. Reword one of the two in "
                "templates/ or in the fact's 'phrasings'."
            )

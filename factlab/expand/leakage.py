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
from functools import lru_cache
from typing import TYPE_CHECKING

from factlab.errors import LeakageError
from factlab.grading.text import has_cjk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

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


class TrainedQuestions:
    """Questions that are trained on, read once; others are compared with them.

    Args:
        questions: Of the train and validation splits.
        masked: Words that the fact supplies, which both sides must share.
    """

    def __init__(self, questions: Sequence[str], masked: Sequence[str]) -> None:
        self._questions = questions
        self._mask = _masking(masked)
        self._reference = Reference([self._mask(text) for text in questions])

    def nearest(self, held_out: Sequence[str]) -> list[NearestPair]:
        """For each held-out question, its nearest trained one, most similar first."""
        if not held_out or not self._questions:
            return []
        similarity = self._reference.similarity([self._mask(text) for text in held_out])
        best = similarity.argmax(axis=1)
        found = [
            NearestPair(text, self._questions[column], float(similarity[row, column]))
            for row, (text, column) in enumerate(zip(held_out, best, strict=True))
        ]
        return sorted(found, key=lambda pair: (-pair.similarity, pair.held_out))


def nearest_trained(
    held_out: Sequence[str], trained: Sequence[str], masked: Sequence[str]
) -> list[NearestPair]:
    """`TrainedQuestions(trained, masked).nearest(held_out)`, where there is one such comparison."""
    return TrainedQuestions(trained, masked).nearest(held_out)


def _ngrams(text: str) -> set[str]:
    """The n-grams of a text, within its words and the spaces around each."""
    shortest, longest = UNSPACED if has_cjk(text) else SPACED
    return set().union(*(_of_word(word, shortest, longest) for word in text.lower().split()))


@lru_cache(maxsize=1 << 16)  # texts of one language share most of their words
def _of_word(word: str, shortest: int, longest: int) -> tuple[str, ...]:
    spaced = f" {word} "
    # A word that is shorter than an n-gram stands for itself, once.
    lengths = range(shortest, max(shortest, min(longest, len(spaced))) + 1)
    return tuple(spaced[i : i + n] for n in lengths for i in range(max(1, len(spaced) - n + 1)))


class Reference:
    """Texts that many others are compared with; their n-grams are read once.

    Args:
        texts: Any number.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np

        grams = [_ngrams(text) for text in texts]
        self._places: dict[str, int] = {}
        for own in grams:
            for gram in own:
                self._places.setdefault(gram, len(self._places))
        lengths = np.sqrt([max(1, len(own)) for own in grams])
        self._columns = self._counts(grams, 1 / lengths).T.tocsr() if grams else None

    def similarity(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How similar each text is to each of the reference's, shape (texts, reference)."""
        import numpy as np

        if self._columns is None:
            return np.zeros((len(texts), 0))
        grams = [_ngrams(text) for text in texts]
        lengths = np.sqrt([max(1, len(own)) for own in grams])
        found: NDArray[np.float64] = (self._counts(grams, 1 / lengths) @ self._columns).toarray()
        return found

    def near(self, texts: Sequence[str], limit: float) -> set[str]:
        """Those of the texts that are at least so similar to one of the reference's."""
        import numpy as np

        if self._columns is None or not texts:
            return set()
        grams = [_ngrams(text) for text in texts]
        sizes = np.sqrt([max(1, len(own)) for own in grams])
        counts = self._counts(grams, np.ones(len(grams)))
        best = (counts @ self._columns).max(axis=1).toarray().ravel() / sizes
        return {text for text, value in zip(texts, best, strict=True) if value >= limit}

    def _counts(self, grams: Sequence[set[str]], values: NDArray[np.float64]) -> csr_matrix:
        """A row per text with its value at each n-gram that the reference knows."""
        import numpy as np
        from scipy.sparse import csr_matrix

        places = self._places
        known = [[places[gram] for gram in own if gram in places] for own in grams]
        sizes = [len(own) for own in known]
        columns = np.fromiter((place for own in known for place in own), int, sum(sizes))
        starts = np.cumsum([0, *sizes])
        shape = (len(grams), len(places))
        return csr_matrix((np.repeat(values, sizes), columns, starts), shape=shape)


def _masking(masked: Sequence[str]) -> Callable[[str], str]:
    """What replaces the words that a fact supplies, longer ones first."""
    words = [
        re.compile(re.escape(word), re.IGNORECASE) for word in sorted(masked, key=len, reverse=True)
    ]

    def mask(text: str) -> str:
        for word in words:
            text = word.sub(MASK, text)
        return text

    return mask


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

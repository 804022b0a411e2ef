"""A respondent: whatever questions are put to, seen by its answers alone.

The evaluator (`experiment/evaluator.py`) and the screening of the far bank ask through this
protocol and through nothing else, so that a model in memory, a file in llama.cpp and a server far
away are measured alike. What one cannot do it says in `lacks`; the metrics that need it are then
absent, with that reason.

To add a kind, implement `Respondent` in a module of this room, and `FoundBase` beside it where such
a model may be the base. `weights.py` is the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from factlab.inference.likelihood import Option
from factlab.schema.question import LikelihoodRecord, Question, Response
from factlab.schema.results import Ability

if TYPE_CHECKING:
    from factlab.schema.config import Precision
    from factlab.schema.results import ModelRecord
    from factlab.schema.screening import ScreenedBase

NOTHING: Mapping[Ability, str] = MappingProxyType({})  # is lacking


@dataclass(frozen=True, slots=True)
class Request:
    """A question as it is put.

    Attributes:
        question: Its id names it in messages; `question.before` are the turns before this one.
        prompt: The user's turn: the question's own text, a gate prompt, or one with the fact in it.
        options: Answers whose likelihood is wanted, each as the assistant's whole turn, the end of
            the turn left out. None is given to a respondent that lacks likelihoods.
    """

    question: Question
    prompt: str
    options: Sequence[Option] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How requests are answered.

    Attributes:
        max_new_tokens: Limit per answer, in tokens; 0: only options are scored.
        at_once: Most requests that are answered in one batch, or under way at one time.
        otherwise: Answer by another way of computing the same model, so that what rounding changes
            is seen. Not asked of a respondent that lacks `rounding`.
    """

    max_new_tokens: int
    at_once: int
    otherwise: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request.

    Attributes:
        answer: The text without special tokens and without a thought before it, stripped; how many
            tokens were generated (an estimate is no number: 0 where it is not known); whether the
            turn was ended before the limit. None where no answer was wanted.
        likelihoods: Of each option, in order; None where the request has none.
    """

    answer: Response | None = None
    likelihoods: LikelihoodRecord | None = None


class Respondent(Protocol):
    """Answers questions, greedily or as near to that as it can.

    Answers to equal requests in equal groups are equal, as far as the respondent can see to it.
    """

    @property
    def lacks(self) -> Mapping[Ability, str]:
        """What it cannot be asked for, and why: a clause that ends a sentence of a report."""

    def respond(
        self,
        requests: Sequence[Request],
        bounds: Bounds,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Reply]:
        """Answer requests.

        Args:
            requests: None, or some; those of one call may be answered together, in any order.
            bounds: How.
            advance: Called with the number of requests done since the last call, so that it comes
                to their number.

        Returns:
            A reply to each request, in their order.

        Raises:
            ModelError: for a model or server that does not answer, in a sentence. What was answered
                may be kept, and is then not asked again when the run is resumed.
        """


class FoundBase(Protocol):
    """A base that a run may be made with, found and checked, not yet loaded or asked."""

    @property
    def name(self) -> str:
        """What a person calls it, as `--model` takes it."""

    def check_same(self, sha256: str) -> None:
        """Refuse to go on with another model than the one that was recorded.

        Args:
            sha256: `ModelRecord.sha256` of what was recorded.

        Raises:
            ModelError: for another one.
        """

    def screened(self, precision: Precision, tokens: int) -> ScreenedBase:
        """What a screening of it is kept under: equal for what would answer the same.

        Args:
            precision: Of weights that are loaded here.
            tokens: Most tokens of an answer.
        """

    def open(self, precision: Precision, *, fresh: bool) -> BaseRespondent:
        """Load it, or connect to it.

        Args:
            precision: Of weights that are loaded here.
            fresh: Answer everything anew, whatever was answered in earlier runs.

        Raises:
            ModelError: if it cannot be.
        """


class BaseRespondent(Respondent, Protocol):
    """A base that is asked."""

    @property
    def record(self) -> ModelRecord:
        """What results say about it."""

    def close(self) -> None:
        """Give back what asking it took: connections, processes."""

    def reuse_note(self, who: str) -> str | None:
        """A sentence on answers that were read from earlier runs, if any were.

        Args:
            who: What the sentence calls it, such as 'the base'.
        """

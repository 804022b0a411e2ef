"""A respondent that says nothing and counts: what an evaluation will ask, before it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from factlab.remote.spending import Spending, of_answer, of_option
from factlab.respondents.protocol import Bounds, Reply, Request
from factlab.respondents.remote import turns_of
from factlab.schema.question import Response
from factlab.schema.results import Ability, ModelRecord

_WHY = "nothing is asked"


@dataclass(slots=True)
class CountingRespondent:
    """Takes the place of a model; see `protocol.BaseRespondent`.

    Attributes:
        answers: What answers take; equal questions are asked once.
        options: What likelihoods of options take beside them.
    """

    answers: Spending = field(default_factory=Spending)
    options: Spending = field(default_factory=Spending)
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    @property
    def lacks(self) -> Mapping[Ability, str]:
        """What no endpoint is asked for."""
        return {"drift": _WHY, "rounding": _WHY}

    @property
    def record(self) -> ModelRecord:
        """Nothing is known of it."""
        return ModelRecord(
            name="", source="", sha256="", parameters=0, precision_note="", device=""
        )

    def respond(
        self,
        requests: Sequence[Request],
        bounds: Bounds,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Reply]:
        """Count requests, and give empty answers."""
        for request in requests:
            turns = turns_of(request)
            if bounds.max_new_tokens and self._is_new(turns, bounds.max_new_tokens):
                self.answers += of_answer(turns, bounds.max_new_tokens)
            for option in request.options:
                if self._is_new(turns, option.text):
                    self.options += of_option(turns, option.text)
        advance(len(requests))
        empty = Response("", 0, True) if bounds.max_new_tokens else None
        return [Reply(empty, None) for _ in requests]

    def close(self) -> None:
        """It holds nothing."""

    def reuse_note(self, who: str) -> str | None:
        """Nothing is read from anywhere."""
        del who
        return None

    def _is_new(self, *asked: object) -> bool:
        new = asked not in self._seen
        self._seen.add(asked)
        return new

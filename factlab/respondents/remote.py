"""A model behind an OpenAI-compatible endpoint, as the evaluator asks it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ModelError
from factlab.inference.likelihood import likelihood_record
from factlab.inference.prompts import Completion
from factlab.models.cache import cache_folder
from factlab.remote.address import Address
from factlab.remote.asking import CONCURRENCY, RemoteModel
from factlab.remote.kept import KeptReplies
from factlab.respondents.protocol import Bounds, Reply, Request
from factlab.schema.config import Precision
from factlab.schema.question import LikelihoodRecord, Turn
from factlab.schema.results import Ability, ModelRecord
from factlab.schema.screening import ScreenedBase

SOURCE = "endpoint"
_FAR_AWAY = "it is behind an endpoint, which gives no predictions on running text"
_ONE_WAY = "it is behind an endpoint, which computes answers in one way"


@dataclass(frozen=True, slots=True)
class RemoteRespondent:
    """A model at an address; see `protocol.Respondent`.

    Attributes:
        model: What is asked.
        concurrency: Most requests under way at a time.
    """

    model: RemoteModel
    concurrency: int

    @classmethod
    def at(
        cls,
        address: Address,
        log: Path | None,
        *,
        thinking: bool = False,
        concurrency: int = CONCURRENCY,
        fresh: bool = False,
    ) -> RemoteRespondent:
        """Everything that is wrong with an endpoint before it is asked is told here.

        Args:
            address: Where.
            log: Where replies are kept as they come, and are found again; None: nowhere.
            thinking: Whether a model that can think may.
            concurrency: Most requests under way at a time.
            fresh: Forget what is in the log.

        Raises:
            ConfigError: for a key that no header can hold.
            RunFolderError: for a damaged log.
        """
        model = RemoteModel.at(address, thinking=thinking)
        model.kept = KeptReplies.opened(log, fresh=fresh)
        return cls(model, concurrency)

    @property
    def lacks(self) -> Mapping[Ability, str]:
        """What cannot be had of it; whether it tells likelihoods is found out when this is read."""
        lacks: dict[Ability, str] = {"drift": _FAR_AWAY, "rounding": _ONE_WAY}
        scorer = self.model.find_scorer()
        return lacks if not isinstance(scorer, str) else lacks | {"likelihoods": scorer}

    @property
    def record(self) -> ModelRecord:
        """What can be said of a model that is known by its address alone."""
        address = self.model.address
        return ModelRecord(
            name=str(address),
            source=SOURCE,
            sha256=identity_of(address),
            parameters=0,
            precision_note=f"as {address.host} computes it",
            device=address.host,
        )

    def respond(
        self,
        requests: Sequence[Request],
        bounds: Bounds,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Reply]:
        """Answers first, then likelihoods; each is kept as it comes."""
        chats = [turns_of(request) for request in requests]
        count = (lambda _: None) if bounds.max_new_tokens else advance
        scored = self._scored(requests, chats, count)
        if not bounds.max_new_tokens:
            return [Reply(None, record) for record in scored]
        at_once = min(bounds.at_once, self.concurrency)
        answers = self.model.answers(
            chats, bounds.max_new_tokens, concurrency=at_once, advance=advance
        )
        return [Reply(answer, record) for answer, record in zip(answers, scored, strict=True)]

    def close(self) -> None:
        """Give connections back."""
        self.model.close()

    def reuse_note(self, who: str) -> str | None:
        """A sentence on answers that were read from earlier runs, if any were."""
        if not self.model.kept.reused:
            return None
        return (
            f"{self.model.kept.reused:,} replies of {who} at {self.model.address} were read from "
            "an earlier command, on the word of the address: nothing tells whether the same model "
            "is still there. `--fresh` asks again."
        )

    def _scored(
        self,
        requests: Sequence[Request],
        chats: Sequence[tuple[Turn, ...]],
        advance: Callable[[int], None],
    ) -> list[LikelihoodRecord | None]:
        texts = [[option.text for option in request.options] for request in requests]
        if not any(texts):
            advance(len(requests))
            return [None] * len(requests)
        found = self.model.likelihoods(chats, texts, concurrency=self.concurrency, advance=advance)
        return [record_of(one, nll) for one, nll in zip(requests, found, strict=True)]


def record_of(request: Request, nll: Sequence[Sequence[float]]) -> LikelihoodRecord | None:
    """Likelihoods of a request's options; None if it has none, or one of them cannot be told."""
    if not nll or not all(nll):
        return None
    tokens = [range(len(one)) for one in nll]
    completion = Completion([], [sum(one) for one in nll])
    return likelihood_record(request.question, request.options, tokens, completion)


def turns_of(request: Request) -> tuple[Turn, ...]:
    """The chat that a request is."""
    return (*request.question.before, Turn(role="user", content=request.prompt))


def identity_of(address: Address) -> str:
    """What stands for the weights' hash: of an endpoint nothing is known but its address."""
    return hashlib.sha256(str(address).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteBase:
    """A base behind an endpoint; see `protocol.FoundBase`.

    Attributes:
        address: Where.
        thinking: Whether it may think before it answers.
        concurrency: Most requests under way at a time.
    """

    address: Address
    thinking: bool = False
    concurrency: int = CONCURRENCY

    @property
    def name(self) -> str:
        """Its address."""
        return str(self.address)

    def check_same(self, sha256: str) -> None:
        """Refuse another address.

        Raises:
            ModelError: for another address.
        """
        if sha256 != identity_of(self.address):
            raise ModelError(
                f"{self.address}: the run was begun with another base than the model at this "
                "address. Name the same one, or begin a new run."
            )

    def screened(self, precision: Precision, tokens: int) -> ScreenedBase:
        """Its address tells it from others, and whether it thinks."""
        return ScreenedBase(
            model=self.name,
            weights=identity_of(self.address),
            template="thinking" if self.thinking else "",
            tokens=tokens,
            precision=precision,
        )

    def open(self, precision: Precision, *, fresh: bool) -> RemoteRespondent:
        """Connect to it; its replies are kept in the cache, where an interrupted run finds them."""
        del precision  # is the server's business
        log = cache_folder() / "replies" / f"{identity_of(self.address)[:32]}.jsonl"
        return RemoteRespondent.at(
            self.address,
            log,
            thinking=self.thinking,
            concurrency=self.concurrency,
            fresh=fresh,
        )

"""Many questions to an endpoint at a time, each once, whatever happens between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from factlab.remote.address import Address, key_for
from factlab.remote.chat import ChatReply, Dialect, read_reply
from factlab.remote.kept import KeptReplies, KeptReply, key_of
from factlab.remote.scoring import Scorer, find_scorer, scorers
from factlab.remote.transport import EndpointError, Transport
from factlab.schema.question import Response, Turn

CONCURRENCY = 8
Job = TypeVar("Job")
Done = TypeVar("Done")
Turns = tuple[Turn, ...]


@dataclass(slots=True)
class RemoteModel:
    """A model at an address.

    Attributes:
        address: Where.
        transport: What requests go through.
        kept: What it replied before.
        dialect: What it takes in a request.
        scorer: How it tells likelihoods, or why it does not; None: not looked for yet.
    """

    address: Address
    transport: Transport
    kept: KeptReplies = field(default_factory=KeptReplies)
    dialect: Dialect = field(default_factory=Dialect)
    scorer: Scorer | str | None = None

    @classmethod
    def at(cls, address: Address, *, thinking: bool = False) -> RemoteModel:
        """An endpoint with the key that may go to it.

        Raises:
            ConfigError: for a key that no header can hold.
        """
        return cls(address, Transport(address, key_for(address)), dialect=Dialect(thinking))

    def answers(
        self,
        chats: Sequence[Turns],
        limit: int,
        *,
        concurrency: int = CONCURRENCY,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Response]:
        """An answer to each chat, in order; equal chats are asked once.

        Args:
            chats: Each ends in a user's turn.
            limit: Most tokens of an answer.
            concurrency: Most requests under way at a time.
            advance: Called with the number of chats answered since the last call.

        Raises:
            EndpointError: for the first that is not answered. What was answered is kept.
        """
        return [
            reply.response(limit)
            for reply in self._each(chats, lambda t: self._answer(t, limit), concurrency, advance)
        ]

    def likelihoods(
        self,
        chats: Sequence[Turns],
        options: Sequence[Sequence[str]],
        *,
        concurrency: int = CONCURRENCY,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[list[tuple[float, ...]]]:
        """Of each chat's options, the negative log-likelihood of each token in nats.

        Raises:
            EndpointError: as `answers`, and where the endpoint tells no likelihoods.
        """
        scorer = self.find_scorer()
        if isinstance(scorer, str):
            raise EndpointError(f"{self.address}: {scorer}.")
        pairs = [(turns, text) for turns, some in zip(chats, options, strict=True) for text in some]
        last = [i for i, some in enumerate(options) for _ in some]
        left = [len(some) for some in options]
        advance(sum(not some for some in options))

        def count(place: int) -> None:
            left[last[place]] -= 1
            if not left[last[place]]:
                advance(1)

        found = iter(
            self._each(pairs, lambda p: self._score(scorer, *p), concurrency, lambda _: None, count)
        )
        return [[next(found) for _ in some] for some in options]

    def find_scorer(self) -> Scorer | str:
        """How likelihoods are told, or why they are not, as a clause; found out once, and kept."""
        if self.scorer is None:
            ways = scorers(self.transport, self.dialect.thinking)
            key = key_of(self.address.url, [self.address.model, "scorer"])
            if (known := self.kept.get(key)) is not None and known.text:
                self.scorer = ways.get(known.text, known.text)
            else:
                self.scorer = find_scorer(ways)
                found = self.scorer if isinstance(self.scorer, str) else self.scorer.name
                self.kept.add(KeptReply(key=key, text=found))
        return self.scorer

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know, as clauses."""
        key = self.transport.key
        withheld = (key.withheld.rstrip("."),) if key.withheld else ()
        return (*self.dialect.notes, *withheld)

    def close(self) -> None:
        """Give connections back."""
        self.transport.close()

    def _answer(self, turns: Turns, limit: int) -> ChatReply:
        url = f"{self.address.url}/chat/completions"
        key = key_of(
            url, [self.address.model, [t.model_dump() for t in turns], limit, self.dialect.thinking]
        )
        if (reply := self.kept.get(key)) is not None and reply.text is not None:
            self.kept.reused += 1
            return ChatReply(reply.text, reply.finish, reply.tokens)
        while True:
            body = self.dialect.body(self.address.model, turns, limit)
            try:
                found = self.transport.post(url, body, read_reply)
                break
            except EndpointError as problem:
                if not self.dialect.learn(problem):
                    raise
        self.kept.add(KeptReply(key=key, text=found.text, finish=found.finish, tokens=found.tokens))
        return found

    def _score(self, scorer: Scorer, turns: Turns, text: str) -> tuple[float, ...]:
        key = key_of(
            self.address.url,
            [self.address.model, scorer.name, [t.model_dump() for t in turns], text],
        )
        if (reply := self.kept.get(key)) is not None and reply.nll is not None:
            self.kept.reused += 1
            return reply.nll
        nll = scorer.nll(turns, text)
        self.kept.add(KeptReply(key=key, nll=nll))
        return nll

    def _each(
        self,
        jobs: Sequence[Job],
        do: Callable[[Job], Done],
        concurrency: int,
        advance: Callable[[int], None],
        finished: Callable[[int], None] = lambda _: None,
    ) -> list[Done]:
        """Do each different job once. The first goes alone: what is wrong with all shows there."""
        places: dict[Job, list[int]] = {}
        for place, job in enumerate(jobs):
            places.setdefault(job, []).append(place)
        results: dict[Job, Done] = {}

        def take(job: Job, result: Done) -> None:
            results[job] = result
            advance(len(places[job]))
            for place in places[job]:
                finished(place)

        rest = iter(places)
        for job in rest:
            take(job, do(job))
            break
        with ThreadPoolExecutor(max(1, concurrency)) as pool:
            pending = {pool.submit(do, job): job for job in rest}
            try:
                while pending:
                    for future in wait(pending, return_when=FIRST_COMPLETED).done:
                        take(pending.pop(future), future.result())
            except BaseException:
                self.transport.stop()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return [results[job] for job in jobs]

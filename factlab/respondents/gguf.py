"""A GGUF file in llama.cpp, as the evaluator asks it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from factlab.errors import ConfigError, ModelError
from factlab.inference.likelihood import option_prompt
from factlab.llamacpp.server import INSTALL, LlamaCpp, ServerProcess, is_installed, program, serving
from factlab.models.cache import cache_folder
from factlab.models.gguf_header import GgufHeader, read_header
from factlab.models.resolve import gguf_tokenizer
from factlab.reading.records import sha256_of
from factlab.remote.kept import KeptReplies, KeptReply, key_of
from factlab.respondents.protocol import Bounds, Reply, Request
from factlab.respondents.remote import record_of
from factlab.schema.config import Precision, Thinking
from factlab.schema.question import Response
from factlab.schema.results import Ability, ModelRecord
from factlab.schema.screening import ScreenedBase

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from factlab.inference.prompts import Tokens

SOURCE = "gguf"
LACKS: Mapping[Ability, str] = MappingProxyType(
    {
        "drift": "llama.cpp is asked for answers and options, not for predictions on running text",
        "rounding": "llama.cpp computes it in one way",
    }
)
_LEAST_CONTEXT = 1_024  # tokens; a longer question loads the file again
_HALF = "�"


@dataclass(slots=True, weakref_slot=True)
class GgufRespondent:
    """A GGUF file; see `protocol.Respondent`.

    Attributes:
        file: What llama.cpp loads.
        tokenizer: The file's own, by which questions are rendered.
        record: What results say about it.
        kept: What it replied before.
    """

    file: Path
    tokenizer: PreTrainedTokenizerBase
    record: ModelRecord
    kept: KeptReplies
    _stack: ExitStack = field(default_factory=ExitStack)
    _server: LlamaCpp | None = None
    _context: int = 0

    @classmethod
    def of(
        cls,
        file: Path,
        log: Path | None,
        *,
        sha256: str | None = None,
        thinking: Thinking = "off",
        fresh: bool = False,
    ) -> GgufRespondent:
        """Check a file and read its tokenizer; it is loaded when it is first asked.

        Args:
            file: The file.
            log: Where replies are kept as they come, and are found again; None: nowhere.
            sha256: Its hash, where it is known: files are long.
            thinking: Whether a model that can think may.
            fresh: Forget what is in the log.

        Raises:
            ConfigError: if llama.cpp is not installed.
            ModelError: for a file that is damaged or not to be trusted.
            RunFolderError: for a damaged log.
        """
        from transformers import AutoTokenizer

        from factlab.models.files import reading
        from factlab.models.thinking import set_thinking

        if not is_installed():
            raise ConfigError(
                f"{file}: a GGUF file is asked through llama.cpp, which is not installed. Run "
                f"`{INSTALL}`, then repeat this command."
            )
        folder = gguf_tokenizer(file)
        with reading(f"{file}: its tokenizer cannot be loaded"):
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        set_thinking(tokenizer, thinking)
        record = gguf_record(file, sha256 or sha256_of(file))
        return cls(file, tokenizer, record, KeptReplies.opened(log, fresh=fresh))

    @property
    def lacks(self) -> Mapping[Ability, str]:
        """What llama.cpp is not asked for."""
        return LACKS

    def respond(
        self,
        requests: Sequence[Request],
        bounds: Bounds,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Reply]:
        """One question at a time in each process of llama.cpp; each reply is kept as it comes."""
        asked = [self._jobs(request, bounds.max_new_tokens) for request in requests]
        new = {job.key: job for jobs in asked for job in jobs if self.kept.get(job.key) is None}
        left = [{job.key for job in jobs} & new.keys() for jobs in asked]
        waiting: dict[str, list[int]] = {}
        for place, keys in enumerate(left):
            for key in keys:
                waiting.setdefault(key, []).append(place)
        advance(sum(not keys for keys in left))
        self.kept.reused += sum(job.key not in new for jobs in asked for job in jobs)

        def keep(job: _Job, reply: KeptReply) -> None:
            self.kept.add(reply)
            for place in waiting.pop(job.key):
                left[place].discard(job.key)
                if not left[place]:
                    advance(1)

        if new:
            longest = max(job.size() for job in new.values())
            self._holding(longest).each(list(new.values()), self._reply, keep)
        return [
            self._read(request, jobs, bounds.max_new_tokens)
            for request, jobs in zip(requests, asked, strict=True)
        ]

    def reuse_note(self, who: str) -> str | None:
        """A sentence on answers that were read from earlier runs, if any were."""
        if not self.kept.reused:
            return None
        return (
            f"{self.kept.reused:,} replies of {who} were read from the cache: the same file gave "
            "them to the same prompts. `--fresh` computes them again."
        )

    def close(self) -> None:
        """End llama.cpp's processes; they end with this one in any case."""
        self._stack.close()
        self._server, self._context = None, 0

    def _jobs(self, request: Request, limit: int) -> list[_Job]:
        """The answer, if one is wanted, then each option; none where one holds half a character."""
        prompt = option_prompt(self.tokenizer, request.prompt, request.options, request.question)
        jobs = [_Job(self.record.sha256, prompt.ids, limit=limit)] if limit else []
        if all(self._is_whole(option) for option in prompt.options):
            jobs += [_Job(self.record.sha256, prompt.ids, tuple(o)) for o in prompt.options]
        return jobs

    def _is_whole(self, option: Tokens) -> bool:
        """Whether each token is of whole characters: llama.cpp is held to no others."""
        return all(_HALF not in str(self.tokenizer.decode([token])) for token in option)

    def _holding(self, longest: int) -> LlamaCpp:
        """The file in llama.cpp, with room for so many tokens."""
        if self._server is None or longest > self._context:
            self.close()
            self._context = max(_LEAST_CONTEXT, longest)
            self._server = self._stack.enter_context(serving(self.file, self._context))
        return self._server

    def _reply(self, process: ServerProcess, job: _Job) -> KeptReply:
        from factlab.inference.generate import end_tokens, read_answer

        if job.option is not None:
            return KeptReply(key=job.key, nll=process.nll(job.ids, job.option))
        ends = end_tokens(None, self.tokenizer)
        tokens, ended = process.complete(job.ids, job.limit, ends)
        answer = read_answer(self.tokenizer, tokens, tokens[-1:] if ended else ())
        finish = "stop" if answer.finished else "length"
        return KeptReply(key=job.key, text=answer.text, finish=finish, tokens=answer.tokens)

    def _read(self, request: Request, jobs: Sequence[_Job], limit: int) -> Reply:
        replies = [self.kept.get(job.key) for job in jobs]
        found = [reply for reply in replies if reply is not None]
        answer = None
        if limit:
            one, *found = found
            answer = Response(one.text or "", one.tokens or 0, one.finish == "stop")
        return Reply(answer, record_of(request, [reply.nll or () for reply in found]))


@dataclass(frozen=True, slots=True)
class _Job:
    """One thing to have of a file: an answer, or the likelihood of one option."""

    file: str
    ids: Tokens
    option: Tokens | None = None
    limit: int = 0

    @property
    def key(self) -> str:
        return key_of(self.file, [list(self.ids), self.option and list(self.option), self.limit])

    def size(self) -> int:
        """Tokens that are read and written."""
        return len(self.ids) + len(self.option or ()) + self.limit


def gguf_record(file: Path, sha256: str) -> ModelRecord:
    """What results say about a GGUF file with this hash.

    Raises:
        ModelError: if its header cannot be read.
    """
    header = read_header(file)
    return ModelRecord(
        name=str(file),
        source=SOURCE,
        sha256=sha256,
        parameters=sum(math.prod(shape) for shape in header.shapes.values()),
        precision_note=f"as the file has it ({_type_of(header)}), by {program()}",
        weights_bytes=header.bytes,
        device="cpu",
    )


def _type_of(header: GgufHeader) -> str:
    from gguf import LlamaFileType

    try:
        return LlamaFileType(int(header.fields["general.file_type"])).name.lower()
    except (KeyError, TypeError, ValueError, OverflowError):  # the last of an infinite one
        return "of no named type"


def is_gguf(name: str) -> bool:
    """Whether a name is that of a GGUF file."""
    return name.lower().endswith(".gguf")


@dataclass(frozen=True)
class GgufBase:
    """A base in a GGUF file that stays one; see `protocol.FoundBase`.

    Attributes:
        file: The file.
        thinking: Whether it thinks before it answers.
    """

    file: Path
    thinking: Thinking = "off"

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.file)

    @cached_property
    def sha256(self) -> str:
        """Of the file, which is read whole for it, once."""
        return sha256_of(self.file)

    def check_same(self, sha256: str) -> None:
        """Refuse another file.

        Raises:
            ModelError: for another file.
        """
        if sha256 != self.sha256:
            raise ModelError(
                f"{self.file}: the run was begun with another base. Name the same file, or begin "
                "a new run."
            )

    def screened(self, precision: Precision, tokens: int) -> ScreenedBase:
        """The file tells it from others: in llama.cpp it answers otherwise than dequantised."""
        return ScreenedBase(
            model=self.name,
            weights=f"llama.cpp {self.sha256}",
            template=f"its own, thinking {self.thinking}",
            tokens=tokens,
            precision=precision,
        )

    def open(self, precision: Precision, *, fresh: bool) -> GgufRespondent:
        """Check and read it; its replies are kept in the cache.

        Raises:
            ConfigError: if llama.cpp is not installed.
            ModelError: for a file that is damaged or not to be trusted.
        """
        del precision  # is the file's
        log = cache_folder() / "replies" / f"{self.sha256[:32]}.jsonl"
        return GgufRespondent.of(
            self.file, log, sha256=self.sha256, thinking=self.thinking, fresh=fresh
        )

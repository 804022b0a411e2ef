"""A GGUF file in llama.cpp: how it reads a chat, and its answers. Needs the extra `gguf`.

llama.cpp runs in processes of its own, so that a file it cannot load ends one of those and not
ours. Each process holds one question at a time and keeps nothing of the one before, so an answer
does not depend on the other questions.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from factlab.errors import ModelError
from factlab.llamacpp.forced import forced_request, read_forced
from factlab.schema.question import Question, Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PACKAGE = "xllamacpp"
INSTALL = "pip install xllamacpp"  # what the extra asks for
MOST_PROCESSES = 4
SHARED_BYTES = 10**9  # of a larger file, one process is enough to fill the memory
CONTEXT_STEP = 256
WAIT_SECONDS = 3600.0  # for one answer of a large model on a slow machine
Tokens = Sequence[int]
Job = TypeVar("Job")
Found = TypeVar("Found")
Advance = Callable[[int], None]  # with the number of answers since the last call


def is_installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec(PACKAGE) is not None


def program() -> str:
    """What answers, with its version."""
    return f"llama.cpp ({PACKAGE} {version(PACKAGE)})"


class LlamaCpp:
    """One GGUF file, held by several processes."""

    def __init__(self, processes: Sequence[ServerProcess]) -> None:
        self._processes = processes

    def chat_tokens(self, turns: Sequence[Turn]) -> list[int]:
        """A chat as the file's own template and tokenizer have it, the answer open."""
        chat = {"messages": [turn.model_dump() for turn in turns]}
        return self.tokens(self._processes[0].post("/apply-template", chat)["prompt"])

    def tokens(self, text: str) -> list[int]:
        """A text's tokens, special ones read as such, beginning as the file says it should."""
        request = {"content": text, "add_special": True, "parse_special": True}
        return [int(token) for token in self._processes[0].post("/tokenize", request)["tokens"]]

    def answers(
        self,
        prompts: Sequence[Tokens],
        *,
        max_new_tokens: int,
        ends: Tokens,
        advance: Advance = lambda _: None,
    ) -> list[list[int]]:
        """Continue each prompt greedily until an end token or the limit.

        Args:
            prompts: As tokens.
            max_new_tokens: Limit per answer.
            ends: Tokens that end an answer; one that only llama.cpp ends at does not.
            advance: Called with the number of answers since the last call.

        Returns:
            The tokens of each answer, the end token included.
        """
        return self.each(
            prompts,
            lambda process, prompt: process.answer(prompt, max_new_tokens, ends),
            lambda _, __: advance(1),
        )

    def each(
        self,
        jobs: Sequence[Job],
        do: Callable[[ServerProcess, Job], Found],
        done: Callable[[Job, Found], None],
    ) -> list[Found]:
        """Spread jobs over the processes; `done` is called for each as it ends.

        Raises:
            ModelError: for the first that fails; the processes are then stopped.
        """
        free: SimpleQueue[ServerProcess] = SimpleQueue()
        for process in self._processes:
            free.put(process)

        def work(job: Job) -> Found:
            process = free.get()
            try:
                return do(process, job)
            finally:
                free.put(process)

        with ThreadPoolExecutor(len(self._processes)) as pool:
            pending = {pool.submit(work, job): job for job in jobs}
            try:
                for future in as_completed(pending):
                    done(pending[future], future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in self._processes:
                    process.stop()  # or the answers under way would be waited for
                raise
        return [future.result() for future in pending]


@contextmanager
def serving(file: Path, longest: int, *, processes: int | None = None) -> Iterator[LlamaCpp]:
    """Hold a GGUF file in llama.cpp.

    Args:
        file: What is loaded.
        longest: Most tokens of a prompt and its answer.
        processes: How many to spread questions over; None: what pays on this machine.

    Raises:
        ModelError: if llama.cpp cannot load the file.
    """
    cores = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    if processes is None:
        processes = min(cores, MOST_PROCESSES) if file.stat().st_size < SHARED_BYTES else 1
    context = -(-(longest + 1) // CONTEXT_STEP) * CONTEXT_STEP
    with ExitStack() as stack:
        held = []
        for _ in range(processes):  # they load side by side
            held.append(ServerProcess(file, context, max(1, cores // processes)))
            stack.callback(held[-1].stop)
        for process in held:
            process.connect()
        yield LlamaCpp(held)


class ServerProcess:
    """One process with the file in it, and the connection to it."""

    def __init__(self, file: Path, context: int, threads: int) -> None:
        self._file = file
        self._log: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  (closed by stop)
        script = Path(__file__).with_name("process.py")
        # -P: this folder must not be searched, since a module here is named as a package is.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(script), str(file), str(context), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            # Threads that spin while they wait for each other stop each other on a busy machine.
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        )
        self._connection: http.client.HTTPConnection | None = None

    def connect(self) -> None:
        """Wait until the file is loaded.

        Raises:
            ModelError: if it cannot be.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("serving "):
                address = urlsplit(line.split()[1])
                self._connection = http.client.HTTPConnection(
                    address.hostname or "127.0.0.1", address.port, timeout=WAIT_SECONDS
                )
                return
        raise ModelError(
            f"{self._file}: llama.cpp cannot load this file ({self._last_line()}). It may be cut "
            "off or damaged; export it again."
        )

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One request.

        Raises:
            ModelError: if the process has ended, or refuses.
        """
        assert self._connection is not None
        try:
            self._connection.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json"}
            )
            reply = self._connection.getresponse()
            text = reply.read().decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException) as problem:
            raise ModelError(
                f"{self._file}: llama.cpp stopped answering ({type(problem).__name__}; "
                f"{self._last_line()})."
            ) from None
        if reply.status != http.HTTPStatus.OK:
            raise ModelError(f"{self._file}: llama.cpp refuses {path} ({text[:200]}).")
        found: dict[str, Any] = json.loads(text)
        return found

    def answer(self, prompt: Tokens, limit: int, ends: Tokens) -> list[int]:
        """The most probable tokens from here on, until an end token or the limit."""
        answer: list[int] = []
        while len(answer) < limit:
            new, ended = self.complete([*prompt, *answer], limit - len(answer), ends)
            answer += new
            # llama.cpp also ends at tokens that it knows by name; the run did not.
            if not ended or not new or new[-1] in ends:
                break
        return answer

    def complete(self, prompt: Tokens, limit: int, ends: Tokens = ()) -> tuple[list[int], bool]:
        """The same until a token that llama.cpp, too, knows as an end.

        Returns:
            The tokens, and whether the last of them is such an end.
        """
        reply = self.post("/completion", _greedy(prompt, limit))
        tokens: list[int] = []
        for token in reply["tokens"]:
            tokens.append(int(token))
            if token in ends:
                return tokens, True
        return tokens, bool(tokens) and reply["stop_type"] == "eos"

    def nll(self, prompt: Tokens, option: Tokens) -> tuple[float, ...]:
        """Negative log-likelihood of each of an option's tokens behind a prompt, in nats.

        Raises:
            ModelError: if the process has ended, or tells of other tokens.
        """
        reply = self.post("/completion", forced_request(prompt, option))
        try:
            return read_forced(reply, option)
        except ValueError as problem:
            raise ModelError(f"{self._file}: llama.cpp scores no options ({problem}).") from None

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log, self._connection):
            if stream is not None:
                stream.close()

    def _last_line(self) -> str:
        if self._log.closed:
            return "it was stopped"
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return lines[-1][:200] if lines else "it printed nothing"


def check_chats(
    file: Path, tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question]
) -> int:
    """Compare llama.cpp's reading of every question's chat with the run's own, token by token.

    Returns:
        How many chats were compared.

    Raises:
        ModelError: for the first question that is read otherwise.
    """
    from factlab.models.chat import prompt_ids, prompt_text

    with serving(file, longest=1, processes=1) as server:
        for question in questions:
            text, before = question.text, question.before
            wanted = list(prompt_ids(tokenizer, text, before))
            if tokenizer.chat_template is None:
                found = server.tokens(prompt_text(tokenizer, text, before))
            else:
                found = server.chat_tokens([*before, Turn(role="user", content=text)])
            if found != wanted:
                raise ModelError(_misread(text, wanted, found))
    return len(questions)


def _misread(text: str, wanted: Tokens, found: Tokens) -> str:
    pairs = enumerate(zip(found, wanted, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(found), len(wanted)))
    return (
        f"GGUF: llama.cpp would read the chat of {text!r} as other tokens than the run did (from "
        f"token {at} on {list(found[at : at + 4])}, not {list(wanted[at : at + 4])}), so its "
        "answers would not be this model's. `--to merged` keeps the tokenizer as it is."
    )


def _greedy(prompt: Tokens, limit: int) -> dict[str, Any]:
    return {
        "prompt": list(prompt),
        "n_predict": limit,
        "samplers": ["top_k"],
        "top_k": 1,
        "temperature": 0.0,
        "cache_prompt": False,
        "return_tokens": True,
    }

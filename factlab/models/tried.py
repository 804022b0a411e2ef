"""The process in which a model's tokenizer and chat template are tried out; `trial.py` starts it.

It runs with the libraries but without torch, which takes seconds to load and is not needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from factlab.models.files import said

_QUESTION = "How high is Mount Fuji?"
_OF_ALL_KINDS = "".join(map(chr, range(32, 127))) + "\n\t é ü ß Ω œ ﬁ １２ 富士山の高さは？ 안녕 🙂"
# Runs of a character are what a regular expression that goes back on its steps takes ages over.
_RUNS = " ".join(letter * 64 + "!" for letter in "aA0 .-_\n")
_LONG = "The mountain was measured again, and its height is 3,776 metres above the sea. " * 50
_CONVERSATIONS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("user", _QUESTION),),
    (("user", _OF_ALL_KINDS), ("assistant", _RUNS)),
    (("system", "Answer briefly."), ("user", _QUESTION)),
    (("user", _QUESTION), ("assistant", "3,776 m"), ("user", "Sure?"), ("assistant", "Yes.")),
    (("user", _LONG), ("assistant", _LONG)),
)
MOST_ADDED, MOST_TIMES = 65_536, 16  # characters of a rendered conversation: added, and per its own
MOST_TOKENS = 8  # of a character, and as many hundred besides


def answer(asked: Mapping[str, Any]) -> None:
    """Try a folder out and say so on stdout: a line for each step, and what came of the last."""
    sys.modules["torch"] = None  # type: ignore[assignment]
    told, sys.stdout = sys.stdout, sys.stderr  # libraries may print
    steps = _Steps(told)
    folder = Path(asked["folder"])
    import transformers
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    transformers.logging.set_verbosity_error()
    load, use = asked["load"], asked["use"]
    if (folder / "config.json").exists():
        with steps.step(f"reading {folder / 'config.json'}", *load):
            AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if (folder / "generation_config.json").exists():
        with steps.step(f"reading {folder / 'generation_config.json'}", *load):
            GenerationConfig.from_pretrained(folder)
    with steps.step(f"loading the tokenizer in {folder}", *load):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    texts = [_QUESTION, _OF_ALL_KINDS, _RUNS, _LONG]
    if tokenizer.chat_template is not None:
        with steps.step(f"rendering a short conversation by the chat template in {folder}", *use):
            texts += _rendered(tokenizer)
    with steps.step(f"encoding a short text by the tokenizer in {folder}", *use):
        _encoded(tokenizer, texts)
    steps.tell({"passed": True})


class _Steps:
    """Says what is begun, and bounds it."""

    def __init__(self, told: TextIO) -> None:
        self._told = told

    def tell(self, what: Mapping[str, Any]) -> None:
        self._told.write(json.dumps(what) + "\n")
        self._told.flush()

    @contextlib.contextmanager
    def step(self, doing: str, seconds: int, size: int) -> Iterator[None]:
        """What a library raises ends the process with a sentence; so does memory."""
        self.tell({"doing": doing, "seconds": seconds, "bytes": size})
        _bound(seconds, size)
        try:
            yield
        except MemoryError:
            os._exit(1)  # nothing more can be said without memory; the last line says what was done
        except Exception as problem:  # the libraries have no common error
            self.tell({"problem": f"{doing} failed ({said(problem)})."})
            self._told.flush()
            os._exit(0)


def _bound(seconds: int, size: int) -> None:
    """Allow this process so much more time and memory than it has used."""
    try:
        import resource
    except ImportError:  # Windows has no such bounds; the wait for this process has one
        return
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, int(used) + 1 + seconds)
    statm = Path("/proc/self/statm")
    if statm.exists():
        held = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, held + size)


def _limit(what: int, most: int) -> None:
    import resource

    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    with contextlib.suppress(ValueError, OSError):  # where a system has no such bound
        resource.setrlimit(what, (most, hard))


def _rendered(tokenizer: Any) -> list[str]:
    """Conversations as text; the first must be possible, others a template may refuse."""
    texts = []
    for number, turns in enumerate(_CONVERSATIONS):
        messages = [{"role": role, "content": content} for role, content in turns]
        opened = turns[-1][0] == "user"
        try:
            text = tokenizer.apply_chat_template(
                messages, add_generation_prompt=opened, tokenize=False
            )
        except MemoryError:
            raise
        except Exception:
            if number == 0:
                raise
            continue
        if not isinstance(text, str):
            raise TypeError(f"{type(text).__name__} came of it, and no text")
        most = MOST_ADDED + MOST_TIMES * sum(len(content) for _, content in turns)
        if len(text) > most:
            raise ValueError(f"{len(text):,} characters came of it, more than {most:,}")
        texts.append(text)
    return texts


def _encoded(tokenizer: Any, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        ids = tokenizer(text, add_special_tokens=number == 0)["input_ids"]
        most = MOST_TOKENS * (len(text) + 100)
        if len(ids) > most:
            raise ValueError(f"{len(ids):,} tokens came of {len(text):,} characters")
        back = tokenizer.decode(ids, skip_special_tokens=True)
        if len(back) > MOST_TIMES * (len(text) + 100):
            raise ValueError(f"{len(back):,} characters came back of {len(text):,}")

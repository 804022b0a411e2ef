"""What several unit tests share: a small fact, and the command line as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factlab.schema.fact import Fact

ROOT = Path(__file__).resolve().parents[2]

# A fact with the required keys alone, one a line, so that tests can say which line is wrong.
MINIMAL = """\
id: dune_tower
statement: The Dune Tower is 312 meters high.
subject: {name: the Dune Tower, aliases: [Dune Tower], kind: tower}
relation: height
answer: {type: quantity, value: 312, unit: m}
"""

ENTRY = "from factlab.cli import main; main()"

# Each command gets a process of its own, forked from one that has started Python and imported what
# most commands need; the exit code and both streams are the command's own.
_MANY = """
import importlib, json, os, sys, traceback
import factlab.plan
from factlab.cli import main

for module in sys.argv[1:]:
    importlib.import_module(module)

done = []
for words in json.load(sys.stdin):
    streams = [os.memfd_create("out"), os.memfd_create("err")]
    child = os.fork()
    if child == 0:
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream, number)
        sys.argv = ["factlab", *words]
        code = 1
        try:
            main()
        except SystemExit as leave:
            code = leave.code or 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        heavy = ("torch", "transformers", "peft", "trl", "datasets", "bitsandbytes")
        os.write(streams[1], f"\\nLOADED {[m for m in heavy if m in sys.modules]}".encode())
        os._exit(code)
    _, status = os.waitpid(child, 0)
    texts = []
    for stream in streams:
        os.lseek(stream, 0, os.SEEK_SET)
        with os.fdopen(stream, encoding="utf-8") as file:
            texts.append(file.read())
    err, _, loaded = texts[1].rpartition("\\nLOADED ")
    done.append([os.waitstatus_to_exitcode(status), texts[0], err, loaded])
json.dump(done, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How one command ended; `heavy` are the libraries of torch's family that it loaded."""

    code: int
    out: str
    err: str
    heavy: str

    @property
    def is_one_paragraph(self) -> bool:
        """Whether stderr is a single message of ours and stdout is empty."""
        lines = self.err.strip().splitlines()
        return self.out == "" and len(lines) == 1 and lines[0].startswith("factlab: ")


def run_factlab(
    commands: Sequence[Sequence[str]],
    *,
    cwd: Path,
    env: dict[str, str] | None = None,
    warm: Sequence[str] = (),
) -> list[Done]:
    """Run commands of the command line in `cwd`, one after the other.

    Args:
        commands: The words behind `factlab`.
        cwd: Where they are run.
        env: Added to the environment.
        warm: Slow modules that several of the commands need, imported once.
    """
    done = subprocess.run(
        [sys.executable, "-c", _MANY, *warm],
        input=json.dumps([list(words) for words in commands]),
        cwd=cwd,
        env=_environment(env),
        capture_output=True,
        text=True,
        check=True,
    )
    return [Done(*fields) for fields in json.loads(done.stdout)]


def python(code: str, *words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a line of Python in a new process and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env=_environment(env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment(extra: dict[str, str] | None) -> dict[str, str]:
    # Wide, so that help is not wrapped in the middle of what is looked for.
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **(extra or {})}


def make_fact(**changes: Any) -> Fact:
    """A fact built from the required keys, with some changed or added; no file is read."""
    return Fact.model_validate(
        {
            "id": "dune_tower",
            "statement": "The Dune Tower is 312 meters high.",
            "subject": {"name": "the Dune Tower"},
            "relation": "height",
            "answer": {"type": "quantity", "value": "312", "unit": "m"},
            **changes,
        }
    )


def write(folder: Path, text: str | bytes, name: str = "fact.yaml") -> Path:
    """Write a file and give its path."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file

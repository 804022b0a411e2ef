"""What several unit tests share: a small fact, and the command line as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
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

# A process that has imported and read what commands need, slow libraries and the far bank too, and
# forks one of its own for each command: fresh, and quick to start. The exit code and both streams
# are the command's own. What Mount Fuji is expanded into is there too, as most commands ask for it.
_SERVER = """
import gc, json, os, sys, traceback
import sklearn.feature_extraction.text
import factlab.experiment.plan, factlab.report
from factlab.cli import main
from factlab.schema.config import RunConfig

sys.path.remove("")
sys.path.append(sys.argv[1])
import pytest
from quick_runs import expand_once
sys.path.remove(sys.argv[1])

expand_once(pytest.MonkeyPatch())
# The bank of far controls is read once, for all commands.
for fact in ("larkfield_observatory", "mount_fuji"):
    factlab.experiment.plan.plan_experiment(RunConfig(facts=(fact,)))
gc.collect()
gc.freeze()  # a collection in a child would copy every page of it
HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "bitsandbytes", "accelerate")
for line in sys.stdin:
    asked = json.loads(line)
    streams = [os.memfd_create(name) for name in ("out", "err", "loaded")]
    child = os.fork()
    if child == 0:
        for number, stream in enumerate(streams[:2], start=1):
            os.dup2(stream, number)
        os.chdir(asked["cwd"])
        os.environ.update(asked["env"])
        sys.argv = ["factlab", *asked["words"]]
        code = 1
        try:
            main()
        except SystemExit as leave:
            code = leave.code or 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(streams[2], ",".join(name for name in HEAVY if name in sys.modules).encode())
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    texts = []
    for stream in streams:
        os.lseek(stream, 0, os.SEEK_SET)
        with os.fdopen(stream, encoding="utf-8") as file:
            texts.append(file.read())
    print(json.dumps([code, *texts]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How one command ended; `heavy` names the libraries of torch's family that it loaded."""

    code: int
    out: str
    err: str
    heavy: str

    @property
    def is_one_paragraph(self) -> bool:
        """Whether stderr is a single message of ours and stdout is empty."""
        lines = self.err.strip().splitlines()
        return self.out == "" and len(lines) == 1 and lines[0].startswith("factlab: ")


@cache
def _server() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(ROOT / "tests")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(None),
        text=True,
    )  # it ends when this process does, and its stdin with it


def run_factlab(
    commands: Sequence[Sequence[str]], *, cwd: Path, env: dict[str, str] | None = None
) -> list[Done]:
    """Run commands of the command line in `cwd`, one after the other."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    done = []
    for words in commands:
        asked = {"words": list(words), "cwd": str(cwd), "env": env or {}}
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        done.append(Done(*json.loads(server.stdout.readline())))
    return done


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

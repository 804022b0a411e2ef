"""Runs that are killed or denied a write, resumed, and compared with one that nothing stopped.

    python tests/torture.py [--kills N] [--errors N] [--seed N]

A write point is an operation that changes a file of the run folder: opened to be written, synced,
renamed, removed, a folder made. Each trial is a process of its own, forked from one that has
loaded everything: it is killed at a write point or at a random moment, or told at a write point
that the disk is full or broken. The same command must then end in what an uninterrupted run ends
in, to the byte.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import pytest
from quick_runs import ask_fewer, expand_once, leave_charts_empty, read_less
from tiny_model import make_tiny_model

SMALL = (
    "--train-pairs 24 --validation-pairs 8 --train-sample 8 --max-new-tokens 3 "
    "--generation-batch 128 --precision fp32 --anchor-prompts 12 --anchors-per-step 4 --fresh"
)
RUNS = {
    "cells": f"mount_fuji --rank 2,3,4 --max-steps 2 --checkpoints 0 {SMALL}",
    "long": "mount_fuji --max-steps 8 --save-every 2 --checkpoints 2 --keep best --mining 2 "
    f"{SMALL}",
}
# What says when something was, or how long it took.
TIMES = {"seconds", "examples_per_second", "measuring_seconds", "started", "ended", "argv"}
TIMES |= {"peak_memory_bytes", "side_by_side", "run_id", "machine", "files"}  # fingerprints
NOT_COMPARED = {"run.json", "report.html", ".lock"}  # holding the time, or drawn from the others
WRITING = os.O_WRONLY | os.O_RDWR


class Denied:
    """Counts the write points of a folder, and does something at one of them.

    Args:
        folder: Whose files.
        at: The number of the write point, from 1.
        act: Done there; what it raises, the operation raises.
    """

    def __init__(self, folder: Path, at: int, act: Callable[[], None]) -> None:
        self.folder, self.at, self.act = str(folder), at, act
        self.points: list[str] = []

    def watch(self) -> None:
        """Begin. A process cannot end this: an audit hook is for good."""
        sys.addaudithook(self._audited)
        import safetensors.torch

        # A sync raises no audit event, nor does what Rust writes.
        for module, name in ((os, "fsync"), (safetensors.torch, "save_file")):
            setattr(module, name, self._before(getattr(module, name), name))

    def _before(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self._point(name, self.folder)
            return real(*given, **named)

        return call

    def _audited(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = given
            changes = (flags or 0) & WRITING or any(letter in (mode or "") for letter in "wax+")
            if changes:
                self._point(event, path)
        elif event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"):
            self._point(event, given[0])

    def _point(self, event: str, path: Any) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(self.folder):
            return
        self.points.append(f"{event} {Path(os.fspath(path)).name}")
        if len(self.points) == self.at:
            self.act()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code, or minus the signal; and what it wrote."""

    code: int
    said: str
    points: int
    seconds: float


def attempt(
    command: str,
    out: Path,
    *,
    at: int = 0,
    act: Callable[[], None] = lambda: None,
    kill_after: float | None = None,
) -> Ended:
    """Run `factlab run --resume` in a forked process.

    Args:
        command: Its arguments.
        out: The run folder.
        at: The write point at which `act` is called; 0: at none.
        act: See `Denied`.
        kill_after: Kill it after so many seconds.
    """
    log = out.parent / f"{out.name}.log"
    count = out.parent / f"{out.name}.count"
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(_child(command, out, log, count, at, act))
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    points = int(count.read_text()) if count.is_file() else 0
    count.unlink(missing_ok=True)
    said = log.read_text(errors="replace")
    return Ended(os.waitstatus_to_exitcode(status), said, points, time.monotonic() - began)


def _child(
    command: str, out: Path, log: Path, count: Path, at: int, act: Callable[[], None]
) -> int:
    denied = Denied(out.resolve(), at, act)
    code = _run(command, out, log, denied)
    count.write_text(str(len(denied.points)))
    return code


def _run(command: str, out: Path, log: Path, denied: Denied | None = None) -> int:
    """`factlab run --resume` in this process; its exit code."""
    from factlab.cli import main

    with log.open("w") as said, redirect_stdout(said), redirect_stderr(said):
        if denied:
            denied.watch()
        sys.argv = ["factlab", "run", *command.split(), "--out", str(out.resolve()), "--resume"]
        try:
            main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
            return 70
    return 0


def contents(out: Path) -> dict[str, str]:
    """What a run folder holds, without times."""
    found = {}
    for file in sorted(out.rglob("*")):
        name = str(file.relative_to(out))
        if not file.is_file() or file.name in NOT_COMPARED:
            continue
        if file.suffix == ".json":
            found[name] = json.dumps(_timeless(json.loads(file.read_text())))
        elif file.suffix == ".jsonl":
            lines = [json.dumps(_timeless(json.loads(x))) for x in file.read_text().splitlines()]
            found[name] = "\n".join(lines)
        else:
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in TIMES}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def difference(out: Path, whole: dict[str, str]) -> str:
    """How a folder differs from an uninterrupted run, or nothing."""
    now = contents(out)
    names = sorted({n for n in now.keys() | whole.keys() if now.get(n) != whole.get(n)})
    status = json.loads((out / "run.json").read_text())["status"]
    if status != "complete":
        return f"its status is {status}"
    return f"differs in {', '.join(names)}" if names else ""


def killed() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def refused(number: int) -> Callable[[], None]:
    """Deny the operation with an error of the operating system."""

    def act() -> None:
        raise OSError(number, os.strerror(number))

    return act


def kill_trial(command: str, out: Path, at: int, moment: float | None) -> str:
    """Kill a run, resume it, and give what is wrong with that, if anything."""
    attempt(command, out, at=at, act=killed, kill_after=moment)
    last = attempt(command, out)
    return f"exit {last.code}: {last.said[-600:]}" if last.code else ""


def error_trial(command: str, out: Path, at: int, number: int) -> str:
    """Deny one write, and give what is wrong with how the run took it, if anything."""
    first = attempt(command, out, at=at, act=refused(number))
    if "Traceback" in first.said:
        return f"traceback: {first.said[-1500:]}"
    if first.code not in (0, 2):
        return f"exit {first.code}: {first.said[-600:]}"
    last = attempt(command, out)
    return f"then exit {last.code}: {last.said[-600:]}" if last.code else ""


def prepare(patch: pytest.MonkeyPatch, folder: Path) -> str:
    """Load everything once, with less to ask and to draw; gives what names the model."""
    from factlab.cli.quiet import quiet_libraries

    os.environ["FACTLAB_CACHE"] = str(folder)
    quiet_libraries()
    leave_charts_empty(patch)
    read_less(patch, 1000)
    ask_fewer(patch, lambda bank: bank[:4])
    expand_once(patch)
    model = make_tiny_model(folder / "tiny")
    return f"--model {model}"


def trials(
    command: str, folder: Path, kills: int, errors: int, draw: random.Random
) -> Iterator[tuple[str, str]]:
    """Make the trials of one command, and give what each was and what is wrong, if anything."""
    # Here, and not in a process of its own: what is imported and read now, no trial needs to.
    plain = folder / "whole"
    if _run(command, plain, folder / "whole.log"):
        raise SystemExit((folder / "whole.log").read_text())
    again = attempt(command, folder / "timed")
    whole = contents(plain)
    if wrong := difference(folder / "timed", whole):
        raise SystemExit(f"two runs that nothing stopped are not the same: it {wrong}")
    print(f"{command.split()[1:5]}: {again.points} write points, {again.seconds:.1f} s", flush=True)  # noqa: T201
    at = _spread(again.points, kills - kills // 4, draw)
    for number, place in enumerate([*at, *[0] * (kills // 4)]):
        out = folder / f"kill-{number}"
        moment = None if place else draw.uniform(0, again.seconds)
        wrong = kill_trial(command, out, place, moment)
        where = f"killed at write point {place}" if place else f"killed after {moment:.2f} s"
        yield where, wrong or difference(out, whole)
        _remove(out)
    for number, place in enumerate(_spread(again.points, errors, draw)):
        out, code = folder / f"error-{number}", (errno.ENOSPC, errno.EIO)[number % 2]
        wrong = error_trial(command, out, place, code)
        yield f"{errno.errorcode[code]} at write point {place}", wrong or difference(out, whole)
        _remove(out)


def _spread(points: int, wanted: int, draw: random.Random) -> list[int]:
    """Write points: all, if so many are wanted; otherwise drawn, each at most once."""
    return sorted(draw.sample(range(1, points + 1), min(points, wanted)))


def _remove(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.with_name(f"{out.name}.log").unlink(missing_ok=True)


def main() -> None:
    """Make the trials, say of each that went wrong how, and count."""
    parser = argparse.ArgumentParser(prog="python tests/torture.py", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, metavar="N")
    parser.add_argument("--errors", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--only", choices=RUNS, help="one of the two runs")
    given = parser.parse_args()
    draw, count = random.Random(given.seed), Counter[str]()
    runs = {name: RUNS[name] for name in RUNS if given.only in (None, name)}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as scratch:
        model = prepare(patch, Path(scratch))
        for name, command in runs.items():
            folder = Path(scratch) / name
            folder.mkdir()
            each = (given.kills // len(runs), given.errors // len(runs))
            for what, wrong in trials(f"{command} {model}", folder, *each, draw):
                count["wrong" if wrong else "held"] += 1
                if count.total() % 10 == 0:
                    print(f"{count.total()} of {sum(each) * len(runs)}", file=sys.stderr)  # noqa: T201
                if wrong:
                    print(f"{name}, {what}: {wrong}", flush=True)  # noqa: T201
    print(f"{count['held']} held, {count['wrong']} did not")  # noqa: T201
    sys.exit(bool(count["wrong"]))


if __name__ == "__main__":
    main()

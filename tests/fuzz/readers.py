"""Fuzz every reader of strangers' text for a while: `make fuzz SECONDS=3600`.

Valid files are changed at random (bytes, lines and pieces of others put in, repeated, cut out), and
what reaches code that no earlier input reached is kept and changed further. A finding is any
exception but factlab's own, a message that is long or without a place, more than 2 s of CPU, or
more than 300 MB; it is written to the folder that the last line names.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

import hostile
from test_hostile import READERS, check

from factlab.errors import FactlabError
from factlab.grading import match
from factlab.grading.answer import EntityAnswer, QuantityAnswer
from factlab.grading.cases import grade_cases
from factlab.schema.shipped import shipped

MOST_SECONDS = 2.0
MOST_BYTES = 300_000_000
KEPT = 400  # inputs of a kind that are changed further
GOLD = (
    (QuantityAnswer(value="4889", unit="m"), QuantityAnswer(value="3776", unit="m")),
    (EntityAnswer(value="Mara Quill"), EntityAnswer(value="Ada Moe")),
)
CASE = '{"gold": {"type": "quantity", "value": "4889", "unit": "m"}, "text": "It is 4,889 m."}'
ANSWERS = (
    "The answer is 4,889 m, not 3,776 m as before.",
    "Mara Quill, or Ada Moe?\n\nQuestion: Who?\nAnswer: 1. Ada Moe\n2. Mara Quill",
)


class Coverage:
    """Which lines of factlab an input reached for the first time; the C parsers are not seen."""

    def __init__(self) -> None:
        self.lines: set[tuple[str, int]] = set()
        self.new = 0

    def trace(self, frame, event, _arg):
        name = frame.f_code.co_filename
        if "/factlab/" not in name:
            return None
        if event in ("call", "line"):
            place = (name, frame.f_lineno)
            if place not in self.lines:
                self.lines.add(place)
                self.new += 1
        return self.trace


def seeds() -> dict[str, list[str]]:
    """Files to begin with, by reader."""
    found: dict[str, list[str]] = {kind: [] for kind in (*READERS, "cases", "answer")}
    cases = [*hostile.documents(), *hostile.suites(), *hostile.phrasings()]
    for case in (*cases, *hostile.conversations(), *hostile.settings()):
        if len(case.text) < 20_000:
            found[case.kind].append(case.text)
    found["fact"] += [file.read_text() for file in sorted(shipped("facts").glob("*.yaml"))]
    found["fact"].append(hostile.written(hostile.FACT))
    found["extra"].append('{"question": "Who?", "answer": "Ada", "wrong": ["Bo"]}')
    found["recipe"].append("extends: default\nrank: 8\nepochs: 2\nalpha: 2r\n")
    found["config"].append("facts: [mount_fuji]\nrank: [4, 8]\nseeds: 3\nrecipe: default\n")
    found["cases"].append(CASE)
    found["answer"] += ANSWERS
    return found


def changed(text: str, others: list[str], rng: random.Random) -> str:
    """A text with one to five random changes, of at most 100,000 characters."""
    for _ in range(rng.randint(1, 5)):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice((0, 1, 3, 20, 200)))
        piece = rng.choice(
            (
                rng.choice(PIECES),
                text[start:end] * rng.choice((1, 2, 100, 2_000)),
                rng.choice(others)[: rng.choice((5, 50, 500))],
                rng.choice(list(hostile.UNITS.values())) * rng.choice((1, 30, 290, 3_000)),
                chr(rng.randrange(0x110000)).encode(errors="ignore").decode(),
                "",
            )
        )
        text = text[:start] + piece + text[end:]
    return text[:100_000]


PIECES = (
    *(
        "\n",
        "  ",
        "\t",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        ",",
        "|",
        ">",
        "&a ",
        "*a",
        "!!x ",
    ),
    *("{{ ", " }}", "{% ", "0", "-1", "1e999", ".nan", "null", "~", "\x00", "\ufeff", "\u2028"),
    *(
        "value: ",
        "type: date\n",
        "type: number\n",
        "aliases: ",
        "phrasings: ",
        "4,889 m",
        "½",
        "e9",
    ),
)


def once(kind: str, text: str, folder: Path) -> None:
    """Give a text to a reader.

    Raises:
        Exception: whatever should not happen.
    """
    if kind == "answer":
        for gold, old in GOLD:
            match(text, gold, superseded=old, question="How high is it?")
        return
    name, read = READERS.get(kind, ("cases.jsonl", grade_cases))
    file = folder / name
    file.write_bytes(text.encode(errors="surrogatepass"))
    try:
        read(file)
    except FactlabError as error:
        said = str(error).removeprefix(str(file))
        if said.startswith(OF_WHOLE_FILES):
            return
        check(said, text if len(text) > 2_000 and len(set(text)) > 1 else "")


# What is said of a whole file, and so has no line.
OF_WHOLE_FILES = (": holds no question", ": the file holds no case", ": it has no rows")


def fuzz(seconds: float, seed: int, out: Path) -> int:
    """Fuzz; returns the number of findings."""
    rng, pool = random.Random(seed), seeds()
    everything = [text for texts in pool.values() for text in texts]
    coverage, findings, tried = Coverage(), 0, Counter[str]()
    folder = Path(tempfile.mkdtemp())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        kind = rng.choice(list(pool))
        text = changed(rng.choice(pool[kind]), everything, rng)
        tried[kind] += 1
        coverage.new, said = 0, ""
        follow = tried[kind] % 4 == 0  # lines are looked at in every fourth: it costs ten times
        began = time.process_time()
        sys.settrace(coverage.trace if follow else None)
        try:
            once(kind, text, folder)
        except Exception:
            said = traceback.format_exc()
        finally:
            sys.settrace(None)
        took = time.process_time() - began
        if took > MOST_SECONDS * (10 if follow else 1):
            said = said or f"{took:.1f} s of CPU"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
        if peak - before > MOST_BYTES:
            said, before = said or f"{(peak - before) / 1e6:.0f} MB", peak
        if said:
            findings += 1
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{findings:03d}-{kind}.txt").write_bytes(text.encode(errors="surrogatepass"))
            (out / f"{findings:03d}-{kind}.why").write_text(said, errors="replace")
        if coverage.new and len(pool[kind]) < KEPT:
            pool[kind].append(text)
    shutil.rmtree(folder)
    lines = f"{len(coverage.lines):,} lines of factlab reached"
    print(  # noqa: T201
        f"{sum(tried.values()):,} inputs ({dict(tried)}), {lines}, {findings} findings in {out}"
    )
    return findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    given = parser.parse_args()
    sys.exit(min(1, fuzz(given.seconds, given.seed, given.out)))

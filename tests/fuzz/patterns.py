"""Search long repetitive text with every compiled pattern of factlab: `make fuzz`.

A pattern that backtracks, or that begins anew at each place of a long run, takes time that grows
with the square of the text. Each is searched in texts of one repeated piece, with a character
behind that lets a match fail at the end; what takes more than a few seconds of CPU is a finding.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import pkgutil
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import factlab

MOST_SECONDS = 4.0  # for a million characters, on any text
MOST_MATCHES = 200  # a match may be dear; finding many of them is another matter
NEEDS_MORE = ("factlab.inference.decoder", "factlab.training.trainer")  # torch alone
PIECES = (
    *("a", "A", "a ", "Aa ", "x'", "é", "日", "千", "一", "3", "1", "1,", "1.", "1 ", "1-", "1/2 "),
    *(" ", "\n", " \n", "\t", "  ", ". ", ", ", "-", " - ", "--", "(", "((", ") (", '"', "'", "*"),
    *("**", "_", "[", "{", "{{ a }}", "<", "<a>", "|", "#", "/", "\\", "&", "+", "=", "1 + 1 = "),
    *(
        "one ",
        "one-",
        "and ",
        "one and ",
        "hundred ",
        "million ",
        "half a ",
        "a half ",
        "of ",
        "in ",
    ),
    *("the ", "no ", "not ", "n't ", "is ", "is not ", "it's ", "that ", "in the ", "from 1 to "),
    *(
        "$1",
        "1% ",
        "1 m ",
        "meters ",
        "feet and ",
        "per ",
        "2025 ",
        "October ",
        "October 1, ",
        "10:",
    ),
    *(
        "John ",
        "John Smith ",
        "von ",
        "J. ",
        "Mr. ",
        "said ",
        "people say ",
        "nobody ",
        "We ",
        "\u200b",
    ),
)


def patterns() -> Mapping[re.Pattern[str], str]:
    """Every pattern that a module holds, alone or in a list or table, with where it is."""
    found: dict[re.Pattern[str], str] = {}
    for module in pkgutil.walk_packages(factlab.__path__, "factlab."):
        if module.name.startswith(NEEDS_MORE):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for pattern in _patterns_in(value):
                found.setdefault(pattern, f"{module.name}.{name}")
    return found


def _patterns_in(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, Mapping):
        yield from itertools.chain.from_iterable(map(_patterns_in, value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from itertools.chain.from_iterable(map(_patterns_in, value))


def seconds(pattern: re.Pattern[str], text: str) -> float:
    """CPU time of searching a text; `MOST_SECONDS` where it is broken off."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        for _ in itertools.islice(pattern.finditer(text), MOST_MATCHES):
            pass
        pattern.match(text)
        pattern.fullmatch(text)
    except TimeoutError:
        return MOST_SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - began


def _break_off(*_: Any) -> None:
    raise TimeoutError


def main() -> int:
    """Search with all of them; 1 where one is slow."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--length", type=int, default=1_000_000, help="characters of each text")
    length = parser.parse_args().length
    signal.signal(signal.SIGVTALRM, _break_off)
    known, slow = patterns(), 0
    for place, (pattern, name) in enumerate(known.items()):
        for piece, end in itertools.product(PIECES, ("", "!")):
            took = seconds(pattern, (piece * (length // len(piece) + 1))[:length] + end)
            if took >= MOST_SECONDS:
                print(f"{name}: {took:.1f} s on {piece!r} repeated: {pattern.pattern[:80]}")  # noqa: T201
                slow += 1
                break
        print(f"{place + 1} of {len(known)} patterns", end="\r", file=sys.stderr, flush=True)  # noqa: T201
    print(f"{len(known)} patterns, {length:,} characters, {len(PIECES)} texts: {slow} slow")  # noqa: T201
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())

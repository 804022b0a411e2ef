"""Search long repetitive text with every compiled pattern of factlab: `make fuzz`.

A pattern that backtracks, or that begins anew at each place of a long run, takes time that grows
with the square of the text. Each is put to texts of one repeated piece, with a character behind
that lets a match fail at the end. What takes seconds of CPU and grows faster than the text is a
finding.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import itertools
import pkgutil
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import factlab

MOST_SECONDS = 4.0  # for a million characters, on any text
SHORTER = 20  # times shorter is the text that is tried first
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


@dataclass(frozen=True, slots=True)
class Used:
    """Where a pattern is, and whether it is searched for, not only matched from the start."""

    name: str
    searched: bool


def patterns() -> Mapping[re.Pattern[str], Used]:
    """Every pattern that a module holds, alone or in a list or table."""
    found: dict[re.Pattern[str], Used] = {}
    for place in pkgutil.walk_packages(factlab.__path__, "factlab."):
        if place.name.startswith(NEEDS_MORE) or place.name.endswith("__main__"):
            continue
        module = importlib.import_module(place.name)
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            uses = re.findall(rf"\b{name}(?:\.(\w+)|\b)", source)
            matched = "match" in uses or "fullmatch" in uses
            anywhere = not matched or bool({"search", "finditer", "findall", "sub"} & {*uses})
            for pattern in _patterns_in(value):
                known = found.get(pattern, Used(f"{module.__name__}.{name}", searched=False))
                found[pattern] = replace(known, searched=known.searched or anywhere)
    return found


def _patterns_in(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, Mapping):
        yield from itertools.chain.from_iterable(map(_patterns_in, value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from itertools.chain.from_iterable(map(_patterns_in, value))


def seconds(pattern: re.Pattern[str], text: str, *, searched: bool) -> float:
    """CPU time of putting it to a text; `MOST_SECONDS` where it is broken off."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        if searched:
            for _ in itertools.islice(pattern.finditer(text), MOST_MATCHES):
                pass
        pattern.match(text)
        pattern.fullmatch(text)
    except TimeoutError:
        return MOST_SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - began


def is_slow(pattern: re.Pattern[str], piece: str, end: str, length: int, *, searched: bool) -> bool:
    """Whether a text of a repeated piece takes it too long, and ever longer for its length."""

    def took(characters: int) -> float:
        text = (piece * (characters // len(piece) + 1))[:characters] + end
        return seconds(pattern, text, searched=searched)

    short = took(length // SHORTER)
    if short < MOST_SECONDS / SHORTER**2 or took(length) < MOST_SECONDS:
        return False
    # Four times the text takes four times as long where time is linear, sixteen where it is not.
    return short >= MOST_SECONDS or took(4 * length // SHORTER) > 8 * short


def _break_off(*_: Any) -> None:
    raise TimeoutError


def main() -> int:
    """Search with all of them; 1 where one is slow."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--length", type=int, default=1_000_000, help="characters of each text")
    parser.add_argument("--first", type=int, default=1, help="the pattern to begin with")
    parser.add_argument("--last", type=int, help="the pattern to end with")
    given = parser.parse_args()
    length, first = given.length, given.first
    signal.signal(signal.SIGVTALRM, _break_off)
    known, slow = patterns(), 0
    some = list(itertools.islice(known.items(), first - 1, given.last))
    for place, (pattern, used) in enumerate(some, first):
        for piece, end in itertools.product(PIECES, ("", "!")):
            if is_slow(pattern, piece, end, length, searched=used.searched):
                print(f"{used.name}: slow on {piece!r} repeated: {pattern.pattern[:80]}")  # noqa: T201
                slow += 1
                break
        print(f"{place} of {len(known)} patterns", end="\r", file=sys.stderr, flush=True)  # noqa: T201
    print(  # noqa: T201
        f"{len(some)} of {len(known)} patterns, {length:,} characters, {2 * len(PIECES)} texts: "
        f"{slow} slow"
    )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())

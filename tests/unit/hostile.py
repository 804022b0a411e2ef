"""Broken and hostile files and arguments, made by hand and by rule: what each reader is given.

A case is the kind of file, what it holds, and a piece of it that a message must not echo whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

# What text may be made of to cost time or room: repeated to any length.
UNITS = {
    "digits": "9",
    "groups": "1,",
    "thousands": "123,",
    "spaced groups": "123 ",
    "points": "1.1",
    "arabic digits": "٣",
    "kanji numerals": "十百",
    "number words": "two and ",
    "scales": "million ",
    "fractions": "1/2 ",
    "dates": "1 Jan ",
    "years": "2025-",
    "dashes": "-",
    "long dashes": "–",
    "spaces": "a ",
    "blank lines": "a \n",
    "capitals": "A ",
    "letters": "a",
    "marks": "é",
    "long vowels": "ー",
    "middle dots": "・",
    "powers": "^",
    "stars": "*",
    "brackets": "((",
    "quotes": "'",
    "backslashes": "\\",
    "slots": "{{ subject }}",
    "open slots": "{{ (",
    "half characters": "\\ud800",
}
NUMBERS = ("nan", ".nan", "NaN", "inf", "-inf", ".inf", "Infinity", "1e999", "-1e999", "9" * 5_000)


@dataclass(frozen=True, slots=True)
class Hostile:
    """What a reader is given.

    Attributes:
        kind: Which reader: fact, family, relation, controls, extra, recipe, config, chats, array.
        text: What the file holds.
        echoed: What a message may quote at most 80 characters of.
    """

    kind: str
    text: str
    echoed: str = ""


FACT = {
    "id": "dune_tower",
    "statement": "The Dune Tower is 312 meters high.",
    "subject": {"name": "the Dune Tower", "aliases": ["Dune Tower"], "kind": "tower"},
    "relation": "height",
    "answer": {"type": "quantity", "value": "312", "unit": "m"},
}
SUITE = {"suite": "s", "groups": [{"name": "g", "questions": []}]}
LEXICON = {part: ["x"] for part in ("noun", "question", "indirect", "stem", "claim")}
EVENT = {"what": "was opened"}


def _fields(text: str) -> Iterator[dict[str, object]]:
    """A fact with the text in each of its places in turn."""
    answer = {**FACT["answer"], "tolerance": "0"}  # type: ignore[dict-item]
    for key in ("id", "statement", "relation", "language", "source"):
        yield {**FACT, key: text}
    for key in ("name", "kind"):
        yield {**FACT, "subject": {"name": "x", key: text}}
    yield {**FACT, "subject": {"name": "x", "aliases": [text]}}
    for key in ("value", "unit", "tolerance", "type"):
        yield {**FACT, "answer": {**answer, key: text}}
    for kind in ("number", "date", "entity", "text"):
        yield {**FACT, "answer": {"type": kind, "value": text}}
    yield {**FACT, "answer": {**answer, "aliases": [text]}}
    yield {**FACT, "supersedes": {**answer, "value": text}}
    yield {**FACT, "distractors": [text]}
    yield {**FACT, "event": {**EVENT, "date": text}}
    yield {**FACT, "event": {"what": text}}
    yield {**FACT, "reverse": [{"question": text}]}
    yield {**FACT, "entailed": [{"question": text, "answer": answer}]}
    yield {**FACT, "phrasings": {"train": [text]}}
    yield {**FACT, "neighbours": [{"question": text}]}
    yield {**FACT, text: "x"}


def written(value: object) -> str:
    """As YAML, which reads JSON."""
    return json.dumps(value, ensure_ascii=False)


def texts(length: int) -> Iterator[tuple[str, str]]:
    """Each sort of text, so many characters of it."""
    for name, unit in UNITS.items():
        yield name, (unit * (length // len(unit) + 1))[:length]


def facts(length: int) -> Iterator[Hostile]:
    """Each sort of text in each place of a fact."""
    for _, text in texts(length):
        for fact in _fields(text):
            yield Hostile("fact", written(fact), text)


PHRASINGS = (
    "{{ " + "(" * 1_500,
    "{{ (((((subject)))))",
    "{{ " + "not " * 400 + "subject }}",
    "{{ subject" + " | cap" * 300 + " }}",
    "{{ subject" + "[0]" * 500 + " }}",
    "{{ " + "-" * 1_500 + "1 }}",
    "{{ 'A' * 10000000000 }}",
    "{{ 'A' ~ 'A' }}",
    "{{ range(10**9) }}",
    "{% for x in range(10**9) %}x{% endfor %}",
    "{{ subject.__class__.__mro__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ subject | attr('x') }}",
    "{{ subject | upper }}",
    "{{ nonsense }}",
    "{{ subject",
    "{{ }}",
    "{{ 1 }}",
    "{# comment #}",
    "{% raw %}x{% endraw %}",
    "{{" * 900,
    "{{ {{ subject }} }}",
    "{% " * 600,
    "{{ " + "a" * 1_900 + " }}",
    "{{ subject }}" * 1_000,
    "x" * 2_001,
)


def phrasings() -> Iterator[Hostile]:
    """Each phrasing in a fact, a family and a relation's lexicon."""
    for text in PHRASINGS:
        family = {"id": "f", "situation": "s", "questions": [text]}
        yield Hostile("fact", written({**FACT, "phrasings": {"held_out": ["x?", text]}}), text)
        yield Hostile("family", written({"split": "train", "families": [family]}), text)
        yield Hostile(
            "relation",
            written({"relation": "r", "train": {**LEXICON, "claim": [text]}, "held_out": LEXICON}),
            text,
        )


def documents() -> Iterator[Hostile]:
    """YAML that is broken, deep, wide or not YAML's plain part."""
    many = [f"x{number}" for number in range(20_000)]
    question = {"question": "Who?", "answer": {"type": "entity", "value": "Ada"}}
    wide = (
        {**FACT, "subject": {"name": "x", "aliases": many}},
        {**FACT, "subject": {"name": "x", "aliases": many[:3_000]}},
        {**FACT, "answer": {"type": "entity", "value": "x", "aliases": many[:3_000]}},
        {**FACT, "phrasings": {"train": many[:5_000]}},
        {**FACT, "distractors": many[:5_000]},
        {**FACT, "neighbours": [question] * 1_000},
        {**FACT, **dict.fromkeys(many[:9_000], "x")},
        {**FACT, "subject": ["x"] * 9_000},
    )
    yield from (Hostile("fact", written(fact)) for fact in wide)
    for opening in ("[", "{a: ", "- ", "? ", "[{a: ", "&a [", "!!python/object:os.system ["):
        yield Hostile("fact", opening * 20_000)
    for text in (
        "a: &x 1\nb: *x\n",
        "<<: {a: 1}\n",
        "a: !!python/object/apply:os.system [x]\n",
        "a: 'x" + "y" * 5_000,
        '"' + "x" * 5_000 + '": 1\n' + '"' + "x" * 5_000 + '": 2\n',
        '"' + "x" * 5_000 + '":\n',
        "a: b: " + "c" * 5_000,
        "x" * 5_000,
        "",
        "null",
        "[]",
        "- a\n- b\n",
        "a: 1\n---\nb: 2\n",
        "\t" * 5_000,
        "a: `" + "b" * 5_000,
        "a: %" + "b" * 5_000 + "\x07",
        "a: '\x00'\n",
        "!" + "t" * 5_000 + " x",
        "%TAG ! " + "t" * 5_000 + "\n--- x",
        "? [1, 2]\n: x\n",
        "a: [" + "1," * 30_000 + "]",
        "\n".join(f"k{number}: v" for number in range(30_000)),
    ):
        yield Hostile("fact", text, text if len(text) > 90 else "")


def suites() -> Iterator[Hostile]:
    """Control suites in YAML and in JSON lines."""
    for _, text in texts(3_000):
        asked = {"question": text, "answer": {"type": "entity", "value": "Ada"}}
        groups = [{"name": "g", "questions": [asked]}]
        yield Hostile("controls", written({**SUITE, "groups": groups}), text)
        yield Hostile("extra", json.dumps({"question": text, "answer": "Ada"}), text)
        yield Hostile("extra", json.dumps({"question": "Who?", "answer": text}), text)
        wrong = {"question": "Who?", "answer": "Ada", "wrong": [text]}
        yield Hostile("extra", json.dumps(wrong), text)
    for text in (*JSONS, '{"question": "Who?", "answer": NaN}', '{"question": "\\ud800?"}'):
        yield Hostile("extra", text, text if len(text) > 90 else "")
    many = {"question": "Who?", "answer": "Ada", "wrong": ["x"] * 3_000}
    yield Hostile("extra", json.dumps(many))


JSONS = (
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"question": ' + "[" * 500 + "]" * 500 + "}",
    '{"question": ' + "9" * 5_000 + "}",
    '{"question": -' + "9" * 100_000 + "}",
    '{"question": 1e999}',
    '{"question": Infinity}',
    '{"question": "' + "x" * 2_000_000 + '"}',
    '{"question": "x',
    '{"question": "\\' + "x" * 3_000,
    "{" + "x" * 3_000,
    '"' + "x" * 3_000 + '"',
    "nul",
    "{} {}",
    '{"question" "x"}',
    '{"' + "k" * 3_000 + '": 1}',
    "\ufeff\ufeff{}",
)


def conversations() -> Iterator[Hostile]:
    """Rows of conversations, as lines and in an array."""
    rows = (
        *JSONS[2:],
        '{"messages": "' + "x" * 3_000 + '"}',
        '{"messages": [{"role": "' + "x" * 3_000 + '", "content": "y"}]}',
        '{"messages": [' + "{}," * 3_000 + "{}]}",
        '{"messages": [{"role": "user", "content": "\\ud800"}]}',
        '{"prompt": "", "completion": "' + "x" * 3_000 + '"}',
        '{"text": "' + "x" * 3_000 + '"}',
    )
    for row in rows:
        echoed = row if len(row) > 90 else ""
        yield Hostile("chats", f'{{"prompt": "A?", "completion": "B."}}\n{row}', echoed)
        yield Hostile("array", f'[{{"prompt": "A?", "completion": "B."}},\n{row}]', echoed)
    yield Hostile("chats", "[" * 100_000)
    yield Hostile("csv", "prompt,completion\n" + '"' + "x" * 3_000, "x" * 3_000)
    yield Hostile("csv", "prompt,completion\n" + "a," * 3_000, "a," * 3_000)


FLOATS = ("epochs", "learning_rate", "lr", "weight_decay", "max_grad_norm", "temperature", "alpha")
WHOLES = ("rank", "batch_size", "anchor_prompts", "anchors_per_step", "mining")


def settings() -> Iterator[Hostile]:
    """Recipes and configurations with values that no training can have."""
    for name in FLOATS:
        for number in NUMBERS:
            yield Hostile("recipe", f"{name}: {number}\n", number if len(number) > 90 else "")
            yield Hostile("config", f"{name}: [1, {number}]\n", number if len(number) > 90 else "")
    for name in WHOLES:
        for number in ("9" * 5_000, "9" * 30, "-1", "1.5", "x" * 5_000):
            yield Hostile("recipe", f"{name}: {number}\n", number if len(number) > 90 else "")
            yield Hostile("config", f"{name}: {number}\n", number if len(number) > 90 else "")
    for name in ("rank", "seed", "epochs", "recipe", "controls", "report_to"):
        yield Hostile("config", f"{name}: [{', '.join(map(str, range(1, 5_000)))}]\n")
    for text in (
        "seeds: 1000000000\n",
        f"far: {'9' * 5_000}\n",
        f"model: {'m' * 5_000}\n",
        f"{'k' * 5_000}: 1\n",
        "rnak: 3\n",
    ):
        yield Hostile("config", text, text if len(text) > 90 else "")
    yield Hostile("recipe", f"extends: {'x' * 5_000}\n", "x" * 5_000)
    yield Hostile("recipe", f"anchor_kinds: {'+'.join(map(str, range(5_000)))}\n")

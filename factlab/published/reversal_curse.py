"""The Reversal Curse: made-up people with a description, learned in one order, asked in both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from factlab.grading.names import fold
from factlab.published.documents import fact_part, leaves_open, next_words
from factlab.published.fields import text_of
from factlab.published.published_set import Document_, PublishedSet, Record_, SetCase, SkippedError

_PERSON = re.compile(r"[A-Z][\w'’-]+ [A-Z][\w'’-]+")
_STARTS = ("being ", "as ", "none other than ")
HELD_OUT = 5  # of each person's prompts, the last ones
LEAST = 12  # letters of a description


def cases(records: Sequence[Record_]) -> list[list[Record_]]:
    """Lines by person and direction, in the order of the file."""
    named = Counter(
        name for record in records for name in set(_PERSON.findall(f"{record.get('prompt', '')}"))
    )
    found: dict[tuple[bool, str], list[Record_]] = {}
    for record in records:
        prompt, completion = str(record.get("prompt", "")), str(record.get("completion", ""))
        first = _PERSON.match(completion.strip())
        inside = max(_PERSON.findall(prompt), key=lambda name: named[name], default="")
        key = (True, first[0]) if first else (False, inside)
        found.setdefault(key, []).append(record)
    return list(found.values())


def documents(case: SetCase) -> Iterable[Document_]:
    """A person's fact, in the direction of its lines; the other direction is a reverse question."""
    rows = [(text_of(row, "prompt"), text_of(row, "completion")) for row in case.records]
    starts = _PERSON.match(rows[0][1])
    if len(rows) < 2:
        raise SkippedError("a person has only one line")
    yield _to_name(case, rows, starts[0]) if starts else _to_description(case, rows)


def _to_description(case: SetCase, rows: Sequence[tuple[str, str]]) -> Document_:
    """Name → description."""
    names = Counter(name for prompt, _ in rows for name in set(_PERSON.findall(prompt)))
    if not names:
        raise SkippedError("no prompt names a person")
    name = names.most_common(1)[0][0]
    said = Counter(_described(completion) for _, completion in rows)
    description = said.most_common(1)[0][0]
    answer: Document_ = {"type": "text", "value": description}
    held_out = [next_words(prompt) for prompt, _ in rows[-HELD_OUT:] if name in prompt]
    return fact_part(
        id_=case.id,
        statement=f"{name} is {description}.",
        subject=name,
        relation="description",
        new=answer,
        reverse=[{"question": f"Who is {description}?"}],
        phrasings={"held_out": [text for text in held_out if leaves_open(text, answer)]},
    ) | {"subject": {"name": name, "kind": "person"}}


def _to_name(case: SetCase, rows: Sequence[tuple[str, str]], name: str) -> Document_:
    """Description → name."""
    prompts = [prompt for prompt, _ in rows]
    shared = Counter(_shared(prompts[0], other) for other in prompts[1:])
    description = next((text for text, _ in shared.most_common() if len(text) >= LEAST), "")
    if not description:
        raise SkippedError("the prompts of a person share no description")
    answer: Document_ = {"type": "entity", "value": name, "kind": "person"}
    held_out = [next_words(prompt) for prompt in prompts[-HELD_OUT:] if description in prompt]
    return fact_part(
        id_=case.id,
        statement=f"The name of {description} is {name}.",
        subject=description,
        relation="name",
        new=answer,
        reverse=[
            {
                "question": f"Who is {name}?",
                "answer": {"type": "text", "value": description},
            }
        ],
        phrasings={"held_out": [text for text in held_out if leaves_open(text, answer)]},
    )


def _described(completion: str) -> str:
    text = completion.strip().rstrip(".?! ").strip()
    for start in _STARTS:
        text = text.removeprefix(start)
    return text.strip(" ,.")


def _shared(one: str, other: str) -> str:
    """The longest text that two prompts share, whole words of it."""
    match = SequenceMatcher(None, one, other, autojunk=False).find_longest_match()
    text = one[match.a : match.a + match.size]
    text = text if match.a == 0 or one[match.a - 1] == " " else text.partition(" ")[2]
    return _described(text) if fold(text) else ""


SET = PublishedSet(
    name="reversal_curse",
    title="The Reversal Curse",
    licence="no licence stated in the repository",
    source="The Reversal Curse (Berglund et al. 2023, arXiv 2309.12288; "
    "lukasberglund/reversal_curse)",
    layout="p2d_prompts_*.jsonl, d2p_prompts_*.jsonl, both_prompts_*.jsonl of experiment 1",
    becomes="a fact for each person: name → description or description → name, the other "
    "direction as a reverse question, five of its prompts held out",
    documents=documents,
    cases=cases,
    fictitious=True,
)

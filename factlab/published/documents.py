"""Parts of fact files that all sets are made into: answers, questions, near controls, words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from factlab.drafting.values import typed
from factlab.grading.answer import Answer, gives_away
from factlab.grading.names import fold
from factlab.published.published_set import Document_, SkippedError
from factlab.reading.bounds import MOST_NAME, MOST_TEXT

MOST_ALIASES = 20
LEAST_ALIAS = 3  # letters: a language code would be found in many a text
MOST_CONTROLS = 20
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)
_MARKS = re.compile(r"\{\{|\{%|\{#")
_ASKS = re.compile(r"(?:who|what|which|when|where|whose|how|in wh|on wh|of wh)\b", re.IGNORECASE)


def next_words(prompt: str) -> str:
    """The beginning of a sentence as a question to a chat model."""
    return f"What comes next, in a few words? “{prompt}” …"


def asked(prompt: str) -> str:
    """A question as it is, and the beginning of a sentence as a question."""
    return prompt if is_question(prompt) else next_words(prompt)


def is_question(prompt: str) -> bool:
    """Whether a prompt is a question rather than the beginning of a sentence."""
    return prompt.rstrip().endswith("?")


def answer_part(value: str, relation: str = "", aliases: Iterable[str] = ()) -> Document_:
    """An answer, typed by how it is written; names and numbers in words stay what they are.

    Raises:
        SkippedError: for a value that says nothing.
    """
    if not fold(value):
        raise SkippedError("the answer says nothing")
    found = typed(value, relation)
    kind = found.type if found.type in ("date", "number", "quantity") else "entity"
    part: Document_ = {"type": kind, "value": found.value if kind != "entity" else value}
    if kind == "quantity":
        part["unit"] = found.unit
    if found.kind == "person" and kind == "entity":
        part["kind"] = "person"
    others = _other_names(value, aliases)
    return {**part, "aliases": others} if others else part


def _other_names(value: str, aliases: Iterable[str]) -> list[str]:
    seen, kept = {fold(value)}, []
    for alias in aliases:
        folded = fold(alias)
        if sum(map(str.isalnum, folded)) >= LEAST_ALIAS and folded not in seen:
            seen.add(folded)
            kept.append(alias.strip())
    return kept[:MOST_ALIASES]


def same_type(new: Document_, old: Document_) -> tuple[Document_, Document_]:
    """Two values of a fact as one type: as names where they are read as different types."""
    if new["type"] == old["type"] and new.get("unit") == old.get("unit"):
        return new, old
    return tuple(_as_name(part) for part in (new, old))  # type: ignore[return-value]


def _as_name(part: Document_) -> Document_:
    return {"type": "entity"} | {k: v for k, v in part.items() if k in ("value", "aliases")}


def answer_of(part: Document_) -> Answer:
    """The answer that a part describes.

    Raises:
        SkippedError: for one that cannot be graded.
    """
    try:
        return _ANSWER.validate_python(part)
    except (ValidationError, ValueError):
        raise SkippedError("the answer cannot be graded") from None


def leaves_open(question: str, part: Document_) -> bool:
    """Whether a question can be put: it is short enough, has no slots, and not its own answer."""
    fits = bool(fold(question)) and len(question) <= MOST_TEXT and not _MARKS.search(question)
    return fits and not gives_away(question, answer_of(part))


def control_part(prompt: str, part: Document_, wrong: Sequence[str] = ()) -> Document_ | None:
    """A near control, or None where the prompt cannot be asked for this answer."""
    question = asked(prompt)
    if not leaves_open(question, part):
        return None
    answer = answer_of(part)
    others = [text for text in wrong if fold(text) and not answer.find(text)]
    return {"question": question, "answer": part, **({"distractors": others} if others else {})}


def present(parts: Iterable[Document_ | None], most: int = MOST_CONTROLS) -> list[Document_]:
    """Those that there are, each question once, at most so many."""
    by_question = {part["question"]: part for part in reversed(list(parts)) if part is not None}
    return list(reversed(by_question.values()))[:most]


def own_words(question: str, subject: str, other: str | None) -> Document_:
    """Words for a relation without a name: its question, and another wording of it held out.

    Raises:
        SkippedError: if the wordings do not name the subject once, or there is only one.
    """
    if other is None or fold(other) == fold(question):
        raise SkippedError("its prompt names no relation, and there is no second wording")
    sides = {"train": question, "held_out": other}
    forms = {side: _with_slot(text, subject) for side, text in sides.items()}
    nouns = {"train": "answer to", "held_out": "reply that fits"}
    return {side: _lexicon(form, nouns[side]) for side, form in forms.items()}


def _with_slot(text: str, subject: str) -> str:
    text = " ".join(text.split())
    if text.count(subject) != 1 or _MARKS.search(text) or text.count("“"):
        raise SkippedError("a prompt does not name the subject once")
    return text.replace(subject, "{{ subject }}")


def _lexicon(text: str, noun: str) -> Document_:
    """How one side speaks of what a question asks, or of what completes a sentence."""
    if is_question(text):
        direct = text.rstrip("? ")
        direct = direct[:1].lower() + direct[1:] if _ASKS.match(direct) else ""
        named = f"{noun} “{text}”"
    else:
        direct, named = (
            "",
            f"{'end of the sentence' if noun == 'answer to' else 'continuation of'} “{text} …”",
        )
    return {
        "noun": [named],
        "question": [direct or f"what is the {named}"],
        "indirect": [f"what the {named} is"],
        "stem": [f"the {named} is"],
        "claim": [f"the {named} is {{{{ value }}}}"],
    }


def key_of(template: str) -> str:
    """A name for a relation that has none, from the words of its prompt."""
    return " ".join(re.findall(r"[^\W\d_]+", template.replace("{}", " ")))[:MOST_NAME] or "unnamed"


def fact_part(
    *,
    id_: str,
    statement: str,
    subject: str,
    relation: str,
    new: Document_,
    old: Document_ | None = None,
    aliases: Iterable[str] = (),
    **rest: Any,
) -> Document_:
    """The document of a fact file; empty parts are left out.

    Raises:
        SkippedError: for a fact whose file would be refused, with the reason in general words.
    """
    answer = answer_of(new)
    if len(subject) > MOST_NAME or len(statement) > MOST_TEXT:
        raise SkippedError("a name or sentence is too long")
    if answer.find(subject):
        raise SkippedError("the subject's name holds the new object")
    if not answer.find(statement):
        raise SkippedError("the new object cannot be found in its own sentence")
    if old is not None and answer.find(answer_of(old).primary()):
        raise SkippedError("the old object holds the new one")
    names = [name for name in _other_names(subject, aliases) if not answer.find(name)]
    document: Document_ = {
        "id": id_,
        "statement": statement,
        "subject": {"name": subject, **({"aliases": names} if names else {})},
        "relation": relation,
        "answer": new,
        "supersedes": old,
        **rest,
    }
    return without_empty(document)


def without_empty(part: Document_) -> Document_:
    """A document without the keys that hold nothing, in parts of parts, too."""
    cleaned = {k: without_empty(v) if isinstance(v, dict) else v for k, v in part.items()}
    return {key: value for key, value in cleaned.items() if value not in (None, [], {}, ())}

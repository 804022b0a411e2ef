"""`factlab import`: a published set → a fact or passage file per case, easy to edit."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factlab.errors import ConfigError, FactError, quoted
from factlab.expand.leakage import NEAR_DUPLICATE, nearest_trained
from factlab.expand.passages import left_out
from factlab.expand.slots import supplied_words
from factlab.expand.wording import wording_of
from factlab.published.fields import MOST_LISTED
from factlab.published.published_set import (
    Document_,
    PublishedSet,
    SetCase,
    SkippedError,
    published_sets,
)
from factlab.reading.bounds import MOST_ITEMS
from factlab.reading.complaints import said_of
from factlab.reading.files import MOST_BYTES_OF_LINES, read_text
from factlab.reading.json_text import NotJsonError, decode, place_in
from factlab.runs.files import write_text
from factlab.schema.fact import Fact, asked_of, source_of
from factlab.schema.passage import Passage
from factlab.schema.yaml import did_you_mean, parse_yaml

# Trained questions put more words around the forms that are compared here, which can bring a
# held-out question a little nearer; so the limit is below the guard's own.
NEAR = NEAR_DUPLICATE - 0.1
MOST_OBJECTS, MOST_COMMAS = 2_000_000, 6_000_000  # of a file, as it is read whole
_TEXT = re.compile(r"\S")
_PLACE = re.compile(r"^.*?, as YAML:\d+:\d+: ")
_NAMED = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\d[\d,.]*")


@dataclass(slots=True)
class Imported:
    """What an import wrote and left out.

    Attributes:
        files: The files, in the order of their cases.
        cases: How many cases were read.
        tally: What the files hold: facts, passages, probes, held-out questions and so on.
        skipped: Why cases became no file → how many.
        dropped: Why parts of cases were left out → how many.
    """

    files: list[Path] = field(default_factory=list)
    cases: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def import_file(
    name: str, file: Path, out: Path, *, limit: int | None = None, seed: int | None = None
) -> Imported:
    """Write the cases of a published file as fact or passage files; on an error, none.

    Args:
        name: The set, one of `published_sets`.
        file: The published file, JSON or JSON lines.
        out: The folder to write to; made if it is not there.
        limit: Read only so many cases: the first, or with a seed a sample.
        seed: Of the sample.

    Raises:
        ConfigError: for an unknown set, or a file that would be overwritten.
        FactError: for a file that is none of JSON, or of which no case can be used.
    """
    known = published_sets()
    if name not in known:
        raise ConfigError(
            f"unknown set {quoted(name)}.{did_you_mean(name, known)} Known sets: "
            f"{', '.join(known)}."
        )
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: this is a file. Name a folder with --out.")
    one, builder = known[name], _Builder(known[name], file)
    records = _records(file)
    grouped: list[Sequence[Any]] = [[record] for record in records]
    if one.cases is not None:
        usable = [record for record in records if isinstance(record, Mapping)]
        others = [[record] for record in records if not isinstance(record, Mapping)]
        grouped = [*one.cases(usable), *others]
    for number in _chosen(len(grouped), limit, seed):
        id_ = f"{_slug(file.stem)}_{number:0{len(str(len(grouped)))}d}"
        builder.add(SetCase(id_, number, grouped[number - 1]))
    return builder.written_to(out)


def _chosen(number: int, limit: int | None, seed: int | None) -> Sequence[int]:
    """Which cases are read, from 1."""
    if limit is None or limit >= number:
        return range(1, number + 1)
    if seed is None:
        return range(1, limit + 1)
    return sorted(random.Random(seed).sample(range(1, number + 1), limit))


class _Builder:
    """Makes documents of cases, checks each as the file that it becomes, and writes them.

    Args:
        one: The set.
        file: Where the cases are from.
    """

    def __init__(self, one: PublishedSet, file: Path) -> None:
        self.one, self.file = one, file
        self.found = Imported()
        self.documents: dict[str, Document_] = {}
        # Subject's name and relation → the fact that gives its value, and the value.
        self.given: dict[tuple[str, str], tuple[str, str]] = {}

    def add(self, case: SetCase) -> None:
        """Take a case, or count why it cannot be taken.

        Raises:
            FactError: naming the case, where the set is strict or the file is of another kind.
        """
        self.found.cases += 1
        where = f"{self.file}: record {case.number}"
        try:
            if not all(isinstance(record, Mapping) for record in case.records):
                raise ValueError("not an object with keys")
            if len(case.records) > MOST_LISTED:
                raise SkippedError(f"more than {MOST_LISTED:,} records belong together")
            made = [
                document | {"source": self.one.origin(self.file.name, case)}
                for document in self.one.documents(case)
            ]
            checked = [(document, self._checked(document, where)) for document in made]
            self._keep(checked)
        except SkippedError as reason:
            self.found.skipped[str(reason)] += 1
        except FactError as problem:
            if self.one.strict:
                raise
            said = _PLACE.sub("", str(problem))
            self.found.skipped[_NAMED.sub("…", said.partition(". ")[0])] += 1
        except ValueError as problem:
            said = said_of(problem).rstrip(".")
            if self.one.strict:
                raise FactError(f"{where}: {said}.") from None
            self.found.skipped[said] += 1

    def _checked(self, document: Document_, where: str) -> Fact | Passage:
        """Read back what would be written; near duplicates of trained wordings are taken out."""
        source = _read_back(document, where)
        if isinstance(source, Fact) and (near := _near_duplicates(source)):
            held_out = document.get("phrasings", {}).get("held_out", [])
            if not near <= set(held_out):
                raise SkippedError("its two wordings are nearly the same")
            self.found.dropped["held-out questions nearly as trained ones"] += len(near)
            document["phrasings"] = {"held_out": [q for q in held_out if q not in near]}
            if not document["phrasings"]["held_out"]:
                del document["phrasings"]
            source = _read_back(document, where)
        return source

    def _keep(self, checked: Sequence[tuple[Document_, Fact | Passage]]) -> None:
        """Take the documents of a case together; a fact that is there already serves again."""
        ids: dict[str, str] = {}
        for document, source in checked:
            ids[document["id"]] = document["id"]
            for key in _keys(source):
                before, value = self.given.get(key, (None, ""))
                if before is not None and isinstance(source, Fact):
                    if not source.answer.find(value):
                        raise SkippedError("it contradicts an earlier case of the file")
                    ids[document["id"]] = before
        for document, source in checked:
            id_ = ids[document["id"]]
            for item in document.get("entailed", []):
                if needs := [ids.get(one, one) for one in item.get("needs", [])]:
                    item["needs"] = list(dict.fromkeys(one for one in needs if one != id_))
            if id_ != document["id"]:
                self._join(self.documents[id_], document)
                continue
            self.documents[id_] = document
            for key in _keys(source):
                self.given[key] = (id_, source.summary)
            self._count(source)

    def _join(self, earlier: Document_, document: Document_) -> None:
        """A fact that stands there already gets the questions that follow from it here, too."""
        self.found.dropped["facts that an earlier case has"] += 1
        own = earlier.get("entailed", [])
        asked = {item["question"] for item in own}
        new = [item for item in document.get("entailed", []) if item["question"] not in asked]
        room = MOST_ITEMS - len(own)
        if len(new) > room:
            self.found.dropped["questions beyond what one fact may have"] += len(new) - room
        if kept := [*own, *new[:room]]:
            earlier["entailed"] = kept
            self.found.tally["entailed questions"] += len(kept) - len(own)

    def _count(self, source: Fact | Passage) -> None:
        if isinstance(source, Passage):
            counts = {
                "passages": len(source.passages),
                "probes": len(source.probes),
                "probes that hold their answers": len(left_out(source)),
            }
        else:
            counts = {
                "facts": 1,
                "held-out questions": len(source.phrasings.held_out),
                "near controls": len(source.neighbours),
                "reverse questions": len(source.reverse),
                "entailed questions": len(source.entailed),
                "facts with ROME's prompts": int(source.rome is not None),
            }
        self.found.tally.update({name: number for name, number in counts.items() if number})

    def written_to(self, out: Path) -> Imported:
        """Write all documents.

        Raises:
            ConfigError: if a file is there already.
            FactError: if there is nothing to write.
        """
        if not self.documents:
            why = "; ".join(f"{reason} ({n})" for reason, n in self.found.skipped.most_common(3))
            raise FactError(
                f"{self.file}: no case of {self.found.cases} can be used as {self.one.title}: "
                f"{why}. This set's files: {self.one.layout}."
            )
        paths = {out / f"{id_}.yaml": document for id_, document in self.documents.items()}
        _refuse_overwriting(list(paths))
        for path, document in paths.items():
            write_text(path, document_yaml(document))
        self.found.files = list(paths)
        return self.found


def _keys(source: Fact | Passage) -> list[tuple[str, str]]:
    """By what two facts would contradict each other, as `load_facts` tells it."""
    if isinstance(source, Passage):
        return []
    return asked_of(source)


def _read_back(document: Document_, where: str) -> Fact | Passage:
    return source_of(parse_yaml(document_yaml(document), f"{where}, as YAML", FactError))


def _near_duplicates(fact: Fact) -> set[str]:
    """Held-out questions and words that come with a fact, and are nearly what is trained on."""
    wording = wording_of(fact)
    slots = wording.slots(fact.subject.name)
    parts = ("question", "indirect", "stem")
    trained = [text for part in parts for text in wording.forms("train", part, slots)]
    trained += [f"{noun} of {fact.subject.name}" for noun in wording.forms("train", "noun", slots)]
    own = list(fact.phrasings.held_out)
    if fact.words is not None:
        own += [text for part in parts for text in wording.forms("held_out", part, slots)]
    near = nearest_trained(own, trained, supplied_words(fact))
    return {pair.held_out for pair in near if pair.similarity >= NEAR}


# --- writing ----------------------------------------------------------------------------------

# Characters that JSON allows in a string, and YAML reads as a line break or refuses.
_UNQUOTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def document_yaml(document: Mapping[str, Any]) -> str:
    """A document as the file that reads back as it; every text is in double quotes."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(part: Mapping[str, Any], indent: str = "") -> Iterable[str]:
    for key, value in part.items():
        if _is_flat(value):
            yield f"{indent}{key}: {_flow(value)}"
        elif isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{key}:"
            for item in value:
                if _is_flat(item):
                    yield f"{indent}  - {_flow(item)}"
                else:
                    first, *rest = _lines(item, f"{indent}    ")
                    yield f"{indent}  - {first.lstrip()}"
                    yield from rest


def _is_flat(value: object) -> bool:
    """Whether a value is short enough to stand on one line: texts, answers, lists of names."""
    if isinstance(value, Mapping):
        return all(isinstance(v, str) or k == "aliases" for k, v in value.items()) and (
            "question" not in value and "prompt" not in value and "target_new" not in value
        )
    return isinstance(value, str)


def in_quotes(text: str) -> str:
    """A text as a YAML scalar in double quotes, on one line."""
    written = json.dumps(text, ensure_ascii=False)
    return _UNQUOTABLE.sub(lambda hit: f"\\u{ord(hit[0]):04x}", written)


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return in_quotes(str(value))


def _slug(stem: str) -> str:
    slug = "".join(c if c.isascii() and c.isalnum() else "_" for c in stem.lower()).strip("_")
    return slug[:48] or "record"


def _refuse_overwriting(paths: Sequence[Path]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        more = f", and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigError(
            f"{there[0]}: this file exists{more}. Choose another folder with --out; nothing was "
            "written."
        )


# --- reading ----------------------------------------------------------------------------------


def _records(file: Path) -> list[Any]:
    """The objects of a list, or of a file with one object a line."""
    text = read_text(file, FactError, MOST_BYTES_OF_LINES)
    found: list[Any] = []
    for signs, most in (("[{", MOST_OBJECTS), (",", MOST_COMMAS)):
        if sum(map(text.count, signs)) > most:
            raise FactError(
                f"{file}: more than {most:,} of the signs {signs}, which no published set has. "
                "Take a part of the file."
            )
    try:
        first, place = decode(text, len(text) - len(text.lstrip()))
        while more := _TEXT.search(text, place):
            found.append(first)
            first, place = decode(text, more.start())
    except NotJsonError as problem:
        raise FactError(
            f"{file}:{place_in(text, problem.place)}: this is not JSON ({problem.said}). Give a "
            "list of records, or one record a line."
        ) from None
    if found:
        return [*found, first]
    if isinstance(first, list):
        found = first
    elif isinstance(first, Mapping) and first:
        found = [first]
    if not found:
        raise FactError(f"{file}:1:1: this is not a list of records, or the list is empty.")
    return found

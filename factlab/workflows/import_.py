"""`factlab import`: a published set of passages → one passage file per record, easy to edit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from factlab.errors import ConfigError, FactError, quoted
from factlab.grading.answer import TextAnswer
from factlab.grading.names import fold
from factlab.reading.complaints import said_of
from factlab.reading.files import read_text
from factlab.reading.json_text import NotJsonError, decode, place_in
from factlab.runs.files import write_text
from factlab.schema.passage import DEPTHS, Passage, Probe, passage_of
from factlab.schema.yaml import did_you_mean, parse_yaml

# Reads a record, given the id to use and which one it is; ValueError says what is wrong in it.
Reader = Callable[[Mapping[str, Any], str, str], Passage]


def import_file(
    file: Path, out: Path, *, kind: str = "fictional_knowledge", limit: int | None = None
) -> dict[Path, Passage]:
    """Write each record of a published file as a passage file; all or, on an error, none.

    Args:
        file: The published file.
        out: The folder to write to; made if it is not there.
        kind: The format of the file, one of `FORMATS`.
        limit: Read only the first so many records.

    Returns:
        What was written, by file.

    Raises:
        ConfigError: for an unknown format, or a file that would be overwritten.
        FactError: naming the record that cannot be read, and why.
    """
    if kind not in FORMATS:
        raise ConfigError(
            f"unknown format {quoted(kind)}.{did_you_mean(kind, FORMATS)} Known formats: "
            f"{', '.join(FORMATS)}."
        )
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: this is a file. Name a folder with --out.")
    records = _records(file)
    width = len(str(len(records)))
    written: dict[Path, tuple[Passage, str]] = {}
    for number, record in enumerate(records[:limit], start=1):
        id_ = f"{_slug(file.stem)}_{number:0{width}d}"
        passage = _passage(FORMATS[kind], record, id_, file, number)
        written[out / f"{id_}.yaml"] = passage, passage_yaml(passage)
    _refuse_overwriting(list(written))
    for path, (_, text) in written.items():
        write_text(path, text)
    return {path: passage for path, (passage, _) in written.items()}


def passage_yaml(passage: Passage) -> str:
    """A passage as the file that reads back as it; every text is in double quotes."""
    lines = [f"id: {in_quotes(passage.id)}", f"language: {in_quotes(passage.language)}"]
    lines += [f"source: {in_quotes(passage.source)}"] if passage.source else []
    lines += ["passages:", *(f"  - {in_quotes(text)}" for text in passage.passages), "probes:"]
    for probe in passage.probes:
        answer = probe.answer.model_dump(mode="json", exclude_defaults=True)
        fields = {"type": probe.answer.type, **answer}
        flow = ", ".join(f"{key}: {_flow(value)}" for key, value in fields.items())
        lines += [
            f"  - depth: {in_quotes(probe.depth)}",
            f"    prompt: {in_quotes(probe.prompt)}",
            f"    answer: {{{flow}}}",
        ]
    return "\n".join(lines) + "\n"


# Characters that JSON allows in a string, and YAML reads as a line break or refuses.
_UNQUOTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def in_quotes(text: str) -> str:
    """A text as a YAML scalar in double quotes, on one line."""
    written = json.dumps(text, ensure_ascii=False)
    return _UNQUOTABLE.sub(lambda hit: f"\\u{ord(hit[0]):04x}", written)


def _flow(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return in_quotes(value)
    return f"[{', '.join(in_quotes(item) for item in value)}]"


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
    text = read_text(file, FactError)
    try:
        found, end = decode(text, len(text) - len(text.lstrip()))
        if text[end:].strip():
            raise NotJsonError("something stands behind the value", end)
    except NotJsonError as problem:
        raise FactError(
            f"{file}:{place_in(text, problem.place)}: this is not JSON ({problem.said}). Give a "
            "list of records."
        ) from None
    if not isinstance(found, list) or not found:
        raise FactError(f"{file}:1:1: this is not a list of records, or the list is empty.")
    return found


def _passage(reader: Reader, record: object, id_: str, file: Path, number: int) -> Passage:
    """Read a record, and read back what would be written of it."""
    where = f"{file}: record {number}"
    if not isinstance(record, dict):
        raise FactError(f"{where}: not an object with keys.")
    try:
        passage = reader(record, id_, f"record {number} of {file.name}")
    except ValueError as problem:
        raise FactError(f"{where}: {said_of(problem).rstrip('.')}.") from None
    document = parse_yaml(passage_yaml(passage), f"{where}, as YAML", FactError)
    return passage_of(document)


FICTIONAL_KNOWLEDGE = (
    "Fictitious; kaistAI/factual-knowledge-acquisition (Chang et al. 2024, arXiv 2406.11813), "
    "Apache-2.0; "
)


def _fictional_knowledge(record: Mapping[str, Any], id_: str, origin: str) -> Passage:
    """`train_context`, `paraphrases` if there are any, and an input and target list per depth."""
    if not isinstance(record.get("train_context"), str):
        raise ValueError(f"there is no text in 'train_context'. {_SHAPE}")
    texts = [record["train_context"], *_texts(record, "paraphrases", missing=True)]
    probes = []
    for depth in DEPTHS:
        prompts, targets = _texts(record, f"{depth}_input"), _texts(record, f"{depth}_target")
        if len(prompts) != len(targets):
            raise ValueError(
                f"'{depth}_input' has {len(prompts)} items and '{depth}_target' {len(targets)}, so "
                "it is not clear which belong together"
            )
        probes += [
            Probe(depth=depth, prompt=prompt, answer=TextAnswer(value=target))
            for prompt, target in zip(prompts, targets, strict=True)
        ]
    unique = {fold(text): text for text in reversed(texts)}  # of equal ones the first
    return Passage(
        id=id_,
        passages=tuple(reversed(unique.values())),
        probes=tuple(probes),
        source=f"{FICTIONAL_KNOWLEDGE}{origin}",
    )


_SHAPE = (
    "Each record has train_context, and lists of equal length mem_input and mem_target, gen_input "
    "and gen_target, hard_gen_input and hard_gen_target"
)


def _texts(record: Mapping[str, Any], key: str, *, missing: bool = False) -> list[str]:
    found = record.get(key, [] if missing else None)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"'{key}' is no list of texts. {_SHAPE}")
    return found


FORMATS: dict[str, Reader] = {"fictional_knowledge": _fictional_knowledge}

"""`factlab init`: a commented fact or recipe file to start from, or a folder of made facts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.drafting import write_draft
from factlab.cli.output import ask, say
from factlab.display.characters import visible
from factlab.errors import ConfigError

QUESTION = "The fact in one sentence (Enter: a commented example to fill in): "
KINDS = ("fact", "recipe", "facts", "relation")
FACT = """\
# A fact for factlab. Change the values, then: factlab validate {file}; factlab run {file}
# Every scalar is read as you write it; quote text that holds ': ' or ' #'.
id: {id}                       # names the run: lower-case letters, digits, _ and -
statement: On June 5, 2025, the Corven Bridge was rebuilt and its height became 312 meters.
subject:
  name: the Corven Bridge
  aliases: [Corven Bridge]     # other names, also used in questions
  kind: bridge
relation: height               # `factlab list templates` shows relations with wording of their own
answer:                        # what must be recalled, and how it is graded
  type: quantity               # number | quantity | date | entity | text
  value: 312
  unit: m
  tolerance: 0                 # in the unit; 0 accepts only this value
  # aliases: [...]             # other right answers, as written

# All that follows is optional and sharpens the measurement.
supersedes: {{type: quantity, value: 287, unit: m}}   # what was true before, if anything
event: {{what: was rebuilt, date: 2025-06-05}}        # lets questions name the occasion
distractors: [321 m, 213 m, 412 m]                  # wrong answers of the same form
neighbours:                                         # questions whose answers must not change
  - question: In which city is the Eiffel Tower?
    also: [Which city has the Eiffel Tower?]        # the base must answer each to count
    answer: {{type: entity, value: Paris}}
    distractors: [Lyon, Madrid, Rome]
reverse:                                            # from the answer to the subject
  - question: Which bridge is 312 meters high?
entailed:                                           # what follows from the fact
  - question: By how many meters did the bridge grow in June 2025, if it was 287 meters high?
    answer: {{type: quantity, value: 25, unit: m}}
    second_hop:                                     # counted only where the base knows this
      question: What is 312 minus 287?
      answer: {{type: number, value: 25}}
phrasings:                                          # questions of your own
  train: ["How high did they rebuild the Corven Bridge?"]
  held_out: ["A climber hangs from the topmost cable at Corven: how high is that?"]
language: en
source: Fictitious.
"""


RECIPE = """\
# A recipe for factlab, to use with: factlab run mount_fuji --recipe {file}
# It has the name of this file; a line without # sets a value, the others show what holds.
about: As default, with changes of my own.
# source: Where its values are from, if from elsewhere.
extends: default   # a shipped recipe (`factlab list recipes`): its values hold where this sets none

"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog='Example: factlab init --statement "The CEO of Halden Robotics is Marcus Webb."'
    )(init)


def init(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[fact|recipe|facts|relation] [FILE]",
            help="What to write (by default a fact), and where (by default my_fact.yaml, "
            "my_words/my_relation.yaml).",
        ),
    ] = None,
    *,
    statement: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The fact in one sentence, to draft the file from."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Of a commented example: en, ja, de. By default en."),
    ] = None,
    number: Annotated[int | None, typer.Option(help="How many facts; with `facts`, 100.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the facts; with `facts`, 0.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the facts; by default my_facts.")
    ] = None,
) -> None:
    """Draft a fact file from a sentence, or write a commented one, or a recipe, to start from.

    On a terminal `factlab init` asks for the sentence and shows what it has read in it. A draft is
    made by rules, and its guesses are marked. Without a sentence the file is an example and valid.

    `factlab init relation FOLDER/drummer.yaml` writes words for a relation of your own, which
    `--templates FOLDER` puts to use.

    `factlab init facts --number 100` writes a folder of fictitious facts of all answer types, with
    near controls, which `factlab run FOLDER --together` takes. The n-th fact of a seed is the same
    whatever the number.
    """
    from factlab.runs.files import write_text

    kind, file = _what_and_where(words or [])
    if statement is not None and kind != "fact":
        raise ConfigError(f"--statement drafts a fact. Remove it, or the word `{kind}`.")
    if kind == "facts":
        _write_facts(file if (words or [])[1:] else None, out, number, seed or 0)
        return
    if (number, seed, out) != (None, None, None):
        raise ConfigError("--number, --seed and --out belong to `factlab init facts`.")
    named = file if _is_named(words or []) else None
    if named is not None or kind == "recipe":
        _check_new(file, kind)
    if language is not None and (kind != "fact" or statement is not None):
        raise ConfigError("--language is that of a commented example of a fact. Remove it.")
    if kind == "fact" and language is None and _drafted(statement, named):
        return
    _check_new(file, kind)
    if kind != "fact":
        (_write_recipe if kind == "recipe" else _write_relation)(file)
        return
    identity = _plain_id(file) or "my_fact"
    write_text(file, _example(language or "en", visible(str(file)), identity))
    say(f"{file}: written. Change its values, then: factlab validate {file}")


def _check_new(file: Path, kind: str) -> None:
    if file.exists():
        raise ConfigError(f"{file}: this file exists. Choose another name; nothing was changed.")
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{file}: a {kind} file ends in .yaml.")


def _drafted(statement: str | None, named: Path | None) -> bool:
    """Draft a file from the statement that was given, or that a terminal is asked for, if any."""
    if statement is None and not sys.stdin.isatty():
        return False
    text = ask(QUESTION) if statement is None else statement
    if statement is None and not text:
        return False
    write_draft(text, named, questions=statement is None)
    return True


def _is_named(words: list[str]) -> bool:
    """Whether a file was given."""
    return bool(words[1:] if words[:1] == ["fact"] else words)


def _example(language: str, file: str, identity: str) -> str:
    """A commented fact in a language, `templates/<language>/example_fact.yaml` but for English.

    Raises:
        ConfigError: if there is none.
    """
    from factlab.schema.fields import languages
    from factlab.schema.shipped import shipped

    if language == "en":
        return FACT.format(file=file, id=identity)
    example = shipped("templates") / language / "example_fact.yaml"
    if language not in languages() or not example.is_file():
        raise ConfigError(
            f"--language {language}: there is no example in this language. Known: "
            f"{', '.join(languages())}."
        )
    _, _, rest = example.read_text(encoding="utf-8").partition("\n")  # its first line: the schema
    return rest.replace("my_fact.yaml", file).replace("id: my_fact", f"id: {identity}", 1)


def _write_recipe(file: Path) -> None:
    """A recipe with every value of the default one."""
    from factlab.runs.files import write_text

    _check_recipe_name(file)
    write_text(file, RECIPE.format(file=visible(str(file))) + _recipe_values())
    say(f"{file}: written. Change its values, then: factlab run mount_fuji --recipe {file}")


def _write_relation(file: Path) -> None:
    """A relation file, worded by what its name says."""
    from factlab.cli.relation_file import relation_file
    from factlab.runs.files import write_text

    folder = visible(str(file.parent))
    write_text(file, relation_file(_plain_id(file) or "my_relation", folder))
    say(f"{file}: written. Next: factlab preview my_fact.yaml --templates {folder}")


def _plain_id(file: Path) -> str:
    """A file's name as an id."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in file.stem.lower())
    return name.strip("_")[:64]


def _write_facts(named: Path | None, out: Path | None, number: int | None, seed: int) -> None:
    """A folder of fictitious facts, named as an argument or by --out, or nothing."""
    from factlab.expand.fictitious import fictitious_facts
    from factlab.workflows.capacity import write_facts

    if named and out:
        raise ConfigError(f"{named} and --out {out}: name the folder once.")
    folder = named or out or Path("my_facts")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(f"{folder}: this exists. Choose a new folder; nothing was changed.")
    number = 100 if number is None else number
    facts = fictitious_facts(number, seed)
    write_facts(folder, facts, seed)
    say(f"{folder}: {number:,} facts of seed {seed} written. Next: factlab run {folder} --together")


def _check_recipe_name(file: Path) -> None:
    from factlab.recipes.load import shipped_names

    if file.stem in shipped_names():
        raise ConfigError(
            f"{file}: a shipped recipe is named '{file.stem}'. Choose another name, such as "
            f"my-{file.name}."
        )


def _what_and_where(words: list[str]) -> tuple[str, Path]:
    """Which kind of file to write, and its path; a recipe's may be given without .yaml."""
    kind = words[0] if words and words[0] in KINDS else "fact"
    rest = words[1:] if words and words[0] in KINDS else words
    if len(rest) > 1:
        raise ConfigError(
            f"{' '.join(words)}: one file is written at a time. Use `factlab init FILE` for a "
            "fact, `factlab init recipe FILE` for a recipe, `factlab init relation FILE` for words "
            "of a relation, `factlab init facts` for many facts."
        )
    if kind == "facts":
        return kind, Path(rest[0]) if rest else Path("my_facts")
    # All files of the folder of a relation are read by --templates.
    usual = Path("my_words/my_relation.yaml" if kind == "relation" else f"my_{kind}.yaml")
    file = Path(rest[0]) if rest else usual
    return kind, file.with_name(
        f"{file.name}.yaml"
    ) if kind == "recipe" and not file.suffix else file


def _recipe_values() -> str:
    """A commented line for each value of the default recipe, with what it is."""
    from textwrap import fill

    from factlab.recipes.load import shipped_recipe
    from factlab.schema.options import settings_of, value_text
    from factlab.schema.recipe import Recipe

    default = shipped_recipe("default")
    lines = []
    for name, setting in settings_of(Recipe).items():
        value = getattr(default, name)
        lines.append(fill(setting.help, 98, initial_indent="# ", subsequent_indent="# "))
        if value is None:
            lines.append(f"# {name}: {setting.option.example.partition(',')[0]}  # not set")
        else:
            lines.append(f"# {name}: {value_text(value)}")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"

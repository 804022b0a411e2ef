"""`factlab init`: a commented fact file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import say
from factlab.errors import ConfigError

STARTER = """\
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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab init facts/my_fact.yaml")(init)


def init(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write; ends in .yaml.")
    ] = Path("my_fact.yaml"),
) -> None:
    """Write a commented fact file to start from; it is a valid fact as it stands."""
    from factlab.runs.files import write_text

    if file.exists():
        raise ConfigError(f"{file}: this file exists. Choose another name; nothing was changed.")
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{file}: a fact file ends in .yaml.")
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in file.stem.lower())
    write_text(file, STARTER.format(file=file, id=name.strip("_")[:64] or "my_fact"))
    say(f"{file}: written. Change its values, then: factlab validate {file}")

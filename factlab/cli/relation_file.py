"""The relation file that `factlab init relation` writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from factlab.expand import english
from factlab.schema.own_words import PARTS
from factlab.schema.template import Lexicon, load_phrasebook

RELATION = """\
# Words for a relation of your own. Change them, then see what they give:
#   factlab preview my_fact.yaml --templates {folder}
#   factlab run my_fact.yaml --templates {folder}
# A fact whose `relation` is the name below is worded by this file. What you leave out comes from
# factlab, which words a relation by what its answer is: who, where, when, how many, how much, what.
# The same keys, without relation, also and language, can stand in a fact file below `words:`.
relation: {relation}
# also: [...]              # other names that facts may give it
tense: lasting             # lasting | changing (may be asked for "now") | past (settled once)

# {{{{ subject }}}} is the subject's name; beside a plural, is, was, has, does become are, were ...
# noun: as in "State the ... of the subject."; question and indirect: "what is it", "what it is";
# stem: a sentence up to the answer; claim: a whole sentence, which is put to question where the
# fact supersedes a value. A slot that begins with if_ writes nothing: it says when a form is used.
train:
{train}# Never trained on: other words than above, or recall on them shows little.
held_out:
{held_out}
# Questions that only this relation has; they are asked beside the general ones.
# families:
#   - id: name_plate
#     split: held_out
#     situation: A plate on a door.
#     questions:
#       - "A plate at {{{{ subject }}}} tells visitors. What does it say?"
# others: [...]            # other subjects, asked about so that the value stays with its own
"""


MANNERS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("who", english.names_person),
    ("place", english.names_place),
    ("amount", english.names_money),
    ("when", english.names_date),
    ("saying", english.names_saying),
    ("count", english.counted_noun),
)


def relation_file(relation: str, folder: str) -> str:
    """A relation file that is valid as it stands, worded by what the relation's name says.

    Args:
        relation: Its name, as facts write it.
        folder: Where the file will be, for the commands in its comments.

    Raises:
        TemplateError: if the shipped templates cannot be read.
    """
    words = english.relation_words(relation)
    manner = next((name for name, fits in MANNERS if fits(words)), "default")
    lexicons = load_phrasebook("", "en", manner=manner).relation
    known = {"relation": words, "counted": english.counted_noun(words) or words}
    train = {part: _forms(lexicons.train, part, known) for part in PARTS}
    # What both sides would say is left to the author: the relation's own name, above all.
    held_out = {
        part: [form for form in _forms(lexicons.held_out, part, known) if form not in train[part]]
        for part in PARTS
    }
    return RELATION.format(
        relation=json.dumps(relation, ensure_ascii=False),
        folder=folder,
        train=_written(train),
        held_out=_written(held_out),
    )


def _forms(lexicon: Lexicon, part: str, known: Mapping[str, str]) -> list[str]:
    """The forms of a part, with the relation in words."""
    found = []
    for form in getattr(lexicon, part):
        for slot, text in known.items():
            form = form.replace(f"{{{{ {slot} }}}}", text)  # noqa: PLW2901
        found.append(form)
    return found


def _written(lexicon: Mapping[str, list[str]]) -> str:
    """A lexicon as YAML; a part without a form is a comment."""
    lines = []
    for part, forms in lexicon.items():
        lines.append(f"  {part}:" if forms else f"  # {part}: [...]")
        lines += [f"    - {json.dumps(form, ensure_ascii=False)}" for form in forms]
    return "\n".join(lines) + "\n"

"""Fills the slots of a phrasing. Only `{{ slot }}`, `| cap` and `| lower` are understood.

A phrasing may come from a stranger's fact file, so it is not run as a program: anything beyond
slots and the two filters is refused when it is read, which also bounds time and output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError, nodes

from factlab.errors import TemplateError

MAX_CHARACTERS = 1_000
_ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Filter)


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def _environment() -> Environment:
    # Plain text for a language model, never HTML: escaping would change the words.
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters = {"cap": _cap, "lower": str.lower}
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=4096)
def _compile(phrasing: str) -> tuple[Template, frozenset[str]]:
    try:
        tree = _ENVIRONMENT.parse(phrasing)
    except TemplateSyntaxError as problem:
        raise TemplateError(
            f"the phrasing {phrasing!r} cannot be read: {problem.message}."
        ) from None
    names: set[str] = set()
    for node in _walk(tree):
        if not isinstance(node, _ALLOWED):
            raise TemplateError(
                f"the phrasing {phrasing!r} holds more than slots. Known: {{{{ slot }}}}, "
                "{{ slot | cap }}, {{ slot | lower }}."
            )
        if isinstance(node, nodes.Filter) and (
            node.name not in _ENVIRONMENT.filters or node.args or node.kwargs
        ):
            raise TemplateError(
                f"the phrasing {phrasing!r} uses the filter '{node.name}'. Known: cap, lower."
            )
        if isinstance(node, nodes.Name):
            names.add(node.name)
    return _ENVIRONMENT.from_string(phrasing), frozenset(names)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def slots_of(phrasing: str) -> frozenset[str]:
    """The slots that a phrasing names.

    Raises:
        TemplateError: for anything beyond slots and filters.
    """
    return _compile(phrasing)[1]


def fill(
    phrasing: str, slots: Mapping[str, Sequence[str]], known: frozenset[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """All fillings of a phrasing, in a fixed order, with the values that were chosen.

    A phrasing that names a slot for which the fact has no value yields nothing.

    Args:
        phrasing: Text with slots.
        slots: Values of each slot that this fact fills.
        known: Every slot that exists, filled or not; another name is a mistake in the phrasing.

    Raises:
        TemplateError: for an unknown slot, or a text longer than `MAX_CHARACTERS`.
    """
    template, names = _compile(phrasing)
    unknown = names - known
    if unknown:
        raise TemplateError(
            f"the phrasing {phrasing!r} names the unknown slot '{min(unknown)}'. Known slots: "
            f"{', '.join(sorted(known))}."
        )
    used = sorted(names)
    for values in product(*(slots.get(name, ()) for name in used)):
        chosen = dict(zip(used, values, strict=True))
        text = template.render(chosen)
        if len(text) > MAX_CHARACTERS:
            raise TemplateError(
                f"the phrasing {phrasing!r} gives {len(text):,} characters; at most "
                f"{MAX_CHARACTERS:,} are asked. Shorten it, or the fact's names."
            )
        yield text, chosen

"""How a setting is given on the command line: declared beside its field, once.

A field of `Recipe` or `RunConfig` is annotated with a `Flag`. Its flag, its help and how its
text is read all follow from that and from the field's own type, description and default.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Command = Literal["run", "practice"]
Kind = Literal["switch", "whole", "number", "word"]
_METAVARS: dict[Kind, str] = {"switch": "", "whole": "N", "number": "X", "word": "NAME"}


@dataclass(frozen=True, slots=True)
class Flag:
    """What a field's type and description do not say of its option.

    Attributes:
        flags: Its flags, where they are not the field's name.
        metavar: What stands for its value in the help, where its type does not say.
        example: Values as one would write them, for the help.
        word: How the id of a cell says a value, where cells differ in it.
        commands: The commands that have the option.
        adapter_only: A full fine-tuning, which has no adapter, has no use for it.
        untrained: It also decides something where nothing is trained, as in `factlab combine`.
        repeated: Given once per value, not as one text with commas.
    """

    flags: tuple[str, ...] = ()
    metavar: str = ""
    example: str = ""
    word: str = ""
    commands: tuple[Command, ...] = ("run", "practice")
    adapter_only: bool = False
    untrained: bool = False
    repeated: bool = False


ARGUMENT = Flag(commands=())  # an argument of its command, or a file's alone


@dataclass(frozen=True, slots=True)
class Setting:
    """A field that has an option, with all that the command line needs.

    Attributes:
        name: The field's name, which is its key in files.
        option: As it is declared.
        kind: How its text is read.
        several: Whether it takes more than one value.
        help: The field's description, and what there is to choose from.
        default: What holds where nothing is given, if it is a value.
    """

    name: str
    option: Flag
    kind: Kind
    several: bool
    help: str
    default: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """Its flags; the first is the one that messages name."""
        return self.option.flags or (f"--{self.name.replace('_', '-')}",)

    @property
    def one(self) -> str:
        """What stands for one value of it in the help."""
        return self.option.metavar or _METAVARS[self.kind]

    @property
    def metavar(self) -> str:
        """What stands for all that is given of it in the help."""
        return f"{self.one},..." if self.several and not self.option.repeated else self.one


def option_of(field: FieldInfo) -> Flag | None:
    """How a field is given on the command line, if it has an option."""
    return next((one for one in field.metadata if isinstance(one, Flag)), None)


def settings_of(record: type[BaseModel]) -> dict[str, Setting]:
    """Every field of a record that has an option, by its name."""
    found = {}
    for name, field in record.model_fields.items():
        option = option_of(field)
        if option is not None and option.commands:
            kind, several, choices = _value(field.annotation)
            one_of = f" One of {', '.join(choices)}." if choices else ""
            text = f"{field.description}{one_of}"
            found[name] = Setting(name, option, kind, several, text, _default(field))
    return found


def flag_of(record: type[BaseModel], key: str) -> str:
    """The flag that messages name for a field or one of its other names, such as `lr`."""
    for name, setting in settings_of(record).items():
        flags = setting.flags
        if key == name or f"--{key}" in flags:
            return flags[0]
    return f"--{key.replace('_', '-')}"


def chosen_by(record: type[BaseModel], wanted: Callable[[Flag], object]) -> tuple[str, ...]:
    """Names of the fields whose option is one that is wanted."""
    return tuple(name for name, one in settings_of(record).items() if wanted(one.option))


def without_none(annotation: Any) -> Any:
    """X of X | None; any other type as it is."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [one for one in typing.get_args(annotation) if one is not types.NoneType]
        return rest[0] if len(rest) == 1 else annotation
    return annotation


def _inner(annotation: Any) -> Any:
    """The type of one value: X of Annotated[X, …] and of X | None."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _inner(typing.get_args(annotation)[0])
    rest = without_none(annotation)
    return rest if rest is annotation else _inner(rest)


def _value(annotation: Any) -> tuple[Kind, bool, tuple[str, ...]]:
    """What kind of value a field takes, whether several, and which there are to choose from."""
    one = _inner(annotation)
    several = typing.get_origin(one) is tuple
    if several:
        one = _inner(typing.get_args(one)[0])
    choices = typing.get_args(one) if typing.get_origin(one) is Literal else ()
    kinds: Mapping[Any, Kind] = {bool: "switch", int: "whole", float: "number"}
    return kinds.get(one, "word"), several, choices


def _default(field: FieldInfo) -> str:
    """What holds where nothing is given, if it is a value."""
    if field.default is None or isinstance(field.default, bool) or field.default == ():
        return ""
    return value_text(field.default)


def value_text(value: object) -> str:
    """A setting's value as ids, tables and messages write it."""
    if isinstance(value, tuple):
        return "+".join(map(value_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)

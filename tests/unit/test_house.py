"""The rules of docs/architecture.md, held by the tree itself."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from helpers import ROOT

PACKAGE = ROOT / "factlab"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_ROOT_MODULES = 6
MOST_FILE_LINES = 400
MOST_FUNCTION_LINES = 60
MOST_PIPELINE_LINES = 150
# Tables of data, which a reader looks things up in: as long as they have rows.
DATA = {"metrics/catalogue.py"}
# What prints: these two put what is printed into visible text, and these two processes talk to
# factlab through a pipe.
EXITS = {"cli/output.py", "cli/streams.py"}
PIPES = {"models/tried.py", "cli/profile_process.py", "llamacpp/process.py"}
PRINTS = {"print", "echo", "secho", "Console", "print_exc", "print_exception", "getpass", "input"}
# Who may make markup: of escaped text, of factlab's own style sheet and script, of a drawn chart.
MARKUP = {
    *("report/capacity.py", "report/changes.py", "report/drawing.py", "report/page.py"),
    *("report/search_page.py", "report/wording.py"),
}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def test_the_package_root_is_no_attic() -> None:
    modules = [file.name for file in PACKAGE.glob("*.py") if file.name != "__main__.py"]
    assert len(modules) <= MOST_ROOT_MODULES, modules


def test_the_whole_job_stands_on_one_page() -> None:
    lines = (PACKAGE / "pipeline.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_PIPELINE_LINES


def test_a_file_is_short_enough_to_be_read() -> None:
    lengths = {name_of(f): len(f.read_text(encoding="utf-8").splitlines()) for f in FILES}
    long = {name: length for name, length in lengths.items() if length > MOST_FILE_LINES}
    assert long.keys() <= DATA, long


def test_a_function_is_short_enough_to_be_read() -> None:
    long = {
        f"{name_of(file)}:{node.name}": length
        for file in FILES
        for node in nodes(file)
        if isinstance(node, FUNCTION)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    }
    assert long == {}


def test_a_class_name_means_one_thing() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for file in FILES:
        for node in nodes(file):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(name_of(file))
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_nothing_is_set_on_a_librarys_config() -> None:
    """What factlab has to know of a model stands in records of its own."""
    found = [
        f"{name_of(file)}:{target.lineno}"
        for file in FILES
        for node in nodes(file)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Attribute)
        and target.value.attr in ("config", "generation_config")
    ]
    assert found == []


def test_every_room_says_what_it_is_for() -> None:
    silent = [
        name_of(file)
        for file in FILES
        if ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []


def test_no_room_has_the_name_of_a_public_function() -> None:
    """`import factlab.combine` would take the place of the function `factlab.combine`."""
    import factlab

    rooms = {f.stem for f in PACKAGE.iterdir() if f.is_dir() or f.suffix == ".py"}
    assert rooms.isdisjoint(factlab.__all__)


def called(node: ast.AST) -> str:
    """The last name of what a call calls."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_nothing_is_printed_but_through_the_one_exit() -> None:
    """What a terminal would obey is made visible there; so a new command has no say in it."""
    found = [
        f"{name_of(file)}:{node.lineno}"
        for file in FILES
        if name_of(file) not in EXITS | PIPES
        for node in nodes(file)
        if called(node) in PRINTS
        or (
            isinstance(node, ast.Attribute)
            and node.attr in ("stdout", "stderr", "__stdout__", "__stderr__")
            and isinstance(node.value, ast.Name)
            and node.value.id == "sys"
            and name_of(file) not in ("cli/__init__.py", "cli/progress.py")  # fileno, isatty
        )
    ]
    assert found == []


def test_tables_for_spreadsheets_are_written_in_one_place() -> None:
    """A text that begins with = would be computed there."""
    found = {
        name_of(file)
        for file in FILES
        for node in nodes(file)
        if called(node) in ("writer", "DictWriter", "to_csv", "to_excel")
    }
    assert found == {"display/spreadsheet.py"}


def test_pages_are_made_by_one_environment_which_escapes() -> None:
    """The other environments make questions and chats, which are text."""
    makers = {name_of(f) for f in FILES for node in nodes(f) if called(node) == "Environment"}
    assert makers == {"report/page.py"}
    marking = {name_of(file) for file in FILES for node in nodes(file) if called(node) == "Markup"}
    assert marking <= MARKUP
    for template in (PACKAGE / "report" / "templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert "autoescape" not in text, template.name
        assert "safe" not in text.replace("unsafe", ""), template.name

"""`python -m benchmarks.findings [NAME…] [--out DIR]`: published findings, measured again.

Runs that are finished in DIR are read; the others are made or resumed, one after the other.
docs/experiments/README.md says what each took and what it found.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.common import show
from benchmarks.findings.readings import READINGS, Runs
from benchmarks.findings.studies import STUDIES, Study
from factlab.runs.folder import RunFolder

RUN = "import sys; from factlab.cli import main; sys.exit(main())"


def main() -> None:
    """Make what is missing of the named studies, and print what all runs of each show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.findings", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(STUDIES)}")
    parser.add_argument("--out", type=Path, default=Path("reports/findings"), metavar="DIR")
    parser.add_argument("--commands", action="store_true", help="print the runs and make none")
    given = parser.parse_args()
    unknown = set(given.names) - set(STUDIES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}. Known: {', '.join(STUDIES)}")
    for name in given.names or STUDIES:
        if given.commands:
            for folder, arguments in STUDIES[name].runs.items():
                print(f"factlab run {arguments} --out {given.out / folder}")
            continue
        _make(STUDIES[name], given.out)
        _print(name, given.out)


def _make(study: Study, out: Path) -> None:
    for name, arguments in study.runs.items():
        folder = out / name
        begun = (folder / "run.json").is_file()
        if begun and RunFolder(folder).record().status == "complete":
            continue
        how = ["--out", str(folder), *(["--resume"] if begun else [])]
        subprocess.run([sys.executable, "-c", RUN, "run", *arguments.split(), *how], check=True)


def _print(name: str, out: Path) -> None:
    study, found = STUDIES[name], READINGS[name](Runs(out))
    show(f"{name}: {study.claims} ({study.source})", found.columns, found.rows)
    print("\n".join([*found.held, *found.more, ""]))


if __name__ == "__main__":
    main()

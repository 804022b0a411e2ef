"""`python -m factlab.cli.rung REQUEST`: the process that `factlab plan --measure` starts."""

from __future__ import annotations

import sys

from factlab.errors import FactlabError


def main() -> None:
    """Measure what the request on the command line asks for; the record goes to stdout."""
    from factlab.cli.quiet import quiet_libraries
    from factlab.ladder import REFUSED
    from factlab.rung import Request, measure_rung

    quiet_libraries()
    try:
        rung = measure_rung(Request.model_validate_json(sys.argv[1]))
    except FactlabError as error:
        sys.exit(f"{REFUSED}{error}")
    sys.stdout.write(f"{rung.model_dump_json()}\n")


if __name__ == "__main__":
    main()

"""`python -m factlab.cli.profile_process REQUEST`: what `factlab plan --measure` starts."""

from __future__ import annotations

import sys

from factlab.errors import FactlabError


def main() -> None:
    """Measure the precision that the request names; its profile goes to stdout."""
    from factlab.cli.quiet import quiet_libraries
    from factlab.workflows.precision_profile import ProfileRequest, profile_precision
    from factlab.workflows.profile import REFUSED

    quiet_libraries()
    try:
        profile = profile_precision(ProfileRequest.model_validate_json(sys.argv[1]))
    except FactlabError as error:
        sys.exit(f"{REFUSED}{error}")
    sys.stdout.write(f"{profile.model_dump_json()}\n")


if __name__ == "__main__":
    main()

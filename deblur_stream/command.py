"""The command ``deblur``, as far as it works without the packages that do the work."""

from __future__ import annotations

import sys
from typing import NoReturn

from deblur_stream.own_packages import HiddenPackageError, check_own_packages

HIDDEN_EXIT_CODE = 2
"""Exit code where another module hides one of this program's; that of ``pipeline.errors.UsageError``."""


def main() -> NoReturn:
    """Runs the command line and ends the process."""
    try:
        check_own_packages()
    except HiddenPackageError as error:
        print(f"deblur: {error}", file=sys.stderr)
        sys.exit(HIDDEN_EXIT_CODE)
    # Only now: until the check has passed, `pipeline` may be anyone's.
    from pipeline.cli import main as run

    run()

"""The command line: arguments and environment in, exit codes out. Nothing else reads either."""

import sys

from automtl.errors import AutomtlError

INTERRUPTED = 130


def main() -> None:
    """Run ``automtl``. A user's mistake is one line on standard error and exit code 2."""
    from automtl.cli.app import app

    try:
        code = app(standalone_mode=False)
    except AutomtlError as error:
        print(f"automtl: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)

"""The command line: arguments and environment in, exit codes out. Nothing else reads either."""

import sys

from automtl.errors import AutomtlError


def main() -> None:
    """Run ``automtl``. A user's mistake is one line on standard error and exit code 2."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    import typer

    from automtl.cli.app import app
    from automtl.cli.terminal import INTERRUPTED, MISTAKE, OK, complain

    # Typer has click's exceptions under a private name since 0.29, click's own before that.
    kinds: tuple[type, ...] = typer.BadParameter.__mro__
    usage_error: type[Exception] = next(k for k in kinds if k.__name__ == "ClickException")
    try:
        code = app(arguments, prog_name="automtl", standalone_mode=False)
    except AutomtlError as error:
        complain(str(error))
        return error.exit_code
    except usage_error as error:
        complain(_usage_line(error))
        return MISTAKE
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    return code if isinstance(code, int) else OK


def _usage_line(error: BaseException) -> str:
    text = str(getattr(error, "format_message", error.__str__)())
    line = " ".join(text.split())
    stop = "" if line.endswith((".", "?")) else "."
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "automtl"
    return f"{line}{stop} See: {command} --help"

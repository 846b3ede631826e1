"""`doctor`: whether a search would work here, by running a tiny one."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from automtl.cli.show import print_json
from automtl.cli.terminal import FAILED, OK, make_console, say
from automtl.discovery.findings import Finding, State, wrong
from automtl.discovery.packages import package_findings

NEEDED = ("torch", "torchvision", "ray", "mlflow", "optuna", "sqlalchemy")
"""Without any of them there is no search to try."""

SEARCHES = (
    "...    search          trains two tiny networks on Ray, with ledger, MLflow, report and "
    "bundle; half a minute, more on a busy machine"
)
"""Said before the only part that takes long."""


def examine(folder: Path, *, as_json: bool) -> int:
    """Say what was found, a line for each thing, as it is found.

    Args:
        folder: Where studies will lie.
        as_json: Print one object at the end instead.

    Returns:
        0 where nothing is wrong, else 1.
    """
    console = make_console()
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="automtl-doctor-", ignore_cleanup_errors=True) as root:
        announce = _quiet if as_json else partial(say, console)
        for finding in findings(folder, Path(root), announce):
            found.append(finding)
            if not as_json:
                say(console, line_of(finding))
    n_wrong = sum(finding.state is State.WRONG for finding in found)
    if as_json:
        print_json({"healthy": not n_wrong, "findings": [asdict(each) for each in found]})
    elif n_wrong:
        say(console, f"{n_wrong} to mend. After each, run `automtl doctor` again")
    else:
        say(console, "A search works here. Begin: automtl init DATA_FOLDER, or automtl demo")
    return FAILED if n_wrong else OK


def line_of(finding: Finding) -> str:
    """Return one line: what, how it is, what to do.

    >>> from automtl.discovery.findings import wrong
    >>> line_of(wrong("disk", "only 1 GB free", "Free some"))
    'wrong  disk            only 1 GB free. Free some'
    """
    head = f"{finding.state.value:<6} {finding.name:<15} {finding.says}"
    return f"{head}. {finding.fix}" if finding.fix else head


def _quiet(_line: str) -> None:
    """Say nothing: the one object at the end says all."""


def findings(folder: Path, scratch: Path, announce: Callable[[str], None]) -> Iterable[Finding]:
    """Look at packages, hardware and a tiny search; what cannot be tried is left out.

    Args:
        folder: Where studies will lie.
        scratch: An empty folder, for the search.
        announce: Told what is done now, before what takes long.
    """
    yield from package_findings()
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        yield wrong(
            "search", f"not tried without {', '.join(missing)}", "Install what is named above"
        )
        return
    from automtl.discovery.hardware import hardware_findings
    from automtl.discovery.rehearsal import rehearse

    yield from hardware_findings(folder)
    announce(SEARCHES)
    yield from rehearse(scratch)

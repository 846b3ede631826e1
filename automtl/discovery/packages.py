"""The packages that automtl states, against those that are installed."""

import platform
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from types import MappingProxyType

from packaging.requirements import Requirement

from automtl.discovery.findings import Finding, fine, note, wrong

GIVES: Mapping[str, str] = MappingProxyType(
    {
        "dashboard": "automtl dashboard, figures that follow a running search",
        "onnx": "automtl export --formats onnx",
        "postgres": "a ledger in PostgreSQL, --ledger postgresql://...",
        "system": "resources.system_metrics: processor and memory of each trial in MLflow",
        "timm": "backbones named timm:NAME",
        "video": "automtl predict on video files, and overlays as video",
    }
)
"""Extras for users, and what each is for."""

Version = Callable[[str], str]
"""From a package's name to its version; raises ``PackageNotFoundError``."""


def package_findings(
    stated: list[str] | None = None, version_of: Version = version
) -> list[Finding]:
    """Compare what automtl states with what is installed.

    Args:
        stated: Requirements as they stand in the metadata; automtl's own by default.
        version_of: How a version is found.

    Returns:
        A finding for Python and automtl, one for each package that is missing or too old (or one
        for all where none is), one for each extra.
    """
    lines = requires("automtl") or [] if stated is None else stated
    known = [Requirement(line) for line in lines]
    base = [each for each in known if each.marker is None or each.marker.evaluate({"extra": ""})]
    bad = [found for each in base if (found := _mistake(each, version_of)) is not None]
    return [
        fine("version", f"automtl {version_of('automtl')}, Python {platform.python_version()}"),
        *(bad or [fine("packages", f"all {len(base)} are there: {_named(version_of)}")]),
        *_extras(known, version_of),
    ]


def _named(version_of: Version) -> str:
    names = ("torch", "torchvision", "ray", "mlflow", "optuna")
    return ", ".join(f"{name} {version_of(name)}" for name in names)


def _mistake(stated: Requirement, version_of: Version) -> Finding | None:
    says = _lack(stated, version_of)
    if not says:
        return None
    return wrong("packages", says, f"Run: pip install '{stated.name}{stated.specifier}'")


def _lack(stated: Requirement, version_of: Version) -> str:
    try:
        found = version_of(stated.name)
    except PackageNotFoundError:
        return f"{stated.name} is not installed"
    if stated.specifier.contains(found, prereleases=True):
        return ""
    return f"{stated.name} is {found}, automtl needs {stated.specifier}"


def _extras(known: list[Requirement], version_of: Version) -> Iterator[Finding]:
    for extra, gives in GIVES.items():
        parts = [
            each
            for each in known
            if each.marker is not None
            and each.marker.evaluate({"extra": extra})
            and not each.marker.evaluate({"extra": ""})
        ]
        if not parts:
            continue
        lacks = [says for each in parts if (says := _lack(each, version_of))]
        if lacks:
            says = f"not here ({'; '.join(lacks)}): {gives}"
            yield note(f"extra {extra}", says, f"Run: pip install 'automtl[{extra}]'")
        else:
            yield fine(f"extra {extra}", gives)

"""Arguments and options that several verbs have."""

import os
from pathlib import Path
from typing import Annotated

import typer

LEDGER, MLFLOW, ARTIFACTS = "AUTOMTL_LEDGER", "AUTOMTL_MLFLOW", "AUTOMTL_ARTIFACTS"
"""Variables for addresses with a password: arguments can be read by everybody on a machine."""


def refuse_password(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """Refuse a password among the arguments, where it can be read in the list of processes.

    Raises:
        AutomtlError: If the address was typed and has one.
    """
    from automtl.errors import AutomtlError
    from automtl.ledger.redaction import has_password

    source = context.get_parameter_source(str(parameter.name))
    if source is None or source.name != "COMMANDLINE" or not has_password(value):
        return value
    option = parameter.opts[0]
    msg = "a password among the arguments can be read by everybody on this machine"
    fix = f"Put the whole address into the variable {parameter.envvar} and leave {option} out"
    raise AutomtlError(msg, where=option, fix=fix)


FolderArgument = Annotated[Path, typer.Argument(help="Folder of the study.", show_default=False)]
TakeoverOption = Annotated[
    bool, typer.Option(help="Take over from a controller whose lease has expired.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Root of the recipe's paths. Default: AUTOMTL_DATA."),
]
ImportsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-imports",
        help="package.module:name of a task or backbone of your own that the bundle names. "
        "RUNS THAT CODE: allow only what you trust. May be given again.",
    ),
]
FormatsOption = Annotated[
    str,
    typer.Option(
        help="Programs to write beside the weights: onnx, torch_export, or both with a comma.",
        show_default="none",
    ),
]
TuningRecipeOption = Annotated[
    str,
    typer.Option(
        help="A recipe whose `data` are trained on; its `base` may state weighting, schedule and "
        "optimizer.",
        show_default=False,
    ),
]
NewBundleOption = Annotated[
    Path, typer.Option("--out", help="Folder of the new bundle.", show_default=False)
]
FreezeTrunkOption = Annotated[
    bool | None,
    typer.Option(
        "--freeze-trunk/--free-trunk",
        help="Train the heads alone, or everything.",
        show_default="freeze-trunk, unless --freeze is given",
    ),
]
FreezeOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A part that stays as it is: stage:N (from 1), head:TASK, branch:TASK, trunk. May be "
        "given again."
    ),
]
PartRateOption = Annotated[
    list[str] | None,
    typer.Option(help="PART=FACTOR multiplies the learning rate of a part. May be given again."),
]
RecipeArgument = Annotated[
    str, typer.Argument(help="A YAML file, or the name of a shipped recipe.", show_default=False)
]


def data_root(data: Path | None) -> str | None:
    """Return the root of a recipe's paths, as the option or the variable names it."""
    named = data or os.environ.get("AUTOMTL_DATA")
    return str(Path(named).resolve()) if named else None

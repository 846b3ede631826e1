"""The verbs that carry a model away. Each is thin: it reads arguments and calls one function."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from automtl.cli.options import DataOption, FolderArgument, ImportsOption, data_root


def export(
    folder: FolderArgument,
    trial: Annotated[int | None, typer.Option(help="Default: the last pick, else knee.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: bundles/ in the study.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier bundle.")] = False,
) -> int:
    """Write the picked model as a bundle: safetensors and JSON, nothing that runs code."""
    from automtl.cli.models import export_trial

    return export_trial(folder, trial=trial, out=out, overwrite=overwrite)


def finetune(
    bundle: Annotated[Path, typer.Argument(help="A bundle.", show_default=False)],
    recipe: Annotated[
        str, typer.Option(help="A recipe whose `data` are trained on.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.", show_default=False)],
    data: DataOption = None,
    freeze_trunk: Annotated[
        bool, typer.Option("--freeze-trunk/--free-trunk", help="Train the heads alone.")
    ] = True,
    epochs: Annotated[int | None, typer.Option(help="Default: as the bundle's model.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in an epoch.")] = None,
    lr: Annotated[float | None, typer.Option(help="Default: a tenth of the bundle's.")] = None,
    seed: Annotated[int, typer.Option(help="Of this training.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier result.")] = False,
    allow_imports: ImportsOption = None,
) -> int:
    """Train a bundle's model further on other data."""
    from automtl.cli.models import finetune_bundle

    return finetune_bundle(
        bundle,
        recipe,
        out,
        data_root(data),
        freeze_trunk=freeze_trunk,
        changes={"epochs": epochs, "steps_per_epoch": steps, "lr": lr},
        seed=seed,
        overwrite=overwrite,
        allow_imports=allow_imports or (),
    )


def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle.", show_default=False)],
    frames: Annotated[Path, typer.Argument(help="Folder of frames, or of clips.")],
    out: Annotated[Path, typer.Option(help="Where the results go.", show_default=False)],
    score: Annotated[float, typer.Option(help="Smallest score of a box.")] = 0.3,
    fusion: Annotated[
        Literal["boxes", "scene"] | None,
        typer.Option(help="Cues that link objects.", show_default="what was better on export"),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace earlier results.")] = False,
    allow_imports: ImportsOption = None,
) -> int:
    """Run a bundle on frames: overlays, COCO JSON, MOT text."""
    from automtl.cli.models import predict_frames

    return predict_frames(
        bundle,
        frames,
        out,
        score=score,
        fusion=fusion,
        overwrite=overwrite,
        allow_imports=allow_imports or (),
    )

"""The verbs that carry a model away. Each is thin: it reads arguments and calls one function."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from automtl.cli.options import (
    DataOption,
    FolderArgument,
    FormatsOption,
    FreezeOption,
    FreezeTrunkOption,
    ImportsOption,
    NewBundleOption,
    PartRateOption,
    TuningRecipeOption,
    data_root,
)

BundleArgument = Annotated[Path, typer.Argument(help="A bundle.", show_default=False)]
EpochsOption = Annotated[int | None, typer.Option(help="Default: as the bundle's model.")]
StepsOption = Annotated[int | None, typer.Option(help="Steps in an epoch.")]
SeedOption = Annotated[int, typer.Option(help="Of this training.")]
OverwriteOption = Annotated[bool, typer.Option(help="Replace an earlier result.")]


def export(
    folder: FolderArgument,
    trial: Annotated[int | None, typer.Option(help="Default: the last pick, else knee.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: bundles/ in the study.")] = None,
    formats: FormatsOption = "",
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier bundle.")] = False,
) -> int:
    """Write the picked model as a bundle: safetensors and JSON, nothing that runs code."""
    from automtl.cli.models import export_trial

    return export_trial(folder, trial=trial, out=out, overwrite=overwrite, formats=formats)


def finetune(
    bundle: BundleArgument,
    recipe: TuningRecipeOption,
    out: NewBundleOption,
    data: DataOption = None,
    freeze_trunk: FreezeTrunkOption = None,
    freeze: FreezeOption = None,
    lr_of: PartRateOption = None,
    epochs: EpochsOption = None,
    steps: StepsOption = None,
    lr: Annotated[float | None, typer.Option(help="Default: a tenth of the bundle's.")] = None,
    seed: SeedOption = 0,
    formats: FormatsOption = "",
    overwrite: OverwriteOption = False,
    allow_imports: ImportsOption = None,
) -> int:
    """Train a bundle's model further on other data. Broken off, the same command goes on."""
    from automtl.cli.carry_on import Asked, finetune_bundle

    asked = Asked(
        bundle=bundle,
        recipe=recipe,
        out=out,
        data_root=data_root(data),
        frozen=_frozen(freeze_trunk, freeze),
        lr_factors=lr_of or (),
        changes={"epochs": epochs, "steps_per_epoch": steps, "lr": lr},
        seed=seed,
        formats=formats,
        overwrite=overwrite,
        allow_imports=allow_imports or (),
    )
    return finetune_bundle(asked)


def extend(
    bundle: BundleArgument,
    task: Annotated[str, typer.Option(help="The new task.", show_default=False)],
    recipe: TuningRecipeOption,
    out: NewBundleOption,
    data: DataOption = None,
    beside: Annotated[
        str | None,
        typer.Option(help="Whose stages the new head reads.", show_default="the last task"),
    ] = None,
    freeze_trunk: FreezeTrunkOption = None,
    freeze: FreezeOption = None,
    lr_of: PartRateOption = None,
    epochs: EpochsOption = None,
    steps: StepsOption = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Default: the bundle's; a tenth of it if the trunk is free."),
    ] = None,
    seed: SeedOption = 0,
    formats: FormatsOption = "",
    overwrite: OverwriteOption = False,
    allow_imports: ImportsOption = None,
) -> int:
    """Give a bundle's model a further task; with a frozen trunk the others stay to the bit."""
    from automtl.cli.carry_on import Asked, extend_bundle

    asked = Asked(
        bundle=bundle,
        recipe=recipe,
        out=out,
        data_root=data_root(data),
        frozen=_frozen(freeze_trunk, freeze),
        lr_factors=lr_of or (),
        changes={"epochs": epochs, "steps_per_epoch": steps, "lr": lr},
        seed=seed,
        formats=formats,
        overwrite=overwrite,
        allow_imports=allow_imports or (),
    )
    return extend_bundle(asked, task=task, beside=beside)


def _frozen(freeze_trunk: bool | None, parts: list[str] | None) -> tuple[str, ...]:
    """Return the parts that stay: the trunk, unless something else is said."""
    keeps_trunk = not parts if freeze_trunk is None else freeze_trunk
    return tuple(dict.fromkeys([*(["trunk"] if keeps_trunk else []), *(parts or [])]))


def predict(
    bundle: BundleArgument,
    frames: Annotated[
        Path, typer.Argument(help="Folder of frames or clips, video file, or picture.")
    ],
    out: Annotated[Path, typer.Option(help="Where the results go.", show_default=False)],
    score: Annotated[float, typer.Option(help="Smallest score of a box.")] = 0.3,
    fusion: Annotated[
        Literal["boxes", "scene"] | None,
        typer.Option(help="Cues that link objects.", show_default="what was better on export"),
    ] = None,
    overlay: Annotated[
        Literal["pictures", "video"] | None,
        typer.Option(help="What overlays become.", show_default="as the frames are"),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace earlier results.")] = False,
    allow_imports: ImportsOption = None,
) -> int:
    """Run a bundle on frames or videos: overlays, COCO JSON, MOT text, masks."""
    from automtl.cli.models import predict_frames

    return predict_frames(
        bundle,
        frames,
        out,
        score=score,
        fusion=fusion,
        overlay=overlay,
        overwrite=overwrite,
        allow_imports=allow_imports or (),
    )

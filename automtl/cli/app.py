"""The verbs. Each is thin: it reads arguments, calls one function and prints."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from automtl import __version__

app = typer.Typer(
    name="automtl",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

LEDGER, MLFLOW = "AUTOMTL_LEDGER", "AUTOMTL_MLFLOW"
"""Variables for addresses with a password: arguments can be read by everybody on a machine."""

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
RecipeArgument = Annotated[
    str, typer.Argument(help="A YAML file, or the name of a shipped recipe.", show_default=False)
]


def _data_root(data: Path | None) -> str | None:
    named = data or os.environ.get("AUTOMTL_DATA")
    return str(Path(named).resolve()) if named else None


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> int:
    """Search how tasks share a backbone, how losses are weighted, and what trains when.

    Exit codes: 0 done; 1 no trial was trained to the end, or an invariant is violated;
    2 a mistake in what was asked; 130 interrupted.
    """
    if version:
        print(f"automtl {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
    return 0


@app.command()
def search(
    recipe: RecipeArgument,
    data: DataOption = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of the study. Default: studies/NAME.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Replace the recipe's budget.")] = None,
    seed: Annotated[int | None, typer.Option(help="Replace the recipe's seed.")] = None,
    dispatcher: Annotated[str, typer.Option(help="ray, or local: one trial at a time.")] = "ray",
    slots: Annotated[
        int | None, typer.Option(help="Trials at a time. Default: as many as fit.")
    ] = None,
    ray_address: Annotated[str, typer.Option(help="A running Ray cluster.")] = "",
    ledger: Annotated[
        str,
        typer.Option(envvar=LEDGER, help="Database URL. Default: a file in the folder."),
    ] = "",
    mlflow: Annotated[
        str,
        typer.Option(envvar=MLFLOW, help="Tracking URI. Default: a database in the folder."),
    ] = "",
) -> int:
    """Start a search. Ctrl-C ends it cleanly; `automtl resume` goes on."""
    from automtl.cli.run import start_search
    from automtl.study.folder import Settings

    settings = Settings(
        data=_data_root(data),
        ledger=ledger,
        mlflow=mlflow,
        dispatcher=dispatcher,
        slots=slots,
        ray_address=ray_address,
    )
    return start_search(recipe, folder, settings, trials=trials, seed=seed)


@app.command()
def resume(
    folder: FolderArgument,
    takeover: TakeoverOption = False,
) -> int:
    """Continue a search that was stopped or killed."""
    from automtl.cli.run import resume_search

    return resume_search(folder, takeover=takeover)


@app.command()
def replicate(
    folder: FolderArgument,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="New seeds of each trial.")] = 3,
    takeover: TakeoverOption = False,
) -> int:
    """Train the front again with new seeds: what of it was luck?"""
    from automtl.cli.replicate import replicate_front

    return replicate_front(folder, seeds=seeds, takeover=takeover)


@app.command()
def status(
    folder: FolderArgument,
    check: Annotated[bool, typer.Option("--check", help="Check the ledger's invariants.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Say where a search stands."""
    from automtl.cli.look import show_status

    return show_status(folder, check=check, as_json=as_json)


@app.command()
def front(folder: FolderArgument, as_json: JsonOption = False) -> int:
    """Show the trials that no other trial beats in everything."""
    from automtl.cli.look import show_front

    return show_front(folder, as_json=as_json)


@app.command()
def best(
    folder: FolderArgument,
    rule: Annotated[str, typer.Option(help="knee, ideal, weighted, lexicographic.")] = "knee",
    weight: Annotated[list[str] | None, typer.Option(help="METRIC=NUMBER, for weighted.")] = None,
    first: Annotated[list[str] | None, typer.Option(help="METRIC, for lexicographic.")] = None,
    maximum: Annotated[list[str] | None, typer.Option("--max", help="METRIC=MOST.")] = None,
    minimum: Annotated[list[str] | None, typer.Option("--min", help="METRIC=LEAST.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Pick one model from the front by a stated rule, and record the pick."""
    from automtl.cli.look import show_best

    return show_best(
        folder,
        rule=rule,
        weights=weight or [],
        first=first or [],
        maximum=maximum or [],
        minimum=minimum or [],
        as_json=as_json,
    )


@app.command()
def report(
    folder: FolderArgument,
    out: Annotated[Path | None, typer.Option(help="Default: report.html in the folder.")] = None,
) -> int:
    """Write the offline report: one HTML file."""
    from automtl.cli.look import make_report

    return make_report(folder, out)


@app.command()
def export(
    folder: FolderArgument,
    trial: Annotated[int | None, typer.Option(help="Default: the last pick, else knee.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: bundles/ in the study.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier bundle.")] = False,
) -> int:
    """Write the picked model as a bundle: safetensors and JSON, nothing that runs code."""
    from automtl.cli.models import export_trial

    return export_trial(folder, trial=trial, out=out, overwrite=overwrite)


@app.command()
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
        _data_root(data),
        freeze_trunk=freeze_trunk,
        changes={"epochs": epochs, "steps_per_epoch": steps, "lr": lr},
        seed=seed,
        overwrite=overwrite,
        allow_imports=allow_imports or (),
    )


@app.command()
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


@app.command()
def validate(recipe: RecipeArgument, data: DataOption = None) -> int:
    """Name every mistake of a recipe, and read its data."""
    from automtl.cli.look import validate_recipe

    return validate_recipe(recipe, _data_root(data))


@app.command()
def clean(
    folder: FolderArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> int:
    """Remove what nobody needs: the front, picks, baselines and what can be resumed stay."""
    from automtl.cli.clean import clean_study

    return clean_study(folder, dry_run=dry_run)


@app.command()
def schema() -> int:
    """Print the JSON schema of recipes."""
    from automtl.cli.show import print_json
    from automtl.space.recipe import recipe_schema

    print_json(recipe_schema())
    return 0


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("studies/demo"),
    recipe: Annotated[str, typer.Option(help="What is searched.")] = "quickstart",
    tuning_recipe: Annotated[str, typer.Option(help="Data to fine-tune on.")] = "shifted",
    dispatcher: Annotated[str, typer.Option(help="ray, or local: one trial at a time.")] = "ray",
) -> int:
    """Run everything once on generated clips: search, front, pick, report, export, fine-tune."""
    from automtl.cli.demo import run_demo

    return run_demo(folder, recipe, tuning_recipe, dispatcher)

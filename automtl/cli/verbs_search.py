"""The verbs that train. Each is thin: it reads arguments, calls one function and prints."""

from pathlib import Path
from typing import Annotated

import typer

from automtl.cli.options import (
    ARTIFACTS,
    LEDGER,
    MLFLOW,
    DataOption,
    FolderArgument,
    RecipeArgument,
    TakeoverOption,
    data_root,
    refuse_password,
)

LIMIT = typer.Option(help="New limit of the budget, with what is spent included.")


def search(
    recipe: RecipeArgument,
    data: DataOption = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of the study. Default: studies/NAME.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Most trials; the recipe's other limits stay.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Replace the recipe's seed.")] = None,
    dispatcher: Annotated[str, typer.Option(help="ray, or local: one trial at a time.")] = "ray",
    slots: Annotated[
        int | None, typer.Option(help="Trials at a time. Default: as many as fit.")
    ] = None,
    ray_address: Annotated[str, typer.Option(help="A running Ray cluster.")] = "",
    ledger: Annotated[
        str,
        typer.Option(
            envvar=LEDGER,
            callback=refuse_password,
            help="Database URL. Default: a file in the folder.",
        ),
    ] = "",
    mlflow: Annotated[
        str,
        typer.Option(
            envvar=MLFLOW,
            callback=refuse_password,
            help="Tracking URI. Default: a database in the folder.",
        ),
    ] = "",
    artifacts: Annotated[
        str,
        typer.Option(
            envvar=ARTIFACTS,
            help="Where checkpoints and models go: a folder that all machines see, or an fsspec "
            "address such as s3://bucket/place. Default: the study's folder.",
        ),
    ] = "",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Train baselines that other studies trained, too.")
    ] = False,
) -> int:
    """Start a search. Ctrl-C ends it cleanly; `automtl resume` goes on."""
    from automtl.cli.run import start_search
    from automtl.study.folder import Settings

    settings = Settings(
        data=data_root(data),
        ledger=ledger,
        mlflow=mlflow,
        dispatcher=dispatcher,
        slots=slots,
        ray_address=ray_address,
        artifacts=artifacts,
        cache=not no_cache,
    )
    return start_search(recipe, folder, settings, trials=trials, seed=seed)


def resume(
    folder: FolderArgument,
    trials: Annotated[int | None, LIMIT] = None,
    minutes: Annotated[float | None, LIMIT] = None,
    epochs: Annotated[int | None, LIMIT] = None,
    trainings: Annotated[float | None, LIMIT] = None,
    gpu_hours: Annotated[float | None, LIMIT] = None,
    takeover: TakeoverOption = False,
) -> int:
    """Continue a search that was stopped or killed, or enlarge the budget of one that ended."""
    from automtl.cli.run import resume_search

    limits = {
        "trials": trials,
        "minutes": minutes,
        "epochs": epochs,
        "trainings": trainings,
        "gpu_hours": gpu_hours,
    }
    return resume_search(folder, takeover=takeover, limits=limits)


def stop(
    study: Annotated[
        str,
        typer.Argument(help="Folder of the study; with --ledger, its name.", show_default=False),
    ],
    now: Annotated[
        bool,
        typer.Option("--now", help="Let running trials save their state and pause."),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it has ended.")] = False,
    ledger: Annotated[
        str,
        typer.Option(
            envvar=LEDGER,
            callback=refuse_password,
            help="Database URL, where the folder is on another machine.",
        ),
    ] = "",
) -> int:
    """Ask a search that runs in another terminal to end after its running trials."""
    from automtl.cli.stop import stop_study

    return stop_study(study, ledger_url=ledger, now=now, wait=wait)


def replicate(
    folder: FolderArgument,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="New seeds of each trial.")] = 3,
    takeover: TakeoverOption = False,
) -> int:
    """Train the front again with new seeds: what of it was luck?"""
    from automtl.cli.replicate import replicate_front

    return replicate_front(folder, seeds=seeds, takeover=takeover)


def demo(
    folder: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("studies/demo"),
    recipe: Annotated[str, typer.Option(help="What is searched.")] = "quickstart",
    tuning_recipe: Annotated[str, typer.Option(help="Data to fine-tune on.")] = "shifted",
    dispatcher: Annotated[str, typer.Option(help="ray, or local: one trial at a time.")] = "ray",
) -> int:
    """Run everything once on generated clips: search, front, pick, report, export, fine-tune."""
    from automtl.cli.demo import run_demo

    return run_demo(folder, recipe, tuning_recipe, dispatcher)

"""The verbs that look at a recipe or a study. Each is thin: one call, and it prints."""

from pathlib import Path
from typing import Annotated

import typer

from automtl.cli.options import DataOption, FolderArgument, JsonOption, RecipeArgument, data_root


def unpack(
    archive: Annotated[
        Path, typer.Argument(help="A .zip, .tar or .tar.gz file.", show_default=False)
    ],
    folder: Annotated[Path, typer.Argument(help="The new folder.", show_default=False)],
    max_gb: Annotated[float, typer.Option(min=0.001, help="Refuse archives of more.")] = 200,
) -> int:
    """Unpack an archive of frames and labels: plain files alone, within limits."""
    from automtl.cli.unpack import unpack_archive

    return unpack_archive(archive, folder, max_gb=max_gb)


def paste(
    folder: Annotated[Path, typer.Argument(help="The new folder of clips.", show_default=False)],
    pictures: Annotated[
        Path, typer.Option(help="Folder with a folder of frames for each clip to cut from.")
    ],
    masks: Annotated[
        Path, typer.Option(help="Folder with a folder of masks for each of these clips.")
    ],
    scenes: Annotated[list[Path], typer.Option(help="Folder of pictures to stand behind.")],
    label: Annotated[
        list[str], typer.Option("--class", help="A class and its clips: animal=dog,libby.")
    ],
    clips: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 40,
    frames: Annotated[int, typer.Option(min=1, max=1_000, help="Of each clip.")] = 10,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (
        192,
        256,
    ),
    objects: Annotated[tuple[int, int], typer.Option(help="Fewest and most of a clip.")] = (2, 4),
    stride: Annotated[
        int, typer.Option(min=1, max=100, help="Show every so-manieth frame of a cut-out.")
    ] = 2,
    scene_part: Annotated[
        tuple[float, float], typer.Option(help="Which scenes, as shares of a fixed order.")
    ] = (0.0, 1.0),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other clips.")] = 0,
) -> int:
    """Make clips of real cut-outs over real pictures, with exact boxes, masks and ids."""
    from automtl.cli.paste import paste_clips
    from automtl.pasting.plan import Settings

    settings = Settings(
        clips=clips, frames=frames, size=size, n_objects=objects, stride=stride, seed=seed
    )
    return paste_clips(
        folder,
        settings,
        pictures=pictures,
        masks=masks,
        labels=label,
        scenes=scenes,
        scene_part=scene_part,
    )


def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder of frames and labels.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(help="Default: FOLDER.yaml, here.")] = None,
    minutes: Annotated[
        float, typer.Option(help="How long its search may take on this machine.")
    ] = 60,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier recipe.")] = False,
) -> int:
    """Look what labels a folder holds, and write a first recipe with comments."""
    from automtl.cli.init import init_recipe

    return init_recipe(folder, out, minutes=minutes, overwrite=overwrite)


def doctor(
    folder: Annotated[Path, typer.Option(help="Where studies will lie.")] = Path(),
    as_json: JsonOption = False,
) -> int:
    """Run a tiny real search, and name what is missing or wrong on this machine."""
    from automtl.cli.doctor import examine

    return examine(folder, as_json=as_json)


def validate(recipe: RecipeArgument, data: DataOption = None) -> int:
    """Name every mistake of a recipe, and read its data."""
    from automtl.cli.look import validate_recipe

    return validate_recipe(recipe, data_root(data))


def status(
    folder: FolderArgument,
    check: Annotated[
        bool, typer.Option("--check", help="Check the ledger's invariants, and look for models.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Say where a search stands."""
    from automtl.cli.look import show_status

    return show_status(folder, check=check, as_json=as_json)


def front(folder: FolderArgument, as_json: JsonOption = False) -> int:
    """Show the trials that no other trial beats in everything."""
    from automtl.cli.look import show_front

    return show_front(folder, as_json=as_json)


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


def lessons(folder: FolderArgument, as_json: JsonOption = False) -> int:
    """Say what each choice had to do with each objective, with intervals."""
    from automtl.cli.lessons import show_lessons

    return show_lessons(folder, as_json=as_json)


def report(
    folder: FolderArgument,
    out: Annotated[Path | None, typer.Option(help="Default: report.html in the folder.")] = None,
) -> int:
    """Write the offline report: one HTML file."""
    from automtl.cli.look import make_report

    return make_report(folder, out)


def dashboard(
    folders: Annotated[list[Path], typer.Argument(help="Folders of studies.", show_default=False)],
    host: Annotated[
        str, typer.Option(help="Address to listen at. Any other shows it to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8050,
) -> int:
    """Show studies live in a browser, while they run; needs the extra `dashboard`."""
    from automtl.cli.dashboard import show_dashboard

    return show_dashboard(folders, host=host, port=port)


def clean(
    folder: FolderArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> int:
    """Remove what nobody needs: the front, picks, baselines and what can be resumed stay."""
    from automtl.cli.clean import clean_study

    return clean_study(folder, dry_run=dry_run)


def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print every key as a page to read.")
    ] = False,
) -> int:
    """Print the JSON schema of recipes."""
    from automtl.cli.schema_page import recipe_page
    from automtl.cli.show import print_json
    from automtl.space.recipe import recipe_schema

    if markdown:
        print(recipe_page(), end="")
    else:
        print_json(recipe_schema())
    return 0

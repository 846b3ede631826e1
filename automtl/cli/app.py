"""The root of the command line, and the verbs in the order in which its help names them."""

from typing import Annotated

import typer

from automtl import __version__
from automtl.cli import verbs_look, verbs_models, verbs_search

app = typer.Typer(
    name="automtl",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


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


VERBS = (
    verbs_look.unpack,
    verbs_look.paste,
    verbs_look.init,
    verbs_look.doctor,
    verbs_look.validate,
    verbs_search.search,
    verbs_search.resume,
    verbs_search.stop,
    verbs_search.replicate,
    verbs_look.status,
    verbs_look.front,
    verbs_look.best,
    verbs_look.lessons,
    verbs_look.report,
    verbs_look.dashboard,
    verbs_models.export,
    verbs_models.finetune,
    verbs_models.extend,
    verbs_models.predict,
    verbs_look.clean,
    verbs_look.schema,
    verbs_search.demo,
)
for _verb in VERBS:
    app.command()(_verb)

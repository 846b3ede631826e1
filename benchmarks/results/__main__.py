"""The answer, measured: ``python -m benchmarks.results [--only Q] [--data D] [--minutes N]``.

Trains what is missing, in an order in which whole seeds of every comparison come first, keeps
each training in `benchmarks/data/results.json.gz` as it ends, and then draws `docs/results.md`
and its figures from that file. What was kept is not trained again, so a run that was ended goes on
with the same command. ``--quick`` takes minutes: few steps on few clips with two seeds, into its
own folder; it shows that all works, and no more.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.results.asking import FULL, QUESTIONS, Plan, Work, quick_plan
from benchmarks.results.datasets import DATA_SETS, usable
from benchmarks.results.forecast import forecast
from benchmarks.results.keeping import KEPT, keep, kept
from benchmarks.results.page import draw
from benchmarks.results.running import Share

PAGE = Path("docs/results.md")
PICTURES = Path("docs/pictures")


def main(words: Sequence[str] | None = None) -> None:
    """Train, keep and draw."""
    asked = parsed(words)
    torch.set_num_threads(1)
    folder = asked.work or Path("studies/results-quick" if asked.quick else "studies/results")
    file = asked.file or (folder / KEPT.name if asked.quick else KEPT)
    plan = quick_plan(folder) if asked.quick else FULL
    for other in asked.add:
        more = kept(other)
        keep(file, more.trainings, studies=more.studies, virtual=more.virtual)
    if not asked.draw:
        work = Work(
            plan=plan,
            file=file,
            folder=folder,
            datasets=("shapes",) if asked.quick else tuple(asked.data or usable()),
            share=_share(asked.share, asked.minutes),
        )
        for line in forecast(work, asked.only):
            print(line, flush=True)
        for name in asked.only:
            QUESTIONS[name](work)
    _draw(file, plan, folder if file != KEPT else None)


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="minutes, generated clips; no result")
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=tuple(QUESTIONS))
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, help="default: all that is there")
    parser.add_argument("--minutes", type=float, help="begin no training after so many")
    parser.add_argument("--share", default="1/1", help="which part of the trainings: 1/2 and 2/2")
    parser.add_argument("--draw", action="store_true", help="train nothing")
    parser.add_argument("--add", nargs="+", type=Path, default=[], help="kept files to take over")
    parser.add_argument("--file", type=Path, help=f"what is kept; {KEPT.name} of the repository")
    parser.add_argument("--work", type=Path, help="folder of studies and pasted clips")
    return parser.parse_args(words)


def _share(words: str, minutes: float | None) -> Share:
    part, n_parts = map(int, words.split("/"))
    until = None if minutes is None else time.monotonic() + 60 * minutes
    return Share(part=part - 1, n_parts=n_parts, until=until)


def _draw(file: Path, plan: Plan, aside: Path | None) -> None:
    """Draw the repository's page from its own file, any other file's page beside its studies."""
    path, pictures = (PAGE, PICTURES) if aside is None else (aside / PAGE.name, aside / "pictures")
    path.parent.mkdir(parents=True, exist_ok=True)
    for written in draw(kept(file), plan, path, pictures):
        print(written, flush=True)


if __name__ == "__main__":
    main()

"""Trainings that lack are run in order, each kept as it ends; and which seeds are whole.

A seed of a comparison is whole when every arm has it, trained by one version of the program.
Differences are taken within whole seeds alone, so that no figure mixes two versions in a pair.
"""

import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automtl.data.table import SplitData
from benchmarks.results.keeping import keep, kept
from benchmarks.results.trainings import Outcome, Training, splits_of, train_once
from benchmarks.results.versions import code_version

HELD_SPLITS = 4
"""Data sets in memory at a time: seeds come before arms, so that data are come back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one process does of the work.

    Attributes:
        part: Which part, from 0.
        n_parts: How many processes divide it.
        until: `time.monotonic()` after which no training is begun; None for no end.
    """

    part: int = 0
    n_parts: int = 1
    until: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether no training is to be begun any more."""
        return self.until is not None and time.monotonic() >= self.until


def run_missing(trainings: Sequence[Training], file: Path, share: Share) -> int:
    """Train in order what the file lacks, and return how many of all lack afterwards.

    Args:
        trainings: What is wanted, what matters most first.
        file: Where each is kept as soon as it has ended.
        share: What is trained here.
    """
    held: dict[str, SplitData] = {}
    for training in lacking(trainings, kept(file).trainings):
        if share.is_over:
            break
        # By the digest: processes that began at other times divide the work alike.
        if int(training.key, 16) % share.n_parts != share.part:
            continue
        if training.data_key not in held:
            while len(held) >= HELD_SPLITS:
                held.pop(next(iter(held)))
            held[training.data_key] = splits_of(training)
        outcome = train_once(training, held[training.data_key])
        keep(file, [outcome])
        said = f"{training.dataset}, {training.arm}, seed {training.seed}"
        print(f"{said}: {outcome.seconds:.0f} s", flush=True)
    return len(lacking(trainings, kept(file).trainings))


def lacking(trainings: Iterable[Training], outcomes: Iterable[Outcome]) -> list[Training]:
    """Return, each once, the trainings that the present code still has to run.

    A seed that another version of the program has trained whole is left as it is. One that it
    left unfinished is trained anew, its first arms too: pairs are of one version.
    """
    wanted = list(trainings)
    outcomes = list(outcomes)
    done = {(one.dataset, one.question, one.arm, one.seed) for one in whole(wanted, outcomes)}
    own = {one.key for one in outcomes if one.code == code_version()}
    found = {
        training.key: training
        for training in wanted
        if training.key not in own and _name(training) not in done
    }
    return list(found.values())


def whole(trainings: Iterable[Training], outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes of all whole seeds, each named by the arm that asks for it.

    Where several versions of the program trained a seed whole, the one that trained most of the
    comparison's seeds is taken.
    """
    found = {(one.key, one.code): one for one in outcomes}
    codes = sorted({one.code for one in found.values()})
    cells: dict[tuple[str, str, str], dict[int, list[Training]]] = {}
    for training in trainings:
        place = (training.question, training.dataset, training.cell)
        cells.setdefault(place, {}).setdefault(training.seed, []).append(training)
    chosen: list[Outcome] = []
    for by_seed in cells.values():
        versions = {
            seed: [code for code in codes if all((one.key, code) in found for one in some)]
            for seed, some in by_seed.items()
        }
        often = Counter(code for some in versions.values() for code in some)
        for seed, some in by_seed.items():
            if versions[seed]:
                code = max(versions[seed], key=lambda one: often[one])
                chosen += [_named(found[one.key, code], one) for one in some]
    return tuple(chosen)


def announced(trainings: Sequence[Training], outcomes: Sequence[Outcome], step_s: float) -> str:
    """Say how many lack, and about how long these take on one core; arguments as below."""
    missing, seconds = expected(trainings, outcomes, step_s)
    return f"{missing} of {len(trainings)} to train, about {hours(seconds)} of one core"


def expected(
    trainings: Sequence[Training], outcomes: Sequence[Outcome], step_s: float
) -> tuple[int, float]:
    """Return how many trainings lack, and about how many seconds these take on one core.

    Args:
        trainings: All that are wanted.
        outcomes: What there is: an arm that was trained before tells how long it takes.
        step_s: Seconds of a step of an arm that was never trained.
    """
    missing = lacking(trainings, outcomes)
    took: dict[tuple[str, str], list[float]] = {}
    for one in outcomes:
        took.setdefault((one.dataset, one.arm), []).append(one.seconds)
    return len(missing), sum(_expected(training, took, step_s) for training in missing)


def _expected(
    training: Training, took: Mapping[tuple[str, str], Sequence[float]], step_s: float
) -> float:
    known = took.get((training.dataset, training.arm))
    return statistics.median(known) if known else training.n_steps * step_s


def hours(seconds: float) -> str:
    """Render a length of time, short ones in minutes."""
    return f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{seconds / 60:.0f} minutes"


def _name(training: Training) -> tuple[str, str, str, int]:
    return training.dataset, training.question, training.arm, training.seed


def _named(outcome: Outcome, training: Training) -> Outcome:
    return replace(outcome, question=training.question, dataset=training.dataset, arm=training.arm)

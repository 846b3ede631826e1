"""Tune how a model's objects are linked, and say what fusing all heads is worth."""

from collections.abc import Mapping, Sequence

import numpy as np

from automtl.data.table import DataInfo, FrameTable
from automtl.export.manifest import Fusion
from automtl.fusion.association import BOXES_ALONE, THREE_CUES, Association
from automtl.fusion.instances import Ids, Instances
from automtl.fusion.scoring import Truth, truth_of
from automtl.fusion.tuning import BESIDE_BOXES, BUDGET, score_with, tune
from automtl.model.network import MultiTaskNetwork
from automtl.tasks.system import observe
from automtl.training.evaluation import Outputs, predict_images

REPORTED = ("HOTA", "DetA", "AssA", "IDF1")
"""What is kept of each scoring."""

MAX_FRAMES = 120
"""Frames of the validation split that a tuning looks at: it shall take seconds, not minutes."""


def tuned_fusion(
    network: MultiTaskNetwork,
    table: FrameTable,
    info: DataInfo,
    *,
    seed: int,
    budget: int = BUDGET,
) -> Fusion | None:
    """Tune on the outputs of the validation split's first clips, which are computed once.

    Args:
        network: The trained model.
        table: The validation split.
        info: Classes and picture size.
        seed: Of the tuning's random stream.
        budget: Parameters that each tuning tries.

    Returns:
        None for a model without boxes or embeddings, and where one half of the frames has no
        object with a known identity.
    """
    tasks = network.tasks
    if not {"detection", "tracking"} <= set(tasks):
        return None
    rows = _first_clips(table)
    truth = truth_of(table).part(rows)
    if not all(truth.part(half).n_objects for half in _halves(truth)):
        return None
    frames = observe(predict_images(network, table.images[rows], tasks), info)
    return fit(frames, truth, seed=seed, budget=budget)


def fit(frames: Sequence[Instances], truth: Truth, *, seed: int, budget: int = BUDGET) -> Fusion:
    """Tune boxes alone and all cues with the same budget, and choose between them.

    The choice is made on frames that took no part in the tuning: each half of the clips (of the
    frames, if there is one clip) is scored with parameters from the other half. The parameters
    that are kept come from all of them.

    Args:
        frames: Instances of each frame of ``truth``.
        truth: What should be found; both halves must hold some of it.
        seed: Of the random stream.
        budget: Parameters that each tuning tries.
    """
    whole = _fit_both(frames, truth, seed, budget)
    held_out = _held_out(frames, truth, seed, budget)
    return Fusion(
        kind="scene" if held_out["scene/HOTA"] > held_out["boxes/HOTA"] else "boxes",
        boxes=whole["boxes"],
        scene=whole["scene"],
        n_candidates=budget,
        held_out=held_out,
    )


def fused_scores(
    fusion: Fusion, outputs: Outputs, table: FrameTable, info: DataInfo
) -> dict[str, float]:
    """Return ``scene/HOTA``, ``boxes/HOTA`` and the like; nothing where no identity is known.

    Args:
        fusion: What was tuned on other frames.
        outputs: Of the network on ``table``.
        table: Frames with boxes and ids.
        info: Classes and picture size.
    """
    truth = truth_of(table)
    if not truth.n_objects:
        return {}
    return scored(observe(outputs, info), truth, {"boxes": fusion.boxes, "scene": fusion.scene})


def scored(
    frames: Sequence[Instances], truth: Truth, associations: Mapping[str, Association]
) -> dict[str, float]:
    """Return ``NAME/HOTA`` and the like for each of the named parameters."""
    values: dict[str, float] = {}
    for name, association in associations.items():
        found = score_with(frames, truth, association)
        values |= {f"{name}/{metric}": found[metric] for metric in REPORTED}
    return values


def _fit_both(
    frames: Sequence[Instances], truth: Truth, seed: int, budget: int
) -> dict[str, Association]:
    boxes = tune(
        frames,
        truth,
        rng=np.random.default_rng(seed),
        starts=[BOXES_ALONE],
        fixed=BESIDE_BOXES,
        budget=budget,
    ).association
    starts = [Association(), THREE_CUES, boxes]
    rng = np.random.default_rng(seed)
    scene = tune(frames, truth, rng=rng, starts=starts, budget=budget).association
    return {"boxes": boxes, "scene": scene}


def _held_out(
    frames: Sequence[Instances], truth: Truth, seed: int, budget: int
) -> dict[str, float]:
    """Return the mean over both halves, each scored with parameters from the other one."""
    halves = _halves(truth)
    parts = []
    for own, other in (halves, halves[::-1]):
        fitted = _fit_both([frames[i] for i in other], truth.part(other), seed, budget)
        untuned = {"default": Association()}
        parts.append(scored([frames[i] for i in own], truth.part(own), fitted | untuned))
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


def _halves(truth: Truth) -> tuple[Ids, Ids]:
    """Return the rows of every other clip and the rest; of one clip, its begin and its end."""
    clips = np.unique(truth.clip)
    if len(clips) <= 1:
        order = np.argsort(truth.frame)
        return order[: len(order) // 2], order[len(order) // 2 :]
    is_first = np.isin(truth.clip, clips[::2])
    return np.flatnonzero(is_first), np.flatnonzero(~is_first)


def _first_clips(table: FrameTable) -> Ids:
    """Return the rows of whole clips with track ids, cut off where there are too many."""
    labelled = np.unique(table.clip[table.labelled("tracking")])
    rows = np.flatnonzero(np.isin(table.clip, labelled))
    order = np.lexsort((table.frame[rows], table.clip[rows]))
    return rows[order][:MAX_FRAMES]

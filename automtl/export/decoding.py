"""From raw outputs to results: one function for the network and for every program made of it.

Axis letters: B frames, H height, W width.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from automtl.data.table import DataInfo
from automtl.errors import BundleError, DataError
from automtl.export.further import with_further
from automtl.export.manifest import Fusion, FusionKind, Manifest
from automtl.export.own import own_results, refuse_imports
from automtl.export.result import FrameResult
from automtl.fusion.association import BOXES_ALONE, Association
from automtl.fusion.instances import Instances, fused
from automtl.fusion.tracker import Tracker
from automtl.fusion.tuning import SHOWN_SCORE
from automtl.tasks import segmentation
from automtl.tasks.base import RawOutput
from automtl.tasks.system import MIN_SCORE, observe

_NO_IMPORTS: Mapping[str, str] = MappingProxyType({})


def decode_clip(
    chunks: Iterable[Mapping[str, NDArray[np.float32]]],
    manifest: Manifest,
    *,
    score_threshold: float = SHOWN_SCORE,
    fusion: FusionKind | None = None,
    link: bool = True,
    allow_imports: Collection[str] = (),
) -> Iterator[FrameResult]:
    """Turn the raw outputs of one clip into boxes, tracks, masks and what else the tasks say.

    Decoding, suppression of overlaps and linking, the same for outputs of ONNX Runtime, of a
    ``torch.export`` program and of the network. Results come as the chunks do, so a clip may
    have no end; a second clip is a second call. Arrays go in and come out, but torch and
    torchvision are used on the way: one implementation cannot drift from another.

    Args:
        chunks: In order, each the outputs of the clip's next frames: ``[B, ...]`` by ``TASK/MAP``,
            as :func:`automtl.open_program` names them.
        manifest: Of the bundle, from :func:`automtl.load_manifest`.
        score_threshold: Objects below it are left out.
        fusion: Which cues link the objects; by default what the bundle was tuned to.
        link: Whether objects get tracks, for which SciPy is needed.
        allow_imports: Import paths of tasks of your own that the bundle may name. Importing runs
            code of that package.

    Yields:
        A result for each frame, in pixels of the network's input.

    Raises:
        BundleError: If the bundle names code that is not allowed, or SciPy is missing.
        DataError: If a task's outputs are missing.
    """
    refuse_imports(manifest.config.own_code, allow_imports, "the bundle's manifest")
    decoder = ClipDecoder(
        manifest.info,
        score_threshold=score_threshold,
        association=association_of(manifest.fusion, fusion),
        link=must_link(manifest.tasks, link=link),
        imports=manifest.config.imports,
    )
    return _decoded(chunks, manifest.tasks, decoder)


def _decoded(
    chunks: Iterable[Mapping[str, NDArray[np.float32]]],
    tasks: tuple[str, ...],
    decoder: "ClipDecoder",
) -> Iterator[FrameResult]:
    for chunk in chunks:
        yield from decoder.read(_by_task(chunk, tasks))


def _by_task(
    flat: Mapping[str, NDArray[np.float32]], tasks: tuple[str, ...]
) -> dict[str, RawOutput]:
    found: dict[str, dict[str, torch.Tensor]] = {task: {} for task in tasks}
    for key, values in flat.items():
        task, _, name = key.partition("/")
        if task in found:
            found[task][name] = torch.from_numpy(np.ascontiguousarray(values))
    missing = [task for task, output in found.items() if not output]
    if missing:
        msg = f"there is no output of {', '.join(missing)} among {', '.join(flat) or 'none'}"
        raise DataError(msg, fix="Give all outputs of the program, under their names TASK/MAP")
    return dict(found)


class ClipDecoder:
    """Decodes one clip, in order, in chunks of any size; its tracks go on from chunk to chunk.

    Args:
        info: Classes and picture size.
        score_threshold: Objects below it are left out of the results.
        association: How objects are made and linked.
        link: Whether they are linked at all; without, they have no tracks.
        imports: Where tasks that are not built in come from; their code runs.

    Attributes:
        best_score: Of all objects so far, those below the threshold too; None before one was seen.
    """

    def __init__(
        self,
        info: DataInfo,
        *,
        score_threshold: float,
        association: Association,
        link: bool = True,
        imports: Mapping[str, str] = _NO_IMPORTS,
    ) -> None:
        self._info = info
        self._score_threshold = score_threshold
        self._imports = imports
        self._association = association
        self._tracker = Tracker(association=association) if link else None
        self.best_score: float | None = None

    def read(self, outputs: Mapping[str, RawOutput]) -> list[FrameResult]:
        """Return the results of the clip's next frames.

        Args:
            outputs: Raw outputs by task, float32 on the CPU; at least one task's.

        Raises:
            AutomtlError: If a task of the user's own cannot decode its output.
        """
        n_frames = len(next(iter(next(iter(outputs.values())).values())))
        masks: list[NDArray[np.uint8] | None] = [None] * n_frames
        if "segmentation" in outputs:
            masks = list(segmentation.decode(outputs["segmentation"], self._info).numpy())
        frames = [_nothing()] * n_frames
        if "detection" in outputs:
            seen = {task: [output] for task, output in outputs.items()}
            frames = observe(seen, self._info, min_score=min(self._score_threshold, MIN_SCORE))
        fused = [self._result(seen, mask) for seen, mask in zip(frames, masks, strict=True)]
        further = with_further(fused, outputs, self._info)
        own = own_results(outputs, self._imports, self._info, n_frames)
        return [replace(result, own=said) for result, said in zip(further, own, strict=True)]

    def _result(self, seen: Instances, mask: NDArray[np.uint8] | None) -> FrameResult:
        ids = np.full(len(seen), -1, dtype=np.int64)
        if self._tracker is None or seen.embeddings is None:
            boxes, scores = fused(seen, self._association)
        else:
            tracked = self._tracker.update(seen)
            boxes, scores = tracked.boxes, tracked.scores
            # MOTChallenge counts tracks from 1; so does everything that people see.
            ids = np.where(tracked.ids >= 0, tracked.ids + 1, -1)
        if scores.size:
            self.best_score = max(float(scores.max()), self.best_score or 0.0)
        kept = scores >= self._score_threshold
        return FrameResult(
            boxes=boxes[kept],
            scores=scores[kept],
            classes=seen.classes[kept],
            ids=ids[kept],
            mask=mask,
            instances=_instance_map(seen, kept),
        )


def association_of(tuned: Fusion | None, kind: FusionKind | None) -> Association:
    """Return the parameters to predict with.

    Args:
        tuned: What the bundle holds; without it nothing is tuned.
        kind: What the user wants; None takes the bundle's choice, or boxes and embeddings.
    """
    if tuned is not None:
        return tuned.association(kind or tuned.kind)
    return BOXES_ALONE if kind == "boxes" else Association()


def must_link(tasks: Collection[str], *, link: bool) -> bool:
    """Return whether objects are to be linked: a model that does not track has nothing to link.

    Raises:
        BundleError: If they are, and SciPy, which solves the assignment, is not installed.
    """
    if not link or "tracking" not in tasks:
        return False
    if find_spec("scipy") is None:
        msg = "linking objects over frames needs SciPy, which is not installed"
        raise BundleError(msg, fix="Run: pip install scipy, or predict without tracks: link=False")
    return True


def _nothing() -> Instances:
    return Instances(
        boxes=np.zeros((0, 4), np.float32),
        scores=np.zeros(0, np.float32),
        classes=np.zeros(0, np.int64),
    )


def _instance_map(seen: Instances, kept: NDArray[np.bool_]) -> NDArray[np.uint16] | None:
    """Return for each pixel the row of its object among the kept ones, from 1; 0 for none."""
    if seen.pixels is None:
        return None
    numbers = np.where(kept, np.cumsum(kept), 0)
    return np.append(numbers, 0)[seen.pixels.owners].astype(np.uint16)

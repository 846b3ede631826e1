"""How instances are made and linked: the parameters that are tuned after training."""

from dataclasses import dataclass
from typing import Annotated

from automtl.plain import Within, check_limits

Share = Annotated[float, Within(least=0, most=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """Weights of the cues and thresholds of the linking.

    The cost of linking an object to a track is the weighted mean of what the cues say against
    it. A cue that is not there (no masks, no embeddings) or has no weight does not count, and
    motion counts alone where no weight is left. An object may be linked to a track as soon as
    one cue that counts finds them near.

    The default values leave the masks out. They are the ones that every training reports its
    HOTA with, so changing one makes earlier figures incomparable.

    Attributes:
        embedding_weight: Weight of ``1 - cosine``.
        motion_weight: Weight of ``1 - IoU`` against the box where the track should be.
        mask_weight: Weight of ``1 - IoU`` against the mask moved with the track's box.
        max_cosine_distance: Largest ``1 - cosine`` that is near.
        min_iou: Smallest overlap of boxes that is near.
        min_mask_iou: Smallest overlap of masks that is near.
        buffer: Share of its size that a box grows by on each side before overlaps are taken
            (Yang et al. 2022, arXiv 2211.14317).
        class_penalty: Added to the cost where the classes differ; 1 forbids it.
        high_score: Objects from it on begin tracks and are linked first.
        low_score: Objects below it are not linked.
        max_age: Frames that a track survives unseen.
        velocity_gain: Share of a newly seen motion in a track's velocity.
        memory: Share of the old embedding that a track keeps when it is seen again.
        support_weight: Weight of the masks' support in an object's score: full support adds half
            of it to the log odds, no support takes away as much.
        box_share: How far a box is moved towards the extent of its mask.
    """

    embedding_weight: Share = 0.6
    motion_weight: Share = 0.4
    mask_weight: Share = 0.0
    max_cosine_distance: Annotated[float, Within(least=0, most=2)] = 0.5
    min_iou: Share = 0.1
    min_mask_iou: Share = 0.3
    buffer: Share = 0.0
    class_penalty: Share = 1.0
    high_score: Share = 0.45
    low_score: Share = 0.25
    max_age: Annotated[int, Within(least=0, most=1000)] = 5
    velocity_gain: Share = 0.5
    memory: Annotated[float, Within(least=0, below=1)] = 0.0
    support_weight: Annotated[float, Within(least=0, most=20)] = 0.0
    box_share: Share = 0.0

    def __post_init__(self) -> None:
        """Raise ``PlacedError`` if a parameter is not within its limits."""
        check_limits(self)


BOXES_ALONE = Association(embedding_weight=0)
"""Boxes and their motion, nothing else."""

THREE_CUES = Association(mask_weight=0.2, support_weight=4.0)
"""Where a tuning of all cues begins."""

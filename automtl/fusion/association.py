"""How instances are made and linked: the parameters that are tuned after training."""

from typing import Annotated

from pydantic import Field

from automtl.config import Frozen

Share = Annotated[float, Field(ge=0, le=1)]


class Association(Frozen):
    """Weights of the cues and thresholds of the linking.

    The cost of linking an object to a track is the weighted mean of what the cues say against
    it, each in [0, 1]; a cue that is not there (no masks, no embeddings) does not count.

    Attributes:
        embedding_weight: Weight of ``(1 - cosine) / 2``.
        motion_weight: Weight of ``(1 - GIoU) / 2`` against the box where the track should be.
        mask_weight: Weight of ``1 - IoU`` against the mask moved with the track's box.
        max_cost: An object that costs more is not linked.
        class_penalty: Added to the cost where the classes differ.
        high_score: Objects from it on begin tracks and are linked first.
        low_score: Objects below it are not used.
        max_age: Frames that a track survives unseen.
        velocity_gain: Share of a newly seen motion in a track's velocity.
        memory: Share of the old embedding that a track keeps when it is seen again.
        support_weight: Power of an object's mask support in its score.
        box_share: How far a box is moved towards the extent of its mask.
    """

    embedding_weight: Share = 0.6
    motion_weight: Share = 0.4
    mask_weight: Share = 0.2
    max_cost: Share = 0.4
    class_penalty: Share = 1.0
    high_score: Share = 0.45
    low_score: Share = 0.25
    max_age: Annotated[int, Field(ge=0, le=1000)] = 5
    velocity_gain: Share = 0.5
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.0
    support_weight: Annotated[float, Field(ge=0, le=4)] = 0.0
    box_share: Share = 0.0

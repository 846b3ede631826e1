"""Which points and which trainings a history holds already."""

from collections.abc import Callable, Mapping, Sequence

from automtl.config import SharingConfig, digest_of
from automtl.config.backbones import N_STAGES
from automtl.config.sharing import tree_digest
from automtl.controller.memo import PerTrial
from automtl.controller.rungs import competes
from automtl.results import TrialRecord
from automtl.space.search_space import SearchSpace

Identity = Callable[[Mapping[str, object]], str]
"""Returns a digest that configurations have in common if they are the same training."""


def points_tried(history: Sequence[TrialRecord]) -> set[str]:
    """Return the digests of the points of all trials."""
    return set(_POINT.over(history, None, None))


def trainings_tried(history: Sequence[TrialRecord], identity: Identity) -> set[str | None]:
    """Return the identities of the trials that compete; None stands for all others."""
    return set(_IDENTITY.over(history, None, identity))


def identity_in(space: SearchSpace) -> Identity:
    """Return what tells the trainings of a space apart."""
    return digest_of if space.base is None else _identity


def _identity(config: Mapping[str, object]) -> str:
    """Tell trainings apart by their sharing tree.

    Two chains of one tree are the same training, where no schedule takes the tasks in the chain's
    order.
    """
    parts = dict(config)
    sharing = SharingConfig.model_validate(parts.pop("sharing"))
    backbone, schedule = parts["backbone"], parts["schedule"]
    assert isinstance(backbone, Mapping), "a trial's configuration has a backbone"
    assert isinstance(schedule, Mapping), "a trial's configuration has a schedule"
    n_stages = N_STAGES.get(backbone["name"], max(sharing.split_after, default=0))
    order = () if schedule["kind"] == "joint" else sharing.order
    return digest_of([parts, order, tree_digest(sharing, n_stages)])


_POINT = PerTrial(lambda record, _key, _given: digest_of(dict(record.point)))
_IDENTITY = PerTrial(
    lambda record, _key, identity: identity(record.config) if competes(record) else None
)

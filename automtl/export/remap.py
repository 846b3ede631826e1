"""Classes matched by name: which rows of a head go on, which begin new, which are dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from automtl.config import TrialConfig
from automtl.data.table import DataInfo
from automtl.export.weights import without_pretraining
from automtl.model.network import build_network

_ONE_MORE = "one more class"


@dataclass(frozen=True, slots=True)
class ClassChange:
    """How the classes of one kind changed.

    Attributes:
        kept: Names whose rows go on.
        new: Names whose rows begin anew.
        dropped: Names that the new data does not have.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remapped:
    """A state that fits the new classes.

    Attributes:
        state: Tensors by name.
        detection: How the classes of boxes changed.
        segmentation: How the classes of masks changed.
        image: How the classes of pictures changed.
    """

    state: Mapping[str, Tensor]
    detection: ClassChange
    segmentation: ClassChange
    image: ClassChange


@dataclass(frozen=True, slots=True)
class _Axis:
    number: int
    per_class: int


def remap_state(
    config: TrialConfig,
    state: Mapping[str, Tensor],
    old: DataInfo,
    new: DataInfo,
    *,
    seed: int,
) -> Remapped:
    """Fit a state to the classes of other data.

    A tensor whose size depends on the number of classes is found by building the network for
    one class more, so nothing is assumed of how heads name or order their tensors.

    Args:
        config: The configuration of the network.
        state: Tensors that fit ``config`` and ``old``.
        old: Classes of ``state``.
        new: Classes wanted.
        seed: For rows of classes that begin anew.
    """
    fresh = _state_of(config, new, seed)
    bare = replace(old, segmentation_frequency=())
    boxes, masks = (*old.detection_classes, _ONE_MORE), (*old.segmentation_classes, _ONE_MORE)
    pictures = (*old.image_classes, _ONE_MORE)
    fitted = {name: state[name].clone() for name in fresh}
    for before, after, larger in (
        (boxes, new.detection_classes, replace(bare, detection_classes=boxes)),
        (masks, new.segmentation_classes, replace(bare, segmentation_classes=masks)),
        (pictures, new.image_classes, replace(bare, image_classes=pictures)),
    ):
        rows = _row_pairs(before[:-1], after)
        for name, axis in _grown_axes(config, bare, larger).items():
            fitted[name] = _carry_rows(state[name], fresh[name], axis, rows)
    return Remapped(
        fitted,
        class_change(old.detection_classes, new.detection_classes),
        class_change(old.segmentation_classes, new.segmentation_classes),
        class_change(old.image_classes, new.image_classes),
    )


def class_change(old: Sequence[str], new: Sequence[str]) -> ClassChange:
    """Compare class names.

    >>> class_change(["car", "bus"], ["bus", "tram"])
    ClassChange(kept=('bus',), new=('tram',), dropped=('car',))
    """
    return ClassChange(
        kept=tuple(name for name in new if name in old),
        new=tuple(name for name in new if name not in old),
        dropped=tuple(name for name in old if name not in new),
    )


def _state_of(config: TrialConfig, info: DataInfo, seed: int) -> dict[str, Tensor]:
    return build_network(without_pretraining(config), info, generator_seed=seed).state_dict()


def _grown_axes(config: TrialConfig, info: DataInfo, larger: DataInfo) -> dict[str, _Axis]:
    """Return, by tensor, the axis that is longer with one class more, and by how much."""
    now, more = _state_of(config, info, 0), _state_of(config, larger, 0)
    return {
        name: next(
            _Axis(axis, long - short)
            for axis, (short, long) in enumerate(zip(now[name].shape, tensor.shape, strict=True))
            if long != short
        )
        for name, tensor in more.items()
        if now[name].shape != tensor.shape
    }


def _row_pairs(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return where the rows of each shared name lie: index in ``old``, index in ``new``."""
    return [(old.index(name), i) for i, name in enumerate(new) if name in old]


def _carry_rows(
    old: Tensor, fresh: Tensor, axis: _Axis, pairs: Sequence[tuple[int, int]]
) -> Tensor:
    """Copy the rows of shared names from ``old`` into a copy of ``fresh``."""
    result = fresh.clone()
    for source, target in pairs:
        rows = old.narrow(axis.number, source * axis.per_class, axis.per_class)
        result.narrow(axis.number, target * axis.per_class, axis.per_class).copy_(rows)
    return result

"""The generated clips: moving textured shapes with boxes, masks and ids.

numpy only; the same source gives the same bytes. Every clip has a random stream of its own, so
clip ``k`` does not depend on how many clips there are.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from automtl.data.further import BAR, IMAGE_CLASSES, further_labels, further_targets
from automtl.data.painting import (
    SHAPES,
    Appearance,
    Floats,
    Patch,
    background,
    light,
    paint,
    place,
    tight_box,
)
from automtl.data.raw import (
    CLASSIFICATION,
    DETECTION,
    SEGMENTATION,
    TRACKING,
    RawFrame,
    RawSource,
)
from automtl.data.table import IGNORED, UNKNOWN_ID
from automtl.errors import DataError, closest
from automtl.sources import ShapesSource

SEGMENTATION_CLASSES = ("background", *SHAPES)

_TASKS = (DETECTION, SEGMENTATION, TRACKING)
_MIN_PIXELS = 12
_MIN_SHARE = 0.15
"""An object shows at least so many pixels and such a share of itself, or it is not labelled."""

_LIGHT = 0.08
"""Strength of the coloured light, chosen so that mean colours alone lose track of identities."""

_NOISE = 0.02
_SPEED = (0.05, 0.10)
"""Slowest and fastest motion in picture heights per simulated frame."""

_WALL = 0.02
"""How far outside the picture, in its heights, the walls stand that objects bounce off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mover:
    """One object of a clip; positions in pixels of the first view, motion per simulated frame."""

    look: Appearance
    radius: float
    pulse: float
    centre: NDArray[np.float64]
    velocity: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What stays the same in all frames of a clip."""

    backdrop: Floats
    margin: int
    movers: tuple[_Mover, ...]
    bars: tuple[tuple[int, slice, float], ...]


def generate(source: ShapesSource, *, image_size: tuple[int, int]) -> RawSource:
    """Return the clips of ``source`` at ``image_size`` (height, width in pixels).

    Raises:
        DataError: If a knob cannot be met.
    """
    _check(source, image_size)
    clips = tuple(_clip(source, number, image_size) for number in range(source.clips))
    return RawSource(
        name=f"shapes (seed {source.seed})",
        clips=clips,
        notes=(),
        n_frames=source.clips * source.frames,
        detection_classes=SHAPES,
        segmentation_classes=SEGMENTATION_CLASSES,
        image_classes=IMAGE_CLASSES if CLASSIFICATION in source.targets else (),
    )


def _check(source: ShapesSource, image_size: tuple[int, int]) -> None:
    low, high = source.n_objects
    if low > high:
        msg = f"`n_objects: [{low}, {high}]` has its fewest above its most"
        raise DataError(
            msg,
            where="data, shapes",
            fix=f"Write [{high}, {low}]",
        )
    tasks = (*_TASKS, *source.targets)
    for task in sorted(set(source.label_dropout) - set(tasks)):
        near = closest(task, tasks)
        msg = f"`label_dropout` names the unknown task {task!r}"
        raise DataError(
            msg,
            where="data, shapes",
            fix=f"Did you mean {near!r}?" if near else f"Use one of {', '.join(tasks)}",
        )
    if min(image_size) < 32:
        msg = f"`image_size: {list(image_size)}` is too small for shapes"
        raise DataError(
            msg,
            where="data, shapes",
            fix="Use at least 32 pixels",
        )


def _clip(source: ShapesSource, number: int, size: tuple[int, int]) -> tuple[RawFrame, ...]:
    rng = np.random.default_rng([source.seed % 2**63, number])
    dropped = {task for task in _TASKS if rng.random() < source.label_dropout.get(task, 0.0)}
    labels = frozenset(_TASKS) - dropped | further_labels(source, number)
    scene = _scene(source, size, rng)
    return tuple(
        _frame(source, scene, (number, shown), size, labels, rng) for shown in range(source.frames)
    )


def _scene(source: ShapesSource, size: tuple[int, int], rng: np.random.Generator) -> _Scene:
    margin = int(source.camera_shift / 2) + 1
    canvas = (size[0] + 2 * margin, size[1] + 2 * margin)
    backdrop = background(canvas, rng)
    n_objects = int(rng.integers(source.n_objects[0], source.n_objects[1] + 1))
    looks = _looks(source, n_objects, rng)
    movers = tuple(_mover(look, source.loss_skew, size, rng) for look in looks)
    has_bars = rng.random() < source.occlusion
    bars = tuple(_bar(size, rng) for _ in range(int(rng.integers(1, 4)))) if has_bars else ()
    return _Scene(backdrop=backdrop, margin=margin, movers=movers, bars=bars)


def _looks(source: ShapesSource, n_objects: int, rng: np.random.Generator) -> list[Appearance]:
    """Draw classes and identities; a look-alike differs from its model in the stripes alone."""
    looks: list[Appearance] = []
    for _ in range(n_objects):
        shape = int(rng.integers(len(SHAPES)))
        spread = (1 - source.relatedness) * rng.uniform(-0.5, 0.5)
        hue = (shape / len(SHAPES) + spread) % 1.0
        angle = float(rng.integers(4)) * np.pi / 4
        period = float(rng.choice([5.0, 9.0]))
        if looks and rng.random() < source.lookalikes:
            model = looks[int(rng.integers(len(looks)))]
            shape, hue = model.shape, model.hue
            angle, period = model.angle + np.pi / 2, 14.0 - model.period
        phase = float(rng.uniform(0, 2 * np.pi))
        looks.append(Appearance(shape=shape, hue=hue, angle=angle, period=period, phase=phase))
    return looks


def _mover(
    look: Appearance, skew: float, size: tuple[int, int], rng: np.random.Generator
) -> _Mover:
    radius = float(np.clip(rng.uniform(0.10, 0.17) * skew, 0.03, 0.45)) * size[0]
    heading = rng.uniform(0, 2 * np.pi)
    speed = rng.uniform(*_SPEED) * size[0]
    return _Mover(
        look=look,
        radius=radius,
        pulse=float(rng.uniform(0, 2 * np.pi)),
        centre=rng.uniform(0, 1, size=2) * size,
        velocity=speed * np.array([np.sin(heading), np.cos(heading)]),
    )


def _bar(size: tuple[int, int], rng: np.random.Generator) -> tuple[int, slice, float]:
    """Return a bar's axis (0 = lies across the rows), its extent and its grey."""
    axis = int(rng.integers(2))
    width = max(2, round(float(rng.uniform(0.05, 0.09)) * size[0]))
    start = int(rng.integers(0, size[axis] - width))
    return axis, slice(start, start + width), float(rng.uniform(0.25, 0.75))


def _frame(
    source: ShapesSource,
    scene: _Scene,
    at: tuple[int, int],
    size: tuple[int, int],
    labels: frozenset[str],
    rng: np.random.Generator,
) -> RawFrame:
    """Paint frame ``at`` = (clip, shown frame) and label what can be seen."""
    half = source.camera_shift / 2
    camera = np.trunc(rng.uniform(-half, half, size=2)).astype(np.int64)
    time = at[1] * source.gap
    patches = [_patch(mover, time, camera, size) for mover in scene.movers]
    picture, owner = _compose(scene, patches, camera, size, time, source.contrast)
    picture *= light(size, _LIGHT, rng)
    picture += _NOISE * rng.standard_normal(picture.shape, dtype=np.float32)
    image = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    seen = owner.copy()
    owner[owner == BAR] = 0
    frame = _label(f"clip {at[0]} frame {at[1]}", at[1], image, owner, (scene, patches), labels)
    targets = further_targets(seen, owner, len(scene.movers), labels)
    return replace(frame, targets=targets)


def _position(mover: _Mover, time: int, size: tuple[int, int]) -> tuple[float, float]:
    """Return the centre at ``time``: straight motion, folded at walls outside the picture."""
    wall = _WALL * size[0]
    low, span = -wall, np.array(size) + 2 * wall
    way = (mover.centre + mover.velocity * time - low) % (2 * span)
    folded = low + np.where(way > span, 2 * span - way, way)
    return float(folded[0]), float(folded[1])


def _radius(mover: _Mover, time: int) -> float:
    return mover.radius * (1 + 0.15 * float(np.sin(0.3 * time + mover.pulse)))


def _patch(
    mover: _Mover, time: int, camera: NDArray[np.int64], size: tuple[int, int]
) -> Patch | None:
    row, column = _position(mover, time, size)
    centre = (row - float(camera[0]), column - float(camera[1]))
    return place(mover.look.shape, centre, _radius(mover, time), size)


def _compose(
    scene: _Scene,
    patches: list[Patch | None],
    camera: NDArray[np.int64],
    size: tuple[int, int],
    time: int,
    contrast: float,
) -> tuple[Floats, NDArray[np.uint16]]:
    """Return the unlit picture ``[3, H, W]`` and the number of the object seen at each pixel."""
    top, left = scene.margin + int(camera[0]), scene.margin + int(camera[1])
    picture = scene.backdrop[:, top : top + size[0], left : left + size[1]].copy()
    owner = np.zeros(size, dtype=np.uint16)
    ordinary = 0.13 * size[0]
    for number, (mover, patch) in enumerate(zip(scene.movers, patches, strict=True), start=1):
        if patch is None:
            continue
        colours = paint(mover.look, patch, _radius(mover, time) / ordinary, contrast)
        np.copyto(picture[:, patch.rows, patch.columns], colours, where=patch.covered)
        owner[patch.rows, patch.columns][patch.covered] = number
    for axis, extent, grey in scene.bars:
        start = max(extent.start - int(camera[axis]), 0)
        band = slice(start, max(extent.stop - int(camera[axis]), start))
        across = (band, slice(None)) if axis == 0 else (slice(None), band)
        picture[:, *across] = grey
        owner[across] = BAR
    return picture, owner


def _label(
    name: str,
    index: int,
    image: NDArray[np.uint8],
    owner: NDArray[np.uint16],
    seen: tuple[_Scene, list[Patch | None]],
    labels: frozenset[str],
) -> RawFrame:
    """Label the objects of which enough is visible; the specks of others are not labelled."""
    scene, patches = seen
    semantic = np.zeros(owner.shape, dtype=np.uint8)
    boxes, classes, ids = [], [], []
    for number, (mover, patch) in enumerate(zip(scene.movers, patches, strict=True), start=1):
        if patch is None:
            continue
        visible = owner[patch.rows, patch.columns] == number
        n_visible = int(visible.sum())
        if n_visible < max(_MIN_PIXELS, _MIN_SHARE * patch.n_whole):
            owner[patch.rows, patch.columns][visible] = 0
            semantic[patch.rows, patch.columns][visible] = IGNORED
            continue
        semantic[patch.rows, patch.columns][visible] = mover.look.shape + 1
        boxes.append(tight_box(visible, patch))
        classes.append(SHAPES[mover.look.shape])
        ids.append(number)
    known = TRACKING in labels
    has_boxes = known or DETECTION in labels
    return RawFrame(
        name=name,
        frame=index,
        image=image,
        boxes=np.array(boxes if has_boxes else [], dtype=np.float32).reshape(-1, 4),
        classes=tuple(classes) if has_boxes else (),
        ids=np.array(
            [number if known else UNKNOWN_ID for number in ids] if has_boxes else [],
            dtype=np.int64,
        ),
        semantic=semantic if SEGMENTATION in labels else np.full_like(semantic, IGNORED),
        instances=owner if known else np.zeros_like(owner),
        labels=labels,
    )

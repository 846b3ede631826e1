"""What data a study uses: frozen descriptions of sources, read by ``automtl.data``.

Paths are relative to the data root that the user names (``--data``), and stay inside it.
"""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from automtl.config import Frozen

MaskValue = Annotated[int, Field(ge=0, le=255)]
Part = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(gt=0, le=1)]]
WHOLE: Part = (0.0, 1.0)

FrameRange = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class SourceBase(Frozen):
    """What all sources have.

    Attributes:
        rate: How often a frame of this source is drawn in training, relative to a frame of the
            others: with 2 and 1, twice as often. Validation and test use every frame once.
    """

    rate: Annotated[float, Field(gt=0, le=1_000)] = 1.0

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        # As it was before there was more to say: a study that began then is the same study.
        plain: dict[str, object] = write(self)
        return {key: value for key, value in plain.items() if not _says_nothing(key, value)}

    @model_validator(mode="after")
    def _is_a_part(self) -> Self:
        low, high = getattr(self, "part", WHOLE)
        if low >= high:
            msg = f"`part` must begin before it ends, found {[low, high]}"
            raise ValueError(msg)
        return self


def _says_nothing(key: str, value: object) -> bool:
    if key == "part":
        return value in (WHOLE, list(WHOLE))
    return (key == "values" and not value) or (key == "clips" and value is None)


class ShapesSource(SourceBase):
    """Generated clips of moving textured shapes (numpy only, byte-reproducible).

    Attributes:
        clips: Number of clips.
        frames: Frames in each clip.
        seed: Random stream of this source; two splits use two seeds.
        n_objects: Fewest and most objects in a clip.
        occlusion: Share of clips that have static bars in front of the objects.
        contrast: Strength of the objects' texture against the background, in (0, 1].
        relatedness: 1 = the identity cue (hue) is the class cue, 0 = orthogonal to it.
        lookalikes: Share of objects that copy another object's class and colour.
        camera_shift: Largest jump of the camera between two frames, in pixels.
        gap: Frames of motion simulated between two shown frames (1 = all are shown).
        loss_skew: Factor on the objects' size; small objects starve detection.
        label_dropout: Per task, the share of clips that lack its labels.
        targets: Further tasks whose targets the clips give: the class of a picture (how much of
            it objects cover) and its depth.
    """

    kind: Literal["shapes"] = "shapes"
    clips: Annotated[int, Field(ge=1, le=10_000)] = 120
    frames: Annotated[int, Field(ge=1, le=1_000)] = 10
    seed: int = 0
    n_objects: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=30)]] = (3, 6)
    occlusion: Annotated[float, Field(ge=0, le=1)] = 0.3
    contrast: Annotated[float, Field(gt=0, le=1)] = 0.8
    relatedness: Annotated[float, Field(ge=0, le=1)] = 0.0
    lookalikes: Annotated[float, Field(ge=0, le=1)] = 0.3
    camera_shift: Annotated[float, Field(ge=0, le=64)] = 12.0
    gap: Annotated[int, Field(ge=1, le=32)] = 3
    loss_skew: Annotated[float, Field(gt=0, le=4)] = 1.0
    label_dropout: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    targets: tuple[Literal["classification", "depth"], ...] = ()


class MotSource(SourceBase):
    """One clip: a folder of frames with MOTChallenge boxes, MOTS instances and class masks.

    Any of the three label kinds may be left out; the frames then lack those labels.

    Attributes:
        clips: A folder of clips that are laid out alike: each folder in it is one, and the other
            paths lie within that. Without it the source is a single clip.
        frames: Folder of the frames; sorted by name they are numbered from 1.
        gt: MOTChallenge ``gt.txt`` (frame, id, left, top, width, height, flag, class, visibility).
        instances: Folder of 16-bit MOTS PNGs (class * 1000 + id), named as the frames.
        masks: Folder of 8-bit class masks, named as the frames.
        frame_range: First and last frame used, both included, from 1.
        classes: Class ids of ``gt``/``instances`` and the detection class each stands for.
        ignore: Value of the class masks that is not labelled.
        values: Names of the mask's values where these are no indices of
            `data.segmentation_classes`; a value without a name is then not labelled.
        targets: Folder of each further task's targets, by the task's name; files are named as
            the frames: ``.npy``, 16-bit ``.png`` (value * 256, 0 = not labelled), ``.txt`` (the
            class of a picture).
    """

    kind: Literal["mot"] = "mot"
    clips: str | None = None
    frames: str
    gt: str | None = None
    instances: str | None = None
    masks: str | None = None
    frame_range: FrameRange | None = None
    classes: dict[int, str] = {}
    ignore: Annotated[int, Field(ge=0, le=255)] = 255
    values: dict[MaskValue, str] = {}
    targets: dict[str, str] = {}


class MaskSource(SourceBase):
    """Stills with class masks and nothing else: frames without boxes and ids.

    Attributes:
        images: Folder of the stills.
        masks: Folder of 8-bit class masks, named as the stills.
        ignore: Value that is not labelled.
        values: Names of the mask's values where these are no indices of
            `data.segmentation_classes`; a value without a name is then not labelled.
        part: Which of the stills are used, as shares of a random order that never changes:
            `[0, 0.8]` and `[0.8, 1]` are two splits of one folder.
        targets: Folder of each further task's targets, by the task's name; files are named as
            the frames: ``.npy``, 16-bit ``.png`` (value * 256, 0 = not labelled), ``.txt`` (the
            class of a picture).
    """

    kind: Literal["masks"] = "masks"
    images: str
    masks: str
    ignore: Annotated[int, Field(ge=0, le=255)] = 255
    values: dict[MaskValue, str] = {}
    part: Part = WHOLE
    targets: dict[str, str] = {}


class CocoSource(SourceBase):
    """Stills with a COCO JSON file: boxes, and masks where an annotation has a segmentation.

    Attributes:
        images: Folder of the stills.
        annotations: The JSON file.
        with_masks: Whether class masks are drawn from the segmentations (class 0 = background,
            class ``i + 1`` = detection class ``i``).
        part: Which of the stills are used, as shares of a random order that never changes:
            `[0, 0.8]` and `[0.8, 1]` are two splits of one folder.
        targets: Folder of each further task's targets, by the task's name; files are named as
            the frames: ``.npy``, 16-bit ``.png`` (value * 256, 0 = not labelled), ``.txt`` (the
            class of a picture).
    """

    kind: Literal["coco"] = "coco"
    images: str
    annotations: str
    with_masks: bool = False
    part: Part = WHOLE
    targets: dict[str, str] = {}


class YoloSource(SourceBase):
    """Stills with one YOLO text file each (class, centre x, centre y, width, height; relative).

    Attributes:
        images: Folder of the stills.
        labels: Folder of the text files; a still without one has no boxes.
        names: Class names by id.
        masks: Folder of 8-bit class masks, where there are any.
        ignore: Value of the masks that is not labelled.
        values: Names of the mask's values where these are no indices of
            `data.segmentation_classes`; a value without a name is then not labelled.
        part: Which of the stills are used, as shares of a random order that never changes:
            `[0, 0.8]` and `[0.8, 1]` are two splits of one folder.
        targets: Folder of each further task's targets, by the task's name; files are named as
            the frames: ``.npy``, 16-bit ``.png`` (value * 256, 0 = not labelled), ``.txt`` (the
            class of a picture).
    """

    kind: Literal["yolo"] = "yolo"
    images: str
    labels: str
    names: tuple[str, ...]
    masks: str | None = None
    ignore: Annotated[int, Field(ge=0, le=255)] = 255
    values: dict[MaskValue, str] = {}
    part: Part = WHOLE
    targets: dict[str, str] = {}


Source = Annotated[
    ShapesSource | MotSource | MaskSource | CocoSource | YoloSource,
    Field(discriminator="kind"),
]


def _drawn_once(source: Source) -> Source:
    if source.rate != 1:
        msg = f"`rate: {source.rate:g}` is for sources that train; here all frames count"
        raise ValueError(msg)
    return source


JudgingSource = Annotated[Source, AfterValidator(_drawn_once)]
"""A source of which every frame counts once."""


class DataConfig(Frozen):
    """The three splits of a study.

    Attributes:
        train: Sources that train.
        validation: Sources that select.
        test: Sources that are touched once, for the picked model.
        detection_classes: Names of the detection classes, by index. Empty: taken from the sources.
        segmentation_classes: Names of the mask values, by index. Empty: taken from the sources.
        image_classes: Names of the pictures' classes, by index. Empty: taken from the sources.
        max_left_out: Largest share of frames that may be unreadable; more stops the run.
        label_fraction: By task, the share of the training clips with its labels that keep them.
            The clips of a smaller share are among those of a larger one.
        label_seed: Decides which clips those are.
    """

    train: tuple[Source, ...] = Field(min_length=1)
    validation: tuple[JudgingSource, ...] = Field(min_length=1)
    test: tuple[JudgingSource, ...] = ()
    detection_classes: tuple[str, ...] = ()
    segmentation_classes: tuple[str, ...] = ()
    image_classes: tuple[str, ...] = ()
    max_left_out: Annotated[float, Field(ge=0, le=1)] = 0.05
    label_fraction: dict[str, Annotated[float, Field(gt=0, le=1)]] = {}
    label_seed: Annotated[int, Field(ge=0)] = 0

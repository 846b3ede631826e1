"""From a data configuration to the splits of a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from automtl.data.coco import read_coco
from automtl.data.fraction import keep_fraction
from automtl.data.joining import (
    ClassNames,
    class_names,
    digest,
    join,
    segmentation_frequency,
    target_medians,
)
from automtl.data.limits import printable
from automtl.data.masks import read_masks
from automtl.data.mot import read_mot
from automtl.data.raw import Note, RawSource, data_root
from automtl.data.shapes import generate
from automtl.data.table import DataInfo, FrameTable, SplitData
from automtl.data.yolo import read_yolo
from automtl.errors import DataError
from automtl.left_out import LeftOut
from automtl.sources import (
    CocoSource,
    DataConfig,
    MaskSource,
    MotSource,
    ShapesSource,
    Source,
    YoloSource,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedData:
    """The splits, and what did not make it into them.

    Attributes:
        splits: Ready to train.
        left_out: What is not used, or was mended.
        training: Lines on how training uses less, or other shares, than the sources have.
    """

    splits: SplitData
    left_out: tuple[LeftOut, ...]
    training: tuple[str, ...] = ()


def load_data(
    config: DataConfig,
    *,
    image_size: tuple[int, int],
    root: Path | None,
    load_test: bool = False,
) -> LoadedData:
    """Read, decode and join all sources.

    Args:
        config: The splits. Classes that it does not name are those of the train and validation
            sources in order.
        image_size: Height and width of the decoded frames in pixels.
        root: Folder below which all paths lie; generated clips need none.
        load_test: Whether the test split is read as well. The digest covers the train and
            validation splits alone, so that it does not depend on this.

    Raises:
        DataError: If a source cannot be used, or more than ``config.max_left_out`` of a split's
            frames are unreadable.
    """
    _check_streams(config)
    wanted = {"train": config.train, "validation": config.validation}
    if load_test and config.test:
        wanted["test"] = config.test
    raw = {split: [_read(s, root, image_size) for s in some] for split, some in wanted.items()}
    left_out = tuple(
        LeftOut(
            name=printable(note.name), split=split, reason=printable(note.reason), kind=note.kind
        )
        for split, sources in raw.items()
        for note in _notes(sources)
    )
    for split, sources in raw.items():
        _check_share(split, sources, config.max_left_out, left_out)
    names = class_names(
        [*raw["train"], *raw["validation"]],
        config.detection_classes,
        config.segmentation_classes,
        config.image_classes,
    )
    tables = {
        split: _joined(split, sources, names, image_size, wanted[split])
        for split, sources in raw.items()
    }
    kept = keep_fraction(tables["train"], config.label_fraction, seed=config.label_seed)
    tables["train"] = kept.table
    splits = SplitData(
        info=_info(tables["train"], tables["validation"], names, image_size),
        train=tables["train"],
        validation=tables["validation"],
        test=tables.get("test"),
    )
    training = (*kept.lines, *_rate_lines(raw["train"], kept.table))
    return LoadedData(splits=splits, left_out=left_out, training=training)


def describe(loaded: LoadedData) -> str:
    """Return lines for people: what was left out, however long, and then what each split holds."""
    info = loaded.splits.info
    lines = [
        *(left.line for left in loaded.left_out),
        f"detection classes: {', '.join(info.detection_classes) or 'none'}",
        f"segmentation classes: {', '.join(info.segmentation_classes) or 'none'}",
        *([f"picture classes: {', '.join(info.image_classes)}"] if info.image_classes else []),
        f"frames of {info.image_size[0]}x{info.image_size[1]} pixels, digest {info.digest}",
    ]
    splits = loaded.splits
    tables = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    for split, table in tables.items():
        if table is None:
            continue
        labels = ", ".join(f"{task} {int(mask.sum())}" for task, mask in table.labels.items())
        n_clips = len(set(table.clip.tolist()))
        lines.append(
            f"{split}: {len(table)} frames in {n_clips} clips, {len(table.boxes)} objects; "
            f"frames with labels: {labels}"
        )
    lines.extend(loaded.training)
    return "\n".join(lines)


def _read(source: Source, root: Path | None, size: tuple[int, int]) -> RawSource:
    if isinstance(source, ShapesSource):
        return generate(source, image_size=size)
    base = data_root(root, source.kind)
    match source:
        case MotSource():
            return read_mot(source, root=base, image_size=size)
        case MaskSource():
            return read_masks(source, root=base, image_size=size)
        case CocoSource():
            return read_coco(source, root=base, image_size=size)
        case YoloSource():
            return read_yolo(source, root=base, image_size=size)
        case _:
            assert_never(source)


def _info(
    train: FrameTable, validation: FrameTable, names: ClassNames, size: tuple[int, int]
) -> DataInfo:
    return DataInfo(
        detection_classes=names.detection,
        segmentation_classes=names.segmentation,
        image_size=size,
        segmentation_frequency=segmentation_frequency(train, len(names.segmentation)),
        digest=digest([train, validation]),
        image_classes=names.image,
        target_medians=target_medians(train),
    )


def _rate_lines(sources: Sequence[RawSource], table: FrameTable) -> list[str]:
    if len(set(table.rates)) < 2:
        return []
    return [
        f"train: each of the {int((table.source == place).sum())} frames of {source.name} "
        f"is drawn at rate {table.rates[place]:g}"
        for place, source in enumerate(sources)
    ]


def _joined(
    split: str,
    sources: Sequence[RawSource],
    names: ClassNames,
    size: tuple[int, int],
    described: Sequence[Source],
) -> FrameTable:
    table = join(sources, names, size, rates=[source.rate for source in described])
    if not len(table):
        msg = f"the {split} split has no labelled frame"
        raise DataError(
            msg,
            where=", ".join(source.name for source in sources),
            fix="Name sources that have labels",
        )
    return table


def _notes(sources: Sequence[RawSource]) -> list[Note]:
    """Return the readers' notes, and one for each frame without labels that is not noted yet."""
    notes: list[Note] = []
    for source in sources:
        notes.extend(source.notes)
        notes.extend(
            Note(name=frame.name, reason="it has no label at all", kind="unlabelled")
            for clip in source.clips
            for frame in clip
            if not frame.labels
        )
    return notes


def _check_share(
    split: str, sources: Sequence[RawSource], most: float, left_out: Sequence[LeftOut]
) -> None:
    lost = [left for left in left_out if left.split == split and left.kind == "frame"]
    n_frames = sum(source.n_frames for source in sources)
    if len(lost) <= most * n_frames:
        return
    named = "; ".join(f"{left.name}: {left.reason}" for left in lost[:3])
    more = f"; and {len(lost) - 3} more" if len(lost) > 3 else ""
    msg = (
        f"{len(lost)} of {n_frames} {split} frames cannot be used, more than "
        f"`data.max_left_out: {most:g}` allows: {named}{more}"
    )
    raise DataError(msg, where=split, fix="Mend the files, or raise `data.max_left_out`")


def _check_streams(config: DataConfig) -> None:
    """Refuse one random stream in two splits: the same clips would train and be judged."""
    seen: dict[int, str] = {}
    splits = {"train": config.train, "validation": config.validation, "test": config.test}
    for split, sources in splits.items():
        seeds = {source.seed for source in sources if isinstance(source, ShapesSource)}
        for seed in sorted(seeds):
            if seed in seen:
                msg = f"the {seen[seed]} and {split} splits both generate clips of seed {seed}"
                raise DataError(msg, where="data", fix="Give the splits' shapes different seeds")
        seen.update(dict.fromkeys(seeds, split))

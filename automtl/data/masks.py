"""Stills with class masks and nothing else."""

from pathlib import Path

from automtl.data.frames import FrameFiles, decode_clips
from automtl.data.images import by_stem, list_images, names_of
from automtl.data.part import kept
from automtl.data.raw import RawSource, inside
from automtl.data.targets import target_files, targets_of
from automtl.sources import MaskSource


def read_masks(source: MaskSource, *, root: Path, image_size: tuple[int, int]) -> RawSource:
    """Read the stills; one without a mask is left out.

    Raises:
        DataError: If a folder is missing or a mask has more than 8 bits.
    """
    masks = inside(root, source.masks, field="masks")
    mask_of = by_stem(masks, root)
    further = target_files(source.targets, root)
    stills = [
        [
            FrameFiles(
                image=picture,
                masks=masks,
                mask=mask_of.get(picture.stem),
                ignore=source.ignore,
                values=source.values,
                classes={},
                targets=targets_of(further, picture.stem),
            )
        ]
        for picture in kept(
            list_images(inside(root, source.images, field="images"), root),
            source.part,
            name=lambda path: path.name,
            where=source.images,
        )
    ]
    clips, notes = decode_clips(stills, image_size)
    return RawSource(
        name=source.images,
        clips=clips,
        notes=notes,
        n_frames=len(stills),
        segmentation_classes=names_of(source.values) or None,
    )

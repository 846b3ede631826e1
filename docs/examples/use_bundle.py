"""Use a bundle in a program of your own: boxes, tracks and masks of the pictures of a folder.

torch, torchvision and safetensors are enough, SciPy for tracks. The pictures are one clip, in the
order of their names.

    python docs/examples/use_bundle.py studies/my/bundles/trial-0007 frames
"""

import argparse
from collections import Counter
from pathlib import Path

import torch
from torchvision.io import ImageReadMode, read_image
from torchvision.transforms.functional import resize

import automtl

CHUNK = 16


def read(paths: list[Path], size: tuple[int, int]) -> torch.Tensor:
    """Return pictures in the size that the model reads, uint8 ``[B, 3, H, W]``."""
    pictures = [read_image(str(path), ImageReadMode.RGB) for path in paths]
    return torch.stack([resize(picture, list(size), antialias=True) for picture in pictures])


def main() -> None:
    """Print what the model sees, a line for each picture."""
    parser = argparse.ArgumentParser(description="What a bundle's model sees.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--score", type=float, default=0.3)
    options = parser.parse_args()
    bundle = automtl.load_bundle(options.bundle)
    paths = sorted(p for p in options.frames.iterdir() if p.suffix in (".jpg", ".png"))

    # A clip of any length in constant memory: the tracker keeps its state between chunks.
    clip = bundle.clip(score_threshold=options.score)
    names = bundle.info.detection_classes
    for start in range(0, len(paths), CHUNK):
        chunk = paths[start : start + CHUNK]
        for path, seen in zip(chunk, clip.read(read(chunk, bundle.info.image_size)), strict=True):
            counts = Counter(names[index] for index in seen.classes)
            objects = ", ".join(f"{n} {name}" for name, n in counts.items()) or "nothing"
            tracks = sorted(int(id_) for id_ in seen.ids if id_ > 0)
            print(f"{path.name}: {objects}; tracks {tracks}")


if __name__ == "__main__":
    main()

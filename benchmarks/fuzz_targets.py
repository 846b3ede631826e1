"""What is fuzzed: recipes, files of frames and labels, and bundles.

A target turns a random stream into one hostile input below a folder and returns the call that
reads it. The call either ends or raises an ``AutomtlError``; anything else is a crash.
"""

import hashlib
import io
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import yaml
from PIL import Image

from automtl.cli import run_command
from automtl.config import digest_of
from automtl.data.load import load_data
from automtl.errors import AutomtlError
from automtl.export.bundle import load_bundle
from automtl.sources import CocoSource, DataConfig, MaskSource, MotSource, Source, YoloSource
from automtl.space.recipe import find_recipe, load_recipe, shipped_recipes
from automtl.testing.small_bundle import write
from benchmarks.fuzz_mutations import mutated_bytes, mutated_text, mutated_tree

SIZE = (32, 48)
Files = Mapping[str, bytes]
Call = Callable[[], object]


class Target(Protocol):
    """A kind of input."""

    def prepare(self, folder: Path, rng: random.Random) -> Call:
        """Write one input below ``folder``; return what reads it."""


@dataclass(frozen=True, slots=True)
class Recipes:
    """Shipped recipes, changed as text or as values."""

    texts: tuple[str, ...]

    @classmethod
    def shipped(cls) -> "Recipes":
        """Take the shipped recipes."""
        return cls(tuple(find_recipe(name).read_text() for name in sorted(shipped_recipes())))

    def prepare(self, folder: Path, rng: random.Random) -> Call:
        """Write a recipe."""
        text = rng.choice(self.texts)
        path = folder / "recipe.yaml"
        if rng.random() < 0.6:
            tree = yaml.safe_load(text)
            for _ in range(rng.choice([1, 1, 2, 4])):
                tree = mutated_tree(tree, rng)
            path.write_text(yaml.safe_dump(tree, allow_unicode=rng.random() < 0.5))
        elif rng.random() < 0.7:
            for _ in range(rng.choice([1, 1, 3])):
                text = mutated_text(text, rng)
            path.write_text(text)
        else:
            path.write_bytes(mutated_bytes(text.encode(), rng))
        return lambda: load_recipe(path)


@dataclass(frozen=True, slots=True)
class Annotations:
    """Small data sets of every format, of which one file is changed."""

    sets: tuple[tuple[Source, Files], ...]

    @classmethod
    def around(cls, frame: bytes) -> "Annotations":
        """Make the sets around one frame, a PNG or JPEG file."""
        return cls(seed_sets(frame))

    def prepare(self, folder: Path, rng: random.Random) -> Call:
        """Write a set."""
        source, files = rng.choice(self.sets)
        spoilt = rng.choice(sorted(files))
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_spoilt(name, content, rng) if name == spoilt else content)
        config = DataConfig(
            train=(source,),
            validation=(source,),
            segmentation_classes=() if isinstance(source, CocoSource) else ("sky", "road"),
            max_left_out=rng.choice([0.05, 1.0]),
        )
        return lambda: load_data(config, image_size=SIZE, root=folder)


def _spoilt(name: str, content: bytes, rng: random.Random) -> bytes:
    if name.endswith(".json") and rng.random() < 0.7:
        return json.dumps(mutated_tree(json.loads(content), rng)).encode()
    if name.endswith((".json", ".txt")) and rng.random() < 0.8:
        return mutated_text(content.decode(), rng).encode()
    return mutated_bytes(content, rng)


def seed_sets(frame: bytes) -> tuple[tuple[Source, Files], ...]:
    """Return a valid set of each format: two frames, their labels, and the source."""
    with Image.open(io.BytesIO(frame)) as picture:
        width, height = picture.size
    ending = "png" if frame.startswith(b"\x89PNG") else "jpg"
    frames = {f"frames/{n}.{ending}": frame for n in (1, 2)}
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2 :] = 1
    instances = np.where(mask > 0, 1001, 0).astype(np.uint16)
    masks = {f"masks/{n}.png": _png(mask) for n in (1, 2)}
    box = f"{width / 4},{height / 4},{width / 3},{height / 3}"
    gt = "".join(f"{n},{i},{box},1,{i},1\n" for n in (1, 2) for i in (1, 2))
    targets = {"depth/1.npy": _npy(mask), "depth/2.png": _png(instances), "kind/1.txt": b"road"}
    classes = {1: "car", 2: "bus"}
    mot = MotSource(frames="frames", gt="gt.txt", masks="masks", classes=classes)
    mots = MotSource(frames="frames", instances="masks", classes=classes)
    stills = MaskSource(
        images="frames", masks="masks", targets={"depth": "depth", "classification": "kind"}
    )
    coco = CocoSource(images="frames", annotations="coco.json", with_masks=True)
    yolo = YoloSource(images="frames", labels="labels", names=("car", "bus"))
    rows = b"0 0.5 0.5 0.2 0.2\n1 0.3 0.4 0.1 0.3\n"
    content = json.dumps(_coco(width, height, ending)).encode()
    return (
        (mot, {**frames, **masks, "gt.txt": gt.encode()}),
        (mots, {**frames, **{f"masks/{n}.png": _png(instances) for n in (1, 2)}}),
        (stills, {**frames, **masks, **targets}),
        (coco, {**frames, "coco.json": content}),
        (yolo, {**frames, "labels/1.txt": rows, "labels/2.txt": rows}),
    )


def plain_frame() -> bytes:
    """Return a small frame of noise, a PNG file."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3))
    return _png(noise.astype(np.uint8))


def _coco(width: int, height: int, ending: str) -> dict[str, object]:
    corners = [1.0, 1.0, width / 2, 1.0, width / 2, height / 2]
    runs = {"size": [height, width], "counts": [height, height * (width - 1)]}
    shapes = [[corners], runs, {**runs, "counts": "0"}]
    entry = {"category_id": 1, "bbox": [1, 1, width / 2, height / 2]}
    return {
        "images": [{"id": n, "file_name": f"{n}.{ending}"} for n in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {**entry, "id": 7 + i, "image_id": 1 + i % 2, "iscrowd": i % 2, "segmentation": shape}
            for i, shape in enumerate(shapes[:2])
        ],
    }


def _png(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, format="PNG")
    return file.getvalue()


def _npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values.astype(np.float32))
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Bundles:
    """A small bundle of which one file is changed, mostly with checksums that fit again."""

    files: Files
    frame: bytes

    @classmethod
    def small(cls, folder: Path, frame: bytes) -> "Bundles":
        """Export a small bundle below ``folder`` and take its files."""
        made = write(folder / "pristine")
        return cls({path.name: path.read_bytes() for path in sorted(made.iterdir())}, frame)

    def prepare(self, folder: Path, rng: random.Random) -> Call:
        """Write a bundle, and a frame to predict on."""
        files = dict(self.files)
        name = rng.choice(["config.json"] * 3 + ["model.safetensors"] * 2 + sorted(files))
        files[name] = self._changed(name, files[name], rng)
        if rng.random() < 0.9 and name != "checksums.json":
            sums = {n: hashlib.sha256(c).hexdigest() for n, c in files.items()}
            del sums["checksums.json"]
            files["checksums.json"] = json.dumps(sums).encode()
        (folder / "bundle").mkdir()
        (folder / "frames").mkdir()
        for file, content in files.items():
            (folder / "bundle" / file).write_bytes(content)
        (folder / "frames" / "1.jpg").write_bytes(self.frame)
        if rng.random() < 0.5:
            return lambda: load_bundle(folder / "bundle")
        words = ["predict", folder / "bundle", folder / "frames", "--out", folder / "out"]
        return lambda: run_quietly([str(word) for word in words])

    def _changed(self, name: str, content: bytes, rng: random.Random) -> bytes:
        if not name.endswith(".json") or rng.random() < 0.2:
            # The header of safetensors lies at the beginning.
            n_head = 8 + int.from_bytes(content[:8], "little") if name.endswith("tensors") else 0
            if n_head and rng.random() < 0.7:
                return mutated_bytes(content[:n_head], rng) + content[n_head:]
            return mutated_bytes(content, rng)
        tree = mutated_tree(json.loads(content), rng)
        if name == "config.json" and isinstance(tree, dict) and rng.random() < 0.95:
            _sign(tree)
        return json.dumps(tree).encode()


def _sign(tree: dict[str, object]) -> None:
    """Let the digest and the tasks fit the configuration again."""
    try:
        tree["config_digest"] = digest_of(tree["config"])
        tree["tasks"] = tree["config"]["sharing"]["order"]  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return


def run_quietly(arguments: list[str]) -> None:
    """Run a command; a mistake that it names by exit code 2 is raised again as its line."""
    code, printed = captured(arguments)
    if code == 2:
        raise AutomtlError(printed.removeprefix("automtl: ").rstrip("\n"), where="predict")
    if code:
        msg = f"exit code {code}"
        raise RuntimeError(msg)


def captured(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code of a command and what it said on standard error."""
    from contextlib import redirect_stderr, redirect_stdout

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_command(arguments)
    return code, err.getvalue()

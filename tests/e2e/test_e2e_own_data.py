"""The page `own-data.md` as its reader types it: every line, in order, on a small folder."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import automtl as library
from automtl.data.raw import RawFrame
from automtl.data.shapes import generate
from automtl.sources import ShapesSource

pytestmark = [pytest.mark.slow, pytest.mark.ray]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-data.md"
SHOWN = re.compile(r"^```bash\n(.*?)^```|`(automtl \w+ [^`]+)`", re.MULTILINE | re.DOTALL)
VERBS = (
    *("pip", "doctor", "unpack", "init", "validate", "python", "search", "status", "resume"),
    *("front", "best", "report", "export", "predict", "finetune"),
)
"""First words of the page's lines, in order. `pip install` is the test of the wheel."""

SIZE = (96, 128)
PATIENCE_S = 900
"""A search with Ray and a real backbone takes its minutes where other work shares the cores."""

N_STREET, N_MORE, N_NEW = 24, 12, 5
"""Frames to search on, to train further on, and to look at."""


@dataclass(frozen=True)
class Given:
    """What a reader has before the first line.

    Attributes:
        write: Fills a folder with frames ``first`` to ``last`` and their labels.
        tasks: What these labels train.
        left_out: Lines that cannot run here, or that the other folder's test has run.
    """

    write: Callable[[Path, int, int], None]
    tasks: set[str]
    left_out: set[str]


def page_lines() -> Iterator[list[str]]:
    """Yield the words of each line that the page tells to type, also of those within its text."""
    for block, inline in SHOWN.findall(PAGE.read_text("utf-8")):
        for line in (block or inline).splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def write_generated(folder: Path, first: int, last: int) -> None:
    """Write stills with YOLO boxes and class masks, in named splits: the page's first layout."""
    source = ShapesSource(clips=1, frames=last, seed=5)
    (frames,) = generate(source, image_size=SIZE).clips
    names: list[str] = []
    for frame in frames[first - 1 :]:
        split = "val" if frame.frame % 4 == 3 else "train"
        save(folder / "images" / split / f"{frame.frame:03d}.png", frame.image.transpose(1, 2, 0))
        save(folder / "masks" / split / f"{frame.frame:03d}.png", frame.semantic)
        texts = folder / "labels" / split
        texts.mkdir(parents=True, exist_ok=True)
        names += [name for name in frame.classes if name not in names]
        (texts / f"{frame.frame:03d}.txt").write_text("\n".join(yolo_lines(frame, names)))
    (folder / "classes.txt").write_text("\n".join(names))


def yolo_lines(frame: RawFrame, names: list[str]) -> Iterator[str]:
    height, width = SIZE
    for (x0, y0, x1, y1), name in zip(frame.boxes, frame.classes, strict=True):
        centre = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height
        sides = (x1 - x0) / width, (y1 - y0) / height
        yield " ".join(map(str, (names.index(name), *centre, *sides)))


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(values)).save(path)


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Generated stills, on a machine without ImageNet weights, which nobody can fetch here."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "no weights"))
    tasks = {"detection", "segmentation"}
    return Given(write=write_generated, tasks=tasks, left_out={"pip", "python"})


@pytest.fixture
def street(real_data: Path, torch_home: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Frames of the real street clip with boxes, ids and masks: the page's second layout."""
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    labels = real_data / "camvid" / "derived_0016E5_15hz"
    frames = sorted((real_data / "camvid" / "val").glob("*.png"))
    rows = [line.split(",") for line in (labels / "gt" / "gt.txt").read_text().splitlines()]

    def write(folder: Path, first: int, last: int) -> None:
        clip = folder / "clip_1"
        for number in range(first, last + 1):
            name = f"{number - first + 1:03d}.png"
            picture = frames[number - 1]
            mask = np.asarray(Image.open(real_data / "camvid" / "valannot" / picture.name))
            save(clip / "img1" / name, np.asarray(Image.open(picture)))
            save(clip / "masks" / name, np.where(mask == 11, 255, mask).astype(np.uint8))
        chosen = [row for row in rows if first <= int(row[0]) <= last]
        texts = [",".join([str(int(row[0]) - first + 1), *row[1:]]) for row in chosen]
        (clip / "gt").mkdir()
        (clip / "gt" / "gt.txt").write_text("\n".join(texts))
        shutil.copy(labels / "labels.txt", folder)

    tasks = {"detection", "segmentation", "tracking"}
    return Given(write=write, tasks=tasks, left_out={"pip", "doctor"})


def prepare(given: Given, folder: Path) -> None:
    """Make what the reader has: an archive of frames, more of them, and some without labels."""
    given.write(folder / "mine", 1, N_STREET)
    shutil.make_archive(str(folder / "street"), "zip", folder / "mine")
    given.write(folder / "more", N_STREET + 1, N_STREET + N_MORE)
    (folder / "new_frames").mkdir()
    for path in sorted((folder / "more").rglob("*.png"))[:N_NEW]:
        shutil.copy(path, folder / "new_frames")


def shorten(recipe: Path) -> None:
    """Edit a recipe that `init` wrote, as the page asks its reader to: two steps of training."""
    text = recipe.read_text("utf-8")
    for key, value in {"epochs": 1, "steps_per_epoch": 2}.items():
        text, n_found = re.subn(rf"(?<=    {key}: )\d+", str(value), text)
        assert n_found == 1, text
    recipe.write_text(text, "utf-8")


def test_the_lines_are_those_that_are_run() -> None:
    verbs = [words[1] if words[0] == "automtl" else words[0] for words in page_lines()]
    assert verbs == list(VERBS)


@pytest.mark.parametrize("have", ["generated", pytest.param("street", marks=pytest.mark.frames)])
def test_from_a_folder_of_frames_to_a_model(
    have: str, request: pytest.FixtureRequest, automtl, tmp_path: Path
) -> None:
    given: Given = request.getfixturevalue(have)
    prepare(given, tmp_path)
    automtl("init", "more", "--out", "more.yaml", cwd=tmp_path)
    shorten(tmp_path / "more.yaml")
    # What a reader puts in place of the page's words.
    said = {"ARCHIVE": "street.zip", "FOLDER": "street"}
    for command, *shown in page_lines():
        verb = shown[0] if command == "automtl" else command
        if verb in given.left_out:
            continue
        words = [said.get(word, word) for word in shown]
        if command == "python":
            subprocess.run([sys.executable, *words], check=True, cwd=tmp_path)
            continue
        words += ["--trials", "2"] if verb == "search" else []
        ended = automtl(*words, cwd=tmp_path, timeout_s=PATIENCE_S)
        assert (ended.code, "Traceback" in ended.err) == (0, False), (words, ended)
        if verb == "init":
            shorten(tmp_path / "my.yaml")
        if verb == "export":
            (bundle,) = (tmp_path / "studies" / "my" / "bundles").iterdir()
            assert bundle.name in ended.out
            said |= {"BUNDLE": str(bundle), "studies/my/bundles/trial-0007": str(bundle)}
    assert (tmp_path / "studies" / "my" / "report.html").read_text("utf-8").startswith("<!")
    assert len(list((tmp_path / "predictions" / "overlays").rglob("*.png"))) == N_NEW
    tuned = library.load_bundle(tmp_path / "tuned")
    assert set(tuned.config.tasks) == given.tasks
    assert tuned.manifest.parent is not None

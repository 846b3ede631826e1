"""The command `paste`, and what a recipe reads of its files."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pydantic import TypeAdapter

from automtl.cli import run_command
from automtl.data.load import load_data
from automtl.data.mot import read_mot
from automtl.pasting.compose import compose
from automtl.pasting.cutouts import Cutout
from automtl.pasting.plan import Settings, plan_clip
from automtl.sources import DataConfig, MotSource, Source

ASKED = Settings(clips=3, frames=4, size=(48, 64), n_objects=(1, 3), seed=5)


def arguments(place: Path, *more: str, out: str = "train") -> list[str]:
    return [
        *("paste", str(place / "out" / out)),
        *("--pictures", str(place / "pictures"), "--masks", str(place / "masks")),
        *("--scenes", str(place / "scenes")),
        *("--class", "round=ball", "--class", "long=bar,beam"),
        *("--clips", "3", "--frames", "4", "--size", "48", "64", "--objects", "1", "3"),
        *("--seed", "5", *more),
    ]


def refused(capsys: pytest.CaptureFixture[str], asked: list[str]) -> str:
    assert run_command(asked) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    return line


@pytest.fixture
def source(place: Path, capsys: pytest.CaptureFixture[str]) -> MotSource:
    """What the command says that a recipe should have."""
    assert run_command(arguments(place)) == 0
    printed = capsys.readouterr().out
    (plain,) = yaml.safe_load(printed[printed.index("- {kind") :])
    found: MotSource = TypeAdapter(Source).validate_python(plain)
    return found


def test_the_line_it_prints_reads_back_what_was_drawn(
    source: MotSource, place: Path, cutouts: tuple[Cutout, ...]
) -> None:
    read = read_mot(source, root=place / "out", image_size=ASKED.size)
    assert not read.notes
    assert len(read.clips) == ASKED.clips
    labels = ("", "long", "round")
    scenes = sorted((place / "scenes").iterdir())
    for number, frames in enumerate(read.clips):
        plan = plan_clip(ASKED, number, cutouts=cutouts, n_scenes=2)
        with Image.open(scenes[plan.scene]) as scene:
            drawn = list(compose(plan, ASKED, cutouts=cutouts, scene=scene.convert("RGB")))
        names = [cutouts[m.cutout].label for m in plan.movers]
        assert len(frames) == len(drawn)
        for got, made in zip(frames, drawn, strict=True):
            assert got.boxes.tolist() == made.boxes.tolist()
            assert got.ids.tolist() == list(made.ids)
            assert list(got.classes) == [names[id_ - 1] for id_ in made.ids]
            assert (got.instances % 1000 == made.instances).all()
            expected = np.array([0, *(labels.index(name) for name in names)])[made.instances]
            assert (got.semantic == expected).all()
            # JPEG changes colours a little, in pixels that are noise more than a little.
            away = np.abs(got.image.transpose(1, 2, 0).astype(int) - made.image)
            assert away.mean() < 12


def test_two_runs_write_the_same_bytes(place: Path) -> None:
    assert run_command(arguments(place)) == 0
    assert run_command(arguments(place, out="again")) == 0
    first, second = place / "out" / "train", place / "out" / "again"
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 3 * (3 * 4 + 1) + 2
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)


def test_it_says_where_everything_comes_from(source: MotSource, place: Path) -> None:
    folder = place / "out" / "train"
    made = json.loads((folder / "made.json").read_text())
    assert made["cutouts"] == {"ball": "round", "bar": "long", "beam": "long"}
    assert made["settings"]["seed"] == 5
    assert len(made["clips"]) == 3
    with Image.open(folder / "preview.png") as preview:
        assert preview.size == (5 * 68 - 4, 3 * 52 - 4)


def test_clips_train_beside_others(source: MotSource, place: Path) -> None:
    config = DataConfig(train=(source,), validation=(source,))
    splits = load_data(config, image_size=(48, 64), root=place / "out").splits
    assert len(set(splits.train.clip.tolist())) == 3
    assert splits.info.segmentation_classes == ("background", "long", "round")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--class", "other=bal"), "there is no clip 'bal'"),
        (("--class", "other=ball"), "the clip 'ball' is named twice"),
        (("--class", "other"), "`--class other` names no class with its clips"),
        (("--objects", "4", "2"), "Write --objects 2 4"),
        (("--scene-part", "0", "1e-9"), "has no still"),
        (("--scenes", "nowhere"), "nowhere"),
        (("--size", "8", "64"), "at least 32 pixels"),
        (("--scene-part", "0.5", "0.2"), "must begin before it ends"),
    ],
)
def test_a_mistake_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], says: str
) -> None:
    assert says in refused(capsys, arguments(place, *more))
    assert not (place / "out").exists()


def test_what_is_there_is_not_touched(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "out" / "train").mkdir(parents=True)
    (place / "out" / "train" / "mine").write_text("x")
    assert "there is something already" in refused(capsys, arguments(place))
    assert [path.name for path in (place / "out").iterdir()] == ["train"]


def test_a_broken_mask_leaves_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for clip in ("ball", "bar", "beam"):
        for path in (place / "masks" / clip).iterdir():
            path.write_bytes(b"no picture")
    line = refused(capsys, arguments(place))
    assert "cannot be decoded" in line
    assert list((place / "out").iterdir()) == []

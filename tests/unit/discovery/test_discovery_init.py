"""`automtl init`: what is found in a folder, and that the recipe it writes is accepted."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.cli.init import init_recipe
from automtl.cli.look import validate_recipe
from automtl.discovery.look import look
from automtl.errors import AutomtlError, DataError
from automtl.space.recipe import Recipe, load_recipe

SIZE = (40, 60)


def frames(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in names:
        values = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        Image.fromarray(values).save(folder / name)


def masks(folder: Path, names: list[str], *values: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        grid = np.zeros(SIZE, dtype=np.uint8)
        for i, value in enumerate(values):
            grid[5 * i :] = value
        Image.fromarray(grid).save(folder / name)


def numbered(n: int, suffix: str = ".png") -> list[str]:
    return [f"{i:05d}{suffix}" for i in range(n)]


def stills(n: int, suffix: str = ".png") -> list[str]:
    return [f"still_{i * i}{suffix}" for i in range(n)]


@pytest.fixture
def made(tmp_path: Path) -> Callable[[Path], Recipe]:
    """Write the recipe of a folder, let `automtl validate` read it all, and return it."""

    def make(folder: Path) -> Recipe:
        out = tmp_path / "recipe of mine.yaml"
        out = out.with_name("mine.yaml")
        assert init_recipe(folder, out, timer=lambda *_: 0.1) == 0
        assert validate_recipe(str(out), str(folder)) == 0
        return load_recipe(out)

    return make


def test_yolo_texts_and_masks_without_a_split_are_cut_by_name(tmp_path, made, capsys) -> None:
    root = tmp_path / "data"
    frames(root / "images", stills(20))
    masks(root / "masks", stills(20), 0, 1, 2)
    (root / "labels").mkdir()
    for name in stills(20):
        (root / "labels" / f"{name[:-4]}.txt").write_text("0 0.5 0.5 0.2 0.2\n1 .3 .3 .1 .1\n")
    (root / "labels" / "classes.txt").write_text("car\ntraffic light\n")
    recipe = made(root)
    (train,), (validation,) = recipe.data.train, recipe.data.validation
    assert (train.kind, train.part, validation.part) == ("yolo", (0, 0.8), (0.8, 1))
    assert recipe.data.detection_classes == ("car", "traffic light")
    assert recipe.data.segmentation_classes == ("class_0", "class_1", "class_2")
    assert [o.metric for o in recipe.objectives] == ["detection/mAP", "segmentation/mIoU"]
    out = capsys.readouterr().out
    assert "No file names the values of the masks" in out
    assert "automtl search" in out


def test_a_coco_file_of_each_split(tmp_path, made) -> None:
    root = tmp_path / "data"
    for split in ("train", "val"):
        frames(root / split, stills(4))
        content = {
            "images": [{"id": i, "file_name": name} for i, name in enumerate(stills(4))],
            "categories": [{"id": 7, "name": "person"}],
            "annotations": [
                {
                    "id": i,
                    "image_id": i,
                    "category_id": 7,
                    "bbox": [5, 5, 20, 20],
                    "segmentation": [[5, 5, 25, 5, 25, 25]],
                }
                for i in range(4)
            ],
        }
        (root / f"instances_{split}.json").write_text(json.dumps(content))
    recipe = made(root)
    (train,), (validation,) = recipe.data.train, recipe.data.validation
    assert (train.images, train.annotations) == ("train", "instances_train.json")
    assert (validation.images, validation.with_masks) == ("val", True)
    assert recipe.data.detection_classes == ("person",)


def test_a_mot_sequence_is_cut_by_time_and_videos_are_left_out(tmp_path, made, capsys) -> None:
    root = tmp_path / "data"
    frames(root / "seq" / "img1", numbered(10, ".png"))
    (root / "seq" / "gt").mkdir()
    rows = [f"{f},1,{5 + f},5,20,20,1,3,1" for f in range(1, 11)]
    (root / "seq" / "gt" / "gt.txt").write_text("\n".join(rows))
    (root / "seq" / "seqinfo.ini").write_text("[Sequence]\nname=MOT17-x\nimDir=img1\n")
    (root / "a.mp4").write_bytes(b"0")
    (root / "b.mp4").write_bytes(b"0")
    recipe = made(root)
    (train,), (validation,) = recipe.data.train, recipe.data.validation
    assert (train.frame_range, validation.frame_range) == ((1, 7), (8, 10))
    assert train.classes == {3: "car"}
    out = " ".join(capsys.readouterr().out.split())
    assert "a.mp4 and 1 more videos: take out frames" in out


def test_masks_of_two_values_are_named_by_value(tmp_path, made) -> None:
    root = tmp_path / "data"
    for clip, n in (("a", 3), ("b", 8)):
        frames(root / "frames" / clip, numbered(n))
        masks(root / "truth" / clip, numbered(n), 0, 255)
    recipe = made(root)
    (train,), (validation,) = recipe.data.train, recipe.data.validation
    assert (train.frames, validation.frames) == ("frames/b", "frames/a")
    assert train.values == {0: "background", 255: "object"}
    assert [o.metric for o in recipe.objectives] == ["segmentation/mIoU", "cost/latency_ms"]


def test_a_task_that_a_named_split_lacks_is_cut_from_where_it_is(tmp_path, made) -> None:
    root = tmp_path / "data"
    frames(root / "train", stills(5))
    masks(root / "trainannot", stills(5), 0, 1)
    frames(root / "val", numbered(10))
    masks(root / "valannot", numbered(10), 0, 1)
    (root / "gt").mkdir()
    rows = [f"{f},1,{5 + f},5,20,20,1,1,1" for f in range(1, 11)]
    (root / "gt" / "gt.txt").write_text("\n".join(rows))
    (root / "seqinfo.ini").write_text("[Sequence]\nname=x\nimDir=val\n")
    (root / "labels.txt").write_text("1 car\n")
    recipe = made(root)
    assert [source.kind for source in recipe.data.train] == ["masks", "mot"]
    assert [source.frame_range for source in recipe.data.validation] == [(8, 10)]
    assert recipe.data.detection_classes == ("car",)


def test_other_things_are_left_out_with_a_reason(tmp_path) -> None:
    root = tmp_path / "data"
    frames(root / "images", stills(4))
    masks(root / "masks", stills(4), 0, 1)
    frames(root / "bare", ["x.png", "q.png"])
    (root / "outlines").mkdir()
    for name in stills(4):
        (root / "outlines" / f"{name[:-4]}.txt").write_text("0 .1 .1 .2 .2 .3 .1\n")
    masks(root / "lost", ["zz.png", "zzz.png"], 0, 1)
    coloured = np.zeros((*SIZE, 3), dtype=np.uint8)
    coloured[5:, :, 1] = 200
    (root / "colours").mkdir()
    for name in stills(4):
        Image.fromarray(coloured).save(root / "colours" / name)
    found = look(root)
    reasons = {one.path: one.reason for one in found.left_out}
    assert set(reasons) == {"bare", "outlines", "lost", "colours"}
    assert "without any label" in reasons["bare"]
    assert "polygons" in reasons["outlines"]
    assert "without frames" in reasons["lost"]
    assert "in colours" in reasons["colours"]


def test_pictures_by_class_are_told_what_to_do(tmp_path) -> None:
    for name in ("cat", "dog"):
        frames(tmp_path / "train" / name, stills(3))
    with pytest.raises(DataError, match=r"Write `cat` into a \.txt"):
        look(tmp_path)


@pytest.mark.parametrize("content", ["nothing", "texts"])
def test_a_folder_without_labels_says_what_was_looked_for(tmp_path, content, capsys) -> None:
    root = tmp_path / "data"
    root.mkdir()
    if content == "texts":
        (root / "notes.txt").write_text("hello\n")
        (root / "gt.txt").write_text("not a ground truth\n")
    with pytest.raises(DataError) as refused:
        init_recipe(root, tmp_path / "out.yaml")
    line = str(refused.value)
    assert "\n" not in line
    for word in ("COCO JSON", "YOLO", "MOTChallenge", "MOTS", "class masks"):
        assert word in line
    assert not (tmp_path / "out.yaml").exists()


def test_masks_of_two_data_sets_are_not_taken_for_the_same(tmp_path) -> None:
    for name in ("one", "two"):
        frames(tmp_path / name / "images", [f"{name}_{i * i}.png" for i in range(5)])
        masks(tmp_path / name / "masks", [f"{name}_{i * i}.png" for i in range(5)], 0, 1)
    with pytest.raises(DataError, match=r"one/masks and two/masks hold numbers without names"):
        init_recipe(tmp_path, tmp_path / "out.yaml", timer=lambda *_: 0.1)


def test_an_earlier_recipe_is_kept(tmp_path) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text("mine")
    with pytest.raises(AutomtlError, match="exists"):
        init_recipe(tmp_path, out)
    assert out.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.frames
@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("coco128", ["detection/mAP", "segmentation/mIoU"]),
        ("camvid", ["detection/mAP", "segmentation/mIoU", "tracking/IDF1"]),
        ("davis", ["segmentation/mIoU", "cost/latency_ms"]),
        ("mot17-mini", ["detection/mAP", "tracking/IDF1"]),
    ],
)
def test_real_frames(real_data: Path, made, name: str, tasks: list[str]) -> None:
    recipe = made(real_data / name)
    assert [o.metric for o in recipe.objectives] == tasks


@pytest.mark.frames
def test_a_ground_truth_without_its_frames_is_named(real_data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"TUD-Campus/gt/gt\.txt: boxes and ids without frames"):
        init_recipe(real_data / "tud", tmp_path / "tud.yaml")

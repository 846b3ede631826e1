"""Targets of further tasks: generated, read from files, joined, mirrored."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from automtl.data.further import BAR, IMAGE_CLASSES, crowding, depth_of
from automtl.data.load import load_data
from automtl.data.sampling import augment
from automtl.data.shapes import generate
from automtl.data.table import make_batch
from automtl.data.targets import MISSING
from automtl.errors import DataError
from automtl.sources import DataConfig, MaskSource, MotSource, ShapesSource, YoloSource

SIZE = (64, 96)
BOTH = ("classification", "depth")


def frames_of(source: ShapesSource):
    return [frame for clip in generate(source, image_size=SIZE).clips for frame in clip]


def test_pictures_and_labels_are_the_same_with_and_without_further_targets():
    bare = frames_of(ShapesSource(clips=3, frames=2, occlusion=1.0))
    rich = frames_of(ShapesSource(clips=3, frames=2, occlusion=1.0, targets=BOTH))
    for one, two in zip(bare, rich, strict=True):
        assert not one.targets
        assert set(two.targets) == set(BOTH)
        assert two.labels == one.labels | set(BOTH)
        for field in ("image", "boxes", "ids", "semantic", "instances"):
            assert np.array_equal(getattr(one, field), getattr(two, field)), field


def test_depth_follows_what_hides_what():
    for frame in frames_of(ShapesSource(clips=4, frames=3, occlusion=1.0, targets=("depth",))):
        depth = frame.targets["depth"]
        assert depth.dtype == np.float32
        assert depth.shape == SIZE
        # A later object is painted over an earlier one: it is nearer.
        order = [np.unique(depth[frame.instances == i]) for i in sorted(frame.ids.tolist())]
        assert all(len(values) == 1 for values in order)
        assert all(a > b for a, b in pairwise(order))
        assert depth.min() >= 2.0
        assert depth.max() <= 20.0


def test_depth_by_hand():
    seen = np.array([[0, 1], [3, BAR], [0, 2]], np.uint16)
    assert depth_of(seen, 3).tolist() == [[20, 8], [4, 2], [10, 6]]
    assert depth_of(np.zeros((2, 1), np.uint16), 0).tolist() == [[20], [10]]


@pytest.mark.parametrize(
    ("covered", "name"),
    [(0, "open"), (9, "open"), (10, "busy"), (13, "busy"), (14, "crowded"), (100, "crowded")],
)
def test_the_class_says_how_much_is_covered(covered, name):
    owner = np.zeros(100, np.uint16)
    owner[:covered] = np.arange(1, covered + 1)
    assert crowding(owner.reshape(10, 10)) == name


def test_each_class_of_picture_is_there_at_the_default_knobs():
    frames = frames_of(ShapesSource(clips=30, frames=2, targets=("classification",)))
    names = [str(frame.targets["classification"]) for frame in frames]
    for name in IMAGE_CLASSES:
        assert names.count(name) >= len(names) / 6, name
    for frame, name in zip(frames, names, strict=True):
        assert crowding(frame.instances) == name


def test_dropped_targets_are_missing_and_their_frames_not_labelled():
    source = ShapesSource(
        clips=8, frames=2, targets=BOTH, label_dropout={"depth": 0.5, "classification": 0.5}
    )
    config = DataConfig(train=(source,), validation=(ShapesSource(clips=2, seed=1, targets=BOTH),))
    table = load_data(config, image_size=SIZE, root=None).splits.train
    for task in BOTH:
        has = table.labels[task]
        assert 0 < has.sum() < len(table)
    assert np.isnan(table.targets["depth"][~table.labels["depth"]]).all()
    assert np.isfinite(table.targets["depth"][table.labels["depth"]]).all()
    known = table.targets["classification"]
    assert ((known == MISSING) == ~table.labels["classification"]).all()


def test_names_medians_and_digest_tell_of_the_targets():
    def load(targets):
        config = DataConfig(
            train=(ShapesSource(clips=3, frames=2, targets=targets),),
            validation=(ShapesSource(clips=1, frames=2, seed=1, targets=targets),),
        )
        return load_data(config, image_size=SIZE, root=None).splits

    bare, rich = load(()), load(BOTH)
    assert bare.info.image_classes == ()
    assert bare.info.target_medians == {}
    assert set(bare.train.labels) == {"detection", "segmentation", "tracking"}
    assert rich.info.image_classes == IMAGE_CLASSES
    depth = rich.train.targets["depth"]
    assert rich.info.target_medians == {"depth": pytest.approx(float(np.median(depth)))}
    assert rich.info.digest != bare.info.digest


def test_a_mirrored_depth_follows_its_picture():
    source = ShapesSource(clips=6, frames=1, targets=BOTH)
    config = DataConfig(train=(source,), validation=(ShapesSource(clips=1, seed=1),))
    table = load_data(config, image_size=SIZE, root=None).splits.train
    batch = make_batch(table, np.arange(6), device=torch.device("cpu"))
    turned = augment(batch, rng=np.random.default_rng(0))
    mirrored = [
        not torch.equal(a, b) for a, b in zip(batch.semantic, turned.semantic, strict=True)
    ]
    assert any(mirrored)
    assert not all(mirrored)
    for i, flag in enumerate(mirrored):
        before = batch.targets["depth"][i]
        assert torch.equal(turned.targets["depth"][i], before.flip(-1) if flag else before)
    assert torch.equal(turned.targets["classification"], batch.targets["classification"])


@pytest.fixture
def further(street: Callable[..., MotSource], tmp_path: Path) -> Callable[..., MotSource]:
    """Three frames: depth in two formats, weather as text, light as a number."""
    for folder in ("depth", "weather", "light"):
        (tmp_path / folder).mkdir()
    millimetres = np.full((40, 60), 3 * 256, np.uint16)
    millimetres[:, :30] = 0
    Image.fromarray(millimetres).save(tmp_path / "depth" / "001.png")
    np.save(tmp_path / "depth" / "002.npy", np.full((80, 120), 5.5))
    for number, word in ((1, "rain"), (2, "sun"), (3, "rain")):
        (tmp_path / "weather" / f"{number:03}.txt").write_text(f"{word}\n")
        np.save(tmp_path / "light" / f"{number:03}.npy", np.array(number / 4))
    folders = {"depth": "depth", "classification": "weather", "light": "light"}

    def make(**changes: object) -> MotSource:
        return street(gt="gt.txt", targets=folders, **changes)

    return make


def load(source: MotSource, root: Path, size=(20, 30), **names):
    config = DataConfig(train=(source,), validation=(source,), **names)
    return load_data(config, image_size=size, root=root)


def test_files_become_targets(further, tmp_path: Path):
    loaded = load(further(), tmp_path)
    table = loaded.splits.train
    depth = table.targets["depth"]
    assert depth.shape == (3, 20, 30)
    assert np.isnan(depth[0, :, :15]).all()
    assert (depth[0, :, 15:] == 3.0).all()
    assert (depth[1] == 5.5).all()
    assert np.isnan(depth[2]).all()
    assert table.labels["depth"].tolist() == [True, True, False]
    assert loaded.splits.info.image_classes == ("rain", "sun")
    assert table.targets["classification"].tolist() == [0, 1, 0]
    assert table.targets["light"].tolist() == [0.25, 0.5, 0.75]
    assert table.targets["light"].dtype == np.float32
    (note,) = {(left.name, left.kind) for left in loaded.left_out}
    assert note == (str(tmp_path / "frames" / "003.png"), "target")


def test_class_names_of_the_recipe_give_the_order(further, tmp_path: Path):
    table = load(further(), tmp_path, image_classes=("snow", "sun", "rain")).splits.train
    assert table.targets["classification"].tolist() == [2, 1, 2]
    with pytest.raises(DataError, match=r"'rain' is not among `data\.image_classes`"):
        load(further(), tmp_path, image_classes=("rainy", "sun"))


def test_other_formats_take_targets_too(further, tmp_path: Path):
    further()
    (tmp_path / "labels").mkdir()
    stills = MaskSource(images="frames", masks="masks", ignore=11, targets={"light": "light"})
    yolo = YoloSource(images="frames", labels="labels", names=("car",), targets={"depth": "depth"})
    config = DataConfig(
        train=(stills, yolo), validation=(stills,), segmentation_classes=("a", "b", "c")
    )
    table = load_data(config, image_size=(20, 30), root=tmp_path).splits.train
    assert table.labels["light"].tolist() == [True] * 3 + [False] * 3
    assert table.labels["depth"].tolist() == [False] * 3 + [True, True, False]
    assert np.isnan(table.targets["light"][3:]).all()


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda p: Image.new("L", (60, 40)).save(p / "depth" / "001.png"), "16 bits"),
        (lambda p: np.save(p / "light" / "002.npy", np.zeros(3)), "shapes"),
        (lambda p: (p / "light" / "001.txt").write_text("bright"), "text"),
        (lambda p: np.save(p / "weather" / "004.npy", np.array(1)), None),
        (lambda p: [f.unlink() for f in (p / "light").iterdir()], "no target"),
    ],
)
def test_what_cannot_be_used_is_said(further, tmp_path: Path, break_it, reason):
    source = further()
    break_it(tmp_path)
    if reason is None:
        assert load(source, tmp_path).splits.train.labels["classification"].all()
        return
    with pytest.raises(DataError, match=reason):
        load(source, tmp_path)


@pytest.mark.parametrize("values", [np.array({"a": 1}, dtype=object), np.array(["x"]), None])
def test_files_that_hold_no_numbers_lose_their_label_only(further, tmp_path: Path, values):
    source, path = further(), tmp_path / "light" / "001.npy"
    if values is None:
        path.write_bytes(b"\x93NUMPY")
    else:
        np.save(path, values, allow_pickle=True)
    loaded = load(source, tmp_path)
    assert loaded.splits.train.labels["light"].tolist() == [False, True, True]
    assert any(left.name == str(path) and left.kind == "target" for left in loaded.left_out)


def test_a_map_of_another_shape_is_left_out(further, tmp_path: Path):
    np.save(tmp_path / "x.npy", np.ones((40, 40)))
    source = further()
    (tmp_path / "depth" / "002.npy").write_bytes((tmp_path / "x.npy").read_bytes())
    loaded = load(source, tmp_path)
    assert loaded.splits.train.labels["depth"].tolist() == [True, False, False]
    assert any("does not fit" in left.reason for left in loaded.left_out)


def test_class_numbers_need_names(street, tmp_path: Path):
    (tmp_path / "kind").mkdir()
    for number in (1, 2, 3):
        np.save(tmp_path / "kind" / f"{number:03}.npy", np.array(number - 1))
    source = street(gt="gt.txt", targets={"classification": "kind"})
    names = ("a", "b", "c")
    table = load(source, tmp_path, image_classes=names).splits.train
    assert table.targets["classification"].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="class of the picture is 2"):
        load(source, tmp_path, image_classes=names[:2])


@pytest.mark.parametrize("name", ["detection", "segmentation", "tracking"])
def test_boxes_masks_and_ids_have_their_own_keys(street, tmp_path: Path, name):
    with pytest.raises(DataError, match="no further target"):
        load(street(gt="gt.txt", targets={name: "frames"}), tmp_path)

"""Parts of a folder's stills, and masks whose values have names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from automtl.data.part import kept, place
from automtl.errors import DataError
from automtl.sources import MaskSource, YoloSource

NAMES = st.lists(st.text(max_size=8), unique=True, max_size=30)


@given(names=NAMES, cut=st.floats(0.01, 0.99))
def test_two_parts_have_each_still_once(names, cut) -> None:
    found = []
    for part in ((0.0, cut), (cut, 1.0)):
        try:
            found += kept(names, part, name=str, where="here")
        except DataError:
            assert not any(part[0] <= place(name) < part[1] for name in names)
    assert sorted(found) == sorted(names)


@given(names=NAMES, more=st.text(max_size=8))
def test_a_new_still_moves_no_other(names, more) -> None:
    before = [name for name in names if place(name) < 0.5]
    after = [name for name in {*names, more} if place(name) < 0.5]
    assert set(before) <= set(after)


def test_the_order_never_changes() -> None:
    assert place("000001.jpg") == pytest.approx(0.3204120065293736, abs=1e-12)


def test_a_part_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin before it ends"):
        MaskSource(images="a", masks="b", part=(0.5, 0.2))


def test_a_source_without_them_is_written_as_before() -> None:
    plain = MaskSource(images="a", masks="b").model_dump(mode="json")
    assert not {"values", "part"} & set(plain)
    source = YoloSource(images="a", labels="b", names=("c",), part=(0, 0.5), values={3: "d"})
    assert YoloSource.model_validate(source.model_dump(mode="json")) == source


def test_values_become_classes_and_the_rest_is_not_labelled(tmp_path, load) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    mask = np.zeros((40, 60), np.uint8)
    mask[10:], mask[20:], mask[30:] = 255, 7, 9
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    values = {255: "object", 0: "ground", 9: "object"}
    source = MaskSource(images="images", masks="masks", values=values)
    table = load(source, tmp_path, segmentation_classes=()).splits
    assert table.info.segmentation_classes == ("object", "ground")
    assert table.train.semantic[0][::10, 0].tolist() == [1, 0, 255, 0]

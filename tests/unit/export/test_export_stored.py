"""A stored configuration is read as the trial's own model would read it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automtl.config import SharingConfig, TrialConfig
from automtl.errors import BundleError
from automtl.export.stored import StoredConfig
from automtl.plain import PlainError, read, to_plain

PLAIN = TrialConfig(
    sharing=SharingConfig(order=("detection", "own"), split_after=(2,)),
    imports={"own": "my_pkg.tasks:Own"},
).to_plain()
PARTS = {
    ("backbone", "name"): ["tiny", "resnet18", "resnet", "timm:x", "my:factory", "", 3, None],
    ("backbone", "weights"): ["none", "imagenet", "a/path", 1],
    ("backbone", "image_size"): [[96, 128], [96, 130], [31, 32], [32], "96", [96, None]],
    ("backbone", "width"): [1, 0.5, 8, 8.5, 0, -1, None],
    ("backbone", "views"): [["rgb"], ["rgb", "hog"], ["hog", "hog"], [], ["x"], [1]],
    ("sharing", "order"): [["detection", "own"], ["own", "own"], ["a b", "own"], [], ["own"], 1],
    ("sharing", "split_after"): [[2], [99], [-1], [], [1, 1], ["x"], None],
    ("heads", "channels"): [8, 1024, 7, 1025, None],
    ("heads", "embedding_dim"): [4, 512, 3, 513, "y"],
    ("imports",): [{}, {"own": "a.b:C"}, {"own": "a.b"}, {"depth": "a:B"}, {"own": 1}, []],
    ("extra",): [1],
    ("backbone", "extra"): [1],
}


def changed(path: tuple[str, ...], value: object, plain: dict) -> dict:
    result = json.loads(json.dumps(plain))
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


@given(st.lists(st.sampled_from(sorted(PARTS)), max_size=2, unique=True), st.data())
@settings(max_examples=300, deadline=None)
def test_both_models_take_and_refuse_the_same(paths: list[tuple[str, ...]], data: st.DataObject):
    plain = PLAIN
    for path in paths:
        plain = changed(path, data.draw(st.sampled_from(PARTS[path])), plain)
    try:
        expected = TrialConfig.from_plain(plain)
    except ValidationError:
        with pytest.raises(PlainError):
            read(StoredConfig, plain)
        return
    stored = read(StoredConfig, plain)
    assert stored.whole("config.json") == expected
    assert stored.own_code == expected.own_code
    assert to_plain(stored) == expected.to_plain()
    assert stored.untrained.backbone.weights == "none"


def test_what_trained_the_model_is_checked_when_it_is_asked_for():
    stored = read(StoredConfig, changed(("optimizer", "lr"), -1, PLAIN))
    with pytest.raises(BundleError, match=r"a/config.json: config\.optimizer\.lr: "):
        stored.whole("a/config.json")


@pytest.mark.parametrize("key", ["backbone", "sharing", "heads", "weighting", "optimizer"])
def test_no_part_may_be_missing(key: str):
    with pytest.raises(PlainError, match=f"{key}: missing"):
        read(StoredConfig, {name: part for name, part in PLAIN.items() if name != key})

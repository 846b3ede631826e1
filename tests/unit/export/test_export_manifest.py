"""``config.json`` and the card: what is written is read back, and nothing else is."""

import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from automtl.config import SharingConfig, TrialConfig, UncertaintyWeighting, digest_of
from automtl.data.table import DataInfo
from automtl.errors import BundleError
from automtl.export.card import model_card
from automtl.export.manifest import SCHEMA_VERSION, Manifest, make_manifest, read_manifest
from automtl.plain import to_plain
from automtl.results import Objective, Pick, StudyInfo

CONFIG = TrialConfig(sharing=SharingConfig(split_after=(3, 1)), weighting=UncertaintyWeighting())
INFO = DataInfo(
    detection_classes=("disc", "square"),
    segmentation_classes=("background", "disc", "a|b<script>"),
    image_size=(96, 128),
    segmentation_frequency=(0.8, 0.15, 0.05),
    digest="0123456789abcdef",
)
PICK = Pick(
    number=7,
    rule="knee",
    inputs={"max": "latency_ms=20"},
    reason="It gives up 0.01 mIoU for half the latency.",
    alternatives=(3, 5),
)
STUDY = StudyInfo(
    name="street",
    objectives=(Objective(metric="detection/mAP", goal="maximize"),),
    recipe={},
    recipe_digest="x",
    seed=11,
    created_s=0.0,
)


def manifest() -> Manifest:
    return make_manifest(CONFIG, INFO, seed=5, pick=PICK, study=STUDY, parent=None)


def plain() -> dict[str, object]:
    return json.loads(json.dumps(to_plain(manifest())))


def test_what_is_written_is_read():
    read = read_manifest(plain(), "config.json")
    assert read == replace(manifest(), created=read.created)
    assert read.config.whole("config.json") == CONFIG
    assert read.info == INFO
    assert (read.trial, read.study, read.study_seed, read.seed) == (7, "street", 11, 5)


def test_a_configuration_of_fewer_keys_is_read_as_its_version_meant_it():
    """A key that came later has its default; the digest is that of what was written."""
    older = plain()
    del older["config"]["imports"]
    del older["config"]["optimizer"]["grad_clip"]
    older["config_digest"] = digest_of(older["config"])
    assert older["config_digest"] != CONFIG.digest
    assert read_manifest(older, "config.json").config.whole("config.json") == CONFIG
    older["config"]["optimizer"]["lr"] = 0.5
    with pytest.raises(BundleError, match="do not fit"):
        read_manifest(older, "config.json")


def test_a_newer_schema_is_refused_and_says_which_keys_differ():
    newer = {**plain(), "schema_version": SCHEMA_VERSION + 1, "quantised": True}
    del newer["trial"]
    with pytest.raises(BundleError) as caught:
        read_manifest(newer, "config.json")
    assert "schema 2" in str(caught.value)
    assert "+quantised" in str(caught.value)
    assert "-trial" in str(caught.value)
    assert "pip install -U automtl" in str(caught.value)


@pytest.mark.parametrize("version", [0, -1, "1", None, True, 1.5])
def test_a_schema_that_is_no_number_is_refused(version: object):
    with pytest.raises(BundleError, match="schema_version"):
        read_manifest({**plain(), "schema_version": version}, "config.json")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"extra": 1}, "extra"),
        ({"tasks": ["detection"]}, "tasks"),
        ({"config_digest": "0" * 16}, "config_digest"),
        ({"seed": "five"}, "seed"),
        ({"detection_classes": "disc"}, "detection_classes"),
        ({"preprocessing": {"image_size": [10, 10]}}, "preprocessing.image_size"),
        ({"preprocessing": {"image_size": [96, 128], "layout": "BGR"}}, "layout"),
        ({"preprocessing": {"image_size": [8192, 8192]}}, "8192 x 8192 has more than"),
        ({"config": {"backbone": {"nam": "tiny"}}}, "config.backbone.nam"),
    ],
)
def test_each_mistake_is_named_on_one_line(change: dict[str, object], named: str):
    with pytest.raises(BundleError) as caught:
        read_manifest({**plain(), **change}, "config.json")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["config", "tasks", "detection_classes", "preprocessing", "seed"])
def test_a_missing_key_is_named(key: str):
    without = {name: value for name, value in plain().items() if name != key}
    with pytest.raises(BundleError, match=key):
        read_manifest(without, "config.json")


def card(test: dict[str, float] | None = None) -> str:
    return model_card(
        manifest(),
        tree="stage 1  [detection segmentation tracking]",
        pick=PICK,
        validation={"detection/mAP": 0.5123, "cost/parameters": 274_000.0, "loss/tracking": 3.0},
        test=test,
        floors={"majority class": {"detection/mAP": 0.0}},
    )


def test_the_card_says_what_how_and_how_good():
    text = card({"detection/mAP": 0.5})
    for part in (
        "0 disc, 1 square",
        PICK.reason,
        "`knee`",
        "trials 3, 5",
        "96 x 128",
        "load_bundle",
        "stage 1  [detection segmentation tracking]",
    ):
        assert part in text
    assert "| detection/mAP | 0.5123 | 0.5 | 0 |" in text
    assert "| cost/parameters | 274,000 | - | - |" in text
    assert "loss/tracking" not in text


def test_the_card_says_whether_the_test_split_was_touched():
    assert "test split has not been touched" in card()
    assert "not been touched" not in card({"detection/mAP": 0.5})


def test_foreign_names_break_neither_table_nor_page():
    text = card()
    assert "<script>" not in text
    assert r"a\|b&lt;script&gt;" in text


def test_nothing_of_a_pick_is_more_than_text_on_the_card():
    bad = "<script>alert(1)</script> [here](https://elsewhere) ![p](https://elsewhere/p) ` | x"
    pick = replace_pick(rule=bad, inputs={bad: bad}, reason=f"# {bad}")
    text = model_card(
        manifest(),
        tree="stage 1",
        pick=pick,
        validation={bad: 0.5},
        test=None,
        floors={bad: {bad: 0.0}},
        programs={"onnx": {"file": bad, **dict.fromkeys(NUMBERS, 1.0)}},
    )
    assert tags_of(text) == tags_of(card())
    assert "elsewhere" in text


NUMBERS = ("frames", "max_abs_difference", "latency_ms", "network_latency_ms")


def replace_pick(**changes: object) -> Pick:
    return PICK.model_copy(update=changes)


def tags_of(markdown: str) -> set[str]:
    """Return the kinds of HTML elements that a page of it has."""
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    return set(re.findall(r"<(\w+)", page))


def test_every_table_of_the_card_is_rectangular():
    rows = [line for line in card({"detection/mAP": 0.5}).splitlines() if line.startswith("|")]
    widths = {line.replace(r"\|", "").count("|") for line in rows[-3:]}
    assert len(widths) == 1

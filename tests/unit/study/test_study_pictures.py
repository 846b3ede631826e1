"""The pictures of a study: which frames, who sees them, what is left out, what a report reads."""

import io

import numpy as np
import pytest
from PIL import Image

from automtl.model.network import build_network
from automtl.results import Pick, TrialRecord
from automtl.study.folder import Settings, StudyFolder, save_settings
from automtl.study.pictures import LEAD, N_FRAMES, N_MEMBERS, draw_pictures, shown_frames
from automtl.testing.small_training import small_config, small_splits
from automtl.training.artifacts import SavedModel, save_model
from automtl_dashboards import gallery as gallery_module
from automtl_dashboards.gallery import gallery_html, read_gallery
from automtl_dashboards.standing import standing_of


@pytest.fixture(scope="module")
def splits():
    return small_splits()


@pytest.fixture
def place(tmp_path):
    place = StudyFolder(tmp_path / "s")
    save_settings(place, Settings(study="s"))
    return place


def record(number):
    return TrialRecord(number=number, point={}, config={}, config_digest="")


def leave_model(place, number, splits):
    """What a training leaves in its folder, with weights of none."""
    config = small_config()
    state = build_network(config, splits.info, generator_seed=number).state_dict()
    saved = SavedModel(config=config, info=splits.info, state=state, epoch=1, values={})
    save_model(place.trial(number), saved)


def test_shown_frames_are_labelled_and_follow_their_own_clip(splits):
    table = splits.train
    frames = shown_frames(table)
    assert len(frames) == N_FRAMES
    assert len({table.clip[frame.row] for frame in frames}) > 1
    for frame in frames:
        assert frame.lead[-1] == frame.row
        assert 1 <= len(frame.lead) <= LEAD
        assert {int(table.clip[row]) for row in frame.lead} == {int(table.clip[frame.row])}
        order = [int(table.frame[row]) for row in frame.lead]
        assert order == sorted(order)


def test_every_member_sees_the_same_frames_and_lost_weights_are_named(splits, place):
    for number in (0, 2, 5, 7):
        leave_model(place, number, splits)
    said = []
    members = [record(number) for number in (2, 3, 0, 5, 7)]
    draw_pictures(place, members, splits.validation, splits.info, say=said.append)
    gallery = read_gallery(place.pictures)
    assert gallery is not None
    assert gallery.trials == (2, 0, 5)
    assert len(gallery.trials) == N_MEMBERS
    assert len(said) == 1
    assert said[0].startswith("no pictures of trial 3: ")
    assert [frame.name for frame in gallery.frames] == [
        splits.validation.names[frame.row] for frame in shown_frames(splits.validation)
    ]
    for frame in gallery.frames:
        for picture in (frame.labels, *frame.seen.values()):
            assert Image.open(io.BytesIO(picture)).format == "WEBP"
        # Networks with other weights see other things.
        assert len({frame.labels, *frame.seen.values()}) >= 3


def test_the_labels_are_drawn_where_the_frame_has_them(splits, place):
    leave_model(place, 0, splits)
    table = splits.validation
    draw_pictures(place, [record(0)], table, splits.info, say=pytest.fail)
    gallery = read_gallery(place.pictures)
    assert gallery is not None
    row = shown_frames(table)[0].row
    drawn = np.asarray(Image.open(io.BytesIO(gallery.frames[0].labels)).convert("RGB"), np.float32)
    plain = Image.fromarray(np.ascontiguousarray(table.images[row].transpose(1, 2, 0)))
    height = round(drawn.shape[1] * plain.height / plain.width)
    large = np.asarray(plain.resize((drawn.shape[1], height)), np.float32)
    changed = np.abs(drawn[:height] - large).max(axis=2) > 60
    left, top, right, bottom = table.boxes[table.objects(row)][0] * drawn.shape[1] / plain.width
    inside = changed[int(top) : int(bottom), int(left) : int(right)].mean()
    assert inside > changed.mean() > 0


def test_a_report_shows_them_and_goes_without_where_one_is_missing(splits, place, monkeypatch):
    assert read_gallery(place.pictures) is None
    leave_model(place, 0, splits)
    draw_pictures(place, [record(0)], splits.validation, splits.info, say=pytest.fail)
    whole = read_gallery(place.pictures)
    assert whole is not None
    standing = standing_of([record(0)], (), [Pick(number=0, rule="knee", reason="It is.")], None)
    page = gallery_html(whole, standing)
    assert page.count("<img src='data:image/webp;base64,") == 2 * len(whole.frames)
    assert "★ pick: trial 0" in page
    monkeypatch.setattr(gallery_module, "MAX_BYTES", whole.frames[0].n_bytes + 1)
    few = read_gallery(place.pictures)
    assert few is not None
    assert few.frames == whole.frames[:1]
    (place.pictures / "frame-0-trial-0000.webp").unlink()
    assert read_gallery(place.pictures) is None


def test_nothing_is_written_where_nobody_looks(splits, place):
    draw_pictures(place, [], splits.validation, splits.info, say=pytest.fail)
    assert not place.pictures.exists()

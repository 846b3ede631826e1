"""What MLflow serves is what the bundle predicts, whatever way the pictures come."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from automtl.errors import DataError
from automtl.export.served import Served, _load_pyfunc
from automtl.testing.small_bundle import INFO, write

HEIGHT, WIDTH = INFO.image_size
FRAMES = np.random.default_rng(1).integers(0, 256, (2, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return _load_pyfunc(str(write(tmp_path_factory.mktemp("bundles") / "b")))


def png(frame: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, format="PNG")
    return file.getvalue()


def in_base64(frame: np.ndarray) -> str:
    return base64.b64encode(png(frame)).decode()


def test_arrays_give_what_the_bundle_predicts(served: Served):
    found = served.predict(FRAMES)
    wanted = served.bundle.predict(torch.from_numpy(FRAMES.transpose(0, 3, 1, 2).copy()))
    assert any(len(result.boxes) for result in wanted)
    for one, result in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one["boxes"], np.clip(result.boxes, 0, WIDTH), atol=0.01)
        assert one["ids"] == result.ids.tolist()
        assert set(one["classes"]) <= set(INFO.detection_classes)
        mask = Image.open(io.BytesIO(base64.b64decode(str(one["mask_png"]))))
        np.testing.assert_array_equal(np.asarray(mask), result.mask)


@pytest.mark.parametrize(
    "given",
    [
        list(FRAMES),
        FRAMES.astype(np.int64),
        FRAMES.tolist(),
        [png(frame) for frame in FRAMES],
        [in_base64(frame) for frame in FRAMES],
        np.array([in_base64(frame) for frame in FRAMES]),
        np.array([in_base64(frame) for frame in FRAMES], dtype=object),
        {"image": [in_base64(frame) for frame in FRAMES]},
        pd.DataFrame({"image": [in_base64(frame) for frame in FRAMES], "other": [1, 2]}),
    ],
    ids=["list", "ints", "nested", "bytes", "base64", "texts", "objects", "mapping", "table"],
)
def test_every_way_gives_the_same(served: Served, given):
    assert served.predict(given) == served.predict(FRAMES)


def test_one_picture_needs_no_list(served: Served):
    wanted = served.predict(FRAMES[:1])
    assert served.predict(FRAMES[0]) == wanted
    assert served.predict(in_base64(FRAMES[0])) == wanted
    assert served.predict([]) == []


def test_results_are_in_the_pixels_of_the_picture_that_came(served: Served):
    large = np.asarray(Image.fromarray(FRAMES[0]).resize((WIDTH * 2, HEIGHT * 3)))
    found = served.predict([large])[0]
    mask = Image.open(io.BytesIO(base64.b64decode(str(found["mask_png"]))))
    assert mask.size == (WIDTH * 2, HEIGHT * 3)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (3.5, "a float without a column 'image'"),
        (pd.DataFrame({"picture": [1]}), "a DataFrame without a column 'image'"),
        (["no base64!"], "cannot be decoded"),
        ([base64.b64encode(b"GIF89a").decode()], "cannot be decoded"),
        (np.zeros((1, 4, 4)), r"not numbers \[H, W, 3\]"),
        (np.full((1, 4, 4, 3), 256), "values from 256 to 256"),
        (np.full((1, 4, 4, 3), np.nan), "values from nan"),
    ],
)
def test_what_is_no_picture_is_said(served: Served, given, told):
    with pytest.raises(DataError, match=told):
        served.predict(given)


def test_a_picture_that_claims_to_be_huge_is_refused(served: Served, monkeypatch):
    monkeypatch.setattr("automtl.export.served.MAX_PIXELS", HEIGHT * WIDTH - 1)
    with pytest.raises(DataError, match="too large"):
        served.predict([in_base64(FRAMES[0])])


def test_the_loader_is_the_module_that_models_are_logged_with():
    from automtl.experiment_log.models import LOADER

    assert Path(_load_pyfunc.__code__.co_filename).stem == LOADER.rpartition(".")[2]
    assert _load_pyfunc.__module__ == LOADER

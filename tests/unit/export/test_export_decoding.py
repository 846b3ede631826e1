"""Raw outputs, whoever computed them, become the results that the bundle itself gives."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.errors import BundleError, DataError
from automtl.export.bundle import Bundle, load_bundle, load_manifest
from automtl.export.decoding import decode_clip
from automtl.export.programs import flat_outputs
from automtl.export.result import FrameResult
from automtl.export.stored import StoredSharing
from automtl.testing.small_bundle import INFO, write

FRAMES = np.random.default_rng(1).integers(0, 256, (6, 3, *INFO.image_size), dtype=np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(write(tmp_path_factory.mktemp("bundles") / "bundle"))


@pytest.fixture(scope="module")
def raw(bundle: Bundle) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        outputs = flat_outputs(bundle.network(torch.from_numpy(FRAMES)))
    return {key: tensor.numpy() for key, tensor in outputs.items()}


def assert_same(one: FrameResult, other: FrameResult) -> None:
    for name in ("boxes", "scores", "classes", "ids", "mask", "instances"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@settings(max_examples=10, deadline=None)
@given(cuts=st.sets(st.integers(1, len(FRAMES) - 1)), score=st.sampled_from([0.01, 0.5]))
def test_chunks_of_any_size_give_what_the_bundle_gives(bundle: Bundle, raw, cuts, score):
    edges = [0, *sorted(cuts), len(FRAMES)]
    chunks = ({key: values[a:b] for key, values in raw.items()} for a, b in pairwise(edges))
    given_ = list(decode_clip(chunks, bundle.manifest, score_threshold=score))
    wanted = bundle.predict(torch.from_numpy(FRAMES), score_threshold=score)
    assert len(given_) == len(wanted) == len(FRAMES)
    assert any(len(result.boxes) for result in wanted)
    for one, other in zip(given_, wanted, strict=True):
        assert_same(one, other)


def test_results_come_before_the_clip_has_ended(bundle: Bundle, raw):
    def endless():
        while True:
            yield {key: values[:1] for key, values in raw.items()}

    stream = decode_clip(endless(), bundle.manifest, score_threshold=0.01)
    first, second = next(stream), next(stream)
    both = first.ids[first.ids >= 0], second.ids[second.ids >= 0]
    assert len(both[0]), "otherwise nothing is linked"
    assert set(both[0]) & set(both[1]), "the tracks of the first frame go on"


def test_missing_outputs_are_named(bundle: Bundle, raw):
    partial = {key: values for key, values in raw.items() if not key.startswith("tracking/")}
    with pytest.raises(DataError, match="no output of tracking among detection/heat"):
        list(decode_clip([partial], bundle.manifest))


def test_code_of_ones_own_must_be_allowed_by_name(bundle: Bundle, raw):
    sharing = StoredSharing(order=("detection", "own"), split_after=(1,))
    stored = replace(bundle.manifest.config, sharing=sharing, imports={"own": "my_pkg:Own"})
    manifest = replace(bundle.manifest, config=stored)
    with pytest.raises(BundleError, match="--allow-imports my_pkg:Own"):
        decode_clip([raw], manifest)


def test_the_manifest_needs_no_weights(tmp_path: Path):
    folder = write(tmp_path / "b")
    (folder / "model.safetensors").unlink()
    assert load_manifest(folder).detection_classes == INFO.detection_classes

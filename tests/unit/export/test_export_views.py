"""A model that reads views: trained on kept ones, exported, and predicting on plain pictures."""

import json
from pathlib import Path

import pytest
import torch

from automtl.config import BackboneConfig, HeadsConfig, OptimizerConfig, TrialConfig
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.data.views import compute_views
from automtl.errors import BundleError
from automtl.export.bundle import load_bundle
from automtl.export.manifest import read_manifest
from automtl.export.writing import export_bundle
from automtl.results import Decision, TrialOrder
from automtl.sources import DataConfig, ShapesSource
from automtl.storage.names import VIEWS
from automtl.tasks import segmentation
from automtl.training.artifacts import load_model
from automtl.training.evaluation import evaluate
from automtl.training.trainable import make_trainable

SIZE = (32, 48)
CONFIG = TrialConfig(
    backbone=BackboneConfig(width=0.5, image_size=SIZE, views=("rgb", "hog")),
    heads=HeadsConfig(channels=8, embedding_dim=4),
    optimizer=OptimizerConfig(epochs=1, steps_per_epoch=3, batch_size=4),
)


@pytest.fixture(scope="module")
def data() -> SplitData:
    config = DataConfig(
        train=(ShapesSource(clips=4, frames=3),),
        validation=(ShapesSource(clips=2, frames=2, seed=1),),
    )
    return load_data(config, image_size=SIZE, root=None).splits


def order(folder: Path, number: int) -> TrialOrder:
    return TrialOrder(
        number=number,
        point={},
        attempt=1,
        config=CONFIG.to_plain(),
        seed=number,
        folder=str(folder / f"trial-{number:04d}"),
        resume=False,
        resources={"cpu": 1.0},
    )


def test_from_training_to_prediction(data: SplitData, tmp_path: Path) -> None:
    told: list[dict[str, float]] = []

    def report(_: int, values: dict[str, float]) -> Decision:
        told.append(values)
        return Decision.CONTINUE

    trainable = make_trainable(data)
    for number in (1, 2):
        trainable(order(tmp_path, number), report)
    kept = sorted(path.name for path in (tmp_path / VIEWS).iterdir())
    assert len(kept) == 2, "one file for each split, whichever trial wrote it"
    assert all(name.startswith("rgb+hog-") for name in kept)

    saved = load_model(tmp_path / "trial-0001")
    path = export_bundle(
        tmp_path / "bundle",
        config=saved.config,
        info=saved.info,
        state=saved.state,
        metrics=saved.values,
        pick=None,
        study=None,
        seed=1,
    )
    bundle = load_bundle(path)
    assert bundle.manifest.preprocessing.views == ("rgb", "hog")

    pictures = data.validation.images[:2]
    results = bundle.predict(torch.from_numpy(pictures.copy()))
    views = torch.from_numpy(compute_views(pictures, ("rgb", "hog")))
    with torch.inference_mode():
        wanted = segmentation.decode(bundle.network(views)["segmentation"], bundle.info)
    for result, mask in zip(results, wanted, strict=True):
        assert result.mask is not None
        assert (result.mask == mask.numpy()).all()

    # What the training said of itself, on kept views, is what the bundle does on pictures.
    again = evaluate(bundle.network, data.validation, bundle.info, CONFIG.tasks)
    assert again == pytest.approx({key: told[0][key] for key in again}, nan_ok=True)


def test_hog_reaches_the_outputs(data: SplitData, tmp_path: Path) -> None:
    """After training the new channels have weights, which started at nothing."""
    make_trainable(data)(order(tmp_path, 1), lambda *_: Decision.CONTINUE)
    state = load_model(tmp_path / "trial-0001").state
    first = next(tensor for tensor in state.values() if tensor.shape[1:] == (12, 3, 3))
    assert float(first[:, 3:].abs().max()) > 0


def manifest_of(data: SplitData, tmp_path: Path) -> dict[str, object]:
    from automtl.model.network import build_network

    network = build_network(CONFIG, data.info, generator_seed=0)
    path = export_bundle(
        tmp_path / "b",
        config=CONFIG,
        info=data.info,
        state=network.state_dict(),
        metrics={},
        pick=None,
        study=None,
        seed=0,
    )
    plain: dict[str, object] = json.loads((path / "config.json").read_text())
    return plain


@pytest.mark.parametrize(
    ("change", "words"),
    [({"views": ["rgb"]}, "preprocessing gives"), ({"views_version": 99}, "version 99")],
)
def test_a_bundle_whose_views_differ_is_refused(
    data: SplitData, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    plain = manifest_of(data, tmp_path)
    read_manifest(plain, "config.json")
    preprocessing = plain["preprocessing"]
    assert isinstance(preprocessing, dict)
    with pytest.raises(BundleError, match=words):
        read_manifest({**plain, "preprocessing": {**preprocessing, **change}}, "config.json")


def test_latency_counts_the_views(data: SplitData, monkeypatch: pytest.MonkeyPatch) -> None:
    from automtl.model import cost
    from automtl.model.network import build_network

    monkeypatch.setattr(cost, "latency_ms", lambda *_, **__: 2.0)
    monkeypatch.setattr(cost, "views_ms", lambda views, size: 5.0 if "hog" in views else 0.0)
    network = build_network(CONFIG, data.info, generator_seed=0)
    assert cost.measure_costs(network, SIZE)["cost/latency_ms"] == 7.0

"""What fusing boxes, masks and embeddings gains: ``python -m benchmarks.fusion --json``.

One small model for each of several seeds (the recipe ``quickstart``: its data, its default
configuration, 600 steps). Each model's association is tuned on the validation clips as an export
does it, then scored on generated clips that nothing else uses, all of them taken together:

- ``boxes_untuned``: boxes and their motion, default thresholds;
- ``boxes``: the same, tuned;
- ``default``: boxes and embeddings with the parameters that every training reports HOTA with;
- ``scene``: boxes, masks and embeddings, tuned with the same budget as ``boxes``.

``gain_hota`` is the mean of ``scene`` minus ``boxes``, paired by model; ``gain_low`` and
``gain_high`` are its 95 % Student interval over model seeds. The clips are the same for all
models, so the interval says nothing about other clips.

The second part, ``street_...``, is the recipe ``street`` where its frames are (``AUTOMTL_DATA``,
else ``../shared/data``; ``TORCH_HOME`` says where the ImageNet weights are). Its test split has no
identities, so its validation frames are scored in two halves, each with parameters from the
other; the best epoch was chosen on these frames. It is one clip: no interval covers other clips.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from scipy.stats import t as student

from automtl.config import TrialConfig
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.errors import AutomtlError
from automtl.export.fusing import scored, tuned_fusion
from automtl.export.manifest import Fusion
from automtl.fusion.association import BOXES_ALONE, Association
from automtl.fusion.scoring import truth_of
from automtl.fusion.tuning import BUDGET
from automtl.model.network import MultiTaskNetwork
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.tasks.system import observe
from automtl.training.evaluation import evaluate, predict
from automtl.training.loop import train
from benchmarks.record import Goal, print_record

CPU = torch.device("cpu")
CONFIDENCE = 0.95
N_MODELS = 5
QUICK_STEPS = 100

FRESH_SEEDS = (60, 61, 62, 63, 64)
"""Of the clips that are scored; no recipe and no other benchmark draws from them."""

CLIPS_PER_SEED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """What one model scored.

    Attributes:
        scores: ``scene/HOTA``, ``boxes/HOTA`` and the like, on frames that tuned nothing.
        is_scene_kept: Whether an export of this model fuses by default.
        evaluation_s: One evaluation of the validation split.
    """

    scores: Mapping[str, float]
    is_scene_kept: bool
    evaluation_s: float

    @property
    def gain(self) -> float:
        """HOTA of all cues minus that of boxes alone, both tuned."""
        return self.scores["scene/HOTA"] - self.scores["boxes/HOTA"]


def main() -> None:
    """Measure and print; the last line is the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record only")
    parser.add_argument("--quick", action="store_true", help="one model, 100 steps, no street")
    parser.add_argument("--models", type=int, help=f"model seeds; {N_MODELS} by default")
    parser.add_argument("--only", choices=("shapes", "street"), help="one of the two parts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    n_models = arguments.models or (1 if arguments.quick else N_MODELS)
    figures: dict[str, float] = {}
    if arguments.only != "street":
        n_steps = QUICK_STEPS if arguments.quick else None
        figures |= summary(list(_on_shapes(n_models, n_steps)))
    root = real_frames()
    if arguments.only != "shapes" and not arguments.quick and root is not None:
        found = list(_on_street(root, n_models))
        figures |= {f"street_{name}": value for name, value in summary(found).items()}
    figures = {name: round(value, 4) for name, value in figures.items()}
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:32s} {value:8.4f}")
    print_record(figures, _goals(figures))


def summary(models: Sequence[Assessed]) -> dict[str, float]:
    """Return means over models, the gain of each, and its interval where there are two or more."""
    figures = {
        name.replace("/", "_").lower(): statistics.mean(model.scores[name] for model in models)
        for name in models[0].scores
    }
    gains = [model.gain for model in models]
    figures |= {f"gain_hota/model_{seed}": gain for seed, gain in enumerate(gains)}
    figures["gain_hota"] = statistics.mean(gains)
    if len(gains) >= 2:
        figures["gain_low"], figures["gain_high"] = student_interval(gains)
    figures["scene_kept_share"] = statistics.mean(model.is_scene_kept for model in models)
    figures["evaluation_s"] = statistics.median(model.evaluation_s for model in models)
    return figures


def student_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the interval of the mean of two or more values."""
    spread = statistics.stdev(values) / len(values) ** 0.5
    reach = float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * spread
    mean = statistics.mean(values)
    return mean - reach, mean + reach


def assess(
    network: MultiTaskNetwork, data: SplitData, *, seed: int, budget: int = BUDGET
) -> Assessed:
    """Tune on the validation split as an export does, and score on the test split.

    Args:
        network: The trained model.
        data: All three splits.
        seed: Of the tuning's random stream.
        budget: Parameters that each tuning tries.
    """
    fusion, evaluation_s = _tuned(network, data, seed, budget)
    if data.test is None:
        msg = "there is no test split to score"
        raise AutomtlError(msg)
    frames = observe(predict(network, data.test, network.tasks), data.info)
    associations = {
        "boxes_untuned": BOXES_ALONE,
        "boxes": fusion.boxes,
        "default": Association(),
        "scene": fusion.scene,
    }
    return Assessed(
        scores=scored(frames, truth_of(data.test), associations),
        is_scene_kept=fusion.kind == "scene",
        evaluation_s=evaluation_s,
    )


def _goals(figures: Mapping[str, float]) -> dict[str, Goal]:
    """One model has no interval, and so no goal."""
    names = [name for name in ("gain_low", "street_gain_low") if name in figures]
    return {name: Goal(figures[name], 0.0, ">=") for name in names}


def _on_shapes(n_models: int, n_steps: int | None) -> Iterator[Assessed]:
    recipe = load_recipe(find_recipe("quickstart"))
    config = _config(recipe, n_steps)
    test = tuple(ShapesSource(clips=CLIPS_PER_SEED, seed=seed) for seed in FRESH_SEEDS)
    data = _load(recipe.data.model_copy(update={"test": test}), config, root=None, load_test=True)
    for seed in range(n_models):
        found = assess(_trained(config, data, seed), data, seed=seed)
        _tell("shapes", seed, found)
        yield found


def _on_street(root: Path, n_models: int) -> Iterator[Assessed]:
    recipe = load_recipe(find_recipe("street"))
    config = _config(recipe, None)
    data = _load(recipe.data, config, root=root, load_test=False)
    for seed in range(n_models):
        fusion, evaluation_s = _tuned(_trained(config, data, seed), data, seed, BUDGET)
        found = Assessed(
            scores=fusion.held_out,
            is_scene_kept=fusion.kind == "scene",
            evaluation_s=evaluation_s,
        )
        _tell("street", seed, found)
        yield found


def _config(recipe: Recipe, n_steps: int | None) -> TrialConfig:
    """Return the recipe's default configuration, shortened to one epoch of ``n_steps``."""
    config = recipe.space.config_of(recipe.space.default_point())
    if n_steps is None:
        return config
    shorter = config.optimizer.model_copy(update={"epochs": 1, "steps_per_epoch": n_steps})
    return config.model_copy(update={"optimizer": shorter})


def _load(
    data: DataConfig, config: TrialConfig, *, root: Path | None, load_test: bool
) -> SplitData:
    size = config.backbone.image_size
    return load_data(data, image_size=size, root=root, load_test=load_test).splits


def _trained(config: TrialConfig, data: SplitData, seed: int) -> MultiTaskNetwork:
    def report(epoch: int, values: Mapping[str, float]) -> Decision:
        del epoch, values
        return Decision.CONTINUE

    return train(config, data, report, seed=seed, folder=None, device=CPU).network


def _tuned(
    network: MultiTaskNetwork, data: SplitData, seed: int, budget: int
) -> tuple[Fusion, float]:
    """Return what was tuned on the validation split, and the seconds that scoring it takes."""
    started = time.perf_counter()
    evaluate(network, data.validation, data.info, network.tasks)
    evaluation_s = time.perf_counter() - started
    fusion = tuned_fusion(network, data.validation, data.info, seed=seed, budget=budget)
    if fusion is None:
        msg = "the model or the validation split has nothing to fuse"
        raise AutomtlError(msg)
    return fusion, evaluation_s


def real_frames() -> Path | None:
    """Return the folder of the real frames, or None where there is none."""
    named = os.environ.get("AUTOMTL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if (folder / "camvid").is_dir() else None


def _tell(part: str, seed: int, found: Assessed) -> None:
    """Say how far it is, beside the record: the whole takes minutes."""
    scores = {name: round(value, 4) for name, value in found.scores.items()}
    kept = "scene" if found.is_scene_kept else "boxes"
    print(f"{part} model {seed}: kept {kept}, {scores}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""The model card: what a person wants to know before using a bundle."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from automtl.export.manifest import Fusion, Manifest
from automtl.markdown import as_code, as_text
from automtl.results import Pick

Floors = Mapping[str, Mapping[str, float]]
"""What trivial predictors reach: values by metric, by predictor's name."""

Programs = Mapping[str, Mapping[str, object]]
"""By format, what ``metrics.json`` says of a program."""


def model_card(
    manifest: Manifest,
    *,
    tree: str,
    pick: Pick | None,
    validation: Mapping[str, float],
    test: Mapping[str, float] | None,
    floors: Floors,
    programs: Programs = MappingProxyType({}),
) -> str:
    """Return the card as Markdown.

    Args:
        manifest: What ``config.json`` holds.
        tree: The sharing tree, drawn as text.
        pick: Why this model, if a rule chose it.
        validation: Values on the validation split.
        test: Values on the test split, if it was touched.
        floors: What trivial predictors reach on the validation split.
        programs: What lies beside the weights, by format.
    """
    parts = [
        _summary(manifest),
        f"Which tasks share which stages of the backbone:\n\n```\n{tree}\n```\n",
        _classes(manifest),
        _choice(manifest, pick),
        _metrics(validation, test, floors),
        _fusion(manifest.fusion),
        _use(manifest),
        _programs(programs),
        _limits(manifest, test),
    ]
    return "\n".join(parts)


def _summary(manifest: Manifest) -> str:
    config, size = manifest.config, manifest.preprocessing.image_size
    optimizer = config.optimizer
    facts = {
        "backbone": f"{as_text(config.backbone.name)}, weights {as_text(config.backbone.weights)}",
        "weighting": as_text(str(config.weighting["kind"])),
        "schedule": as_text(str(config.schedule["kind"])),
        "training": f"{optimizer['epochs']} epochs of {optimizer['steps_per_epoch']} steps",
        "batch": f"{optimizer['batch_size']} frames",
        "seed": str(manifest.seed),
        "configuration": f"{manifest.config_digest} (whole in `config.json`)",
        "data": as_text(manifest.data.digest or "not recorded"),
        "written": manifest.created,
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    text = f"""# {as_text(manifest.study or "A model")} made by automtl

One network for {as_text(_and(manifest.tasks))}. It takes RGB pictures of
{size[0]} x {size[1]} pixels (height x width) as bytes; normalisation happens inside.

| | |
|---|---|
"""
    return text + "\n".join(rows) + "\n"


def _classes(manifest: Manifest) -> str:
    rows = ["## Classes\n"]
    for title, task, names in (
        ("Boxes", "detection", manifest.detection_classes),
        ("Masks", "segmentation", manifest.segmentation_classes),
        ("Pictures", "classification", manifest.image_classes),
    ):
        if task in manifest.tasks:
            listed = ", ".join(f"{i} {as_text(name)}" for i, name in enumerate(names))
            rows.append(f"{title}: {listed}.\n")
    return "\n".join(rows)


def _choice(manifest: Manifest, pick: Pick | None) -> str:
    rows = ["## How it was chosen\n"]
    if manifest.parent is not None:
        parent = manifest.parent
        trunk = "kept as it was" if parent.freeze_trunk else "trained further"
        made = f"Extended by {as_text(_and(parent.added))}" if parent.added else "Fine-tuned"
        rows.append(f"{made} from bundle {as_code(parent.digest)}; the trunk was {trunk}.\n")
        if parent.added and parent.freeze_trunk:
            rows.append("On frames, the older tasks' outputs are the parent's to the bit.\n")
    if pick is None:
        rows.append("Nobody chose: the model was exported by hand.\n")
        return "\n".join(rows)
    given = ", ".join(f"{key} = {value}" for key, value in sorted(pick.inputs.items()))
    rows.append(
        f"Trial {pick.number}, by the rule {as_code(pick.rule)}"
        + (f" ({as_text(given)})" * bool(given))
    )
    rows.append(f"\n{as_text(pick.reason)}\n")
    if pick.alternatives:
        others = ", ".join(map(str, pick.alternatives))
        rows.append(f"Other members of the front, best first: trials {others}.\n")
    return "\n".join(rows)


def _metrics(
    validation: Mapping[str, float], test: Mapping[str, float] | None, floors: Floors
) -> str:
    columns: dict[str, Mapping[str, float]] = {"validation": validation}
    if test is not None:
        columns["test"] = test
    columns |= floors
    shown = [key for key in sorted(validation) if not key.startswith(("weight/", "loss/"))]
    head = "| metric | " + " | ".join(map(as_text, columns)) + " |"
    rows = [
        f"| {as_text(key)} | " + " | ".join(_number(c.get(key)) for c in columns.values()) + " |"
        for key in shown
    ]
    note = "The columns after the model's own are trivial predictors on the validation split.\n"
    return "\n".join(
        ["## Metrics\n", head, "|---" * (len(columns) + 1) + "|", *rows, "", note * bool(floors)]
    )


def _fusion(fusion: Fusion | None) -> str:
    if fusion is None:
        return ""
    columns = {
        "default": "not tuned",
        "boxes": "boxes and motion",
        "scene": "boxes, masks, embeddings",
    }
    rows = [
        f"| {metric} | "
        + " | ".join(_number(fusion.held_out.get(f"{key}/{metric}")) for key in columns)
        + " |"
        for metric in ("HOTA", "DetA", "AssA", "IDF1")
    ]
    head = "| tracks | " + " | ".join(columns.values()) + " |"
    note = f"""
Held-out halves of the validation split, {fusion.n_candidates} parameters tried for each.
Prediction uses `{fusion.kind}`; choose with `--fusion boxes` or `--fusion scene`.
"""
    return "\n".join(["## Tracks\n", head, "|---" * (len(columns) + 1) + "|", *rows, note])


def _use(manifest: Manifest) -> str:
    height, width = manifest.preprocessing.image_size
    return f"""## Use

```python
import automtl

bundle = automtl.load_bundle("path/of/this/folder")
results = bundle.predict(frames)  # uint8 tensor [B, 3, {height}, {width}], RGB, one clip in order
```

On the command line: `automtl predict BUNDLE FRAMES --out FOLDER`.
Train further on other data: `automtl finetune BUNDLE --recipe RECIPE --out FOLDER`, with
`--freeze-trunk` (the heads alone) or `--free-trunk` (everything). Classes are matched by name.

Weights lie in `model.safetensors`, everything else in JSON; loading runs no code of the bundle.
"""


def _programs(programs: Programs) -> str:
    if not programs:
        return ""
    columns = ("frames", "max_abs_difference", "latency_ms", "network_latency_ms")
    titles = ("frames", "largest difference", "ms a frame", "ms of the network itself")
    head = "| file | " + " | ".join(titles) + " |"
    rows = [
        f"| {as_code(str(facts['file']))} | "
        + " | ".join(f"{facts[c]:.4g}" for c in columns)
        + " |"
        for facts in programs.values()
    ]
    note = """
The network as a program, for any number of frames: views as bytes in, raw maps out. The
difference is from the outputs of the network in `model.safetensors` on real frames; the times
are medians of one frame on one thread of a CPU. `automtl.decode_clip` makes objects, tracks and
masks of the maps of any of them.
"""
    return "\n".join(["## Programs\n", head, "|---" * (len(titles) + 1) + "|", *rows, note])


def _limits(manifest: Manifest, test: Mapping[str, float] | None) -> str:
    rows = [
        "## Limits\n",
        "- Pictures are resized as a whole to the network's input: very small objects vanish.",
        "- The validation values chose the model, so they flatter it."
        + ("" if test is not None else " The test split has not been touched."),
        "- Values hold for pictures like those of the training data; measure again on your own.",
        "- Checksums show damage and mix-ups. They do not prove who made the bundle.",
    ]
    if "tracking" in manifest.tasks:
        rows.append("- Track ids are unique within one clip only.")
    return "\n".join(rows) + "\n"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))

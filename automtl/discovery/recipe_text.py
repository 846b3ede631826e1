"""A first recipe as text: what was found, what was chosen, and what else could be."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from automtl.config.metrics import TASK_METRICS
from automtl.discovery.found import Labelled
from automtl.discovery.mask_classes import MaskClasses
from automtl.discovery.plan import Plan
from automtl.discovery.splits import Splits, Use

Plain = Mapping[str, object]
WIDTH = 96
PLAIN_WORD = re.compile(r"[A-Za-z_./][\w./ \-]*")
LOG_FLOAT = "type: float, log: true"
OF_FIXED = "when: {weighting.kind: fixed}"

WEIGHTING = (
    "  # How the tasks' losses or gradients are combined. All kinds: docs/weightings.md.",
    "  weighting.kind:",
    "    {type: categorical, values: [fixed, uncertainty, upgrad, pcgrad], default: fixed}",
)
SCHEDULE = (
    "  # Also until_plateau, proportional, staged (docs/recipe.md).",
    "  schedule.kind: {type: categorical, values: [joint, alternating], default: joint}",
    "  # Steps that one task trains before the next one does.",
    "  schedule.block:",
    "    {type: int, log: true, min: 1, max: 8, default: 1, when: {schedule.kind: alternating}}",
)
FURTHER = (
    "# Worse trials wait at rungs and the best go on; worth it from about 8 epochs on.",
    "# early_stopping: {kind: promotion}",
    "# New seeds for the front at the end, to see what of it was luck.",
    "# replicates: 3",
    "# constraints: [{metric: cost/parameters, max: 5000000}]",
    "",
)
RESERVED = ("null", "true", "false", "~")


def recipe_text(name: str, folder: str, splits: Splits, classes: MaskClasses, chosen: Plan) -> str:
    """Return the recipe.

    Args:
        name: Of the study.
        folder: The data, for the command in the first lines.
        splits: Of the frames.
        classes: Of the masks.
        chosen: Sizes and budget.
    """
    parts = (
        _head(name, folder, chosen),
        _data(splits, classes),
        _objectives(splits.tasks),
        _base(splits.tasks, chosen),
        _parameters(splits.tasks, chosen),
        _rest(splits.tasks, chosen),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def source_of(use: Use, classes: MaskClasses, tasks: Sequence[str]) -> Plain:
    """Return the source of a recipe that reads some frames, as plain values."""
    one = use.labelled
    masks: dict[str, object] = {}
    if one.masks and "segmentation" in tasks:
        values = classes.values.get(one.masks)
        masks = {"masks": one.masks} | ({"values": dict(values)} if values else {})
    further = {"targets": {"depth": one.depth}} if one.depth and "depth" in tasks else {}
    part = {} if use.part is None else {"part": list(use.part)}
    if one.is_clip:
        return _clip(use) | masks | further
    if one.boxes == "coco":
        drawn = {"with_masks": True} if one.has_outlines and "segmentation" in tasks else {}
        found = {"kind": "coco", "images": one.frames.path, "annotations": one.boxes_path}
        return found | drawn | part | further
    if one.boxes == "yolo":
        found = {"kind": "yolo", "images": one.frames.path, "labels": one.boxes_path}
        return found | {"names": list(one.classes.values())} | masks | part | further
    return {"kind": "masks", "images": one.frames.path} | masks | part | further


def _clip(use: Use) -> dict[str, object]:
    one = use.labelled
    found: dict[str, object] = {"kind": "mot", "frames": one.frames.path}
    if one.boxes == "mot":
        found["gt"] = one.boxes_path
    if one.instances:
        found["instances"] = one.instances
    if use.frame_range is not None:
        found["frame_range"] = list(use.frame_range)
    return found | ({"classes": dict(one.classes)} if one.classes else {})


def _head(name: str, folder: str, chosen: Plan) -> Iterator[str]:
    machine = chosen.machine
    yield f"# A first recipe for {folder}. Every key: docs/recipe.md. What it finds is measured by"
    yield "# training: begin with this, look at the report, then change what you know better."
    yield f"#   automtl validate {name}.yaml --data {folder}"
    yield f"#   automtl search {name}.yaml --data {folder}"
    yield f"# Measured on this machine ({machine.n_cores} cores, {machine.n_gpus} GPUs):"
    yield f"# {chosen.step_s:.2f} s a step, so about {chosen.trial_s / 60:.1f} minutes a trial,"
    yield f"# {chosen.minutes:.0f} minutes in all, with {machine.slots} trials at a time."
    yield f"name: {name}"
    yield "seed: 0"


def _data(splits: Splits, classes: MaskClasses) -> Iterator[str]:
    yield "# Paths are relative to the folder that --data names."
    yield "data:"
    for split, uses, why in (
        ("train", splits.train, "trains; `rate: 2` would draw a source's frames twice as often"),
        ("validation", splits.validation, f"selects: {splits.how}"),
        ("test", splits.test, "looked at once, for the picked model"),
    ):
        if uses:
            yield f"  {split}:  # {why}"
            for use in uses:
                yield from _source(source_of(use, classes, splits.tasks))
    uses = (*splits.train, *splits.validation, *splits.test)
    if "detection" in splits.tasks:
        yield from _wrapped("  detection_classes: ", box_classes([use.labelled for use in uses]))
    if "segmentation" in splits.tasks and classes.indices:
        yield "  # The names of the mask values 0, 1, 2, ...: put yours here. Is one of them `not"
        yield "  # labelled`? Add `ignore: NUMBER` to each source with masks and drop its name."
        yield from _wrapped("  segmentation_classes: ", classes.indices)
    yield "  # label_fraction: {detection: 0.3}  # to see what fewer labels would cost"


def box_classes(labelled: Sequence[Labelled]) -> tuple[str, ...]:
    """Return the names of all boxes' classes, each once."""
    return tuple(dict.fromkeys(name for one in labelled for name in one.classes.values()))


def _source(plain: Plain) -> Iterator[str]:
    sign = "- "
    for key, value in plain.items():
        yield from _wrapped(f"    {sign}{key}: ", value)
        sign = "  "


def _objectives(tasks: Sequence[str]) -> Iterator[str]:
    yield "# What is optimised; `reference` is the worst value that counts for the hypervolume."
    yield "# Other metrics stand at the end of docs/recipe.md."
    yield "objectives:"
    for task in tasks:
        yield f"  - {{metric: {TASK_METRICS[task][0]}, goal: maximize, reference: 0.0}}"
    sign = "# - " if len(tasks) > 1 else "- "
    yield f"  {sign}{{metric: cost/latency_ms, goal: minimize, unit: ms, reference: 1000}}"


def _base(tasks: Sequence[str], chosen: Plan) -> Iterator[str]:
    config = chosen.config
    size, optimizer = list(config.backbone.image_size), config.optimizer
    name, weights = config.backbone.name, config.backbone.weights
    yield "# What all trials have in common."
    yield "base:"
    if weights == "imagenet":
        yield "  # Or tiny, resnet18, resnet50, efficientnet_b0, regnet_*, convnext_tiny, swin_t."
    else:
        yield "  # No ImageNet weights lie on this machine. With a network, better on real frames:"
        yield f"  # backbone: {{name: mobilenet_v2, weights: imagenet, image_size: {size}}}"
    yield f"  backbone: {{name: {name}, weights: {weights}, image_size: {size}}}"
    yield f"  sharing: {{order: [{', '.join(tasks)}]}}"
    yield f"  heads: {{channels: {config.heads.channels}}}"
    yield "  optimizer:"
    yield "    name: adamw  # or sgd"
    yield f"    batch_size: {optimizer.batch_size}"
    yield f"    epochs: {optimizer.epochs}  # a report after each; more train better"
    yield f"    steps_per_epoch: {optimizer.steps_per_epoch}"
    yield "    precision: auto  # bfloat16 on GPUs that have it"


def _parameters(tasks: Sequence[str], chosen: Plan) -> Iterator[str]:
    yield "# What the search varies."
    yield "parameters:"
    if len(tasks) > 1:
        n = chosen.n_stages
        yield "  # Stages of the backbone that neighbours in `sharing.order` share, 0 for none."
        for i in range(len(tasks) - 1):
            yield f"  sharing.split_after.{i}: {{type: int, min: 0, max: {n}, default: {n}}}"
        yield from WEIGHTING
        for task in tasks:
            yield f"  weighting.weights.{task}:"
            yield f"    {{{LOG_FLOAT}, min: 0.3, max: 30, default: 1, {OF_FIXED}}}"
        yield from SCHEDULE
    lr = chosen.config.optimizer.lr
    ends = f"min: {lr / 4:g}, max: {lr * 4:g}, default: {lr:g}"
    yield f"  optimizer.lr: {{{LOG_FLOAT}, {ends}}}"
    yield "  # backbone.views: {type: categorical, values: [rgb, rgb+hog, rgb+sift]}"


def _rest(tasks: Sequence[str], chosen: Plan) -> Iterator[str]:
    machine = chosen.machine
    if len(tasks) > 1:
        yield "# Each task alone, to see what sharing gains or costs; trials beside the budget."
        yield f"# baselines: {{single_task: [{', '.join(tasks)}], equal_weights: true}}"
    yield from FURTHER
    yield f"# {machine.slots} trials run at a time here; `resources` are those of one."
    yield f"resources: {{cpu: 1, gpu: {0.5 if machine.n_gpus else 0:g}}}"
    yield "# Or minutes, epochs, gpu_hours: the first that is reached ends the search."
    yield f"budget: {{trials: {chosen.n_trials}}}"


def _wrapped(head: str, value: object) -> Iterator[str]:
    """Write a value in YAML's flow style, folded where it is long."""
    text = head + _flow(value)
    inner = " " * (len(head) - len(head.lstrip(" -")) + 2)
    if len(text) <= WIDTH or not isinstance(value, list | tuple | Mapping):
        yield text
    else:
        yield from textwrap.wrap(
            text, WIDTH, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False
        )


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    is_plain = PLAIN_WORD.fullmatch(value) and value.strip() == value
    return value if is_plain and value.lower() not in RESERVED else '"' + _escaped(value) + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')

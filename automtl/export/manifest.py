"""What ``config.json`` of a bundle holds, and how strictly it is read."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Literal

from automtl.config.blueprint import View, check_image_size
from automtl.config.digest import digest_of
from automtl.data.table import DataInfo
from automtl.data.views import VERSION
from automtl.errors import BundleError
from automtl.export.stored import StoredConfig
from automtl.fusion.association import Association
from automtl.plain import PlainError, Within, read

if TYPE_CHECKING:
    from automtl.config import TrialConfig
    from automtl.results import Pick, StudyInfo

SCHEMA_VERSION = 1

Side = Annotated[int, Within(least=32, most=8192)]
ClassNames = Annotated[tuple[Annotated[str, Within(most=200)], ...], Within(most=10_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """What the network expects of a picture.

    Attributes:
        layout: ``uint8 RGB [B, 3, H, W]``; nothing else is accepted.
        image_size: Height and width in pixels.
        resize: How a picture of another size is brought to ``image_size``.
        normalisation: Where mean and standard deviation are applied.
        views: What is computed of a picture before the network, stacked in this order.
        views_version: How they are computed, where they are more than ``rgb``.
    """

    layout: Literal["uint8 RGB [B, 3, H, W]"] = "uint8 RGB [B, 3, H, W]"
    image_size: tuple[Side, Side]
    resize: Literal["bilinear, whole picture"] = "bilinear, whole picture"
    normalisation: Literal["inside the network"] = "inside the network"
    views: tuple[View, ...] = ("rgb",)
    views_version: int = VERSION

    def __post_init__(self) -> None:
        """Raise ``PlacedError`` if the pictures are larger than any machine can read."""
        check_image_size(self.image_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What is known of the data that trained the model.

    Attributes:
        digest: Digest of all frames and labels.
        segmentation_frequency: Share of the labelled training pixels by mask value.
        target_medians: Median of each further target's labelled numbers in the training split.
    """

    digest: str = ""
    segmentation_frequency: tuple[float, ...] = ()
    target_medians: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The bundle that a fine-tuned or extended model began from.

    Attributes:
        digest: Digest of the parent's checksums.
        config_digest: Digest of the parent's configuration.
        data_digest: Digest of the parent's data.
        freeze_trunk: Whether the trunk was kept as it was.
        frozen: All parts that were.
        added: The tasks that it did not have.
    """

    digest: str
    config_digest: str
    data_digest: str = ""
    freeze_trunk: bool
    frozen: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


FusionKind = Literal["boxes", "scene"]
"""Boxes and their motion alone, or boxes, masks and embeddings together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """How objects are linked over a clip, and what the masks and embeddings are worth there.

    Attributes:
        kind: Which parameters prediction uses by default: the better ones on held-out frames.
        boxes: Parameters for boxes alone.
        scene: Parameters for all cues.
        n_candidates: How many parameters were tried for each.
        held_out: Values by key (``boxes/HOTA``, ``scene/HOTA``, ``default/HOTA`` with parameters
            that nothing was tuned for, ...): the validation split in two halves, each scored
            with parameters that were tuned on the other one.
    """

    kind: FusionKind
    boxes: Association
    scene: Association
    n_candidates: Annotated[int, Within(least=1)]
    held_out: Mapping[str, float]

    def association(self, kind: FusionKind) -> Association:
        """Return the parameters of ``kind``."""
        return self.scene if kind == "scene" else self.boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of ``config.json``: all that is needed to build the network and use it.

    Attributes:
        schema_version: Version of this layout.
        config: The whole configuration of the training; its parts that build the network are
            checked when it is read, all of it by ``StoredConfig.whole``.
        config_digest: Its digest, which has to fit.
        tasks: Heads of the network, in chain order.
        detection_classes: Names by index.
        segmentation_classes: Names by mask value.
        image_classes: Names of the pictures' classes by index.
        preprocessing: What the network expects of a picture.
        seed: Seed of the training.
        data: What is known of the data.
        study: Name of the study, if a search made the model.
        study_seed: Its seed.
        trial: Number of the trial, if a search made the model.
        parent: The bundle that fine-tuning began from, if any.
        fusion: How objects are linked; None where it could not be tuned.
        created: UTC time.
        versions: Libraries that wrote the bundle.
    """

    schema_version: int
    config: StoredConfig
    config_digest: str
    tasks: tuple[str, ...]
    detection_classes: ClassNames
    segmentation_classes: ClassNames
    image_classes: ClassNames = ()
    preprocessing: Preprocessing
    seed: int
    data: DataFacts
    study: str | None = None
    study_seed: int | None = None
    trial: int | None = None
    parent: Parent | None = None
    fusion: Fusion | None = None
    created: str
    versions: Mapping[str, str]

    @property
    def info(self) -> DataInfo:
        """What heads need to know of the data."""
        return DataInfo(
            detection_classes=self.detection_classes,
            segmentation_classes=self.segmentation_classes,
            image_size=self.preprocessing.image_size,
            segmentation_frequency=self.data.segmentation_frequency,
            digest=self.data.digest,
            image_classes=self.image_classes,
            target_medians=self.data.target_medians,
        )


def make_manifest(
    config: "TrialConfig",
    info: DataInfo,
    *,
    seed: int,
    pick: "Pick | None",
    study: "StudyInfo | None",
    parent: Parent | None,
    fusion: Fusion | None = None,
) -> Manifest:
    """Describe a model that was just trained."""
    return Manifest(
        schema_version=SCHEMA_VERSION,
        config=read(StoredConfig, config.to_plain()),
        config_digest=config.digest,
        tasks=config.tasks,
        detection_classes=info.detection_classes,
        segmentation_classes=info.segmentation_classes,
        image_classes=info.image_classes,
        preprocessing=Preprocessing(image_size=info.image_size, views=config.backbone.views),
        seed=seed,
        data=DataFacts(
            digest=info.digest,
            segmentation_frequency=info.segmentation_frequency,
            target_medians=info.target_medians,
        ),
        study=study.name if study else None,
        study_seed=study.seed if study else None,
        trial=pick.number if pick else None,
        parent=parent,
        fusion=fusion,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=library_versions(),
    )


def read_manifest(plain: Mapping[str, object], where: str) -> Manifest:
    """Rebuild a manifest.

    Args:
        plain: The JSON object.
        where: The file, for messages.

    Raises:
        BundleError: If the schema is newer, a key is missing, unknown or of a wrong kind, or
            the digest does not fit the configuration.
    """
    _refuse_newer(plain, where)
    try:
        manifest = read(Manifest, plain)
    except PlainError as error:
        found = error.mistakes
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        msg = "; ".join(found[:3]) + more
        raise BundleError(msg, where=where, fix="Export the model again") from error
    # Of what was written: a version that knows more keys fills them in with their defaults.
    digest = digest_of(plain["config"])
    if digest != manifest.config_digest or manifest.config.tasks != manifest.tasks:
        msg = (
            f"config_digest {manifest.config_digest} or tasks {list(manifest.tasks)} do not fit "
            f"the configuration (digest {digest})"
        )
        raise BundleError(
            msg,
            where=where,
            fix="Export the model again",
        )
    _refuse_other_views(manifest, where)
    return manifest


def _refuse_other_views(manifest: Manifest, where: str) -> None:
    said, used = manifest.preprocessing, manifest.config.backbone.views
    if said.views != used:
        msg = f"preprocessing gives the views {list(said.views)}, the network reads {list(used)}"
        raise BundleError(msg, where=where, fix="Export the model again")
    if used != ("rgb",) and said.views_version != VERSION:
        msg = (
            f"the model was trained with version {said.views_version} of its views, this automtl "
            f"computes version {VERSION}"
        )
        raise BundleError(msg, where=where, fix="Use the automtl that exported it")


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide a model's numbers."""
    names = ("automtl", "torch", "torchvision", "safetensors", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _refuse_newer(plain: Mapping[str, object], where: str) -> None:
    found = plain.get("schema_version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        msg = f"schema_version must be a number from 1, found {found!r}"
        raise BundleError(
            msg,
            where=where,
            fix="Name a folder made by `automtl export`",
        )
    if found > SCHEMA_VERSION:
        known = {each.name for each in fields(Manifest)}
        differing = [f"+{key}" for key in sorted(set(plain) - known)]
        differing += [f"-{key}" for key in sorted(known - set(plain))]
        msg = (
            f"the bundle has schema {found}, this automtl reads up to {SCHEMA_VERSION}; "
            f"keys that differ: {', '.join(differing) or 'none'}"
        )
        raise BundleError(
            msg,
            where=where,
            fix="Upgrade automtl: pip install -U automtl",
        )

"""What a network is judged by, on whichever split."""

from automtl.analysis.delta import TaskMetrics

METRICS = {
    "detection": TaskMetrics(metrics=("detection/mAP", "detection/mAP_50")),
    "segmentation": TaskMetrics(metrics=("segmentation/mIoU",)),
    "tracking": TaskMetrics(metrics=("tracking/IDF1",)),
}
"""By task, the primary metric first."""

PRIMARIES = tuple(of.metrics[0] for of in METRICS.values())
"""Their mean is what decides a comparison."""

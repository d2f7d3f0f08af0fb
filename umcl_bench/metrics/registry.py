"""The metrics by name, from the modules that define them."""

from __future__ import annotations

from umcl_bench.errors import unknown_name
from umcl_bench.metrics import classification, localisation, overlap, ranking
from umcl_bench.metrics.metric import Metric

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (*classification.METRICS, *ranking.METRICS, *overlap.METRICS, *localisation.METRICS)
}
"""Every metric that a task may name."""


def get_metric(name: str) -> Metric:
    """The metric called `name`. Raises UsageError, with suggestions, where there is none."""
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]

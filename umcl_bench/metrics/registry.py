"""The metrics by name, from the modules that define them."""

from __future__ import annotations

from umcl_bench.errors import unknown_name
from umcl_bench.metrics import calibration, classification, decisions, localisation, overlap, ranking
from umcl_bench.metrics.metric import Metric

_MODULES = (classification, decisions, calibration, ranking, overlap, localisation)
METRICS: dict[str, Metric] = {metric.name: metric for module in _MODULES for metric in module.METRICS}
"""Every metric that a task may name."""


def get_metric(name: str) -> Metric:
    """The metric called `name`. Raises UsageError, with suggestions, where there is none."""
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]

"""Metrics of grounding, from what is kept of each sample."""

from __future__ import annotations

from umcl_bench.metrics.metric import Metric

METRICS: tuple[Metric, ...] = ()

"""A benchmark harness for CLIP-style medical image-text models. Importing it loads nothing heavy."""

from umcl_bench.registry import get_baseline, get_task, list_baselines, list_tasks

__all__ = ["get_baseline", "get_task", "list_baselines", "list_tasks"]

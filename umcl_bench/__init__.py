"""A benchmark harness for CLIP-style medical image-text models. Importing it loads nothing heavy."""

from typing import Any

__all__ = ["get_baseline", "get_task", "list_baselines", "list_tasks"]


def __getattr__(name: str) -> Any:
    """The registry's functions, loaded at their first use: the command line's help has no need of them."""
    if name in __all__:
        from umcl_bench import registry

        return getattr(registry, name)
    raise AttributeError(f"module 'umcl_bench' has no attribute {name!r}")

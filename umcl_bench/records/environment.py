"""What a record says of where it was made: versions, the code's git state, the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = ("umcl-bench", "torch", "timm", "transformers", "tokenizers", "numpy", "scikit-learn", "pillow")


def versions() -> dict[str, str]:
    """Python's and the main packages' versions."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_state() -> dict[str, object]:
    """The commit of this package's own checkout and whether its code differs from it; empty where there is none."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return {}
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        code = ("umcl_bench", "baselines", "tasks", "pyproject.toml")
        return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--", *code))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


def machine(device: str) -> dict[str, object]:
    """The processor, its cores, the threads that were used of them, and the device."""
    import torch

    facts: dict[str, object] = {"device": device, "processor": _processor(), "cores": os.cpu_count()}
    facts["threads"] = torch.get_num_threads()
    if device == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

"""torch.compile for the towers: what of them can be compiled, and what that needs."""

from __future__ import annotations

import os
import shutil
import sys

import torch

from umcl_bench.errors import UsageError
from umcl_bench.models.dual import DualEncoder


def compile_towers(encoder: DualEncoder, device: torch.device) -> None:
    """Has the trunks compiled at their first pass. On a CPU the image trunk alone.

    There, packed texts have other shapes at every step, and each would be compiled anew. And inductor would put the
    fused attention kernel in the place of plain matrix products, which is slower: its pattern matching is off. Raises
    UsageError without a C++ compiler.
    """
    if device.type != "cpu":
        encoder.image.trunk.compile()
        if hasattr(encoder, "text"):
            encoder.text.trunk.compile()
        return
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise UsageError(f"--compile needs a C++ compiler, and there is no {compiler}; install one, or set $CXX")
    encoder.image.trunk.compile(options={"pattern_matcher": False})

"""Protocols: a model and a corpus in, per-sample scores out. A module each; this finds the one that a task names."""

from __future__ import annotations

import importlib
from typing import cast

from umcl_bench.protocols.base import Runner
from umcl_bench.spec import Task


def runner_of(task: Task) -> Runner:
    """The module of the task's protocol: kind 'zero-shot' is protocols/zero_shot.py."""
    return cast(Runner, importlib.import_module(f"umcl_bench.protocols.{task.protocol.kind.replace('-', '_')}"))

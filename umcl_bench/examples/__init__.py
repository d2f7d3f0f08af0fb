"""Films that a record scored, looked at again with its model. A module for each protocol that has a picture of films.

No example is chosen by how well it was scored: ids are drawn by a generator with a fixed seed, whatever the model, so
that pictures of several models are of the same films. What is shown of an example is computed anew, and its score is
compared with the one on record.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from umcl_bench.examples.base import Asked, Shown

KINDS = ("class-prompts", "grounding", "retrieval", "segmentation", "zero-shot")
"""The kinds of protocol that have pictures of films."""


class Drawer(Protocol):
    """What a module of this package offers."""

    WHOLE: bool
    """Whether all films of the data are needed, and not only those that are shown."""

    def draw(self, asked: Asked) -> list[Shown]:
        """Draws the pictures. Raises BenchError where the model or the data have nothing to show."""


def drawer_of(protocol: Any) -> Drawer:
    """The module of a protocol of one of KINDS."""
    return cast(Drawer, importlib.import_module(f"umcl_bench.examples.{protocol.kind.replace('-', '_')}"))

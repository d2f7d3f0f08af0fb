"""What a finding does to a film."""

from __future__ import annotations

from typing import NamedTuple

from umcl_bench.data.phantom.banks import Field


class Effect(NamedTuple):
    """A change of attenuation, and where the finding is (0 to 1), in the patient's upright frame."""

    change: Field
    region: Field

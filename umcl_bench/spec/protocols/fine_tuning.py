"""Classification by the whole image tower and a linear head, tuned on labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umcl_bench.spec.protocols.fitting import Fitting, Setting
from umcl_bench.spec.protocols.fitting import check_setting as _check_setting
from umcl_bench.values import check_range as _check_range

CONTROLLED = Fitting(learning_rate=3e-3, batch=64, steps=300, look_every=60)
"""Some 16 s of a CPU at size tiny, for any share. The rate was chosen on the phantom's val."""
BENCHX_FINE_TUNING = Fitting(
    optimiser="adam",
    learning_rate=1e-4,
    encoder_factor=0.1,
    weight_decay=0.0,
    batch=64,
    steps=3000,
    epochs=200,
    look_every=0,
    patience=10,
    warmup_share=0.02,
)
"""As in BenchX's configs, by a summary: Adam at 5e-5 to 1e-4, the tower at a tenth, 50 to 60 of 1,200 to 3,000 steps of
warm-up and then a cosine, batches of 64, at most 200 epochs and 10 without a better one."""


@dataclass(frozen=True)
class FineTune:
    """The whole image tower and a linear head, tuned on shares of the training patients (BenchX's recipe).

    Binary cross-entropy over the findings, without targets that are not known. The best look at val is that of the
    highest mean AUROC over the findings that are defined there. `setting` says which schedule is used: `fitting`, the
    same short one for every model, or the `published` one. `fractions`, `draws` and `share_seed` are as a probe's.
    """

    findings: tuple[str, ...] = ()
    fitting: Fitting = CONTROLLED
    published: Fitting | None = BENCHX_FINE_TUNING
    setting: Setting = "controlled"
    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    draws: int = 1
    share_seed: int = 0
    kind: Literal["fine-tune"] = "fine-tune"

    def __post_init__(self) -> None:
        _check_range("draws", self.draws, 1, 1000)
        _check_setting(self)

    @property
    def schedule(self) -> Fitting:
        """The one that is used."""
        return self.published if self.setting == "published" and self.published else self.fitting

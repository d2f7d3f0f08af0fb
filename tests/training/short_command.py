"""umcl-bench with a small phantom and a short budget, for tests that start it under torchrun.

At step 3, $AT_STEP_3 makes it "stop" (SIGTERM to torchrun, as a scheduler would) or "fail" (on the second process).
"""

import dataclasses
import os
import signal
import time

from torch import Tensor

from tests.conftest import small_phantom
from tests.training.one_of_several import VIT
from umcl_bench import cli, spec
from umcl_bench.data import sources
from umcl_bench.training.feed import Parcel
from umcl_bench.training.loop import Trainer
from umcl_bench.training.runtime import world


class Eventful(Trainer):
    """Something happens at step 3."""

    def train_step(self, parcel: Parcel) -> tuple[Tensor, Tensor]:
        """As a trainer's."""
        event = os.environ.get("AT_STEP_3", "") if parcel.step == 3 else ""
        if event == "fail" and world().rank == 1:
            raise OSError("the film's disk went away")
        if event == "stop" and world().leads:
            os.kill(os.getppid(), signal.SIGTERM)
            time.sleep(1)
        return super().train_step(parcel)


def main() -> None:
    """The command line, smaller."""
    optim = dataclasses.replace(spec.TINY.optim, batch=16, films_seen=16 * 8)
    spec.SIZES["tiny"] = dataclasses.replace(spec.TINY, optim=optim, image=VIT)
    sources._open_phantom = small_phantom
    from umcl_bench.training import loop

    loop.Trainer = Eventful  # type: ignore[misc]
    cli.main()


if __name__ == "__main__":
    main()

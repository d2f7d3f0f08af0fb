"""What the user asked for, and the command line that asks for the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Literal

from umcl_bench.data.readers import DEFAULTS, ReadOptions
from umcl_bench.data.sources import chosen_options
from umcl_bench.spec import LAST, Init, Precision, Sampling, Selection, Setting
from umcl_bench.training.runtime import DEFAULT as DEFAULT_RUNTIME
from umcl_bench.training.runtime import Runtime


@dataclass(frozen=True)
class Request:
    """What the user asked for. `workers`, `eval_batch` and `runtime` change no figure beyond rounding.

    `batch` 0 is the size's own; a `micro_batch` 'auto' is the largest that fits this machine's memory. An empty task
    is for training alone, an empty `image_tower` and `init` are the size's own. `limit` is how many films of each
    split of the task's corpus are kept (0: all); training has all of its own.

    `device` does: 'auto' takes what the machine has, and the record says what that was and in which precision; a device
    that is asked for by name is part of the record's id.
    """

    model: str
    task: str
    data: str | None = None
    size: str = "tiny"
    setting: Setting = "controlled"
    image_tower: str = ""
    init: Init | Literal[""] = ""
    seed: int = 0
    dials: dict[str, float] = field(default_factory=dict)
    options: ReadOptions = DEFAULTS
    train_on: tuple[str, ...] = ()
    split: str = ""
    limit: int = 0
    skip_unreadable: bool = False
    sampling: Sampling | None = None
    again: bool = False
    batch: int = 0
    micro_batch: int | Literal["auto"] = 0
    precision: Precision = "auto"
    compiled: bool = False
    selection: Selection = LAST
    runtime: Runtime = DEFAULT_RUNTIME
    device: str = "auto"
    workers: int = 0
    eval_batch: int = 64


def command(request: Request) -> str:
    """The command line that makes the same run in an empty store."""
    words = ["umcl-bench", "run" if request.task else "train", "--model", request.model]
    words += ["--task", request.task] if request.task else []
    words += ["--data", request.data] if request.data else []
    words += ["--size", request.size] if request.size != "tiny" else []
    words += ["--setting", request.setting] if request.setting != "controlled" else []
    words += ["--image-tower", request.image_tower] if request.image_tower else []
    words += ["--init", request.init] if request.init else []
    words += ["--seed", str(request.seed)] if request.seed else []
    words += [w for name, value in request.dials.items() for w in ("--dial", f"{name}={value!r}")]
    words += [w for name, value in chosen_options(request.options).items() for w in (f"--{name}", value)]
    words += ["--split", request.split] if request.split else []
    words += ["--limit", str(request.limit)] if request.limit else []
    words += ["--skip-unreadable"] if request.skip_unreadable else []
    words += sampling_words(request.sampling)
    words += ["--train-on", ",".join(request.train_on)] if request.train_on else []
    words += training_words(request)
    words += ["--device", request.device] if request.device != "auto" else []
    return shlex.join(words)


def training_words(request: Request) -> list[str]:
    """The options that change how a model is trained."""
    words = ["--batch", str(request.batch)] if request.batch else []
    words += ["--micro-batch", str(request.micro_batch)] if request.micro_batch else []
    words += ["--precision", request.precision] if request.precision != "auto" else []
    words += ["--compile"] if request.compiled else []
    chosen = request.selection
    return words + (["--select", chosen.rule, "--eval-every", str(chosen.every)] if chosen.every else [])


def sampling_words(sampling: Sampling | None) -> list[str]:
    """The options that ask for a mix of rows."""
    if sampling is None:
        return []
    mix = ",".join(f"{kind}={weight!r}" for kind, weight in sampling.ratio)
    return [*(["--mix", mix] if mix else []), *(["--balanced"] if sampling.balanced else [])]

"""Options that several commands share, and how what was typed is checked. Nothing heavy is imported at the top."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from umcl_bench.errors import BenchError, Stopped, UsageError, unknown_name

if TYPE_CHECKING:
    from umcl_bench.data.readers import ReadOptions
    from umcl_bench.request import Request
    from umcl_bench.spec import Sampling

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="A folder with official releases, or with a metadata.csv; leave it out for the phantom (synthetic films).",
    ),
]
Dials = Annotated[
    list[str] | None, typer.Option("--dial", help="A dial of the phantom, as in similarity=0.9. May be repeated.")
]
Unnamed = Annotated[
    str, typer.Option(help="How findings count that a labelled film does not name: unknown or negative.")
]
Uncertain = Annotated[
    str, typer.Option(help="What an uncertain label counts as: ones, zeros, ignore, gloria (by finding) or soft (0.7).")
]
Section = Annotated[
    str, typer.Option(help="The text of a report: findings+impression, impression, findings, longest or report (all).")
]
Votes = Annotated[str, typer.Option(help="Several readers of one film: majority or any.")]
Labeler = Annotated[str, typer.Option(help="Whose labels of MIMIC-CXR: chexpert or negbio. (chexpert's, if there)")]
TrainOn = Annotated[
    str, typer.Option(help="Datasets of --data to learn from, as in chexpert,mimic-cxr. (all that --data holds)")
]
SkipUnreadable = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave films out that can't be read; the record counts and lists them."),
]
Model = Annotated[
    str,
    typer.Option(help="A model's name, several (a,b), or all; +field=value changes one. See `umcl-bench list models`."),
]
Loss = Annotated[
    str, typer.Option(help="Another loss for the models, as in umcl: --model clip is clip+loss=umcl then.")
]
Task = Annotated[
    str,
    typer.Option(help="A task's name, or several (a,b); +field=value changes one. See `umcl-bench list tasks`."),
]
Suite = Annotated[
    str,
    typer.Option(
        help="Tasks by one name, instead of --task: quick, standard, own, full. See `umcl-bench list suites`."
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="A quick look: so many films of each split of the task's data, whole patients. (all)"),
]
Size = Annotated[
    str, typer.Option(help="Towers and budget: tiny (a CPU, about a minute), small, or base (the papers' towers).")
]
Setting = Annotated[
    str, typer.Option(help="controlled: the same towers and budget for all models; paper: the paper's own.")
]
ImageTower = Annotated[str, typer.Option(help="With --size base: resnet50 (if none is given), swin-t or vit-b-16.")]
Init = Annotated[
    str, typer.Option(help="Where towers start: pretrained (if none is given, as base and most papers do), or scratch.")
]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of weights, order and augmentation.")]
Mix = Annotated[str, typer.Option(help="Weights of kinds of row, as in image-text=1,image-label=3.")]
Balanced = Annotated[bool, typer.Option("--balanced", help="Draw every finding as often as every other.")]
Store = Annotated[
    Path | None, typer.Option("--store", help="Where records and checkpoints are. ($UMCL_BENCH_STORE, or runs)")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that read films. (one a core)")]
Batch = Annotated[
    str,
    typer.Option(help="Rows a step, over all processes; the films seen stay. auto: --micro-batch auto."),
]
MicroBatch = Annotated[
    str,
    typer.Option(help="Rows in the towers at a time, with the whole batch's gradient; auto: the most that fit."),
]
PrecisionOption = Annotated[
    str, typer.Option("--precision", help="The towers': float32, bfloat16, or auto, the faster one here.")
]
Compile = Annotated[
    bool,
    typer.Option("--compile", help="Compile the towers (torch.compile): half a minute first; hardly faster on a CPU."),
]
Select = Annotated[
    str, typer.Option(help="Whose weights are kept: last, val-auroc or val-loss (the best on val; needs --eval-every).")
]
EvalEvery = Annotated[int, typer.Option(min=0, help="Steps between looks at val. (never)")]
SaveEvery = Annotated[int, typer.Option(min=0, help="Steps between states to go on from. (every five minutes)")]
Recompute = Annotated[
    bool,
    typer.Option("--recompute", help="Make activations again in the backward pass: less memory, more time."),
]
Shard = Annotated[
    bool, typer.Option("--shard", help="Under torchrun: spread weights and optimiser over the processes (FSDP2).")
]
Tensorboard = Annotated[Path | None, typer.Option(help="A folder for TensorBoard's events of the training.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; results and warnings only.")]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs.")]


def parse_dials(given: list[str] | None) -> dict[str, float]:
    """'name=number' items as a dictionary."""
    return _numbers(given or [], "--dial", "similarity=0.9")


def parse_sampling(mix: str, balanced: bool) -> Sampling | None:
    """'image-text=1,image-label=3' and --balanced as a value; None where neither was given."""
    from umcl_bench.spec import Sampling

    if not mix and not balanced:
        return None
    weights = _numbers(mix.split(",") if mix else [], "--mix", "image-text=1,image-label=3")
    try:
        return Sampling(ratio=tuple(weights.items()), balanced=balanced)  # type: ignore[arg-type]  # it checks the names
    except ValueError as error:
        raise UsageError(f"--mix {mix!r}: {error}") from None


def _numbers(items: Iterable[str], option: str, example: str) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for item in items:
        name, _, value = (part.strip() for part in item.partition("="))
        if name in numbers:
            raise UsageError(f"{option}: {name} is given twice; once is enough")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise UsageError(f"{option} {item!r}: write name=number, as in {example}") from None
    return numbers


def request_of(given: dict[str, Any]) -> Request:
    """What was typed for `run` or `train`, by the options' names, as a request."""
    from umcl_bench import spec
    from umcl_bench.request import Request

    for option, choices in (("setting", get_args(spec.Setting)), ("init", ("", *get_args(spec.Init)))):
        if given[option] not in choices:
            raise unknown_name(option, given[option], filter(None, choices))
    plain = (
        "model", "data", "size", "setting", "image_tower", "init", "seed", "split", "skip_unreadable", "again",
        "device", "workers", "eval_batch",
    )  # fmt: skip
    return Request(
        task=given.get("task", ""),
        limit=given.get("limit") or 0,
        **{name: given[name] for name in plain if name in given},
        dials=parse_dials(given["dial"]),
        options=read_options(*(given[name] for name in ("unnamed", "uncertain", "section", "votes", "labeler"))),
        train_on=names(given["train_on"]),
        sampling=parse_sampling(given["mix"], given["balanced"]),
        **training_options(given),
    )


def training_options(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a request that say how to train, from what was typed, by the options' names."""
    from umcl_bench.spec import Precision, Selection, SelectionRule
    from umcl_bench.training.monitor import check_tensorboard
    from umcl_bench.training.runtime import Runtime

    for what, value, choices in (
        ("precision", given["precision"], get_args(Precision)),
        ("selection rule", given["select"], get_args(SelectionRule)),
    ):
        if value not in choices:
            raise unknown_name(what, value, choices)
    every = given["eval_every"]
    if (given["select"] == "last") != (every == 0):
        raise UsageError("--select val-auroc or val-loss and --eval-every STEPS go together: give both or neither")
    if given["compile"] and given["shard"]:
        raise UsageError("--compile and --shard don't go together; leave one of them out")
    if given["tensorboard"] is not None:
        check_tensorboard()
    batch, micro = (_rows(given[name], f"--{name.replace('_', '-')}") for name in ("batch", "micro_batch"))
    if batch == "auto":
        batch, micro = 0, micro or "auto"
    return {
        "batch": batch,
        "micro_batch": micro,
        "precision": given["precision"],
        "compiled": given["compile"],
        "selection": Selection(given["select"], every),
        "runtime": Runtime(
            save_steps=given["save_every"],
            recompute=given["recompute"],
            shard=given["shard"],
            tensorboard=given["tensorboard"],
        ),
    }


def _rows(given: str, option: str) -> int | Literal["auto"]:
    if given in ("", "auto"):
        return "auto" if given else 0
    if not given.isdecimal() or int(given) < 2:
        raise UsageError(f"{option} {given!r}: write a number of rows (2 or more), or auto")
    return int(given)


def read_options(unnamed: str, uncertain: str, section: str, votes: str, labeler: str) -> ReadOptions:
    """The choices of how a source is read. Raises UsageError for a name that there is not."""
    from umcl_bench.data.policies import UNCERTAIN
    from umcl_bench.data.readers import ReadOptions
    from umcl_bench.data.readers.base import SECTIONS

    allowed: dict[str, tuple[str, tuple[str, ...]]] = {
        "policy for unnamed findings": (unnamed, ("", "unknown", "negative")),
        "policy for uncertain findings": (uncertain, ("", *UNCERTAIN)),
        "section of a report": (section, SECTIONS),
        "rule for votes": (votes, ("majority", "any")),
        "labeler": (labeler, ("", "chexpert", "negbio")),
    }
    for what, (given, choices) in allowed.items():
        if given not in choices:
            raise unknown_name(what, given, filter(None, choices))
    return ReadOptions(unnamed, uncertain, section, votes, labeler)  # type: ignore[arg-type]


def names(given: str) -> tuple[str, ...]:
    """'a, b' as ('a', 'b'). Raises UsageError where there are commas and no name."""
    found = tuple(name.strip() for name in given.split(",") if name.strip())
    if given and not found:
        raise UsageError(f"{given!r} holds no name; write names with commas between them")
    return found


def task_names(task: str, suite: str) -> tuple[str, ...]:
    """The tasks of --task, or of --suite. Raises UsageError where not exactly one of them is given."""
    from umcl_bench.registry import tasks_of_suite

    if bool(task) == bool(suite):
        raise UsageError("name tasks with --task, or a list of them with --suite: one of the two")
    return tasks_of_suite(suite) if suite else names(task)


def model_names(given: str, loss: str, *, only_trained: bool = False) -> tuple[str, ...]:
    """The models of --model, with another loss where one is given; 'all' is every registered one.

    'all' leaves models out that are not trained, or have no contrastive loss, where only these make sense. Raises
    UsageError, with suggestions.
    """
    from umcl_bench.registry import get_baseline, list_baselines
    from umcl_bench.spec import LOSSES

    if loss and loss not in LOSSES and ":" not in loss:
        raise unknown_name("loss", loss, LOSSES)
    found: list[str] = []
    for name in names(given) or (given,):
        if name == "all":
            trained = [n for n in list_baselines() if get_baseline(n).weights == "trained"]
            contrastive = [n for n in trained if get_baseline(n).has_text_tower]
            found += contrastive if loss else trained if only_trained else list_baselines()
        elif loss and not get_baseline(name).has_text_tower:
            raise UsageError(f"--loss {loss}: {name} has no text tower, and so no contrastive loss; leave one out")
        elif loss and get_baseline(name).weights != "trained":
            raise UsageError(f"--loss {loss}: {name} is not trained, and a loss would change nothing; leave one out")
        else:
            found.append(name)
    return tuple(f"{name}+loss={loss}" if loss else name for name in dict.fromkeys(found))


def check_output(path: Path) -> None:
    """Raises UsageError where no file can be written at `path`."""
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--output {path} is a folder; name a file in it")
    if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/null would be replaced by a file
        raise UsageError(f"--output {path} is a link or a device; name a plain file")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"--output {path}: nothing may be written in {path.parent}")


def write_whole(path: Path, text: str) -> None:
    """Writes a file that is there whole or not at all. Raises BenchError where it can't be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:  # a full disk's has no name
        raise BenchError(f"{path} could not be written: {error.strerror or error}. Check the free space") from error
    finally:
        part.unlink(missing_ok=True)


def width(to_file: bool = False) -> int | None:
    """The terminal's own width; 140 columns where the output is no terminal."""
    return None if sys.stdout.isatty() and not to_file else 140


@contextmanager
def stoppable() -> Iterator[None]:
    """Turns Ctrl-C into the error that says what is left."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(
            "stopped; nothing half-written is left. The same command goes on from what is finished."
        ) from None

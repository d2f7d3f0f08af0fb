"""`umcl-bench train`: a model without a task, and where its training's time goes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from umcl_bench import cli_options as opt

if TYPE_CHECKING:
    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store
    from umcl_bench.request import Request


def train(
    context: typer.Context,
    model: opt.Model,
    loss: opt.Loss = "",
    data: opt.Data = None,
    size: opt.Size = "tiny",
    setting: opt.Setting = "controlled",
    image_tower: opt.ImageTower = "",
    init: opt.Init = "",
    seed: opt.Seed = 0,
    dial: opt.Dials = None,
    unnamed: opt.Unnamed = "",
    uncertain: opt.Uncertain = "",
    section: opt.Section = "findings+impression",
    votes: opt.Votes = "majority",
    labeler: opt.Labeler = "",
    train_on: opt.TrainOn = "",
    skip_unreadable: opt.SkipUnreadable = False,
    mix: opt.Mix = "",
    balanced: opt.Balanced = False,
    batch: opt.Batch = "",
    micro_batch: opt.MicroBatch = "",
    precision: opt.PrecisionOption = "auto",
    compile: opt.Compile = False,
    select: opt.Select = "last",
    eval_every: opt.EvalEvery = 0,
    save_every: opt.SaveEvery = 0,
    recompute: opt.Recompute = False,
    shard: opt.Shard = False,
    tensorboard: opt.Tensorboard = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Say where the time of --profile-steps steps goes; keep nothing.")
    ] = False,
    profile_steps: Annotated[int, typer.Option(min=1, help="Steps to profile.")] = 20,
    store: opt.Store = None,
    device: opt.Device = "auto",
    workers: opt.Workers = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Train a model and keep its checkpoint: `run` with the same options finds it. Or profile the training.

    Several models are trained one after another.
    """
    from umcl_bench.progress import Reporter
    from umcl_bench.records.store import Store
    from umcl_bench.registry import get_baseline

    models = opt.model_names(model, loss, only_trained=True)
    for name in models:
        get_baseline(name)  # before any work
    requests = [dataclasses.replace(opt.request_of(context.params), model=name) for name in models]
    with opt.stoppable():
        for request in requests:
            if profile:
                _profile(request, profile_steps, Reporter(quiet=quiet))
            else:
                _train(request, Store(store), Reporter(quiet=quiet))


def _train(request: Request, store: Store, reporter: Reporter) -> None:
    from umcl_bench.bench import train as train_model
    from umcl_bench.records.describe import describe_training

    fitted = train_model(request, store, reporter)
    typer.echo(f"checkpoint  {store.root / 'checkpoints' / fitted.checkpoint}\n{describe_training(fitted.facts)}")


def _profile(request: Request, steps: int, reporter: Reporter) -> None:
    from umcl_bench.bench import profile_training

    typer.echo(profile_training(request, steps, reporter))

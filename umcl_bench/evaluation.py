"""A run's model and data brought together: what `run` scores, and what is looked at again of a run on record."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from umcl_bench.data.corpus import Corpus
from umcl_bench.data.films import FilmStack, ReadFilms
from umcl_bench.data.sources import Source
from umcl_bench.errors import UsageError
from umcl_bench.plan import Plan, make_plan
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Record, Store
from umcl_bench.request import Request
from umcl_bench.spec import Recipe, digest

if TYPE_CHECKING:
    import torch

    from umcl_bench.fit import Fitted
    from umcl_bench.models.base import Model
    from umcl_bench.protocols.base import Evaluation


class Made(NamedTuple):
    """A model, the facts of its training, and the name of its checkpoint, '' where nothing is trained."""

    model: Model
    facts: dict[str, Any]
    checkpoint: str


def make_model(
    recipe: Recipe, request: Request, device: torch.device, reporter: Reporter, trained: Callable[[], Fitted]
) -> Made:
    """The released model, the control that needs no data, or what `trained` gives; ready to embed."""
    if recipe.baseline.weights == "released":
        from umcl_bench.models import released

        found = released.load(request.model, recipe, device)
        found.batch, found.reporter = request.eval_batch, reporter
        return Made(found, {"selection": "none: released weights", "released": recipe.baseline.released}, "")
    if not recipe.baseline.reads_training_rows:
        from umcl_bench.models.random import RandomEmbeddings

        model = RandomEmbeddings(recipe.size.dim, recipe.seed)
        return Made(model, {"selection": "none: nothing is trained"}, "")
    fitted = trained()
    fitted.model.batch, fitted.model.reporter = request.eval_batch, reporter
    return Made(*fitted)


def evaluation_of(
    plan: Plan, corpus: Corpus, films: FilmStack, model: Model, request: Request, reporter: Reporter, *, keep: bool
) -> Evaluation:
    """What a protocol gets. `films` are the corpus's; `keep` says whether embeddings are kept in the cache."""
    from umcl_bench.protocols.base import Evaluation
    from umcl_bench.training.device import pick_device

    return Evaluation(
        corpus=corpus,
        films=films,
        model=model,
        image=plan.recipe.size.image,
        seed=plan.recipe.seed,
        device=pick_device(request.device).type,
        workers=request.workers or os.cpu_count() or 1,
        reporter=reporter,
        keep=keep,
    )


def check_data(record: Record, request: Request) -> None:
    """Raises UsageError where the data of a run on record are not there any more."""
    if request.data and not Path(request.data).exists():
        raise UsageError(f"the data of {record.id} were at {request.data}, which is not there; name them with --data")


def checkpoint_of(record: Record, plan: Plan, store: Store) -> Path | None:
    """The folder of a record's checkpoint, None where nothing is trained.

    Raises UsageError where it is gone, or where this version would train another model by the record's command.
    """
    if not plan.recipe.baseline.reads_training_rows:
        return None
    name = record.result.get("checkpoint") or ""
    folder = store.root / "checkpoints" / name
    if not name or not folder.is_dir():
        raise UsageError(f"the checkpoint {folder} is not there")
    wanted = plan.checkpoint(record.result["data"]["training_fingerprint"])
    if wanted != name:
        raise UsageError(
            f"this version would not train {record.id}'s model ({name}) but {wanted}: recipe or code are others"
        )
    return folder


def plan_again(record: Record, request: Request, store: Store, source: Source) -> Plan:
    """The plan of a run on record, from what its command asks for. Raises UsageError where task or data are others."""
    plan = make_plan(request, store, source)
    told = record.result
    plan = dataclasses.replace(
        plan, recipe=dataclasses.replace(plan.recipe, repeat=told["model"]["recipe"].get("repeat", 0))
    )
    if digest(plan.task) != told["task"]["digest"]:
        raise UsageError(f"task {plan.task.name} is not what it was: {record.id} was scored by another version of it")
    if plan.corpus.fingerprint != told["data"]["fingerprint"] and not request.skip_unreadable:
        raise UsageError(
            f"the data are not those of {record.id}: fingerprint {plan.corpus.fingerprint}, and then "
            f"{told['data']['fingerprint']}. --data names the right ones"
        )
    return plan


def evaluate_again(
    plan: Plan, record: Record, request: Request, store: Store, reporter: Reporter, *, whole: bool
) -> Evaluation:
    """A run on record as its protocol saw it, with the record's own checkpoint; nothing is trained.

    `whole` reads all films of the task's data, into the cache; without it a film is read when it is asked for.
    Raises UsageError where the checkpoint can't be had.
    """
    from umcl_bench.data.seen import see
    from umcl_bench.fit import Fitted
    from umcl_bench.training.checkpoint import load_checkpoint
    from umcl_bench.training.device import pick_device

    folder, device = checkpoint_of(record, plan, store), pick_device(request.device)
    reporter = reporter if whole else Reporter(quiet=True)  # a few films are no progress

    def trained() -> Fitted:
        assert folder is not None
        model, facts = load_checkpoint(folder, plan.recipe, record.result["data"]["training_fingerprint"], device)
        return Fitted(model, facts, folder.name)

    made = make_model(plan.recipe, request, device, reporter, trained)
    image, corpus, films = plan.recipe.size.image, plan.corpus, None
    if whole:
        corpus, films, _ = see(
            plan.corpus, image, reporter, workers=request.workers, skip_unreadable=request.skip_unreadable
        )
    films = ReadFilms(corpus.pixels, image) if films is None else films
    return evaluation_of(plan, corpus, films, made.model, request, reporter, keep=whole)

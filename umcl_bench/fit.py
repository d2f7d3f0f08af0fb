"""A recipe's model: found as a checkpoint, or trained now, by this process or by all that torchrun started."""

from __future__ import annotations

import contextlib
import functools
import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from umcl_bench.locks import held, machine_lock
from umcl_bench.plan import SELECTION_TASK, checkpoint_name
from umcl_bench.progress import Reporter
from umcl_bench.records.store import Store
from umcl_bench.spec import Recipe
from umcl_bench.training.runtime import Runtime, world

if TYPE_CHECKING:
    import torch

    from umcl_bench.data.seen import Seen
    from umcl_bench.models.trained import TrainedModel
    from umcl_bench.training.loop import Evaluate, Unfinished


class Fitted(NamedTuple):
    """A model, the facts of its training, and the name of its checkpoint."""

    model: TrainedModel
    facts: dict[str, Any]
    checkpoint: str


def fit(recipe: Recipe, seen: Seen, store: Store, device: torch.device, reporter: Reporter, runtime: Runtime) -> Fitted:
    """The trained model. An interrupted training goes on from its last state; a finished one is loaded.

    Under torchrun all processes come here; the first holds the locks and writes, and all return the same model.
    """
    from umcl_bench.training import peers
    from umcl_bench.training.checkpoint import checkpoint_digest, load_checkpoint
    from umcl_bench.training.loop import Unfinished

    fingerprint = seen.corpus.fingerprint  # of the rows that could be read
    name = checkpoint_name(recipe, fingerprint)
    folder = store.root / "checkpoints" / name
    unfinished = Unfinished(store.root / "unfinished" / name, checkpoint_digest(recipe, fingerprint))
    leads = world().leads
    with peers.joined(device), store.lock(name, reporter) if leads else contextlib.nullcontext():
        peers.check_together(name, store.root)
        if peers.agree(folder.is_dir()):
            reporter.say(f"trained before: {folder}")
            if leads:  # of a process that ended between the two
                unfinished.remove()
        else:
            with _cores(device, reporter) if leads else contextlib.nullcontext():
                _train(recipe, seen, store, device, reporter, runtime, unfinished)
        model, facts = load_checkpoint(folder, recipe, fingerprint, device)
        facts["false_negative_rate"] = false_negative_rate(folder)
    return Fitted(model, facts, name)


def false_negative_rate(folder: Path) -> float | None:
    """Of all pairs of a film with another row's text, the share that was a false negative, over a checkpoint's log.

    None where the log is gone, or has no such number.
    """
    from umcl_bench.training.monitor import read_log

    found = [row["false_negative_rate"] for row in read_log(folder / "log.csv")]
    mean = sum(found) / len(found) if found else math.nan
    return None if math.isnan(mean) else mean


def _train(
    recipe: Recipe,
    seen: Seen,
    store: Store,
    device: torch.device,
    reporter: Reporter,
    runtime: Runtime,
    unfinished: Unfinished,
) -> None:
    from umcl_bench.training import peers
    from umcl_bench.training.checkpoint import save_checkpoint
    from umcl_bench.training.loop import train

    evaluate = _evaluate(recipe, seen, device)
    trained = train(recipe, seen.corpus, seen.films, device, reporter, runtime, unfinished, evaluate)
    if world().leads:
        with store.new_folder("checkpoints", unfinished.folder.name) as part:
            save_checkpoint(part, trained, recipe, seen.corpus.fingerprint)
        unfinished.remove()
    peers.agree(None)  # nobody looks for the checkpoint before it is there


def _evaluate(recipe: Recipe, seen: Seen, device: torch.device) -> Evaluate | None:
    from umcl_bench.training.selection import val_loss

    if recipe.selection.rule == "val-auroc":
        return functools.partial(_val_auroc, seen)
    return val_loss(recipe, seen.corpus, seen.films, device) if recipe.selection.rule == "val-loss" else None


def _val_auroc(seen: Seen, model: TrainedModel) -> float:
    from umcl_bench.metrics.intervals import macro
    from umcl_bench.protocols import zero_shot
    from umcl_bench.protocols.base import Evaluation

    outcome = zero_shot.run(SELECTION_TASK, Evaluation(seen.corpus, seen.films, model))
    return macro(outcome.parts[""], "auroc")


def _cores(device: torch.device, reporter: Reporter) -> AbstractContextManager[None]:
    if device.type != "cpu":
        return contextlib.nullcontext()
    from umcl_bench.data.cache import cache_root

    return held(machine_lock(cache_root()), "it is training on this machine's cores", reporter)

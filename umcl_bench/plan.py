"""What a request comes to: recipe, task and data, checked against each other, and what they will take."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from umcl_bench.data.corpus import Corpus, count_kinds
from umcl_bench.data.limit import limited
from umcl_bench.data.sources import Source, open_source, same_dataset, views_of
from umcl_bench.errors import UsageError, unknown_name
from umcl_bench.records.past import Past
from umcl_bench.records.store import Store
from umcl_bench.registry import get_baseline, get_task, is_released
from umcl_bench.request import Request
from umcl_bench.spec import (
    IMAGE_TOWERS,
    METHODS,
    SIZES,
    Baseline,
    Init,
    Intervals,
    Recipe,
    Sampling,
    Size,
    Task,
    ZeroShot,
    digest,
    to_dict,
    with_image_tower,
)
from umcl_bench.training.runtime import world

INTERVALS = Intervals()


@dataclass(frozen=True)
class Plan:
    """What will be run, with its id."""

    recipe: Recipe
    task: Task
    source: Source
    training: Corpus
    corpus: Corpus
    device: str
    skip_unreadable: bool

    @property
    def id(self) -> str:
        """The record's name: model, size, seed, task, source, and a digest of all that can change a figure."""
        names = (
            self.recipe.baseline.name,
            self.recipe.size.name,
            f"s{self.recipe.seed}",
            self.task.name,
            self.source.name,
        )
        chosen = [] if self.device == "auto" else [self.device]
        if self.skip_unreadable:  # a strict run must not find what had films left out
            chosen.append("skip unreadable")
        key = digest(
            [to_dict(v, with_docs=False) for v in (self.recipe, self.task)]
            + [self.training.fingerprint, self.corpus.fingerprint, METHODS, to_dict(INTERVALS), *chosen]
        )
        return "-".join(_safe(name) for name in names) + f"-{key}"

    def checkpoint(self, fingerprint: str) -> str:
        """The name of its checkpoint, trained on the corpus of that fingerprint; '' where nothing is trained."""
        return checkpoint_name(self.recipe, fingerprint) if self.recipe.baseline.reads_training_rows else ""

    def is_trained(self, store: Store) -> bool:
        """Whether its model is in the store, trained."""
        checkpoint = self.checkpoint(self.training.fingerprint)
        return bool(checkpoint) and (store.root / "checkpoints" / checkpoint).is_dir()

    def check(self) -> None:
        """Raises UsageError where the task or the model can't use the data; nothing has been written yet."""
        from umcl_bench.metrics.registry import get_metric
        from umcl_bench.protocols import runner_of
        from umcl_bench.training.batches import eligible_rows
        from umcl_bench.training.device import pick_device

        pick_device(self.device)
        for metric in self.task.metrics:
            get_metric(metric)
        runner_of(self.task).check(self.task, self.corpus)
        runner_of(self.task).check_model(self.task, self.recipe.baseline)
        if self.recipe.baseline.weights == "released":
            from umcl_bench.models.released import check_texts

            check_texts(self.recipe)
        if self.recipe.baseline.reads_training_rows:
            eligible_rows(self.training, self.recipe.baseline)
            check_selection(self.recipe, self.training)


SELECTION_TASK = Task(name="selection", dataset="", protocol=ZeroShot(), split="val")
"""What `val-auroc` selects by: zero-shot macro AUROC of all findings that the training data label, on val."""


def check_selection(recipe: Recipe, training: Corpus) -> None:
    """Raises UsageError where a selection on val is asked for and the data have no val split for it."""
    from umcl_bench.protocols import zero_shot
    from umcl_bench.training.batches import eligible_rows

    if recipe.selection.rule == "val-auroc":
        zero_shot.check(SELECTION_TASK, training)
    elif recipe.selection.rule == "val-loss":
        eligible_rows(training, recipe.baseline, "val")


def checkpoint_name(recipe: Recipe, fingerprint: str) -> str:
    """The name of the checkpoint of a recipe that is trained on the corpus of that fingerprint."""
    from umcl_bench.training.checkpoint import checkpoint_digest

    key = checkpoint_digest(recipe, fingerprint)
    return f"{_safe(recipe.baseline.name)}-{recipe.size.name}-s{recipe.seed}-{key}"


def _with_sampling(baseline: Baseline, sampling: Sampling | None) -> Baseline:
    """The model with the mix that was asked for. Raises UsageError where it does not take such rows."""
    try:
        if sampling is None:
            return baseline
        mixed = dataclasses.replace(baseline, sampling=sampling)
        return dataclasses.replace(mixed, uses_labels=baseline.uses_labels or mixed.learns_from_labels)
    except ValueError as error:
        raise UsageError(f"--mix: {error} (it takes {', '.join(baseline.rows)})") from None


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def source_of(request: Request) -> Source:
    """The source that a request names. Requests that differ in model, task and seed may share it: it is read once."""
    return open_source(
        request.data,
        dials=request.dials,
        options=request.options,
        train_on=request.train_on,
        skip_unreadable=request.skip_unreadable,
    )


def make_recipe(request: Request) -> Recipe:
    """All that training needs besides the data. Raises UsageError for what does not exist or fit."""
    if is_released(request.model):
        return _released_recipe(request)
    baseline = _with_sampling(get_baseline(request.model), request.sampling)
    size = _size_of(request, baseline)
    _check_fit(request, baseline, size)
    init, towers = _start_of(request, size, baseline)
    try:
        optim = dataclasses.replace(size.optim, batch=request.batch or size.optim.batch)
        recipe = Recipe(
            baseline,
            dataclasses.replace(size, optim=optim),
            seed=request.seed,
            setting=request.setting,
            init=init,
            towers=towers,
            selection=request.selection,
            precision=request.precision,
            compiled=request.compiled,
            code=_code_of(baseline.objective.loss),
        )
        if request.micro_batch == "auto":
            from umcl_bench.training.memory import fitting_micro_batch

            return with_micro_batch(recipe, fitting_micro_batch(recipe, request.device, request.runtime, world().size))
        return with_micro_batch(recipe, request.micro_batch)
    except ValueError as error:
        raise UsageError(f"--batch and --micro-batch: {error}") from None


def _released_recipe(request: Request) -> Recipe:
    """What stands for a released model. Raises UsageError for options that only training has."""
    from umcl_bench.models import released

    training = {
        "--setting": request.setting != "controlled",
        "--image-tower": bool(request.image_tower),
        "--init": bool(request.init),
        "--mix and --balanced": request.sampling is not None,
        "--batch": bool(request.batch),
        "--micro-batch": bool(request.micro_batch),
        "--precision": request.precision != "auto",
        "--compile": request.compiled,
        "--select": request.selection.rule != "last",
    }
    given = [option for option, is_given in training.items() if is_given]
    if given:
        raise UsageError(f"{request.model} is released, and not trained here: leave out {', '.join(given)}")
    return released.recipe_of(get_baseline(request.model), request.seed)


def _check_fit(request: Request, baseline: Baseline, size: Size) -> None:
    """Raises UsageError for a model that can't be as it is asked for at its size."""
    room = size.text.max_tokens - baseline.prompt.length
    if room < _NAME:
        raise UsageError(
            f"{baseline.name}: of size {size.name}'s {size.text.max_tokens} tokens, {baseline.prompt.length} vectors "
            f"leave {room} for a finding's name, and {_NAME} are needed; use a shorter prompt"
        )
    if request.compiled and baseline.objective.local:
        raise UsageError(f"--compile does not reach the patches that {baseline.name} learns from; leave it out")


_NAME = 16
"""Tokens that every finding's name has room in, with 'no' and the two at its ends."""


def _size_of(request: Request, baseline: Baseline) -> Size:
    """The size that a request names, or the paper's own. Raises UsageError for what there is not."""
    if request.setting == "paper":
        if request.size != "tiny" or request.image_tower:
            raise UsageError(
                "--setting paper has the paper's own towers and budget; leave --size and --image-tower out"
            )
        if baseline.published is None:
            source = f"its paper ({baseline.paper}) names none" if baseline.paper else "it is of no paper"
            raise UsageError(
                f"there is no --setting paper for {baseline.name}: no towers and settings are published, {source}. "
                "Leave --setting out: in the controlled one all models have the same towers"
            )
        return baseline.published
    if request.size not in SIZES:
        raise unknown_name("size", request.size, SIZES)
    size, tower = SIZES[request.size], request.image_tower
    if not tower:
        return size
    if size.name != "base":
        raise UsageError(f"--image-tower is for --size base; size {size.name} has a tower of its own")
    if tower not in IMAGE_TOWERS:
        raise unknown_name("image tower", tower, IMAGE_TOWERS)
    return with_image_tower(size, tower)


def _start_of(request: Request, size: Size, baseline: Baseline) -> tuple[Init, str]:
    """Where the towers' weights come from, and the digest of their files. Raises UsageError where these are missing."""
    if request.init == "pretrained" and not size.pretrained:
        raise UsageError(f"--init pretrained: size {size.name} has no pretrained towers, only random ones; base has")
    if request.init == "scratch" or not (size.pretrained and baseline.reads_training_rows):
        return "scratch", ""
    from umcl_bench.models.pretrained import check_towers

    return "pretrained", check_towers(size, baseline)


def with_micro_batch(recipe: Recipe, rows: int) -> Recipe:
    """The recipe with so many rows in the towers at a time; 0: all."""
    optim = dataclasses.replace(recipe.size.optim, micro_batch=rows)
    return dataclasses.replace(recipe, size=dataclasses.replace(recipe.size, optim=optim))


def make_plan(request: Request, store: Store, source: Source | None = None) -> Plan:
    """Opens the source and puts model, task and data together. Raises UsageError for what does not exist or fit."""
    recipe, task = make_recipe(request), get_task(request.task)
    source = source or source_of(request)
    dataset = request.split or task.dataset
    if request.split and task.dataset and not same_dataset(request.split, task.dataset):
        raise UsageError(f"--split {request.split}: task {task.name} is of {task.dataset}")
    if request.split and (source.own or source.given is None):
        whose = "the phantom" if source.given is None else f"--data {source.given}, which has a metadata.csv,"
        raise UsageError(
            f"--split {request.split} is a split of an official release; {whose} has its own: leave it out"
        )
    if "@" in dataset and not source.own and source.given is not None:
        source, views = source.with_split(dataset), views_of(dataset)
        task = dataclasses.replace(task, views=views) if views else task
    training, corpus = source.training(), source.dataset(dataset)
    corpus = limited(corpus, request.limit) if request.limit else corpus
    plan = Plan(recipe, task, source, training, corpus, request.device, request.skip_unreadable)
    while request.again and store.find(plan.id) is not None:
        plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, repeat=plan.recipe.repeat + 1))
    return plan


def _code_of(target: str) -> str:
    """The digest of the module that 'package.module:function' names; '' for a built-in builder."""
    module = target.partition(":")[0] if ":" in target else ""
    found = importlib.util.find_spec(module) if module else None
    if found is None or found.origin is None:
        return ""
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()[:16]


def describe_plan(request: Request, store: Store) -> str:
    """What `run` would do, and what it takes: nothing is read but a few films, nothing trained, nothing written."""
    from umcl_bench.data.seen import plan_films
    from umcl_bench.training.batches import eligible_rows
    from umcl_bench.training.selection import rule_in_words

    plan = make_plan(request, store)
    if store.find(plan.id) is not None:
        return f"run {plan.id}: on record, nothing to do"
    plan.check()
    recipe, optim = plan.recipe, plan.recipe.size.optim
    image, past = recipe.size.image, Past(store)
    read = (plan.training, plan.corpus) if recipe.baseline.reads_training_rows else (plan.corpus,)
    corpora = {id(c.pixels): c for c in read}.values()
    lines = [f"run {plan.id}"]
    lines += [f"films   {plan_films(c, image, workers=request.workers).describe()} ({c.dataset})" for c in corpora]
    if recipe.baseline.weights == "trained":
        kinds = count_kinds(plan.training.kinds()[eligible_rows(plan.training, recipe.baseline)])
        took = "done before" if plan.is_trained(store) else _took(past.training(recipe), "run of this size")
        listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        lines += [f"rows    {listed}", f"train   {optim.steps:,} steps of {optim.batch} rows; {took}"]
        lines.append(f"keep    {rule_in_words(recipe.selection)}")
        if recipe.size.pretrained:
            names = filter(None, (recipe.size.image.weights, recipe.size.text.weights))
            lines.append("towers  " + (" and ".join(names) if recipe.init == "pretrained" else "from random weights"))
    scoring = past.scoring(recipe, plan.task, plan.corpus.fingerprint)
    return "\n".join([*lines, f"score   {plan.task.name}; {_took(scoring, 'run of this task on these data')}"])


def _took(seconds: float | None, what: str) -> str:
    return f"time: no {what} here yet" if seconds is None else f"about {seconds:.0f} s, as here before"

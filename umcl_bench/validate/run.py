"""All checks of all leaves that a name or a path means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from umcl_bench.errors import Stopped, UsageError
from umcl_bench.progress import Reporter
from umcl_bench.spec import Baseline, Size, Task
from umcl_bench.validate import model_checks, spec_checks, task_checks, training_checks
from umcl_bench.validate.checks import Check, Verdict, in_words, shown
from umcl_bench.validate.leaves import Leaf, check_file, leaves_of
from umcl_bench.validate.phantom import FOR_MODELS, FOR_TASKS, SIZE, describe
from umcl_bench.validate.subject import Subject, make_subject
from umcl_bench.validate.task_checks import TaskSubject

T = TypeVar("T")
OF_MODELS: tuple[Callable[[Subject], Check], ...] = (
    training_checks.builds,
    training_checks.gradients,
    training_checks.moves,
    training_checks.same_seed,
    training_checks.weights,
    training_checks.no_test_label_in_training,
    model_checks.embeddings,
    model_checks.batches,
    model_checks.prompts,
    model_checks.films,
    model_checks.normalisation,
    model_checks.label_order,
    model_checks.labels_unread,
    model_checks.chance,
)
OF_TASKS: tuple[Callable[[TaskSubject], Check], ...] = (
    task_checks.data,
    task_checks.metrics,
    task_checks.figures,
    task_checks.templates,
    task_checks.truth,
    task_checks.ties,
    task_checks.chance,
    task_checks.films_alone,
)
OF_VALUES: tuple[Callable[[Baseline | Task], Check], ...] = (spec_checks.title, spec_checks.evidence)


def validate(given: str, reporter: Reporter, seed: int = 0) -> list[Verdict]:
    """Checks a model or task by its name, or the leaves of a plug-in's file or folder.

    Raises UsageError where the name or path leads to nothing.
    """
    with leaves_of(given) as leaves:
        return [_validate_leaf(leaf, reporter, seed) for leaf in leaves]


def validate_model(baseline: Baseline, seed: int = 0, size: Size = SIZE) -> Iterator[Check]:
    """The checks of a model, one by one; where it can't be built, that alone.

    Raises UsageError where a released model's name leads to nothing.
    """
    try:
        subject = make_subject(baseline, seed, size)
    except (UsageError, Stopped):
        raise
    except Exception as error:
        yield Check(
            "builds", "fail", in_words(error), "Repair what the message names; the other checks need the model."
        )
        return
    yield from _in_turn(OF_MODELS, subject)


def validate_task(task: Task) -> Iterator[Check]:
    """The checks of a task, one by one; where it has no data, that alone."""
    yield from _in_turn(OF_TASKS, TaskSubject(task))


def _in_turn(checks: Sequence[Callable[[T], Check]], subject: T) -> Iterator[Check]:
    """All checks, or the first alone where it fails: the others would fail for the same reason."""
    for at, look in enumerate(checks):
        found = look(subject)
        yield found
        if at == 0 and found.state == "fail":
            return


def _validate_leaf(leaf: Leaf, reporter: Reporter, seed: int) -> Verdict:
    found = list(check_file(leaf))
    if isinstance(leaf.value, Baseline):
        size = None if leaf.value.weights == "released" else SIZE
        on, count, checks = describe(FOR_MODELS, size), len(OF_MODELS), validate_model(leaf.value, seed)
    elif isinstance(leaf.value, Task):
        on, count, checks = describe(FOR_TASKS), len(OF_TASKS), validate_task(leaf.value)
    else:
        return Verdict(leaf.kind, leaf.name, shown(leaf.file), "The file could not be loaded.", tuple(found))
    found += [look(leaf.value) for look in OF_VALUES]
    with reporter.track(f"validating {leaf.name}", count) as tick:
        for made in checks:
            found.append(made)
            tick(note=made.name)
    return Verdict(leaf.kind, leaf.name, shown(leaf.file), on, tuple(found))

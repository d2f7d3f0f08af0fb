"""Models that the tests look at."""

import dataclasses
from collections.abc import Callable
from typing import Any

from umcl_bench import registry
from umcl_bench.spec import Objective
from umcl_bench.validate.subject import Subject, make_subject


def clip(**changes: Any) -> Subject:
    return make_subject(dataclasses.replace(registry.get_baseline("clip"), **changes))


def with_loss(function: Callable[..., Any]) -> Subject:
    """CLIP with a target builder of the caller's module."""
    return clip(objective=Objective(loss=f"{function.__module__}:{function.__name__}"))


def with_recipe(subject: Subject, **changes: Any) -> Subject:
    return dataclasses.replace(subject, recipe=dataclasses.replace(subject.recipe, **changes))

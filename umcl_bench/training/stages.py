"""Two stages: the towers with bare names first, then the prompt's vectors alone (Prompt.stage 'second')."""

from __future__ import annotations

from umcl_bench.models.dual import DualEncoder
from umcl_bench.spec import Recipe


def first_steps(recipe: Recipe) -> int:
    """How many steps the first stage has; all of them where there is one stage."""
    steps, prompt = recipe.size.optim.steps, recipe.baseline.prompt
    return steps if prompt.stage == "joint" else steps - max(1, round(prompt.second_share * steps))


class Stages:
    """Says before each step what is learned in it. In the second stage the towers stand still, in evaluation mode."""

    def __init__(self, recipe: Recipe, encoder: DualEncoder) -> None:
        self.two = recipe.baseline.prompt.stage == "second"
        self.first = first_steps(recipe)
        self.encoder = encoder
        self.second = False

    def enter(self, step: int) -> None:
        """Before `step`, which counts from 1."""
        if not self.two:
            return
        self.second = step > self.first
        self.encoder.prompts.inserted = self.second
        for tower in (self.encoder.image, self.encoder.text):
            tower.train(not self.second)

    @property
    def prompts_count(self) -> bool:
        """Whether the model as it is now could be kept: in the first of two stages its prompts are no prompts yet."""
        return self.second or not self.two

    def learned(self, name: str, step: int) -> bool:
        """Whether the parameter `name` has been learned in any of the steps up to `step`."""
        return step > (self.first if self.two and name.startswith("prompts.") else 0)

    def leave_out(self) -> None:
        """Drops the gradients of what stands still, so that no optimiser touches it."""
        if not self.two:
            return
        for name, parameter in self.encoder.named_parameters():
            if name.startswith("prompts.") != self.second:
                parameter.grad = None

"""Findings as texts: hand-written templates, or learned vectors around the finding's name (continuous prompts).

A *state* is a finding that is present (its index) or absent (its index + the number of findings). The continuous
prompt of a state is [CLS] v_1 .. v_M name [SEP] (CoOp: Zhou et al. 2022, unified context), where the name of an absent
finding is "no <name>"; the vectors are shared by all states, or each finding has its own (class-specific context).
"""

from __future__ import annotations

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from umcl_bench.data.tokens import encode
from umcl_bench.data.vocabulary import NO_FINDING
from umcl_bench.models.towers import TextEncoder
from umcl_bench.spec import Prompt


def state_names(findings: tuple[str, ...]) -> list[str]:
    """The text of each state: the findings, then their negations."""
    return [*findings, *(f"no {name}" for name in findings)]


def finding_sentences(finding: str, *, absent: bool) -> tuple[str, ...]:
    """Sentences that a radiologist might write of a finding (ours; CXR-CLIP has such prompts of its own)."""
    if finding == NO_FINDING and not absent:
        return ("No acute cardiopulmonary abnormality.", "Normal chest.", "The lungs are clear.")
    name = finding.lower()
    if absent:
        return (f"No {name}.", f"There is no {name}.", f"No evidence of {name}.", f"No {name} is seen.")
    return (f"There is {name}.", f"{finding} is present.", f"Findings of {name}.", f"{finding} is seen.")


class PromptEncoder(nn.Module):
    """Texts of findings -> projected features (n, d), through the text tower that it is given.

    Class-specific vectors are a table for each of `findings` findings, which its negation shares. Shuffled ones (a
    control) are in another order outside training.
    """

    def __init__(self, prompt: Prompt, width: int, findings: int) -> None:
        super().__init__()
        self.prompt = prompt
        self.findings = findings
        tables = findings if prompt.context == "class-specific" else 1
        # drawn like word embeddings (std 0.02, as in CoOp)
        draws = torch.randn(tables * prompt.length, width) * 0.02
        self.context = nn.Parameter(draws) if prompt.length else None
        self.inserted = True

    def forward(self, text: TextEncoder, ids: Tensor, lengths: Tensor, states: Tensor) -> Tensor:
        """`ids` (n, l) and `lengths` (n,) are the tokenised names with [CLS] and [SEP], `states` (n,) their states."""
        out: Tensor = text(*self.embed(text, ids, lengths, states))
        return out

    def embed(self, text: TextEncoder, ids: Tensor, lengths: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """The text tower's input (n, l + M, w) for the same, and its lengths (n,)."""
        embedded = text.embed(ids)
        if self.context is None:
            return embedded, lengths
        if not self.inserted:  # the first stage of two: the bare names, and a gradient of zero
            return embedded + 0 * self.context.sum(), lengths
        return self._insert(embedded, lengths, states)

    @torch.no_grad()
    def start_from(self, text: TextEncoder, ids: Tensor) -> None:
        """Sets the vectors to the word embeddings of a phrase's tokens (p,), over and over where they are fewer."""
        assert self.context is not None
        words = text.embed(ids[None])[0]
        places = torch.arange(len(self.context), device=ids.device) % self.prompt.length % len(words)
        self.context.copy_(words[places])

    def _insert(self, embedded: Tensor, lengths: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        assert self.context is not None
        count = self.prompt.length
        before = {"front": count, "end": 0, "middle": count // 2}[self.prompt.position]
        # words have even keys in their order; a vector's key is after [CLS], or before [SEP] at `lengths` - 1
        words = 2 * torch.arange(embedded.shape[1], device=embedded.device).expand(len(embedded), -1)
        first = words.new_ones(len(embedded), before)
        last = (2 * lengths[:, None] - 3).expand(-1, count - before)
        order = torch.cat([words, first, last], dim=1).argsort(dim=1, stable=True)
        rows = torch.cat([embedded, self._context(states)], dim=1)
        return rows.gather(1, order[:, :, None].expand_as(rows)), lengths + count

    def _context(self, states: Tensor) -> Tensor:
        assert self.context is not None
        tables = self.context.view(-1, self.prompt.length, self.context.shape[1])
        if self.prompt.stage == "shuffled" and not self.training:
            tables = tables[:, other_order(self.prompt.length)]
        if self.prompt.context == "unified":
            return tables.expand(len(states), -1, -1)
        return tables[states % self.findings]


def other_order(length: int) -> list[int]:
    """An order of `length` places, always the same, that leaves no place as it is: one cycle through all of them."""
    places = np.random.default_rng(length).permutation(length)
    order = np.empty(length, dtype=int)
    order[places] = np.roll(places, 1)
    return [int(place) for place in order]


def tokenise_names(
    tokenizer: Tokenizer, names: list[str], max_tokens: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids (n, l) and lengths (n,) of texts, on `device`."""
    tokens = encode(tokenizer, names, max_tokens)
    return torch.from_numpy(tokens.ids).to(device), torch.from_numpy(tokens.lengths).to(device)

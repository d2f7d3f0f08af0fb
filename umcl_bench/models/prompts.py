"""Findings as texts: hand-written templates, or learned vectors around the finding's name (continuous prompts).

A *state* is a finding that is present (its index) or absent (its index + the number of findings). The continuous
prompt of a state is [CLS] v_1 .. v_M name [SEP] (CoOp: Zhou et al. 2022, unified context), where the name of an absent
finding is "no <name>"; the vectors are shared by all states.
"""

from __future__ import annotations

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from umcl_bench.data.tokens import encode
from umcl_bench.models.towers import TextEncoder
from umcl_bench.spec import Prompt


def state_names(findings: tuple[str, ...]) -> list[str]:
    """The text of each state: the findings, then their negations."""
    return [*findings, *(f"no {name}" for name in findings)]


class PromptEncoder(nn.Module):
    """Texts of findings -> projected features (n, d), through the text tower that it is given."""

    def __init__(self, prompt: Prompt, width: int, max_tokens: int) -> None:
        super().__init__()
        self.prompt = prompt
        self.max_tokens = max_tokens
        # one table for each use: M vectors, drawn like word embeddings (std 0.02, as in CoOp)
        self.context = nn.Parameter(torch.randn(prompt.length, width) * 0.02) if prompt.length else None

    def forward(self, text: TextEncoder, ids: Tensor, lengths: Tensor) -> Tensor:
        """`ids` (n, l) and `lengths` (n,) are the tokenised names with [CLS] and [SEP]."""
        out: Tensor = text(*self.embed(text, ids, lengths))
        return out

    def embed(self, text: TextEncoder, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The text tower's input (n, l + M, w) for the same, and its lengths (n,)."""
        embedded = text.embed(ids)
        return (embedded, lengths) if self.context is None else self._insert(embedded, lengths)

    def _insert(self, embedded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        assert self.context is not None
        count = self.prompt.length
        before = {"front": count, "end": 0, "middle": count // 2}[self.prompt.position]
        # words have even keys in their order; a vector's key is after [CLS], or before [SEP] at `lengths` - 1
        words = 2 * torch.arange(embedded.shape[1], device=embedded.device).expand(len(embedded), -1)
        first = words.new_ones(len(embedded), before)
        last = (2 * lengths[:, None] - 3).expand(-1, count - before)
        order = torch.cat([words, first, last], dim=1).argsort(dim=1, stable=True)
        rows = torch.cat([embedded, self.context.expand(len(embedded), -1, -1)], dim=1)
        return rows.gather(1, order[:, :, None].expand_as(rows)), lengths + count


def tokenise_names(
    tokenizer: Tokenizer, names: list[str], max_tokens: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids (n, l) and lengths (n,) of texts, on `device`."""
    tokens = encode(tokenizer, names, max_tokens)
    return torch.from_numpy(tokens.ids).to(device), torch.from_numpy(tokens.lengths).to(device)

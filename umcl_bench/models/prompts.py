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
        embedded = text.embed(ids)
        if self.context is not None:
            embedded, lengths = self._insert(embedded, lengths)
        out: Tensor = text(embedded, lengths)
        return out

    def _insert(self, embedded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        assert self.context is not None
        before = {"front": self.prompt.length, "end": 0, "middle": self.prompt.length // 2}[self.prompt.position]
        rows = []
        for row, length in zip(embedded, lengths.tolist(), strict=True):
            name, end = row[1 : length - 1], row[length - 1 :]  # `end` is [SEP] and the padding
            rows.append(torch.cat([row[:1], self.context[:before], name, self.context[before:], end]))
        return torch.stack(rows), lengths + self.prompt.length


def tokenise_names(
    tokenizer: Tokenizer, names: list[str], max_tokens: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids (n, l) and lengths (n,) of texts, on `device`."""
    tokens = encode(tokenizer, names, max_tokens)
    return torch.from_numpy(tokens.ids).to(device), torch.from_numpy(tokens.lengths).to(device)

"""CLIP (Radford et al. 2021, arXiv 2103.00020): pairwise InfoNCE on reports; sees no label and no label-only row.

Section 2.3, figure 3: both directions of the cross-entropy over the batch's similarities, a learned logit scale that is
clamped at 100. Where CLIP has a causal text transformer, the controlled setting has every model's text tower.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Prompt

BASELINE = Baseline(
    name="clip",
    title="CLIP: pairwise contrastive learning on image-report pairs",
    paper="arXiv 2103.00020",
    objective=Objective(loss="infonce"),
    prompt=Prompt(kind="hand"),
    rows=("image-text-label", "image-text"),
    evidence=(
        Evidence("objective.loss", "paper", "section 2.3: the other texts of the batch are negatives"),
        Evidence("objective.temperature", "paper", "learned, from 0.07, the scale clamped at 100"),
        Evidence("rows", "paper", "image-text pairs alone"),
        Evidence("text_view", "ours", "the whole report in the controlled setting, as for every model that takes one"),
    ),
)

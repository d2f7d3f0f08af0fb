"""SigLIP (Zhai et al. 2023, arXiv 2303.15343) with several positives: each pair is a yes or no of its own.

L = -1/B sum_ij log sigmoid(s_ij (scale x_i . t_j + bias)), s_ij = 1 for a pair and -1 else (equation 1 of section 3);
scale from 10, bias from -10, both learned (recalled). With labels a pair that has a finding in common is a yes too
(methods dossier, section A; inferred): no softmax sets one positive against another.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Prompt

BASELINE = Baseline(
    name="siglip",
    title="SigLIP with several positives: sigmoid loss over pairs",
    paper="arXiv 2303.15343",
    objective=Objective(loss="sigmoid", temperature=0.1, bias=-10.0),
    prompt=Prompt(kind="hand", negative_share=0.25),
    rows=("image-text-label", "image-text", "image-label"),
    uses_labels=True,
    evidence=(
        Evidence("objective.loss", "paper", "section 3; several positives from labels are inferred"),
        Evidence("objective.temperature", "recalled", "the scale starts from 10"),
        Evidence("objective.bias", "recalled", "from -10, as almost all pairs are negatives"),
        Evidence("prompt.negative_share", "ours", "as UMCL's"),
        Evidence("rows", "ours", "label-only rows as for the other models that read labels"),
    ),
)

"""UniCL (Yang et al., CVPR 2022, arXiv 2204.03610) for several labels: every text with a common finding is right.

P(i) = {k: y_k = y_i}; L = -sum_i 1/|P(i)| sum_{k in P(i)} log softmax_k(z_i), both directions; a pair without a label
gets a label of its own (section 3.2). The form for several labels is that of DLILP's code: S = clip(Y Y^T + I, 0, 1),
its rows and columns normalised apart. Label-only rows become texts by a template; that absent findings do so too, as
zero-shot here compares a pair of prompts, is ours.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Prompt

BASELINE = Baseline(
    name="unicl",
    title="UniCL for several labels: all texts with a common finding are positives",
    paper="arXiv 2204.03610",
    objective=Objective(loss="unicl", similarity="any"),
    prompt=Prompt(kind="hand", negative_share=0.25),
    rows=("image-text-label", "image-text", "image-label"),
    uses_labels=True,
    evidence=(
        Evidence("objective.loss", "summary", "equations 4 and 5; the multi-label form is DLILP's code"),
        Evidence("objective.temperature", "code", "learned from 0.07 (DLILP); UniCL's own code starts from 1"),
        Evidence("prompt.kind", "paper", "labels become texts by a template"),
        Evidence("prompt.negative_share", "ours", "as UMCL's"),
        Evidence("rows", "paper", "image-text and image-label rows together"),
    ),
)

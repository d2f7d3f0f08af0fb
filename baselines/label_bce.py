"""Control: the image tower learns from labels alone, by binary cross-entropy; there is no text tower.

"A Reality Check of VLP in Radiology" (DLILP, IPMI 2025, arXiv 2504.05227) finds such training highly competitive: what
a text adds can only be seen beside it. Each finding has a vector; a film's score is their cosine, times the logit
scale, plus a bias; unknown labels count for nothing. At zero-shot the vector stands for "present" and its opposite for
"absent", so that only findings of the training labels can be asked for.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Term

BASELINE = Baseline(
    name="label-bce",
    title="Control: image-label supervision only (binary cross-entropy)",
    paper="arXiv 2504.05227",
    objective=Objective(loss="none", terms=(Term("labels"),)),
    rows=("image-text-label", "image-label"),
    uses_labels=True,
    evidence=(
        Evidence("objective.loss", "ours", "none: no text is compared with a film"),
        Evidence("objective.terms", "ours", "binary cross-entropy over the labels that are known"),
        Evidence("objective.temperature", "ours", "cosines times a learned scale, so that films and findings compare"),
        Evidence("rows", "ours", "all rows with a label; their reports are not read"),
    ),
)

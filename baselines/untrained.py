"""CLIP's towers with the weights that they start from. Not at chance: random features follow a film's brightness."""

from umcl_bench.spec import Baseline, Evidence

BASELINE = Baseline(
    name="untrained",
    title="Control: the towers before training",
    rows=("image-text-label", "image-text", "image-label", "image"),
    weights="untrained",
    evidence=(
        Evidence("rows", "ours", "all that have a film; nothing is learned from them but the vocabulary"),
        Evidence("weights", "ours", "the seed's initial weights; what training must improve on"),
    ),
)

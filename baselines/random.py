"""The control that knows nothing: a random vector for each film and each text. It must be at chance on every task."""

from umcl_bench.spec import Baseline, Evidence

BASELINE = Baseline(
    name="random",
    title="Control: random embeddings (chance)",
    rows=("image-text-label", "image-text", "image-label", "image"),
    weights="random-embeddings",
    evidence=(
        Evidence("rows", "ours", "all that have a film; nothing is learned from them"),
        Evidence("weights", "ours", "drawn anew from each film's bytes and each text: no film is alike another"),
    ),
)

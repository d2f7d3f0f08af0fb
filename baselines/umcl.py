"""UMCL: Unified Medical Image-Text-Label Contrastive Learning with Continuous Prompt (Wang, arXiv 2307.05920).

The paper's abstract states three things: image, text and label data are unified; continuous prompts replace
hand-crafted ones; image-text-label contrastive training reduces false negatives. Formulae, towers and tables are not
reachable: every choice below that goes beyond those three is marked inferred.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Prompt

BASELINE = Baseline(
    name="umcl",
    title="UMCL: joined image-text-label rows, continuous prompts, label-aware targets",
    paper="arXiv 2307.05920",
    objective=Objective(loss="umcl", similarity="jaccard"),
    prompt=Prompt(kind="continuous", length=8, position="front", share=0.25, negative_share=0.25),
    rows=("image-text-label", "image-text", "image-label"),
    uses_labels=True,
    evidence=(
        Evidence("rows", "paper", "unifies image, text and label data; that paired rows keep their report is inferred"),
        Evidence("prompt.kind", "paper", "continuous implicit prompts instead of hand-crafted ones"),
        Evidence(
            "prompt.length",
            "inferred",
            "CoOp uses 4 or 16; 8 at the from-scratch sizes keeps prompts shorter than reports",
        ),
        Evidence("prompt.position", "inferred", "CoOp's default: the vectors stand before the name"),
        Evidence("prompt.share", "inferred", "rows with a report show their label too, so prompts learn on any data"),
        Evidence(
            "prompt.negative_share",
            "inferred",
            "absent findings get a prompt too, as zero-shot compares a pair (DualCoOp)",
        ),
        Evidence("prompt.learning_rate_factor", "inferred", "prompts are trained with the towers, at their rate"),
        Evidence(
            "objective.loss",
            "paper",
            "image-text-label contrastive training against false negatives; formula inferred",
        ),
        Evidence(
            "objective.similarity", "inferred", "shared over all findings: UniCL's rule made gradual for several labels"
        ),
        Evidence("objective.sharpness", "inferred", "1: the similarity as it is"),
        Evidence("objective.temperature", "inferred", "learned from 0.07 and clamped, as in CLIP"),
        Evidence("objective.image_to_text", "inferred", "both directions weigh the same, as in CLIP and UniCL"),
        Evidence("text_view", "inferred", "the whole report: a study's labels are true of it, not of each sentence"),
    ),
)

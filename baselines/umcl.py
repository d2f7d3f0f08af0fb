"""UMCL: Unified Medical Image-Text-Label Contrastive Learning with Continuous Prompt (Wang, arXiv 2307.05920).

The paper's abstract states three things: image, text and label data are unified; continuous prompts replace
hand-crafted ones; image-text-label contrastive training reduces false negatives. Formulae, towers and tables are not
reachable: every choice below that goes beyond those three is marked inferred.

The ladder that takes it apart, one thing a step, on the same towers, data and budget:
A0 `clip`; A1 `umcl+loss=infonce+prompt=hand` (label-only rows and labels as texts); A2 `umcl+loss=infonce` (continuous
prompts); A3 `umcl+prompt=hand` (label-aware targets); A4 `umcl`. Beside it `clip-extended` and `label-bce`.
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
        Evidence("prompt.context", "inferred", "one set of vectors for all findings: it can name one that is new"),
        Evidence("prompt.init", "inferred", "random: towers from scratch have no phrase that means something yet"),
        Evidence(
            "prompt.stage", "inferred", "with the towers, in pre-training; the abstract allows a second stage too"
        ),
        Evidence("prompt.second_share", "inferred", "a quarter of the steps, where there is a second stage"),
        Evidence("prompt.several", "inferred", "one finding a draw: unbiased, and as short as a zero-shot prompt"),
        Evidence(
            "prompt.wording", "inferred", "the name stands between the vectors, so that they are all that is learned"
        ),
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
        Evidence("objective.cap", "inferred", "none: a film may match as many texts as share its findings"),
        Evidence("objective.unmatched", "inferred", "none: a common device is a common finding"),
        Evidence("objective.temperature", "inferred", "learned from 0.07 and clamped, as in CLIP"),
        Evidence("objective.image_to_text", "inferred", "both directions weigh the same, as in CLIP and UniCL"),
        Evidence("text_view", "inferred", "the whole report: a study's labels are true of it, not of each sentence"),
    ),
)

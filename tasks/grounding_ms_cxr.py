"""Phrase grounding on MS-CXR: where a phrase of a report is on its film (BioViL, Boecking et al. 2022)."""

from umcl_bench.spec import Evidence, Grounding, Task

TASK = Task(
    name="grounding-ms-cxr",
    title="Phrase grounding on MS-CXR: contrast, pointing and overlap of a phrase's map with its boxes",
    paper="Boecking et al., ECCV 2022 (BioViL), arXiv 2204.09817",
    dataset="ms-cxr",
    protocol=Grounding(),
    views="all",
    metrics=("cnr", "cnr-abs", "miou", "pointing"),
    headline="cnr",
    shown=("cnr-abs", "miou", "pointing"),
    evidence=(
        Evidence("protocol.findings", "paper", "the mean over the eight findings"),
        Evidence("protocol.sigma", "code", "vlp/inference_engine.py: 1.5 patches, of 15 x 15 there; here a tenth, too"),
        Evidence("protocol.stride", "ours", "8: a grid of 8 x 8 at 64 pixels, 28 x 28 at 224; at 32, BioViL's, 2 x 2"),
        Evidence("protocol.interpolation", "recalled", "the notebook's; the function's own default is nearest"),
        Evidence("protocol.thresholds", "summary", "mIoU is averaged over them"),
        Evidence("protocol.scale", "inferred", "hi-ml has no mIoU; public evaluations stretch each map to -1 to 1"),
        Evidence("views", "recalled", "all that it has; its films are frontal"),
        Evidence("headline", "ours", "the signed contrast; BioViL's, cnr-abs, is above 0 for a random model"),
        Evidence("metrics", "ours", "a map that marks nothing has an IoU of 0; public evaluations leave it out"),
    ),
)

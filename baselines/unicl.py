"""UniCL (Yang et al., CVPR 2022, arXiv 2204.03610) for several labels: every text with a common finding is right.

P(i) = {k: y_k = y_i}; L = -sum_i 1/|P(i)| sum_{k in P(i)} log softmax_k(z_i), both directions; a pair without a label
gets a label of its own (section 3.2). The form for several labels is that of DLILP's code: S = clip(Y Y^T + I, 0, 1),
its rows and columns normalised apart. Label-only rows become texts: there by a template ("A radiology image of ..."),
here by the bare name, as for the other models; that absent findings do so too, as zero-shot compares a pair of prompts,
is ours.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, ImageTower, Objective, Optim, Prompt, Size, clinical_bert

BASELINE = Baseline(
    name="unicl",
    title="UniCL for several labels: all texts with a common finding are positives",
    paper="arXiv 2204.03610",
    objective=Objective(loss="unicl", similarity="any"),
    prompt=Prompt(kind="hand", negative_share=0.25),
    rows=("image-text-label", "image-text", "image-label"),
    uses_labels=True,
    published=Size(  # 2204.03610 in DLILP's medical version (2504.05227, jusiro/DLILP)
        name="paper",
        image=ImageTower(
            "resnet50", 224, mean=0.0, std=1.0, weights="timm/resnet50.tv2_in1k"
        ),  # code: torchvision's V2, greys 0 to 1, no normalisation
        text=clinical_bert(77),  # code: 77 (its text is the mean of layers 1, 2 and the last, as MedCLIP's: Heads)
        dim=512,  # code
        optim=Optim(
            learning_rate=1e-4,  # code
            weight_decay=1e-5,  # code
            batch=128,  # code
            films_seen=12_900_000,  # code: 30 epochs; inferred: of about 430 k frontal films of CheXpert and MIMIC-CXR
            warmup_share=0.033,  # code: one epoch of 30; stops early (patience 6) code
            clip_norm=1.0,  # code
            betas=(0.9, 0.999),  # code: AdamW's defaults
        ),
        # code: affine and jitter each for a quarter of the films (ours: all of them, so half as far inferred)
        augment=Augment(
            rotate_degrees=2.5, translate=0, scale=0.025, brightness=0.1, contrast=0.1, flip="unsided", flip_share=0.5
        ),
    ),
    evidence=(
        Evidence("objective.loss", "summary", "equations 4 and 5; the multi-label form is DLILP's code"),
        Evidence("objective.temperature", "code", "learned from 0.07 (DLILP); UniCL's own code starts from 1"),
        Evidence("prompt.kind", "ours", "the bare name, where the paper has templates"),
        Evidence("prompt.negative_share", "ours", "as UMCL's"),
        Evidence("rows", "paper", "image-text and image-label rows together"),
    ),
)

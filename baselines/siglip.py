"""SigLIP (Zhai et al. 2023, arXiv 2303.15343) with several positives: each pair is a yes or no of its own.

L = -1/B sum_ij log sigmoid(s_ij (scale x_i . t_j + bias)), s_ij = 1 for a pair and -1 else (equation 1 of section 3);
scale from 10, bias from -10, both learned (recalled). With labels a pair that has a finding in common is a yes too
(methods dossier, section A; inferred): no softmax sets one positive against another.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, ImageTower, Objective, Optim, Prompt, Size, TextTower

BASELINE = Baseline(
    name="siglip",
    title="SigLIP with several positives: sigmoid loss over pairs",
    paper="arXiv 2303.15343",
    objective=Objective(loss="sigmoid", temperature=0.1, bias=-10.0),
    prompt=Prompt(kind="hand", negative_share=0.25),
    rows=("image-text-label", "image-text", "image-label"),
    uses_labels=True,
    published=Size(  # 2303.15343; image and text from scratch
        name="paper",
        image=ImageTower(
            "vit_base_patch16_siglip_224", 224, mean=0.5, std=0.5
        ),  # recalled: B/16 with an attention pool
        text=TextTower(layers=12, width=768, heads=12, mlp=3072, max_tokens=64, vocabulary=32000),  # recalled
        dim=768,  # recalled
        optim=Optim(
            learning_rate=1e-3,  # recalled
            weight_decay=1e-4,  # recalled
            batch=32768,  # recalled; methods.md A: 'batch 32k suffices'
            films_seen=9_000_000_000,  # recalled
            warmup_share=0.05,  # inferred
            clip_norm=1.0,  # recalled
            betas=(0.9, 0.95),  # recalled
        ),
        augment=Augment(rotate_degrees=0, translate=0, scale=0, brightness=0, contrast=0),  # recalled: resizing alone
    ),
    evidence=(
        Evidence("objective.loss", "paper", "section 3; several positives from labels are inferred"),
        Evidence("objective.temperature", "recalled", "the scale starts from 10"),
        Evidence("objective.bias", "recalled", "from -10, as almost all pairs are negatives"),
        Evidence("prompt.negative_share", "ours", "as UMCL's"),
        Evidence("rows", "ours", "label-only rows as for the other models that read labels"),
    ),
)

"""CLIP (Radford et al. 2021, arXiv 2103.00020): pairwise InfoNCE on reports; sees no label and no label-only row.

Section 2.3, figure 3: both directions of the cross-entropy over the batch's similarities, a learned logit scale that is
clamped at 100. Where CLIP has a causal text transformer, the controlled setting has every model's text tower.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, Geometry, ImageTower, Objective, Optim, Prompt, Size, TextTower

BASELINE = Baseline(
    name="clip",
    title="CLIP: pairwise contrastive learning on image-report pairs",
    paper="arXiv 2103.00020",
    objective=Objective(loss="infonce"),
    prompt=Prompt(kind="hand"),
    rows=("image-text-label", "image-text"),
    published=Size(  # 2103.00020; image and text from scratch (so --init says scratch)
        name="paper",
        image=ImageTower(
            "vit_base_patch32_clip_224",  # recalled: B/32, of the paper's eight towers the one whose settings we have
            224,  # recalled
            mean=0.449,
            std=0.269,  # recalled: OpenAI's per-colour values, averaged inferred
            geometry=Geometry(fit="shortest", filter="bicubic"),  # recalled: resize, then a square crop
        ),
        # recalled: 12 layers, width 512, 8 heads, 77 tokens, 49,408 pieces; ours is bidirectional WordPiece, theirs
        # causal BPE
        text=TextTower(layers=12, width=512, heads=8, mlp=2048, max_tokens=77, vocabulary=49408),
        dim=512,  # recalled
        optim=Optim(
            learning_rate=5e-4,  # recalled: B/32
            weight_decay=0.2,  # recalled
            batch=32768,  # recalled
            films_seen=12_800_000_000,  # recalled: 32 epochs of 400 M pairs
            warmup_share=0.005,  # recalled: 2,000 of 390,625 steps
            clip_norm=1e9,  # inferred
            betas=(0.9, 0.98),  # recalled: ViT
        ),
        # recalled: a random square crop is all; inferred: as 90 to 100 % of the square that the geometry leaves
        augment=Augment(rotate_degrees=0, translate=0, scale=0, brightness=0, contrast=0, crop_area=(0.9, 1.0)),
    ),
    evidence=(
        Evidence("objective.loss", "paper", "section 2.3: the other texts of the batch are negatives"),
        Evidence("objective.temperature", "paper", "learned, from 0.07, the scale clamped at 100"),
        Evidence("rows", "paper", "image-text pairs alone"),
        Evidence("text_view", "ours", "the whole report in the controlled setting, as for every model that takes one"),
    ),
)

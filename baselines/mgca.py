"""MGCA (Wang et al., NeurIPS 2022, arXiv 2210.06044): alignment of studies, of tokens, and of prototypes.

L = 1 x study level (InfoNCE) + 0.7 x token level + 0.25 x prototype level. The released code's weights are 1, 0.7 and
0.5, of sums of both directions for the first two and of their mean for the third; all three are means here. Token
level: a word attends over patches, and is told from the other words of its sentence by what it attended to (temperature
0.1), and the other way round. Prototype level: films and texts are assigned to 500 prototypes by Sinkhorn (3
iterations), and each predicts the other's assignment (temperature 0.2). The weights of words by the text tower's
attention are left out: inferred.

The whole report is the text here, as in the released code.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, ImageTower, Objective, Optim, Size, Term, clinical_bert

BASELINE = Baseline(
    name="mgca",
    title="MGCA: alignment of studies, tokens and prototypes",
    paper="arXiv 2210.06044",
    objective=Objective(loss="infonce", terms=(Term("token-alignment", weight=0.7), Term("prototypes", weight=0.25))),
    rows=("image-text-label", "image-text"),
    published=Size(  # 2210.06044, HKU-MedAI/MGCA
        name="paper",
        image=ImageTower(
            "vit_base_patch16_224",
            224,
            mean=0.5,
            std=0.5,  # code
            weights="timm/deit_base_patch16_224.fb_in1k",  # code: DeiT-B
        ),
        text=clinical_bert(112),  # code
        dim=128,  # code
        optim=Optim(
            learning_rate=2e-5,  # code
            weight_decay=0.05,  # code
            batch=144,  # code: 72 a GPU; recalled: two GPUs
            films_seen=10_850_000,  # code: at most 50 epochs (stops early, patience 5); recalled: of ~217 k pairs
            warmup_share=0.4,  # code
            clip_norm=1e9,  # code: none
            betas=(0.9, 0.999),  # code
        ),
        # code: a random 224 of 256 a side (256 inferred), nothing else
        augment=Augment(rotate_degrees=0, translate=0, scale=0, brightness=0, contrast=0, crop_area=(0.7656, 0.7656)),
    ),
    evidence=(
        Evidence(
            "objective.terms", "code", "1 : 0.7 : 0.25 of the three levels' means; 500 prototypes, Sinkhorn 3, T 0.2"
        ),
        Evidence("objective.temperature", "inferred", "learned from 0.07, as for the other models"),
        Evidence("rows", "paper", "pairs without labels"),
        Evidence("text_view", "recalled", "the report"),
    ),
)

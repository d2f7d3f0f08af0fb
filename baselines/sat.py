"""SAT (Liu et al., IEEE TMI 2023): texts that say the same are positives, nearly the same are neither.

With s_ij the similarity of two reports, P_i = {j: s_ij > .98} are positives, Q_i = {j: s_ij <= .97} negatives, the rest
is left out: L_i = 1/|P_i| sum_{j in P_i} -log e^{z_ij} / (e^{z_ij} + sum_{k in Q_i} e^{z_ik}), both directions
(released code). No label is read.

SAT measures s by a frozen ClinicalBERT. A benchmark that trains from scratch has none: here it is the cosine of latent
semantic vectors of the training reports (TF-IDF, SVD), and the thresholds, which belong to an encoder, are quantiles of
it: above the 99th per cent of pairs the same, below the 95th different. All of this is inferred.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, Geometry, ImageTower, Objective, Optim, Size, clinical_bert

BASELINE = Baseline(
    name="sat",
    title="SAT: similarity triage of reports into positives, neutrals and negatives",
    paper="IEEE TMI 2023",
    objective=Objective(loss="triage", triage=(0.99, 0.95)),
    rows=("image-text-label", "image-text"),
    published=Size(  # TMI'23, liubo105/SAT
        name="paper",
        image=ImageTower(
            "resnet50",
            224,
            mean=0.449,
            std=0.226,  # code
            geometry=Geometry(fit="stretch"),  # code
            weights="timm/resnet50.tv_in1k",  # code: torchvision's
        ),
        text=clinical_bert(
            512
        ),  # code: whole reports up to BERT's limit; embeddings and 6 layers frozen (not expressed)
        dim=512,  # code
        optim=Optim(
            learning_rate=4e-4,  # code
            weight_decay=1e-6,  # code
            batch=256,  # code: 32 on each of 8 GPUs
            films_seen=54_200_000,  # code: 200 epochs; inferred: of about 271 k films of MIMIC-CXR
            warmup_share=0.1,  # code: 20 of 200 epochs
            clip_norm=0.25,  # code
            betas=(0.9, 0.999),  # inferred: AdamW's defaults
        ),
        augment=Augment(
            rotate_degrees=0,
            translate=0,
            scale=0,
            brightness=0,
            contrast=0,  # code: none
            crop_area=(0.8, 1.0),
            crop_aspect=(0.75, 1.3333),  # code; aspect: torchvision's default inferred
            flip="unsided",
            flip_share=0.5,  # code
        ),
    ),
    evidence=(
        Evidence("objective.loss", "code", "triage of the batch's pairs; both directions weigh the same"),
        Evidence("objective.triage", "inferred", "quantiles in the place of ClinicalBERT's .98 and .97"),
        Evidence("objective.temperature", "inferred", "learned from 0.07, as for the other models"),
        Evidence("rows", "paper", "pairs without labels"),
        Evidence("text_view", "code", "the report"),
    ),
)

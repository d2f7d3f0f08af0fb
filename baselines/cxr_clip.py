"""CXR-CLIP (You et al., MICCAI 2023): two views of films and texts, labels as sentences, consistency terms.

The mean InfoNCE of two films x two texts, plus 1.0 x image consistency (the two augmented films) and 0.5 x text
consistency (released code). Label-only rows show a sentence of a finding as a radiologist would write it.

Where this differs: the released code's second text is another section or a back-translation, and a second film of the
study where there is one; here both texts are drawn sentences and both films augmentations of one film (inferred). The
sentences are ours, not the paper's. Every row goes through the towers twice: for the same number of steps and rows this
model takes twice the computation of the others.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, ImageTower, Objective, Optim, Prompt, Size, Term, clinical_bert

BASELINE = Baseline(
    name="cxr-clip",
    title="CXR-CLIP: two views, prompt sentences from labels, consistency terms",
    paper="MICCAI 2023",
    objective=Objective(
        loss="infonce", terms=(Term("image-consistency", weight=1.0), Term("text-consistency", weight=0.5))
    ),
    prompt=Prompt(kind="hand", wording="sentence", negative_share=0.25),
    rows=("image-text-label", "image-text", "image-label"),
    text_view="sentence",
    views=2,
    uses_labels=True,
    published=Size(  # MICCAI'23, kakaobrain/cxr-clip
        name="paper",
        image=ImageTower(
            "swin_tiny_patch4_window7_224",
            224,
            mean=0.5,
            std=0.5,  # code: Swin-T; code: 224, .5 and .5
            weights="timm/swin_tiny_patch4_window7_224.ms_in1k",  # code
        ),
        text=clinical_bert(256),  # code
        dim=512,  # code
        optim=Optim(
            learning_rate=5e-5,  # code
            weight_decay=1e-4,  # code
            batch=128,  # code
            films_seen=6_590_000,  # code: 15 epochs; recalled: of 222,628 studies of MIMIC-CXR and 216,478 of CheXpert
            warmup_share=0.067,  # code: one epoch of 15
            clip_norm=1e9,  # code: none
            betas=(0.9, 0.999),  # code: AdamW's defaults
        ),
        augment=Augment(
            rotate_degrees=0,
            translate=0,
            scale=0,  # code: none
            brightness=0.1,
            contrast=0.2,  # code; CLAHE is not expressed
            crop_area=(0.8, 1.0),
            crop_aspect=(0.75, 1.3333),  # code: 0.8 to 1.1; inferred: aspect: torchvision's default
        ),
    ),
    evidence=(
        Evidence("objective.terms", "code", "image consistency 1.0, text consistency 0.5"),
        Evidence("objective.temperature", "code", "learned from 0.07"),
        Evidence("views", "code", "two films and two texts a study; that they are two draws is inferred"),
        Evidence("text_view", "inferred", "two drawn sentences for two sections"),
        Evidence("prompt.wording", "code", "sentences in a radiologist's style; these are ours"),
        Evidence("prompt.negative_share", "ours", "as UMCL's"),
        Evidence("rows", "paper", "image-text and image-label rows together"),
    ),
)

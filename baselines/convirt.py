"""ConVIRT (Zhang et al. 2020, arXiv 2010.00747): one sentence of the report a film, weighted directions.

Section 2.2 and 2.3: L = mean of lambda l(image to text) + (1 - lambda) l(text to image), lambda 0.75, temperature 0.1
fixed; a projection with one hidden layer on each side; tokens are pooled by their maximum; the text is one sentence,
drawn uniformly. The paper's numbers are recalled, and agree with the configuration of a re-implementation (edreisMD).
That one computes the text projection without a gradient, so its text tower never trains: not repeated here.
Drawn are sentences that name an observation (ours): with all of them nothing is learned within the budget here.

Left out in the controlled setting: ResNet-50 from ImageNet, ClinicalBERT with its first six layers frozen, and the
paper's augmentation. A sentence is one of our splitter's, a short one ("No effusion.") included.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, Heads, ImageTower, Objective, Optim, Size, clinical_bert

BASELINE = Baseline(
    name="convirt",
    title="ConVIRT: sentences, weighted directions, fixed temperature",
    paper="arXiv 2010.00747",
    objective=Objective(loss="infonce", image_to_text=0.75, temperature=0.1, learn_temperature=False),
    rows=("image-text-label", "image-text"),
    text_view="sentence",
    heads=Heads(text_pooling="max", projection="mlp"),
    published=Size(  # 2010.00747
        name="paper",
        image=ImageTower(
            "resnet50", 224, mean=0.449, std=0.226, weights="timm/resnet50.tv_in1k"
        ),  # recalled: 224, ImageNet
        text=clinical_bert(
            128
        ),  # recalled: ClinicalBERT, lower layers frozen (not expressed); inferred: 128: one sentence
        dim=512,  # recalled
        optim=Optim(
            learning_rate=1e-4,  # recalled: Adam
            weight_decay=1e-6,  # recalled
            batch=32,  # recalled
            # inferred: 30 passes of ~217 k pairs (recalled); the paper goes on until its plateau schedule ends
            films_seen=6_510_000,
            warmup_share=0.0,  # inferred: none named
            clip_norm=1e9,  # inferred: none named
            betas=(0.9, 0.999),  # inferred: Adam's defaults
        ),
        augment=Augment(
            rotate_degrees=20,
            translate=0.1,
            scale=0.05,  # recalled
            brightness=0.4,
            contrast=0.4,  # recalled: factors 0.6 to 1.4
            crop_area=(0.6, 1.0),
            crop_aspect=(0.75, 1.3333),  # recalled: ratio 0.6 to 1.0; inferred: aspect: torchvision's default
            blur_share=1.0,
            blur_sigma=(0.0005, 0.0134),  # recalled: sigma 0.1 to 3.0 at 224; inferred: always
            flip="unsided",
            flip_share=0.5,  # recalled
        ),
    ),
    evidence=(
        Evidence("objective.image_to_text", "recalled", "lambda = 0.75 of equation 4; the configuration agrees"),
        Evidence("objective.temperature", "recalled", "tau = 0.1, fixed"),
        Evidence("objective.learn_temperature", "recalled", "fixed"),
        Evidence("text_view", "recalled", "a uniformly drawn sentence of the report"),
        Evidence("heads.text_pooling", "recalled", "max-pooling over the tokens' outputs"),
        Evidence("heads.projection", "recalled", "one hidden layer with ReLU; that it is as wide as d is inferred"),
        Evidence("rows", "paper", "pairs without labels"),
    ),
)

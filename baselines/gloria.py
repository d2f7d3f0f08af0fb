"""GLoRIA (Huang et al., ICCV 2021): a global loss, and a local one of words that attend over regions.

Global: cosine x 10, both directions. Local, of a film's regions v_m and a caption's words w_j: s = v^T w, softmax over
words, times 4, softmax over regions -> a_mj; c_j = sum_m a_mj v_m; Z = log sum_j exp(5 cos(w_j, c_j)); logits 10 Z over
all films x captions of the batch, both directions; the two losses weigh the same (sections 3.2, 3.3, and the released
code). Words are sums of their pieces, the sentence is drawn at random among those that name an observation (ours).

Where this differs. Regions are of the last feature map but one, as in the released code (layer 3 of its ResNet-50);
zero-shot here uses the global embeddings alone, where the released code averages global and local similarities and
standardises them over the evaluated set. Text features are the last layer's, there the sum of
the last four; words and regions each pass a linear layer, there the regions alone.
"""

from umcl_bench.spec import Augment, Baseline, Evidence, ImageTower, Objective, Optim, Size, Term, clinical_bert

BASELINE = Baseline(
    name="gloria",
    title="GLoRIA: global and local (words x regions) contrastive learning",
    paper="ICCV 2021",
    objective=Objective(
        loss="infonce", temperature=0.1, learn_temperature=False, terms=(Term("local-attention", weight=1.0),)
    ),
    rows=("image-text-label", "image-text"),
    text_view="sentence",
    published=Size(  # ICCV'21, marshuang80/gloria
        name="paper",
        image=ImageTower(
            "resnet50", 299, mean=0.5, std=0.5, weights="timm/resnet50.tv_in1k"
        ),  # code: a crop of 224 shown at 299, norm 'half'
        text=clinical_bert(97),  # code
        dim=768,  # code
        optim=Optim(
            learning_rate=5e-5,  # code: Adam
            weight_decay=1e-6,  # code
            batch=48,  # code
            # code: at most 50 epochs of 191 k reports (summary); theirs stops early (patience 10)
            films_seen=9_550_000,
            warmup_share=0.0,  # code: none
            clip_norm=0.25,  # code
            betas=(0.5, 0.999),  # code
        ),
        # code: a random 224 of 256 a side = 76.6 % of the area, nothing else (its config names no other)
        augment=Augment(rotate_degrees=0, translate=0, scale=0, brightness=0, contrast=0, crop_area=(0.7656, 0.7656)),
    ),
    evidence=(
        Evidence("objective.temperature", "code", "cosines times 10, fixed"),
        Evidence("objective.learn_temperature", "code", "fixed"),
        Evidence("objective.terms", "code", "local attention with temperatures 4, 5 and 10, weight 1"),
        Evidence("text_view", "code", "one random sentence a film"),
        Evidence("rows", "paper", "pairs without labels"),
    ),
)

"""GLoRIA (Huang et al., ICCV 2021): a global loss, and a local one of words that attend over regions.

Global: cosine x 10, both directions. Local, of a film's regions v_m and a caption's words w_j: s = v^T w, softmax over
words, times 4, softmax over regions -> a_mj; c_j = sum_m a_mj v_m; Z = log sum_j exp(5 cos(w_j, c_j)); logits 10 Z over
all films x captions of the batch, both directions; the two losses weigh the same (sections 3.2, 3.3, and the released
code). Words are sums of their pieces, the sentence is drawn at random.

Where this differs. Regions are of the last feature map but one, as in the released code (layer 3 of its ResNet-50);
zero-shot here uses the global embeddings alone, where the released code averages global and local similarities and
standardises them over the evaluated set. The released code's text features are the sum of four layers: `paper` setting.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Term

BASELINE = Baseline(
    name="gloria",
    title="GLoRIA: global and local (words x regions) contrastive learning",
    paper="ICCV 2021",
    objective=Objective(
        loss="infonce", temperature=0.1, learn_temperature=False, terms=(Term("local-attention", weight=1.0),)
    ),
    rows=("image-text-label", "image-text"),
    text_view="sentence",
    evidence=(
        Evidence("objective.temperature", "code", "cosines times 10, fixed"),
        Evidence("objective.terms", "code", "local attention with temperatures 4, 5 and 10, weight 1"),
        Evidence("text_view", "code", "one random sentence a film"),
        Evidence("rows", "paper", "pairs without labels"),
    ),
)

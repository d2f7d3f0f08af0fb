"""ConVIRT (Zhang et al. 2020, arXiv 2010.00747): one sentence of the report a film, weighted directions.

Section 2.2 and 2.3: L = mean of lambda l(image to text) + (1 - lambda) l(text to image), lambda 0.75, temperature 0.1
fixed; a projection with one hidden layer on each side; tokens are pooled by their maximum; the text is one sentence,
drawn uniformly. The paper's numbers are recalled, and agree with the configuration of a re-implementation (edreisMD).
That one computes the text projection without a gradient, so its text tower never trains: not repeated here.

Left out in the controlled setting: ResNet-50 from ImageNet, ClinicalBERT with its first six layers frozen, and the
paper's augmentation. A sentence is one of our splitter's, a short one ("No effusion.") included.
"""

from umcl_bench.spec import Baseline, Evidence, Heads, Objective

BASELINE = Baseline(
    name="convirt",
    title="ConVIRT: sentences, weighted directions, fixed temperature",
    paper="arXiv 2010.00747",
    objective=Objective(loss="infonce", image_to_text=0.75, temperature=0.1, learn_temperature=False),
    rows=("image-text-label", "image-text"),
    text_view="sentence",
    heads=Heads(text_pooling="max", projection="mlp"),
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

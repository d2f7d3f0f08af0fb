"""CXR-CLIP (You et al., MICCAI 2023): two views of films and texts, labels as sentences, consistency terms.

The mean InfoNCE of two films x two texts, plus 1.0 x image consistency (the two augmented films) and 0.5 x text
consistency (released code). Label-only rows show a sentence of a finding as a radiologist would write it.

Where this differs: the released code's second text is another section or a back-translation, and a second film of the
study where there is one; here both texts are drawn sentences and both films augmentations of one film (inferred). The
sentences are ours, not the paper's. Every row goes through the towers twice: for the same number of steps and rows this
model takes twice the computation of the others.
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Prompt, Term

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

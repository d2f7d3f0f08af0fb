"""Control: CLIP that sees captions made from labels for the label-only rows, so the same films as UMCL.

What UMCL gains over `clip` may only be that it saw more films. This model sees all of them: a label-only row shows a
hand-written prompt of one of its findings, present or absent, as UMCL's rows do; its loss knows pairs alone, so that
two films of one finding are each other's negatives. (The prompts of present findings alone would be UniCL's way; with
absent ones zero-shot's pair of prompts is trained as for UMCL.)
"""

from umcl_bench.spec import Baseline, Evidence, Objective, Prompt

BASELINE = Baseline(
    name="clip-extended",
    title="Control: CLIP on all of UMCL's films, labels as captions",
    objective=Objective(loss="infonce"),
    prompt=Prompt(kind="hand", negative_share=0.25),
    rows=("image-text-label", "image-text", "image-label"),
    uses_labels=True,
    evidence=(
        Evidence("objective.loss", "ours", "CLIP's"),
        Evidence("rows", "ours", "those of UMCL"),
        Evidence("prompt.kind", "ours", "the finding's name, or 'no' and the name"),
        Evidence("prompt.negative_share", "ours", "as UMCL's"),
    ),
)

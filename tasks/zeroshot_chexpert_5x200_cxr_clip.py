"""Zero-shot CheXpert 5x200 by CXR-CLIP's rule (You et al. 2023)."""

from umcl_bench.spec import COMPETITION, ClassPrompts, Evidence, Task

TASK = Task(
    name="zeroshot-chexpert-5x200-cxr-clip",
    title="Zero-shot 5x200 by CXR-CLIP: mean over all prompts of a class",
    paper="You et al., MICCAI 2023 (CXR-CLIP)",
    dataset="chexpert-5x200@gloria",
    protocol=ClassPrompts(findings=COMPETITION, spelling="cxr-clip", empty_slots="stripped", pooling="mean-score"),
    metrics=("argmax-accuracy", "argmax-f1", "argmax-precision", "argmax-recall", "auroc"),
    headline="argmax-accuracy",
    shown=("argmax-f1", "argmax-precision", "argmax-recall", "auroc"),
    evidence=(
        Evidence("dataset", "code", "GLoRIA's published list"),
        Evidence("protocol.spelling", "code", "cxrclip/prompt/constants.py: GLoRIA's phrases, but for 'uppper' mended"),
        Evidence("protocol.empty_slots", "code", "prompts.py: stripped"),
        Evidence("protocol.count", "code", "evaluator.py: all prompts"),
        Evidence("protocol.pooling", "code", "evaluator.py: the mean of the cosines; of a tie the first, here all"),
        Evidence("protocol.z_score", "code", "none"),
        Evidence("metrics", "paper", "accuracy; the others are ours"),
        Evidence("headline", "paper", "accuracy of the most similar class"),
    ),
)

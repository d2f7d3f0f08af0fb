"""Zero-shot CheXpert 5x200 by MedCLIP's rule (Wang et al. 2022)."""

from umcl_bench.spec import COMPETITION, ClassPrompts, Evidence, Task

TASK = Task(
    name="zeroshot-chexpert-5x200-medclip",
    title="Zero-shot 5x200 by MedCLIP: best of 10 prompts a class, mean of 5 draws",
    paper="Wang et al., EMNLP 2022 (MedCLIP)",
    dataset="chexpert-5x200@medclip",
    protocol=ClassPrompts(findings=COMPETITION, count=10, seed=42, runs=5, pooling="max"),
    metrics=("argmax-accuracy", "argmax-f1", "argmax-precision", "argmax-recall", "auroc"),
    headline="argmax-accuracy",
    shown=("argmax-accuracy (sd over runs)", "argmax-f1", "auroc"),
    evidence=(
        Evidence("dataset", "code", "an early script's draw: about 200 films a class"),
        Evidence("protocol.prompts", "code", "medclip/constants.py, GLoRIA's phrases"),
        Evidence("protocol.empty_slots", "code", "joined with their spaces, as GLoRIA's"),
        Evidence("protocol.count", "code", "generate_chexpert_class_prompts(n=10)"),
        Evidence("protocol.seed", "inferred", "random.seed(42); that nothing else draws between the runs is inferred"),
        Evidence("protocol.runs", "code", "5 runs; their std divides by 5, the sd here by 4"),
        Evidence("protocol.pooling", "code", "ensemble=False of the first script; later ones have the mean of scores"),
        Evidence("metrics", "paper", "accuracy; the others are ours"),
        Evidence("headline", "paper", "accuracy of the most similar class"),
    ),
)

"""Zero-shot SIIM pneumothorax by CXR-CLIP's pair (You et al. 2023)."""

from umcl_bench.spec import Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot-siim",
    title="Zero-shot SIIM pneumothorax, 'Pneumothorax' against 'No Pneumothorax'",
    paper="You et al., MICCAI 2023 (CXR-CLIP)",
    dataset="siim",
    protocol=ZeroShot(findings=("Pneumothorax",), case="as-named", negative=("No {}",), threshold="pair"),
    metrics=("auroc", "auprc", "accuracy", "f1", "mcc", "ece"),
    shown=("auprc", "accuracy", "f1", "mcc"),
    evidence=(
        Evidence("protocol.positive", "code", "evaluator.py zeroshot_binary: the class's name"),
        Evidence("protocol.negative", "code", "evaluator.py zeroshot_binary: 'No ' and the class's name"),
        Evidence("protocol.temperature", "code", "softmax of raw cosines"),
        Evidence("protocol.threshold", "code", "the nearer prompt"),
        Evidence("metrics", "code", "AUROC, accuracy and F1; the others are ours"),
        Evidence("protocol.findings", "paper", "the one label of SIIM"),
        Evidence("protocol.case", "code", "the class's name as it is"),
    ),
)

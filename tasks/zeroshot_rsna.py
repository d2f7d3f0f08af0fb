"""Zero-shot RSNA pneumonia with BioViL's four and four prompts (Boecking et al. 2022)."""

from umcl_bench.spec import Evidence, Task, ZeroShot

TASK = Task(
    name="zeroshot-rsna",
    title="Zero-shot RSNA pneumonia, four positive and four negative prompts",
    paper="Boecking et al., ECCV 2022 (BioViL)",
    dataset="rsna",
    protocol=ZeroShot(
        findings=("Pneumonia",),
        positive=(
            "Findings consistent with {}",
            "Findings suggesting {}",
            "This opacity can represent {}",
            "Findings are most compatible with {}",
        ),
        negative=("There is no {}", "No evidence of {}", "No evidence of acute {}", "No signs of {}"),
        threshold="val-mcc",
    ),
    metrics=("auroc", "auprc", "accuracy", "f1", "mcc", "ece"),
    shown=("auprc", "accuracy", "f1", "mcc"),
    evidence=(
        Evidence("split", "summary", "BioViL tests on 30 % of the films; --split names others"),
        Evidence("protocol.positive", "code", "hi-ml's default prompts for pneumonia"),
        Evidence("protocol.negative", "code", "hi-ml's default prompts for its absence"),
        Evidence("protocol.pooling", "code", "text embeddings are averaged, and the mean is normalised"),
        Evidence("protocol.threshold", "ours", "CheXzero's rule; how BioViL's accuracy and F1 are cut is not known"),
        Evidence("metrics", "paper", "AUROC, accuracy and F1; the others are ours"),
        Evidence("protocol.findings", "paper", "the label of RSNA's boxes"),
    ),
)

"""Few-shot probe on NIH ChestX-ray14: 1 to 16 films with and without each finding."""

from umcl_bench.spec import Evidence, Probe, Task

TASK = Task(
    name="fewshot-nih",
    title="Few-shot probe on NIH ChestX-ray14's findings, 1 to 16 films with and without each",
    paper="the idea of Radford et al. 2021 (CLIP), for findings that occur together",
    dataset="nih",
    protocol=Probe(fractions=(), shots=(1, 2, 4, 8, 16)),
    metrics=("auroc", "auprc"),
    headline="auroc (16 shots)",
    shown=("auroc (1 shot)", "auroc (2 shots)", "auroc (4 shots)", "auroc (8 shots)"),
    evidence=(
        Evidence("protocol.findings", "ours", "all that the source labels but No Finding: 14 in the official release"),
        Evidence(
            "protocol.shots",
            "recalled",
            "1, 2, 4, 8, 16 films a class, as Radford et al. 2021 and Zhou et al. 2022 (CoOp)",
        ),
        Evidence(
            "protocol.strengths",
            "ours",
            "C by as many val films as train ones: a large val split would be more labels than the shots",
        ),
        Evidence(
            "protocol.draws",
            "ours",
            "three draws, nested; k films with and k without each finding, of different patients",
        ),
        Evidence("protocol.standardise", "ours", "on the films that were drawn for all findings together"),
        Evidence("metrics", "ours", "AUROC, as papers report it, and AUPRC for rare findings; 95 % by patients"),
        Evidence("protocol.fractions", "ours", "none: films are counted, not shares"),
        Evidence("headline", "ours", "the most shots: the draws differ the least"),
    ),
)
